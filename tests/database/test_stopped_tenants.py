"""Jobs of a tenant that is suspended wait unharmed and go on; those of one that is erased end and say why. Others go on."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from billwright.insight.metrics_jobs import job_groups
from billwright.jobs.claim import claim, release_expired
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.purge_jobs import BATCH_ROWS_MAX, ERASED, purge_jobs
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import TenantSuspendedError
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction

IN, OUT = "billing.stop_in", "connectors.stop_out"
MONTH = timedelta(days=30)


class Works:
    """What was done, by tenant."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def inside(self, tx: Tx, jobs: Sequence[Job]) -> None:
        self.done.extend((tx.tenant.slug, job.key) for job in jobs)

    def outside(self, tenant: Tenant, job: Job) -> None:
        self.done.append((tenant.slug, job.key))

    @property
    def handlers(self) -> Handlers:
        return Handlers.of(
            Handler(kind=IN, in_transaction=self.inside, batch_max=10), Handler(kind=OUT, outside=self.outside)
        )


@pytest.fixture
def works() -> Works:
    return Works()


def write(database: Database, tenant: Tenant, *specs: JobSpec) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, specs)


def set_state(database: Database, tenant: Tenant, state: str) -> Tenant:
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(state=state))
        return find_tenant(tx.session, tenant_id=tenant.id)


def jobs(database: Database, tenant: Tenant) -> dict[str, JobRow]:
    with control_transaction(database, SYSTEM) as tx:
        return {row.key: row for row in tx.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id))}


def test_a_suspended_tenants_jobs_wait_unharmed_and_all_go_on_once(
    database: Database, make_tenant: Callable[[str], Tenant], clock: SetClock, works: Works
) -> None:
    stopped, other = make_tenant("Stopped"), make_tenant("Other")
    write(database, stopped, JobSpec(kind=IN, key="leased"), JobSpec(kind=OUT, key="called"))
    leases = claim(database, works.handlers, tenant_id=stopped.id)
    assert len(leases) == 2
    write(database, stopped, JobSpec(kind=IN, key="waits"), JobSpec(kind=IN, key="timer", run_at=clock.now() + MONTH))
    set_state(database, stopped, "suspended")
    write(database, other, JobSpec(kind=IN, key="o1"), JobSpec(kind=OUT, key="o2"))
    for lease in leases:
        assert do_lease(database, works.handlers, lease.id) == 0
    clock.moment += timedelta(hours=1)
    release_expired(database)
    assert claim(database, works.handlers, tenant_id=stopped.id) == []
    drain(database, works.handlers, tenant_id=other.id)
    assert sorted(works.done) == sorted([(other.slug, "o1"), (other.slug, "o2")])

    seen = jobs(database, stopped)
    assert {key: (row.state, row.attempts) for key, row in seen.items()} == {
        "leased": ("retry", 0), "called": ("retry", 0), "waits": ("queued", 0), "timer": ("queued", 0),
    }  # fmt: skip
    groups = [each for each in job_groups(database) if each.tenant == stopped.slug]
    assert sum(each.jobs for each in groups) == 4
    assert {each.overdue_s for each in groups} == {None}  # it waits for a person, not for a worker: no alarm

    set_state(database, stopped, "active")
    drain(database, works.handlers, tenant_id=stopped.id)
    assert sorted(key for slug, key in works.done if slug == stopped.slug) == ["called", "leased", "waits"]
    assert jobs(database, stopped)["timer"].state == "queued"


def test_an_erased_tenants_jobs_end_and_say_why(
    database: Database, make_tenant: Callable[[str], Tenant], clock: SetClock, works: Works
) -> None:
    gone, other = make_tenant("Gone"), make_tenant("Other")
    for key in ("waits", "leased", "dead"):
        write(database, gone, JobSpec(kind=IN, key=key))
    with control_transaction(database, SYSTEM) as tx:
        statement = update(JobRow).where(JobRow.tenant_id == gone.id, JobRow.key == "dead")
        tx.session.execute(statement.values(state="dead", error_class="business", error="No such party."))
    write(database, other, JobSpec(kind=IN, key="o1"))
    (lease,) = claim(database, works.handlers, tenant_id=gone.id)
    erased = set_state(database, gone, "erased")
    assert do_lease(database, works.handlers, lease.id) == 0
    assert claim(database, works.handlers, tenant_id=gone.id) == []
    with pytest.raises(TenantSuspendedError):
        write(database, erased, JobSpec(kind=IN, key="new"))
    purge_jobs(database, kept=MONTH)
    found = {key: (row.state, row.error_class, row.error) for key, row in jobs(database, gone).items()}
    assert found == dict.fromkeys(("waits", "leased", "dead"), ("resolved", "erased", ERASED))
    assert jobs(database, other)["o1"].state == "queued"
    assert works.done == []
    clock.moment += MONTH + timedelta(seconds=1)
    while purge_jobs(database, kept=MONTH):
        pass
    assert jobs(database, gone) == {}


def test_many_jobs_of_an_erased_tenant_end_a_bounded_number_at_a_time(database: Database, tenant: Tenant) -> None:
    write(database, tenant, *(JobSpec(kind=IN, key=f"{n}") for n in range(BATCH_ROWS_MAX + 5)))
    set_state(database, tenant, "erased")
    assert purge_jobs(database, kept=MONTH)
    assert sum(row.state == "resolved" for row in jobs(database, tenant).values()) == BATCH_ROWS_MAX
    purge_jobs(database, kept=MONTH)
    assert {row.state for row in jobs(database, tenant).values()} == {"resolved"}
