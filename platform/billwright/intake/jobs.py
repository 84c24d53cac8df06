"""What the workers do for intake: apply stored messages, try held ones again, see whether one resolved by itself."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from billwright.extension.loading import available_connectors
from billwright.intake.apply_messages import apply_stored
from billwright.intake.drop_folder import take_drops, tenants_with_drops
from billwright.intake.hold_messages import LOOK_AGAIN, look_at_held
from billwright.intake.mapping import Connectors
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Job
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError, TenantSuspendedError
from billwright.kernel.events import DomainEvent, JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright.tenancy.transaction import Tenant, Tx, transaction

SCAN: Final = "intake.scan_drops"
TOGETHER_MAX: Final = 2
"""So often messages that came together are begun together; then each for itself, for one of them may end its worker."""

SUBSCRIBED_JOBS: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any], Sequence[JobSpec]]]]] = {}
SUBSCRIBED_INLINE: Final[Mapping[type[DomainEvent], Sequence[Callable[[Any, Any], None]]]] = {}


def handlers(connectors: Connectors | None = None) -> list[Handler]:
    """``intake.apply``, ``intake.retry_held``, ``intake.look_at_held``, all with ``message_ids``. Default: all installed
    connectors.
    """
    known = available_connectors() if connectors is None else connectors

    def apply(tx: Tx, jobs: Sequence[Job]) -> None:
        apply_stored(tx, _message_ids(_taken_apart(tx, jobs)), known)

    def retry_held(tx: Tx, jobs: Sequence[Job]) -> None:
        apply_stored(tx, _message_ids(_taken_apart(tx, jobs)), known, states=("held", "received"))

    def look_again(tx: Tx, jobs: Sequence[Job]) -> None:
        look_at_held(tx, _message_ids(jobs))

    return [
        Handler(kind=LOOK_AGAIN, in_transaction=look_again, batch_max=20),
        Handler(kind="intake.apply", in_transaction=apply, batch_max=20),
        Handler(kind="intake.retry_held", in_transaction=retry_held, batch_max=20),
    ]


def drop_handlers(database: Database, folder: Path) -> list[Handler]:
    """``intake.scan_drops``: take the files that wait for the tenant. ``folder`` is ``settings.drop``."""

    def scan(tenant: Tenant, _job: Job) -> None:
        take_drops(database, tenant, folder)

    return [Handler(kind=SCAN, outside=scan, lease_s=600)]


def enqueue_scans(database: Database, folder: Path) -> int:
    """Write a scan for each tenant that has a file waiting; return how many. For a timer of the dispatcher.

    A folder that is named after no tenant, or after a suspended one, is left alone.
    """
    written = 0
    for slug in tenants_with_drops(folder):
        try:
            with transaction(database, load_tenant(database, slug), SYSTEM) as tx:
                written += enqueue(tx, [JobSpec(kind=SCAN, key="scan_drops")])
        except (NotFoundError, TenantSuspendedError):
            continue
    return written


def _taken_apart(tx: Tx, jobs: Sequence[Job]) -> list[Job]:
    """``jobs`` without those of several messages that were begun too often: they go on as one job per message."""
    apart = [job for job in jobs if job.attempts > TOGETHER_MAX and len(job.payload["message_ids"]) > 1]
    enqueue(
        tx,
        [
            JobSpec(kind=job.kind, key=f"{job.kind}:alone:{each}", payload={"message_ids": [each]})
            for job in apart
            for each in job.payload["message_ids"]
        ],
    )
    return [job for job in jobs if job not in apart]


def _message_ids(jobs: Sequence[Job]) -> list[UUID]:
    return [UUID(text) for job in jobs for text in job.payload["message_ids"]]
