"""Jobs: rows of the business transaction, leased fairly, done exactly once, judged by class when they fail."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billwright.extension.connectors import RejectedError, ThrottledError, TransientError
from billwright.jobs.claim import claim, release_expired
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction


def write(database: Database, tenant: Tenant, *keys: str, kind: str = "billing.try", priority: int = 0) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind=kind, key=key, payload={"n": key}, priority=priority) for key in keys])


def states(database: Database, tenant: Tenant) -> dict[str, int]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.state, func.count()).where(JobRow.tenant_id == tenant.id).group_by(JobRow.state)
        return dict(tx.session.execute(query).all())


def only(database: Database, tenant: Tenant) -> JobRow:
    with control_transaction(database, SYSTEM) as tx:
        return tx.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id)).one()


def handlers_of(run: Callable[[Tx, Sequence[Job]], None], **options: int) -> Handlers:
    return Handlers.of(Handler(kind="billing.try", in_transaction=run, **options))


def test_a_job_exists_if_and_only_if_its_transaction_commits(database: Database, tenant: Tenant) -> None:
    with pytest.raises(RuntimeError), transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.try", key="a")])
        raise RuntimeError("roll back")
    assert states(database, tenant) == {}
    write(database, tenant, "a", "b", "a")
    write(database, tenant, "a")
    assert states(database, tenant) == {"queued": 2}


def test_a_batch_is_done_in_one_transaction_and_a_bad_one_harms_no_other(database: Database, tenant: Tenant) -> None:
    calls: list[list[str]] = []

    def run(_tx: Tx, jobs: Sequence[Job]) -> None:
        calls.append(sorted(job.key for job in jobs))
        if any(job.key == "bad" for job in jobs):
            raise ValueError("no")

    write(database, tenant, "a", "bad", "c")
    assert drain(database, handlers_of(run, batch_max=10), tenant_id=tenant.id) == 2
    assert calls[0] == ["a", "bad", "c"]
    assert states(database, tenant) == {"done": 2, "dead": 1}


def test_a_wish_during_the_work_leads_to_another_run(database: Database, tenant: Tenant) -> None:
    runs: list[str] = []

    def run(_tx: Tx, jobs: Sequence[Job]) -> None:
        runs.extend(job.key for job in jobs)
        if len(runs) == 1:
            write(database, tenant, "a")

    write(database, tenant, "a")
    drain(database, handlers_of(run), tenant_id=tenant.id)
    assert runs == ["a", "a"]


def test_a_lease_is_done_once_however_often_it_is_delivered(database: Database, tenant: Tenant) -> None:
    write(database, tenant, "a")
    handlers = handlers_of(lambda _tx, _jobs: None)
    (lease,) = claim(database, handlers, tenant_id=tenant.id)
    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(lambda _i: do_lease(database, handlers, lease.id), range(8)))
    assert done == 1
    assert states(database, tenant) == {"done": 1}


@pytest.mark.parametrize(
    ("error", "failure", "state", "delay_s"),
    [
        (TransientError("timed out"), "transient", "retry", 2),
        (ThrottledError("slow down", retry_after_s=77), "throttled", "retry", 77),
        (RejectedError("no such party", remedy="Add the party."), "business", "dead", 0),
        (ZeroDivisionError(), "programming", "dead", 0),
    ],
)
def test_failures_are_judged_by_class(
    database: Database, tenant: Tenant, error: Exception, failure: str, state: str, delay_s: int
) -> None:
    def run(_tenant: Tenant, _job: Job) -> None:
        raise error

    write(database, tenant, "a")
    handlers = Handlers.of(Handler(kind="billing.try", outside=run))
    (lease,) = claim(database, handlers, tenant_id=tenant.id)
    do_lease(database, handlers, lease.id)
    row = only(database, tenant)
    assert (row.error_class, row.state, row.attempts) == (failure, state, 1)
    assert row.run_at <= database.clock.now() + timedelta(seconds=delay_s)
    assert (row.traceback is not None) == (failure == "programming")


def test_attempts_end_in_a_dead_letter_that_a_later_success_resolves(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    broken = True

    def run(_tenant: Tenant, _job: Job) -> None:
        if broken:
            raise TransientError("away")

    handlers = Handlers.of(Handler(kind="billing.try", outside=run, attempts_max=3))
    write(database, tenant, "a")
    for _ in range(3):
        assert drain(database, handlers, tenant_id=tenant.id) == 0
        clock.moment += timedelta(hours=2)
    assert states(database, tenant) == {"dead": 1}
    broken = False
    write(database, tenant, "a")
    assert drain(database, handlers, tenant_id=tenant.id) == 1
    assert states(database, tenant) == {"done": 1, "resolved": 1}


def test_a_silent_workers_job_goes_to_another(database: Database, tenant: Tenant, clock: SetClock) -> None:
    write(database, tenant, "a")
    handlers = handlers_of(lambda _tx, _jobs: None, lease_s=60)
    (lost,) = claim(database, handlers, tenant_id=tenant.id)
    assert claim(database, handlers, tenant_id=tenant.id) == []
    clock.moment += timedelta(seconds=61)
    assert release_expired(database) >= 1
    assert drain(database, handlers, tenant_id=tenant.id) == 1
    assert do_lease(database, handlers, lost.id) == 0


def test_many_jobs_of_one_tenant_do_not_hold_up_another(
    database: Database, make_tenant: Callable[[str], Tenant]
) -> None:
    big, small = make_tenant("Big"), make_tenant("Small")
    write(database, big, *(f"{n}" for n in range(300)))
    write(database, small, "one")
    handlers = handlers_of(lambda _tx, _jobs: None, batch_max=10)
    claim(database, handlers, per_tenant=20)
    assert states(database, big)["leased"] <= 20
    assert states(database, small) == {"leased": 1}


def test_peoples_actions_come_before_bulk(database: Database, tenant: Tenant) -> None:
    order: list[str] = []
    write(database, tenant, "bulk")
    write(database, tenant, "person", priority=10)
    drain(database, handlers_of(lambda _tx, jobs: order.extend(j.key for j in jobs)), tenant_id=tenant.id)
    assert order == ["person", "bulk"]


def test_a_timer_waits_for_its_time(database: Database, tenant: Tenant, clock: SetClock) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.try", key="later", run_at=tx.now + timedelta(days=3))])
    handlers = handlers_of(lambda _tx, _jobs: None)
    assert drain(database, handlers, tenant_id=tenant.id) == 0
    clock.moment += timedelta(days=3)
    assert drain(database, handlers, tenant_id=tenant.id) == 1


def test_a_tenant_sees_its_own_jobs_only(database: Database, make_tenant: Callable[[str], Tenant]) -> None:
    one, other = make_tenant("One"), make_tenant("Other")
    write(database, one, "mine")
    with transaction(database, other, SYSTEM) as tx:
        assert tx.session.scalars(select(JobRow)).all() == []


def test_while_two_batches_are_out_the_rest_gathers(database: Database, tenant: Tenant) -> None:
    handlers = handlers_of(lambda _tx, _jobs: None, batch_max=10)
    write(database, tenant, *(f"{n}" for n in range(35)))
    first = claim(database, handlers, tenant_id=tenant.id)
    assert [lease.jobs for lease in first] == [10, 10]
    write(database, tenant, "late")
    assert claim(database, handlers, tenant_id=tenant.id) == []
    do_lease(database, handlers, first[0].id)
    (third,) = claim(database, handlers, tenant_id=tenant.id)
    assert third.jobs == 10
    for lease in (first[1], third):
        do_lease(database, handlers, lease.id)
    assert drain(database, handlers, tenant_id=tenant.id) == 6
