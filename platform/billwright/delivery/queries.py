"""Reads of deliveries and of the embedded mailbox, newest first."""

from uuid import UUID

from sqlalchemy import select

from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.kernel.paging import Slice, cut_page, read_cursor
from billwright.tenancy.transaction import Tx


def list_deliveries(
    tx: Tx, *, invoice_id: UUID | None = None, state: str | None = None, limit: int, cursor: str | None = None
) -> Slice[DeliveryRow]:
    """Deliveries, of one invoice or in one state if given."""
    query = select(DeliveryRow).order_by(DeliveryRow.id.desc()).limit(limit + 1)
    if invoice_id is not None:
        query = query.where(DeliveryRow.subject_kind == "invoice", DeliveryRow.subject_id == invoice_id)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    if cursor is not None:
        query = query.where(DeliveryRow.id < read_cursor(cursor, UUID)[0])
    return cut_page(tx.session.scalars(query).all(), limit, lambda row: (row.id,))


def list_mailbox(tx: Tx, *, limit: int, cursor: str | None = None) -> Slice[MailboxRow]:
    """Mails kept instead of sent."""
    query = select(MailboxRow).order_by(MailboxRow.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(MailboxRow.id < read_cursor(cursor, UUID)[0])
    return cut_page(tx.session.scalars(query).all(), limit, lambda row: (row.id,))


def lock_delivery(tx: Tx, delivery_id: UUID) -> DeliveryRow:
    """The delivery, locked.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.session.scalars(select(DeliveryRow).where(DeliveryRow.id == delivery_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no delivery {show('del', delivery_id)} here.")
    return row
