"""The checks' job: examine drafts that were made or changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.billing.events import DraftsChanged, DraftsEmptied
from billwright.checks.check_drafts import check_drafts, close_emptied
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.transaction import Tx


def on_drafts_changed(event: DraftsChanged) -> list[JobSpec]:
    return [
        JobSpec(kind="billing.check", key=f"check:{invoice_id}", payload={"invoice_id": invoice_id})
        for invoice_id in event.invoice_ids
    ]


def on_drafts_emptied(tx: Tx, event: DraftsEmptied) -> None:
    close_emptied(tx, event.invoice_ids)


def _check(tx: Tx, jobs: Sequence[Job]) -> None:
    check_drafts(tx, sorted({job.uuid("invoice_id") for job in jobs}))


def handlers() -> list[Handler]:
    return [Handler(kind="billing.check", in_transaction=_check, batch_max=100, lease_s=120)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    DraftsChanged: (on_drafts_changed,),
}
SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    DraftsEmptied: (on_drafts_emptied,),
}
