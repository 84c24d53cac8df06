"""Approvals' job: give clean drafts their steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from billwright.approvals.route_drafts import drop_emptied, route_drafts
from billwright.billing.events import DraftsEmptied
from billwright.checks.events import DraftsClean
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.transaction import Tx


def on_drafts_clean(event: DraftsClean) -> list[JobSpec]:
    return [
        JobSpec(kind="billing.route", key=f"route:{invoice_id}", payload={"invoice_id": invoice_id})
        for invoice_id in event.invoice_ids
    ]


def on_drafts_emptied(tx: Tx, event: DraftsEmptied) -> None:
    drop_emptied(tx, event.invoice_ids)


def _route(tx: Tx, jobs: Sequence[Job]) -> None:
    route_drafts(tx, sorted({job.uuid("invoice_id") for job in jobs}))


def handlers() -> list[Handler]:
    return [Handler(kind="billing.route", in_transaction=_route, batch_max=100)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    DraftsClean: (on_drafts_clean,),
}
SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    DraftsEmptied: (on_drafts_emptied,),
}
