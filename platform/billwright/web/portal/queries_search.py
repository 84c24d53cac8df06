"""Search over invoices, customers, contracts and projects: one query."""

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, Text, cast, literal, null, or_, select, union_all

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import ContractRow, CustomerRow, ProjectRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

EACH: Final = 6
LENGTH_MIN: Final = 2


def search(tx: Tx, text: str) -> list[AnyRow]:
    """Rows of ``kind``, ``id``, ``label``, ``more``, ``customer_id``, ``minor``, ``currency``; none for less than two letters."""
    wanted = text.strip()[:80]
    if len(wanted) < LENGTH_MIN:
        return []
    invoices = (
        select(
            literal("invoice").label("kind"),
            InvoiceRow.id,
            InvoiceRow.number.label("label"),
            CustomerRow.name.label("more"),
            InvoiceRow.customer_id,
            InvoiceRow.gross_minor.label("minor"),
            InvoiceRow.currency,
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(InvoiceRow.number.icontains(wanted, autoescape=True))
        .order_by(InvoiceRow.issued_at.desc())
        .limit(EACH)
    )
    customers = (
        _named("customer", CustomerRow.id, CustomerRow.name, CustomerRow.legal_name, CustomerRow.id)
        .where(_has(wanted, CustomerRow.name, CustomerRow.legal_name))
        .order_by(CustomerRow.name)
        .limit(EACH)
    )
    contracts = (
        _named("contract", ContractRow.id, ContractRow.number, ContractRow.title, ContractRow.customer_id)
        .where(_has(wanted, ContractRow.number, ContractRow.title))
        .order_by(ContractRow.number)
        .limit(EACH)
    )
    projects = (
        _named("project", ProjectRow.id, ProjectRow.name, ProjectRow.code, ProjectRow.customer_id)
        .where(_has(wanted, ProjectRow.name, ProjectRow.code))
        .order_by(ProjectRow.name)
        .limit(EACH)
    )
    parts = [each.subquery().select() for each in (invoices, customers, contracts, projects)]
    return list(tx.session.execute(union_all(*parts)))


def _named(kind: str, *columns: Any) -> Select[*tuple[Any, ...]]:
    """A part of the union without an amount."""
    names = ("id", "label", "more", "customer_id")
    named = (column.label(name) for column, name in zip(columns, names, strict=True))
    missing = (cast(null(), BigInteger).label("minor"), cast(null(), Text).label("currency"))
    return select(literal(kind).label("kind"), *named, *missing)


def _has(wanted: str, *columns: Any) -> ColumnElement[bool]:
    """``wanted`` is somewhere in one of ``columns``; its ``%`` and ``_`` mean themselves."""
    return or_(*(column.icontains(wanted, autoescape=True) for column in columns))
