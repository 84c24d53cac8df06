"""A wish is written in the very moment in which a job of the same key goes back into the line: both stand, nobody fails."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from billwright.extension.connectors import TransientError
from billwright.jobs.claim import claim, release, release_expired
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction
from support.races import beside

WISH = JobSpec(kind="billing.try", key="same")


def fail(_tx: Tx, _jobs: Sequence[Job]) -> None:
    raise TransientError("Not now.")


HANDLERS = Handlers.of(Handler(kind="billing.try", in_transaction=fail))


def states(database: Database, tenant: Tenant) -> dict[str, int]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.state, func.count()).where(JobRow.tenant_id == tenant.id).group_by(JobRow.state)
        return {row[0]: row[1] for row in tx.session.execute(query)}


@pytest.mark.parametrize(
    ("back", "silent_for", "left"),
    [
        (lambda database, lease_id: do_lease(database, HANDLERS, lease_id), 0, {"queued": 1, "done": 1}),
        (lambda database, _lease_id: release_expired(database), 5, {"queued": 1, "done": 1}),
        (release, 0, {"queued": 1, "leased": 1}),
    ],
    ids=["a failed attempt", "a silent worker", "a lease nobody was told of"],
)
def test_a_job_goes_back_while_its_wish_comes_again(
    database: Database, tenant: Tenant, clock: SetClock,
    back: Callable[[Database, UUID], object], silent_for: int, left: dict[str, int],
) -> None:  # fmt: skip
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [WISH])
    (lease,) = claim(database, HANDLERS, tenant_id=tenant.id)
    clock.moment += timedelta(minutes=silent_for)
    with transaction(database, tenant, SYSTEM) as wish:
        enqueue(wish, [WISH])
        wish.session.flush()
        with beside(database, lambda: back(database, lease.id)) as waiting:
            assert not waiting.done()
            wish.session.commit()
        assert waiting.exception() is None
    assert states(database, tenant) == left
