"""Rule sets that the operator added, in the control plane, so that every process on every host checks by the same; and the last
check of each draft."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import ControlBase, TenantBase


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


class EinvoiceCheckRow(TenantBase):
    """What the rules said of the e-invoice that a draft would become; one row per draft, of its last check.

    ``basis_sha256`` is of everything that the e-invoice was made of: a draft counts as checked while its own is the same.
    ``failed``: the check did not happen, the findings say why.
    """

    __tablename__ = "einvoice_check"
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    basis_sha256: Mapped[str]
    format: Mapped[str]
    failed: Mapped[bool]
    findings: Mapped[list[Any]]
    rule_sets: Mapped[list[Any]]
    checked_at: Mapped[datetime]
