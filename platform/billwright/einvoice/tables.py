"""Rule sets that the operator added; in the control plane, so that every process on every host checks by the same."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase


class EinvoiceRuleSetRow(ControlBase):
    """One compiled rule set (XSLT). ``syntax``: ubl, cii or None for both.

    A removed one stays, for it says by what documents were checked once; ``sha256`` is of ``content`` in UTF-8.
    """

    __tablename__ = "einvoice_rule_set"
    __table_args__ = (
        Index(
            "uq_einvoice_rule_set_name_applies_to",
            "name",
            "applies_to",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    applies_to: Mapped[str]
    syntax: Mapped[str | None]
    sha256: Mapped[str]
    content: Mapped[str]
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
