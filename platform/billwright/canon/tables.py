"""Canonical objects of a tenant. Every object's identifier is reserved in ``external_reference`` at its first mention."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from billwright.tenancy.base import TenantBase


class ExternalReferenceRow(TenantBase):
    """The source's key of an object to our identifier, reserved when anything first names it."""

    __tablename__ = "external_reference"
    kind: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(primary_key=True)
    object_id: Mapped[UUID] = mapped_column(unique=True)


class LegalEntityRow(TenantBase):
    """A legal entity of the tenant; ``profile`` holds what is printed: address, registrations, bank accounts."""

    __tablename__ = "legal_entity"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    country: Mapped[str]
    currency: Mapped[str]
    time_zone: Mapped[str]
    profile: Mapped[dict[str, Any]]


class Sourced:
    """Where a row's content came from and its place in the source's order (``canon/incoming.py`` compares).

    ``made_by`` sent what stands; ``earlier_makers`` are all others who ever sent something about it (``canon/senders.py``).
    """

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ref: Mapped[str]
    message_id: Mapped[UUID | None]
    source_time: Mapped[datetime]
    source_sequence: Mapped[int | None]
    source_key: Mapped[str] = mapped_column(server_default="")
    made_by: Mapped[UUID | None]
    earlier_makers: Mapped[list[UUID]] = mapped_column(server_default="{}")
    updated_at: Mapped[datetime]


class CustomerRow(Sourced, TenantBase):
    __tablename__ = "customer"
    name: Mapped[str]
    legal_name: Mapped[str]
    tax_id: Mapped[str]
    address: Mapped[dict[str, Any]]
    billing_email: Mapped[str | None]
    contacts: Mapped[list[Any]]
    language: Mapped[str]
    currency: Mapped[str | None]
    po_required: Mapped[bool]
    payment_terms_days: Mapped[int | None]
    tax_category: Mapped[str | None]
    tax: Mapped[dict[str, Any] | None]
    """What decides its tax beside country and VAT id (``extension/terms_tax.py``)."""
    einvoice: Mapped[dict[str, Any] | None]


class ProjectRow(Sourced, TenantBase):
    __tablename__ = "project"
    name: Mapped[str]
    code: Mapped[str]
    customer_id: Mapped[UUID]
    manager_email: Mapped[str | None]
    cost_centre: Mapped[str] = mapped_column(server_default="")


class ContractRow(Sourced, TenantBase):
    __tablename__ = "contract"
    number: Mapped[str]
    title: Mapped[str]
    customer_id: Mapped[UUID]
    project_id: Mapped[UUID | None]
    legal_entity: Mapped[str]
    signed_on: Mapped[date | None]
    currency: Mapped[str | None]
    value: Mapped[Decimal | None]
    value_raw: Mapped[str]
    billing: Mapped[str]
    grouping: Mapped[str]
    acceptance_required: Mapped[bool]
    po_number: Mapped[str]
    po_value: Mapped[Decimal | None]
    po_valid_until: Mapped[date | None]
    payment_terms_days: Mapped[int | None]
    acceptance_settles_after_days: Mapped[int]
    clauses: Mapped[list[Any]]
    status: Mapped[str]
    ended_on: Mapped[date | None]
    time_terms: Mapped[dict[str, Any] | None]
    expense_terms: Mapped[dict[str, Any] | None]
    holdback: Mapped[dict[str, Any] | None]
    billing_policy: Mapped[dict[str, Any] | None]
    bill_to: Mapped[list[Any] | None]
    bill_to_ids: Mapped[list[UUID]] = mapped_column(server_default="{}")


class ContractVersionRow(TenantBase):
    """Append-only: version 1 comes with the contract, each signed change order makes one.

    ``value``, ``currency`` and ``effective_at`` are as they were when the version was made; what holds now is read from
    the contract or change order that ``origin_id`` names.
    """

    __tablename__ = "contract_version"
    __table_args__ = (Index("uq_contract_version_origin", "contract_id", "origin_id", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID]
    origin_id: Mapped[UUID]
    number: Mapped[int]
    effective_at: Mapped[datetime | None]
    value: Mapped[Decimal | None]
    currency: Mapped[str | None]
    made_at: Mapped[datetime]


class ChangeOrderRow(Sourced, TenantBase):
    __tablename__ = "change_order"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[str]
    title: Mapped[str]
    signed_at: Mapped[datetime | None]
    signed_by: Mapped[str]
    value_after: Mapped[Decimal | None]
    currency_after: Mapped[str | None]
    changes: Mapped[list[Any]]


class MilestoneRow(Sourced, TenantBase):
    """Price as first agreed; later prices are in signed change orders."""

    __tablename__ = "milestone"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[str]
    name: Mapped[str]
    basis: Mapped[str]
    amount: Mapped[Decimal | None]
    percent: Mapped[Decimal | None]
    currency: Mapped[str | None]
    amount_raw: Mapped[str]
    acceptance_required: Mapped[bool | None]
    due_on: Mapped[date | None]
    clause: Mapped[str]
    change_order_id: Mapped[UUID | None]
    removed: Mapped[bool]
    depends_on_ids: Mapped[list[UUID]] = mapped_column(server_default="{}")
    draw_down_percent: Mapped[Decimal | None]
    service_line: Mapped[str] = mapped_column(server_default="")


class AcceptanceRow(Sourced, TenantBase):
    """One decision; the history of decisions makes the state."""

    __tablename__ = "acceptance"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    milestone_ids: Mapped[list[UUID]]
    milestone_refs: Mapped[list[str]]
    decision: Mapped[str]
    decided_at: Mapped[datetime]
    decided_by: Mapped[str]
    note: Mapped[str]
    items: Mapped[list[Any]]
    accepted_percent: Mapped[Decimal | None]


class EvidenceRow(Sourced, TenantBase):
    __tablename__ = "evidence"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    milestone_ids: Mapped[list[UUID]]
    title: Mapped[str]
    uri: Mapped[str]
    sha256: Mapped[str | None]
    media_type: Mapped[str]
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str]


class RateCardRow(Sourced, TenantBase):
    """``rates`` is a list of ``{id, role, person_email, hourly, effective_from}``, and where they say more than that of
    ``unit`` (``DAY``; ``hourly`` is the price of one then), ``work_kind``, ``project_id`` and ``currency``."""

    __tablename__ = "rate_card"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    currency: Mapped[str]
    rates: Mapped[list[Any]]


class TimeEntryRow(Sourced, TenantBase):
    __tablename__ = "time_entry"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    project_id: Mapped[UUID | None]
    person_name: Mapped[str]
    person_email: Mapped[str | None]
    role: Mapped[str]
    worked_on: Mapped[date]
    hours: Mapped[Decimal]
    note: Mapped[str]
    status: Mapped[str]
    approved_by: Mapped[str]
    approved_at: Mapped[datetime | None]
    change_order_id: Mapped[UUID | None]
    work_kind: Mapped[str] = mapped_column(server_default="")
    corrects_id: Mapped[UUID | None]


class ExpenseRow(Sourced, TenantBase):
    __tablename__ = "expense"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    project_id: Mapped[UUID | None]
    person_name: Mapped[str]
    spent_on: Mapped[date]
    category: Mapped[str]
    description: Mapped[str]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    status: Mapped[str]
    approved_by: Mapped[str]
    receipt_uri: Mapped[str]
    tax_amount: Mapped[Decimal | None]
    distance: Mapped[Decimal | None]
    distance_unit: Mapped[str] = mapped_column(server_default="km")
    per_diem_country: Mapped[str | None]
    day_fraction: Mapped[Decimal] = mapped_column(server_default="1")


class SignalRow(Sourced, TenantBase):
    __tablename__ = "signal"
    contract_id: Mapped[UUID | None] = mapped_column(index=True)
    milestone_ids: Mapped[list[UUID]]
    event: Mapped[str]
    occurred_at: Mapped[datetime]
    note: Mapped[str]


class RateFileRow(TenantBase):
    """A file of exchange rates that somebody loaded. Insert-only by grants."""

    __tablename__ = "rate_file"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    sha256: Mapped[str]
    first_on: Mapped[date]
    last_on: Mapped[date]
    days: Mapped[int]
    loaded_at: Mapped[datetime]
    loaded_by_name: Mapped[str]


class RateDayRow(TenantBase):
    """All rates that a source published for one day: units of each currency for one euro, as decimal text. Insert-only."""

    __tablename__ = "rate_day"
    source: Mapped[str] = mapped_column(primary_key=True)
    on: Mapped[date] = mapped_column(primary_key=True)
    per_euro: Mapped[dict[str, Any]]
    file_id: Mapped[UUID]


class BillingScheduleRow(Sourced, TenantBase):
    """What a contract bills by period, meter or progress; ``terms`` as ``extension/schedules.py`` has them."""

    __tablename__ = "billing_schedule"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[str]
    name: Mapped[str]
    clause: Mapped[str]
    service_line: Mapped[str]
    change_order_id: Mapped[UUID | None]
    terms: Mapped[dict[str, Any]]


class UsageRecordRow(Sourced, TenantBase):
    __tablename__ = "usage_record"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    schedule_id: Mapped[UUID]
    schedule_ref: Mapped[str]
    used_on: Mapped[date]
    quantity: Mapped[Decimal]
    note: Mapped[str]
    status: Mapped[str]
    approved_by: Mapped[str]


class ProgressReportRow(Sourced, TenantBase):
    """``items`` is a list of ``{number, percent | quantity}``, in all up to ``as_of``."""

    __tablename__ = "progress_report"
    contract_id: Mapped[UUID] = mapped_column(index=True)
    schedule_id: Mapped[UUID]
    schedule_ref: Mapped[str]
    number: Mapped[str]
    as_of: Mapped[date]
    items: Mapped[list[Any]]
    status: Mapped[str]
    approved_by: Mapped[str]
