"""Canonical objects as the API shows them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from billwright.kernel.amount_out import AmountOut, DecimalText, decimal_out
from billwright.kernel.ids import show
from billwright.kernel.money import MINOR_UNIT_DIGITS
from billwright.tenancy.base import AnyRow


class Named(Struct, frozen=True):
    """An object and what people call it; ``name`` is empty until the object arrives from its source."""

    id: str
    name: str


def named(prefix: str, identifier: UUID, name: str | None) -> Named:
    return Named(show(prefix, identifier), name or "")


def named_or_none(prefix: str, identifier: UUID | None, name: str | None) -> Named | None:
    return None if identifier is None else named(prefix, identifier, name)


def shown_or_none(prefix: str, identifier: UUID | None) -> str | None:
    return None if identifier is None else show(prefix, identifier)


class CustomerOut(Struct, frozen=True, kw_only=True):
    """Who is billed. ``ref`` is the source's key."""

    id: str
    ref: str
    name: str
    legal_name: str
    tax_id: str
    address: dict[str, Any]
    billing_email: str | None
    language: str
    currency: str | None
    po_required: bool
    payment_terms_days: int | None
    message: str | None
    updated_at: datetime


class ProjectOut(Struct, frozen=True, kw_only=True):
    id: str
    ref: str
    code: str
    name: str
    customer: Named
    manager_email: str | None
    message: str | None
    updated_at: datetime


class TimeEntryOut(Struct, frozen=True, kw_only=True):
    """Time that somebody worked; `GET /v1/items?subject=tim_...` tells what became of it."""

    id: str
    ref: str
    contract: Named
    project: str | None
    person_name: str
    person_email: str | None
    role: str
    worked_on: date
    hours: DecimalText
    note: str
    status: str
    approved_by: str
    approved_at: datetime | None
    change_order: str | None
    message: str | None
    updated_at: datetime


class ExpenseOut(Struct, frozen=True, kw_only=True):
    """Money that somebody spent; `GET /v1/items?subject=exp_...` tells what became of it."""

    id: str
    ref: str
    contract: Named
    project: str | None
    person_name: str
    spent_on: date
    category: str
    description: str
    amount: AmountOut
    status: str
    approved_by: str
    receipt_uri: str
    message: str | None
    updated_at: datetime


def customer_out(row: AnyRow) -> CustomerOut:
    return CustomerOut(
        id=show("cus", row.id),
        ref=row.ref,
        name=row.name,
        legal_name=row.legal_name,
        tax_id=row.tax_id,
        address=row.address,
        billing_email=row.billing_email,
        language=row.language,
        currency=row.currency,
        po_required=row.po_required,
        payment_terms_days=row.payment_terms_days,
        message=shown_or_none("msg", row.message_id),
        updated_at=row.updated_at,
    )


def project_out(row: AnyRow) -> ProjectOut:
    return ProjectOut(
        id=show("prj", row.id),
        ref=row.ref,
        code=row.code,
        name=row.name,
        customer=named("cus", row.customer_id, row.customer_name),
        manager_email=row.manager_email,
        message=shown_or_none("msg", row.message_id),
        updated_at=row.updated_at,
    )


def time_entry_out(row: AnyRow) -> TimeEntryOut:
    return TimeEntryOut(
        id=show("tim", row.id),
        ref=row.ref,
        contract=named("ctr", row.contract_id, row.contract_number),
        project=shown_or_none("prj", row.project_id),
        person_name=row.person_name,
        person_email=row.person_email,
        role=row.role,
        worked_on=row.worked_on,
        hours=decimal_out(row.hours),
        note=row.note,
        status=row.status,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        change_order=shown_or_none("chg", row.change_order_id),
        message=shown_or_none("msg", row.message_id),
        updated_at=row.updated_at,
    )


def expense_out(row: AnyRow) -> ExpenseOut:
    return ExpenseOut(
        id=show("exp", row.id),
        ref=row.ref,
        contract=named("ctr", row.contract_id, row.contract_number),
        project=shown_or_none("prj", row.project_id),
        person_name=row.person_name,
        spent_on=row.spent_on,
        category=row.category,
        description=row.description,
        amount=AmountOut(_as_stated(row), row.currency),
        status=row.status,
        approved_by=row.approved_by,
        receipt_uri=row.receipt_uri,
        message=shown_or_none("msg", row.message_id),
        updated_at=row.updated_at,
    )


def _as_stated(row: AnyRow) -> str:
    """The source's amount with its currency's digits; one with more of them is shown as it is, and held by its item."""
    digits = MINOR_UNIT_DIGITS.get(row.currency, 0)
    stated = row.amount.normalize()
    return format(stated, f".{digits}f") if -stated.as_tuple().exponent <= digits else format(stated, "f")
