"""Deliveries, their retry, and the embedded mailbox."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from billwright.delivery.queries import list_deliveries, list_mailbox
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.tables import DeliveryRow, MailboxRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read, show
from billwright.kernel.paging import LIMIT_DEFAULT, Page
from billwright.tenancy.answers import Cursor, Limit, refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

State = Literal["intended", "sent", "failed", "refused"]
InvoiceId = Annotated[
    str | None, QueryParameter(max_length=60, description="Only what was sent about this invoice: `inv_...`.")
]


class DeliveryView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing sent to one party. ``outcome`` says what happened last."""

    id: str
    subject_kind: str
    subject_id: str
    channel: str
    recipient: str
    state: str
    attempts: int
    message_ref: str | None
    outcome: str | None
    intended_at: datetime
    finished_at: datetime | None


class AttachmentView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    media_type: str
    sha256: str
    size_bytes: int


class MailView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail kept instead of sent."""

    id: str
    delivery_id: str
    at: datetime
    sender: str
    recipient: str
    subject: str
    html: str
    text: str
    attachments: list[AttachmentView]


_SUBJECTS: Final = {"invoice": "inv", "reminder": "rem"}


def view_delivery(row: DeliveryRow) -> DeliveryView:
    return DeliveryView(
        id=show("del", row.id),
        subject_kind=row.subject_kind,
        subject_id=_subject(row.subject_kind, row.subject_id),
        channel=row.channel,
        recipient=row.recipient,
        state=row.state,
        attempts=row.attempts,
        message_ref=row.message_ref,
        outcome=row.outcome,
        intended_at=row.intended_at,
        finished_at=row.finished_at,
    )


def _subject(kind: str, identifier: UUID) -> str:
    return show(_SUBJECTS[kind], identifier) if kind in _SUBJECTS else str(identifier)


def view_mail(row: MailboxRow) -> MailView:
    return MailView(
        id=show("mai", row.id),
        delivery_id=show("del", row.delivery_id),
        at=row.at,
        sender=row.sender,
        recipient=row.recipient,
        subject=row.subject,
        html=row.html,
        text=row.text,
        attachments=msgspec.convert(row.attachments, list[AttachmentView]),
    )


class DeliveriesController(Controller):
    path = "/v1"
    tags = ("Delivery",)

    @get(
        "/deliveries",
        operation_id="listDeliveries",
        summary="List deliveries",
        sync_to_thread=True,
        responses=refusals(404, 422),
    )
    def get_deliveries(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        invoice: InvoiceId = None,
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[DeliveryView]:
        """Deliveries, newest first."""
        actor.require("invoice:read")
        invoice_id = read("inv", invoice) if invoice is not None else None
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_deliveries(tx, invoice_id=invoice_id, state=in_state, limit=limit, cursor=cursor)
        return Page([view_delivery(row) for row in found.rows], found.next_cursor)

    @post(
        "/deliveries/{delivery_id:str}/retry",
        operation_id="retryDelivery",
        summary="Retry a delivery",
        status_code=202,
        sync_to_thread=True,
        responses=refusals(404, 409, 422),
    )
    def post_retry(
        self,
        delivery_id: FromPath[str],
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        trace_id: NamedDependency[str],
    ) -> DeliveryView:
        """Try a refused or failing delivery again, to the address as it is now."""
        return view_delivery(retry_delivery(database, tenant, actor, read("del", delivery_id), trace_id=trace_id))

    @get(
        "/mailbox", operation_id="listMailbox", summary="List kept mails", sync_to_thread=True, responses=refusals(422)
    )
    def get_mailbox(
        self,
        database: NamedDependency[Database],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
        limit: Limit = LIMIT_DEFAULT,
        cursor: Cursor = None,
    ) -> Page[MailView]:
        """Mails that were kept because no mail server is set, newest first."""
        actor.require("mailbox:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            found = list_mailbox(tx, limit=limit, cursor=cursor)
        return Page([view_mail(row) for row in found.rows], found.next_cursor)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (DeliveriesController,)
