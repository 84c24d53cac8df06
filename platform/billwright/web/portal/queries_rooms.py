"""What the rooms' lists read; each function is one query."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, or_, select

from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.collections.tables import DisputeRow, ReminderRow
from billwright.delivery.tables import DeliveryRow
from billwright.delivery.webhooks.tables import WebhookSubscriptionRow
from billwright.intake.tables import ConnectionRow
from billwright.jobs.tables import JobRow
from billwright.posting.tables import PostingRow
from billwright.receivables.tables import PaymentRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal.queries_shell import POSTING_STUCK

ROWS: Final = 50
DELIVERY_STUCK: Final = ("failed", "refused")
WEBHOOK_STUCK: Final = or_(
    WebhookSubscriptionRow.state == "disabled",
    and_(WebhookSubscriptionRow.state == "active", WebhookSubscriptionRow.failing_since.is_not(None)),
)


def connections(tx: Tx) -> list[AnyRow]:
    """Connections by name, each with how many of its postings are in which state."""
    counted = func.count(PostingRow.id)
    query = (
        select(
            ConnectionRow.id,
            ConnectionRow.name,
            ConnectionRow.connector,
            ConnectionRow.enabled,
            ConnectionRow.source,
            counted.filter(PostingRow.state == "posted").label("posted"),
            counted.filter(PostingRow.state.in_(POSTING_STUCK)).label("stuck"),
            counted.filter(PostingRow.state == "intended").label("underway"),
            func.max(PostingRow.posted_at).label("last"),
        )
        .outerjoin(PostingRow, PostingRow.connection_id == ConnectionRow.id)
        .group_by(ConnectionRow.id)
        .order_by(ConnectionRow.name)
    )
    return list(tx.session.execute(query))


@dataclass(frozen=True, slots=True)
class Stuck:
    """How many of each did not get through and wait for somebody."""

    postings: int
    deliveries: int
    jobs: int
    webhooks: int


def stuck_counts(tx: Tx) -> Stuck:
    counted = func.count()
    query = select(
        select(counted).where(PostingRow.state.in_(POSTING_STUCK)).scalar_subquery(),
        select(counted).where(DeliveryRow.state.in_(DELIVERY_STUCK)).scalar_subquery(),
        select(counted).where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "dead").scalar_subquery(),
        select(counted).where(WEBHOOK_STUCK).scalar_subquery(),
    )
    return Stuck(*tx.session.execute(query).one())


def open_disputes(tx: Tx) -> list[AnyRow]:
    query = (
        select(DisputeRow, InvoiceRow.number, InvoiceRow.currency, CustomerRow.name.label("customer"))
        .join(InvoiceRow, InvoiceRow.id == DisputeRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(DisputeRow.state == "open")
        .order_by(DisputeRow.opened_at)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))


def last_reminders(tx: Tx) -> list[AnyRow]:
    query = (
        select(ReminderRow, CustomerRow.name.label("customer"))
        .join(CustomerRow, CustomerRow.id == ReminderRow.customer_id)
        .order_by(ReminderRow.made_at.desc())
        .limit(20)
    )
    return list(tx.session.execute(query))


def waiting_payments(tx: Tx) -> list[AnyRow]:
    """Money that found no invoice yet."""
    query = (
        select(PaymentRow, CustomerRow.name.label("customer"))
        .outerjoin(CustomerRow, CustomerRow.id == PaymentRow.customer_id)
        .where(PaymentRow.unapplied_minor > 0)
        .order_by(PaymentRow.paid_on)
        .limit(ROWS)
    )
    return list(tx.session.execute(query))
