"""Who could be reminded now: customers with something overdue, per legal entity and currency."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Integer, cast, func, select, type_coerce

from billwright.canon.local_day import today_of_entity
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.collections.remind import Debtor
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import Tx

DEBTORS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """``asked_minor``: what is overdue and not disputed. ``reminded_at``: when the last reminder was decided."""

    debtor: Debtor
    customer: str
    entity: str
    invoices: int
    asked_minor: int
    days: int
    reminded_at: datetime | None


def overdue_debtors(tx: Tx, *, limit: int = DEBTORS) -> list[Overdue]:
    """The largest overdue amount times days first; wholly disputed ones are left out. One statement."""
    disputed = (
        select(DisputeRow.receivable_id, func.sum(DisputeRow.amount_minor).label("minor"))
        .where(DisputeRow.state == "open")
        .group_by(DisputeRow.receivable_id)
        .subquery()
    )
    triple = (ReceivableRow.legal_entity_id, ReceivableRow.customer_id, ReceivableRow.currency)
    reminded = (
        select(func.max(ReminderRow.made_at))
        .where(
            ReminderRow.legal_entity_id == ReceivableRow.legal_entity_id,
            ReminderRow.customer_id == ReceivableRow.customer_id,
            ReminderRow.currency == ReceivableRow.currency,
        )
        .correlate(ReceivableRow)
        .scalar_subquery()
    )
    days = type_coerce(today_of_entity(tx) - ReceivableRow.due_on, Integer)
    asked = ReceivableRow.open_minor - func.least(func.coalesce(disputed.c.minor, 0), ReceivableRow.open_minor)
    query = (
        select(
            *triple,
            CustomerRow.name.label("customer"),
            LegalEntityRow.name.label("entity"),
            func.count().label("invoices"),
            cast(func.sum(asked), BigInteger).label("asked"),
            func.max(days).label("days"),
            reminded.label("reminded_at"),
        )
        .join(CustomerRow, CustomerRow.id == ReceivableRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == ReceivableRow.legal_entity_id)
        .outerjoin(disputed, disputed.c.receivable_id == ReceivableRow.id)
        .where(ReceivableRow.open_minor > 0, days > 0, asked > 0)
        .group_by(*triple, CustomerRow.name, LegalEntityRow.name)
        .order_by(func.sum(asked * days).desc(), ReceivableRow.customer_id, ReceivableRow.legal_entity_id)
        .limit(limit)
    )
    return [
        Overdue(
            debtor=Debtor(row.legal_entity_id, row.customer_id, row.currency),
            customer=row.customer,
            entity=row.entity,
            invoices=row.invoices,
            asked_minor=row.asked,
            days=row.days,
            reminded_at=row.reminded_at,
        )
        for row in tx.session.execute(query)
    ]
