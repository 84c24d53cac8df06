"""Jobs whose worker never answered: tried one at a time beside the healthy ones, until the guilty one is known."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from billwright.jobs.claim import SUSPECT_LEASE_S, Lease, claim, release_expired
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.queries import SILENT_MAX
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction


class Shift:
    """A dispatcher and a worker of one tenant in this process; the job ``guilty`` silences whoever does it."""

    def __init__(self, database: Database, tenant: Tenant, clock: SetClock) -> None:
        self.database, self.tenant, self.clock = database, tenant, clock
        self.done: list[list[str]] = []
        self.handlers = Handlers.of(Handler(kind="billing.try", in_transaction=self._do, batch_max=10, lease_s=120))

    def _do(self, _tx: Tx, jobs: Sequence[Job]) -> None:
        self.done.append(sorted(job.key for job in jobs))

    def write(self, *keys: str) -> None:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            enqueue(tx, [JobSpec(kind="billing.try", key=key, payload={}) for key in keys])

    def claim(self) -> list[Lease]:
        return claim(self.database, self.handlers, tenant_id=self.tenant.id)

    def keys(self, lease: Lease) -> list[str]:
        with control_transaction(self.database, SYSTEM) as tx:
            query = select(JobRow.key).where(JobRow.lease_id == lease.id, JobRow.state == "leased")
            return sorted(tx.session.scalars(query))

    def states(self) -> dict[str, str]:
        with control_transaction(self.database, SYSTEM) as tx:
            query = select(JobRow.key, JobRow.state).where(JobRow.tenant_id == self.tenant.id)
            return {row.key: row.state for row in tx.session.execute(query)}

    def pass_time(self, seconds: int) -> None:
        self.clock.moment += timedelta(seconds=seconds)
        release_expired(self.database)

    def work(self) -> int:
        """Do what is leased out now; a worker that meets the guilty one falls silent with all that it holds."""
        leases = self.claim()
        for lease in leases:
            if "guilty" not in self.keys(lease):
                do_lease(self.database, self.handlers, lease.id)
        return len(leases)


@pytest.fixture
def shift(database: Database, tenant: Tenant, clock: SetClock) -> Shift:
    return Shift(database, tenant, clock)


def test_after_a_silent_worker_its_jobs_are_leased_alone_and_the_others_together(shift: Shift) -> None:
    shift.write("a", "b", "c")
    assert [lease.jobs for lease in shift.claim()] == [3]
    shift.pass_time(121)
    shift.write("d", "e")
    assert sorted(lease.jobs for lease in shift.claim()) == [1, 2]
    assert shift.claim() == []  # one suspect at a time
    shift.pass_time(SUSPECT_LEASE_S + 1)
    assert [name for name, state in shift.states().items() if state == "leased"] == ["d", "e"]


def test_the_innocent_are_done_and_the_guilty_one_is_a_dead_letter_in_minutes(shift: Shift) -> None:
    innocent = [f"job {number}" for number in range(8)]
    shift.write(*innocent[:4], "guilty", *innocent[4:])
    shift.work()
    assert shift.done == []
    shift.pass_time(121)
    began = shift.clock.now()
    while shift.states()["guilty"] != "dead":
        while shift.work():
            pass
        shift.pass_time(SUSPECT_LEASE_S + 1)
    assert sorted(shift.done) == sorted([name] for name in innocent)
    assert {state for name, state in shift.states().items() if name != "guilty"} == {"done"}
    assert (shift.clock.now() - began).total_seconds() <= SILENT_MAX * (SUSPECT_LEASE_S + 1)


def test_work_that_comes_meanwhile_does_not_wait_for_the_suspects(shift: Shift) -> None:
    shift.write("guilty", "a")
    shift.work()
    shift.pass_time(121)
    shift.work()
    for number in range(5):
        shift.write(f"new {number}")
        shift.work()
    assert [each for each in shift.done if each != ["a"]] == [["new 0"], ["new 1"], ["new 2"], ["new 3"], ["new 4"]]
