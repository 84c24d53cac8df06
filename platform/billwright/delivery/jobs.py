"""Delivery's jobs: bring invoices to their customers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.mail_invoice import mail_invoice
from billwright.delivery.send_mail import Post
from billwright.delivery.smtp import parse_smtp_url
from billwright.documents.events import InvoiceRendered
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

PEOPLE_FIRST: Final = 10
MAIL: Final = "mail"
"""The breaker of the mail server."""


def open_post(database: Database, store: FileStore, smtp_url: str | None) -> Post:
    """What sending needs, from ``Settings.smtp_url``.

    Raises:
        SettingsInvalidError: the URL is malformed; say so at start-up.
    """
    return Post(database, store, parse_smtp_url(smtp_url) if smtp_url else None)


def handlers(post: Post, renderer: MailRenderer) -> list[Handler]:
    def mail(tenant: Tenant, job: Job) -> None:
        mail_invoice(post, renderer, tenant, job.uuid("invoice_id"), trace_id=job.trace_id)

    return [Handler(kind="connectors.mail", outside=mail, attempts_max=20, lease_s=300, breaker=lambda _job: MAIL)]


def on_invoice_rendered(event: InvoiceRendered) -> list[JobSpec]:
    return [JobSpec(kind="connectors.mail", key=f"mail:{event.invoice_id}", payload={"invoice_id": event.invoice_id})]


def on_retry_asked(event: DeliveryRetryAsked) -> list[JobSpec]:
    if event.subject_kind != "invoice":
        return []
    payload = {"invoice_id": event.subject_id}
    return [JobSpec(kind="connectors.mail", key=f"mail:{event.subject_id}", payload=payload, priority=PEOPLE_FIRST)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    InvoiceRendered: (on_invoice_rendered,),
    DeliveryRetryAsked: (on_retry_asked,),
}
