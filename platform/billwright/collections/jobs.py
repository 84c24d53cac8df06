"""What collections follow, and what they do when a step's day has come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.billing.events import HoldbackReleased
from billwright.collections import queries
from billwright.collections.credit_disputes import close_credited
from billwright.collections.mail_reminder import mail_reminder
from billwright.collections.remind import MAIL, Debtor, remind, set_timers
from billwright.collections.resolve_dispute import close_paid
from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.send_mail import Post
from billwright.documents.mail import MailRenderer
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.receivables.events import CreditsApplied, ReceivablesOpened, ReceivablesSettled
from billwright.receivables.follow_opened import follow_opened
from billwright.tenancy.transaction import Tenant, Tx

FOLLOW: Final = "collections.follow_opened"
PEOPLE_FIRST: Final = 10


def on_receivables_opened(event: ReceivablesOpened) -> list[JobSpec]:
    """After COMMIT, when the numbers are known: match what waits, set the timers."""
    return [
        JobSpec(
            kind=FOLLOW,
            key=f"follow:{entity}:{customer}:{currency}",
            payload={"legal_entity_id": entity, "customer_id": customer, "currency": currency},
        )
        for entity, customer, currency in event.customers
    ]


def on_holdback_released(tx: Tx, event: HoldbackReleased) -> None:
    """What was retained falls due: set the timers of who owes it."""
    set_timers(tx, {Debtor(*each) for each in queries.debtors_of(tx, event.invoice_ids)})


def on_receivables_settled(tx: Tx, event: ReceivablesSettled) -> None:
    close_paid(tx, event.invoice_ids)


def on_retry_asked(event: DeliveryRetryAsked) -> list[JobSpec]:
    if event.subject_kind != "reminder":
        return []
    payload = {"reminder_id": event.subject_id}
    return [JobSpec(kind=MAIL, key=f"reminder:{event.subject_id}", payload=payload, priority=PEOPLE_FIRST)]


def _debtors(jobs: Sequence[Job]) -> set[Debtor]:
    return {Debtor(job.uuid("legal_entity_id"), job.uuid("customer_id"), str(job.payload["currency"])) for job in jobs}


def _follow(tx: Tx, jobs: Sequence[Job]) -> None:
    debtors = _debtors(jobs)
    follow_opened(tx, {each.customer_id for each in debtors}, {each.currency for each in debtors})
    set_timers(tx, debtors)


def _remind(tx: Tx, jobs: Sequence[Job]) -> None:
    remind(tx, _debtors(jobs))


def database_handlers() -> list[Handler]:
    """What needs the database alone: matching waiting money, timers, deciding whom to remind."""
    return [
        Handler(kind=FOLLOW, in_transaction=_follow, batch_max=100),
        Handler(kind="collections.remind", in_transaction=_remind, batch_max=100),
    ]


def mail_handlers(post: Post, renderer: MailRenderer) -> list[Handler]:
    """``connectors.reminder`` sends the mail and is safe to run twice: a mail with the same key is sent once."""

    def mail(tenant: Tenant, job: Job) -> None:
        mail_reminder(post, renderer, tenant, job.uuid("reminder_id"), trace_id=job.trace_id)

    return [Handler(kind=MAIL, outside=mail, attempts_max=20, lease_s=300, breaker=lambda _job: "mail")]


def handlers(post: Post, renderer: MailRenderer) -> list[Handler]:
    """All of the room."""
    return [*database_handlers(), *mail_handlers(post, renderer)]


SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    ReceivablesSettled: (on_receivables_settled,),
    CreditsApplied: (close_credited,),
    HoldbackReleased: (on_holdback_released,),
}
SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    ReceivablesOpened: (on_receivables_opened,),
    DeliveryRetryAsked: (on_retry_asked,),
}
