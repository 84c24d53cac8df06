"""The checks' job: examine drafts that were made or changed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from billwright.billing.events import DraftsChanged, DraftsEmptied, TriggersAsked
from billwright.checks.check_drafts import check_drafts, close_emptied
from billwright.checks.examiners import Examiner
from billwright.checks.trigger_exceptions import keep_trigger_exceptions
from billwright.extension.running import IN_PROCESS, PluginRunner
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


def on_triggers_asked(tx: Tx, event: TriggersAsked) -> None:
    keep_trigger_exceptions(tx, event)


def _check(tx: Tx, jobs: Sequence[Job], *, plugins: PluginRunner, examiners: Sequence[Examiner]) -> None:
    check_drafts(tx, sorted({job.uuid("invoice_id") for job in jobs}), plugins=plugins, examiners=examiners)


def handlers(plugins: PluginRunner = IN_PROCESS, examiners: Sequence[Examiner] = ()) -> list[Handler]:
    """``examiners``: later rooms that have their say about drafts."""
    check = partial(_check, plugins=plugins, examiners=tuple(examiners))
    return [Handler(kind="billing.check", in_transaction=check, batch_max=100, lease_s=120)]


SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {
    DraftsChanged: (on_drafts_changed,),
}
SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Tx, Any], None]]]] = {
    DraftsEmptied: (on_drafts_emptied,),
    TriggersAsked: (on_triggers_asked,),
}
