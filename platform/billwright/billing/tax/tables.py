"""What registers answered about VAT ids."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class VatCheckRow(TenantBase):
    """One answer of a register, kept as evidence. ``consultation`` is the number that the register gave it."""

    __tablename__ = "vat_check"
    __table_args__ = (Index("ix_vat_check_tax_id", "tax_id", "asked_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tax_id: Mapped[str]
    customer_id: Mapped[UUID]
    connection: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str]
    registered_name: Mapped[str]
    registered_address: Mapped[str]
    consultation: Mapped[str]
    requester: Mapped[str]


class VatStandingRow(TenantBase):
    """The last certain answer about a VAT id, as the customer's record writes it; ``answer`` is ``valid`` or ``invalid``."""

    __tablename__ = "vat_standing"
    tax_id: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str]
    check_id: Mapped[UUID]
    asked_at: Mapped[datetime]
