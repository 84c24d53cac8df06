"""Billable items, invoices (drafts first), lines, allocations, and who had a hand in a draft."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class BillableItemRow(TenantBase):
    """One thing that may be billed once. States: waiting, ready, drafted, billed, cancelled, written_off.

    The state is that of the open part: the whole, less what earlier invoices still bill of it (``kept_*``, net of credits)
    and what was written off. Only credits and write-offs change these four; see docs/decisions/0016-credits.md.
    """

    __tablename__ = "billable_item"
    __table_args__ = (Index("ix_billable_item_ready", "contract_id", postgresql_where=text("state = 'ready'")),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    transaction_key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(index=True)
    contract_id: Mapped[UUID] = mapped_column(index=True)
    customer_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    invoice_id: Mapped[UUID | None] = mapped_column(index=True)
    state: Mapped[str]
    reasons: Mapped[list[str]]
    notes: Mapped[list[str]]
    description: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    unit_price: Mapped[Decimal | None]
    amount_minor: Mapped[int | None]
    currency: Mapped[str | None]
    service_from: Mapped[date | None]
    service_to: Mapped[date | None]
    clause: Mapped[str]
    contract_version_id: Mapped[UUID | None]
    change_order_id: Mapped[UUID | None]
    rate_id: Mapped[UUID | None]
    acceptance_id: Mapped[UUID | None]
    evidence_ids: Mapped[list[UUID]]
    message_id: Mapped[UUID | None]
    proposal_sha256: Mapped[str]
    waiting_since: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    share_of: Mapped[str] = mapped_column(server_default="")
    """The transaction key of the whole, where several customers share its bill."""
    kept_quantity: Mapped[Decimal] = mapped_column(server_default="0")
    kept_minor: Mapped[int] = mapped_column(server_default="0")
    written_off_quantity: Mapped[Decimal] = mapped_column(server_default="0")
    written_off_minor: Mapped[int] = mapped_column(server_default="0")
    rebill_of: Mapped[UUID | None]
    """The invoice that was credited so that this is billed anew, in a draft of its own."""
    follows: Mapped[str | None]
    """Transaction key of the item that this one settles: both belong on one draft."""
    service_line: Mapped[str] = mapped_column(server_default="")

    worked: Mapped[Decimal | None]
    """The source's quantity, where another one is billed."""
    standard_minor: Mapped[int | None]
    """The price before write-downs and write-ups, where there are any; ``adjusted_by`` says whose: ``cap:NAME``,
    ``person:REASON`` or both, parted by a space."""
    adjusted_by: Mapped[str] = mapped_column(server_default="")
    adjustment_id: Mapped[UUID | None]
    caps: Mapped[list[str] | None]
    """The caps that count it."""


class ItemAdjustmentRow(TenantBase):
    """A person's write-down or write-up of a billable item. Append-only: the newest of an item holds, ``withdrawn`` ends it."""

    __tablename__ = "item_adjustment"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("billable_item.id"), index=True)
    standard_minor: Mapped[int]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    reason_code: Mapped[str]
    text: Mapped[str]
    withdrawn: Mapped[bool]
    person_id: Mapped[UUID | None]
    person_email: Mapped[str | None]
    actor_name: Mapped[str]
    made_at: Mapped[datetime]


class CapNoticeRow(TenantBase):
    """That a contract's cap reached ``percent`` of ``limit_minor`` was told; once for each."""

    __tablename__ = "cap_notice"
    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    cap: Mapped[str] = mapped_column(primary_key=True)
    percent: Mapped[int] = mapped_column(primary_key=True)
    limit_minor: Mapped[int] = mapped_column(primary_key=True)
    told_at: Mapped[datetime]


class InvoiceRow(TenantBase):
    """An invoice from draft on. ``phase`` is what people see, ``detail`` what is going on. Drafts have no number.

    ``content_version`` says by which recipe ``content_sha256`` was made (billing/content.py); a release that does not
    know the column makes it by the first.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("legal_entity_id", "document_type", "number_year", "sequence_number"),
        UniqueConstraint("number"),
        CheckConstraint("(number IS NULL) = (issued_at IS NULL)", name="number_when_issued"),
        Index("ix_invoice_phase", "phase", "updated_at"),
        Index("ix_invoice_updated", "updated_at", "id"),
        Index("ix_invoice_open_draft", "customer_id", postgresql_where=text("issued_at IS NULL")),
        Index("ix_invoice_customer", "customer_id", "issued_at"),
        Index("ix_invoice_credits", "credits_invoice_id", postgresql_where=text("credits_invoice_id IS NOT NULL")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_type: Mapped[str]
    legal_entity_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    project_id: Mapped[UUID | None]
    group_key: Mapped[str]
    currency: Mapped[str]
    phase: Mapped[str]
    detail: Mapped[str]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    gross_minor: Mapped[int]
    content_sha256: Mapped[str]
    content_version: Mapped[int] = mapped_column(server_default="1")
    payment_terms_days: Mapped[int]
    due_on: Mapped[date | None]
    issued_on: Mapped[date | None]
    issued_at: Mapped[datetime | None]
    number: Mapped[str | None]
    number_year: Mapped[int | None]
    sequence_number: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    phase_since: Mapped[datetime]
    tax_problems: Mapped[list[Any]] = mapped_column(server_default="[]")
    """Why the tax of this draft is not certain: ``{code, facts}`` (``billing/tax/problems.py``)."""
    holdback: Mapped[list[Any] | None]
    """What is withheld and released, per contract (``billing/holdback_drafts.py``); none where nothing is."""
    credits_invoice_id: Mapped[UUID | None]
    """Of a credit note: the invoice that it credits."""
    replaces_invoice_id: Mapped[UUID | None]
    """Of an invoice that bills anew what was credited: the invoice that it replaces."""


class InvoiceLineRow(TenantBase):
    """A line; "why is it here, at this price" is answerable from the row alone."""

    __tablename__ = "invoice_line"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoice.id"), index=True)
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    unit_price: Mapped[Decimal]
    net_minor: Mapped[int]
    tax_category: Mapped[str]
    tax_rate_basis_points: Mapped[int]
    tax_reason: Mapped[str]
    contract_id: Mapped[UUID] = mapped_column(index=True)
    project_id: Mapped[UUID | None]
    milestone_id: Mapped[UUID | None]
    change_order_id: Mapped[UUID | None]
    clause: Mapped[str]
    service_from: Mapped[date | None]
    service_to: Mapped[date | None]
    evidence_ids: Mapped[list[UUID]]
    tax_exemption_code: Mapped[str] = mapped_column(server_default="")
    tax_reason_key: Mapped[str] = mapped_column(server_default="")
    tax_rule: Mapped[str] = mapped_column(server_default="")
    tax_components: Mapped[list[Any]] = mapped_column(server_default="[]")
    """Several taxes on one base: ``{name, rate_ppm}``; empty where one rate says all."""
    tax_evidence: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What decided the tax: source, day of supply, rate, facts of both parties (``billing/tax``)."""
    service_line: Mapped[str] = mapped_column(server_default="")
    standard_minor: Mapped[int | None]
    """Quantity times price, where the line bills another amount; ``adjusted_by`` as on the item."""
    adjusted_by: Mapped[str] = mapped_column(server_default="")


class AllocationRow(TenantBase):
    """Line to billable item to contract version to rate, with quantity and amount, negative on a credit note.

    ``credits_id`` is the allocation that a credit note's allocation takes back, in part or whole.
    """

    __tablename__ = "allocation"
    __table_args__ = (Index("ix_allocation_credits", "credits_id", postgresql_where=text("credits_id IS NOT NULL")),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    line_id: Mapped[UUID] = mapped_column(ForeignKey("invoice_line.id"), index=True)
    invoice_id: Mapped[UUID]
    item_id: Mapped[UUID] = mapped_column(ForeignKey("billable_item.id"), index=True)
    contract_version_id: Mapped[UUID | None]
    rate_id: Mapped[UUID | None]
    quantity: Mapped[Decimal]
    amount_minor: Mapped[int]
    credits_id: Mapped[UUID | None]


class CreditNoteRow(TenantBase):
    """What a credit note is for, beside its row among the invoices. Insert-only by grants.

    ``outcome`` says what becomes of what it credits: release, rebill or write_off. ``taxes`` are its tax rows, signed:
    ``{category, rate_basis_points, reason, tax_minor}``; the last credit of an invoice takes what rounding left.
    """

    __tablename__ = "credit_note"
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    credits_invoice_id: Mapped[UUID]
    reason_code: Mapped[str]
    reason: Mapped[str]
    outcome: Mapped[str]
    taxes: Mapped[list[Any]]
    asked_by_name: Mapped[str]
    made_at: Mapped[datetime]


class VoidRequestRow(TenantBase):
    """Somebody asks to void an issued invoice that nobody has yet; another person decides. States: asked, done, refused."""

    __tablename__ = "void_request"
    __table_args__ = (
        Index("uq_void_request_open", "invoice_id", unique=True, postgresql_where=text("state = 'asked'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str]
    reason: Mapped[str]
    asked_at: Mapped[datetime]
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str]
    asked_by_email: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]


class ContributorRow(TenantBase):
    """Who made or changed what the invoice bills; none of them may approve it. ``identity`` is a person id or an e-mail."""

    __tablename__ = "contributor"
    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(primary_key=True)
    why: Mapped[str]


class HoldbackBalanceRow(TenantBase):
    """What is withheld of a contract, less reversals, and what of that is released. Locked by whoever changes either.

    ``mode`` ``line``: net amounts that lines took off and will bill; ``receivable``: parts of receivables. ``billed_minor``
    is the net work that was issued so far; ``closed_at`` when the last release came.
    """

    __tablename__ = "holdback_balance"
    __table_args__ = (
        UniqueConstraint("contract_id", "legal_entity_id", "currency", "mode"),
        CheckConstraint("withheld_minor = released_minor + outstanding_minor", name="sums"),
        CheckConstraint("released_minor >= 0 AND outstanding_minor >= 0", name="signs"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    currency: Mapped[str]
    mode: Mapped[str]
    billed_minor: Mapped[int] = mapped_column(server_default="0")
    withheld_minor: Mapped[int] = mapped_column(server_default="0")
    released_minor: Mapped[int] = mapped_column(server_default="0")
    outstanding_minor: Mapped[int] = mapped_column(server_default="0")
    closed_at: Mapped[datetime | None]


class HoldbackEntryRow(TenantBase):
    """One movement of a balance; never changed. ``kind``: withheld, released, or either one ``_reversed`` by a credit note.

    ``invoice_id`` is the invoice of which it is withheld, or that bills the release. Of a retained receivable the released
    part is due on ``due_on``.
    """

    __tablename__ = "holdback_entry"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    balance_id: Mapped[UUID] = mapped_column(ForeignKey("holdback_balance.id"), index=True)
    invoice_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str]
    amount_minor: Mapped[int]
    base_minor: Mapped[int]
    """Of what is withheld: the net work that it is withheld of, here or of the credit note."""
    release: Mapped[str]
    due_on: Mapped[date | None]
    credit_invoice_id: Mapped[UUID | None]
    at: Mapped[datetime]


class InvoiceEventRow(TenantBase):
    """The invoice's time line: what happened, in words."""

    __tablename__ = "invoice_event"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime]
    event: Mapped[str]
    text: Mapped[str]
    actor_name: Mapped[str]
    facts: Mapped[dict[str, Any]]
