"""Jobs when things go wrong: silent workers, lost leases, kinds that nobody knows, long queues, clocks that stand."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import func, insert, select, text, update

from billwright.billing.tables import InvoiceEventRow
from billwright.extension.connectors import TransientError
from billwright.jobs import queries
from billwright.jobs.claim import claim, release_expired
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.sandbox import set_clock
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction


def write(database: Database, tenant: Tenant, *keys: str, kind: str = "billing.try") -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind=kind, key=key) for key in keys])


def states(database: Database, tenant: Tenant) -> dict[str, int]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.state, func.count()).where(JobRow.tenant_id == tenant.id).group_by(JobRow.state)
        return {row[0]: row[1] for row in tx.session.execute(query)}


def make_sandbox(database: Database, tenant: Tenant) -> None:
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(sandbox=True))


def note(tx: Tx, word: str) -> None:
    """An effect in the tenant's schema."""
    row = {
        "id": new_id(),
        "invoice_id": new_id(),
        "at": tx.now,
        "event": "try",
        "text": word,
        "actor_name": "x",
        "facts": {},
    }
    tx.session.execute(insert(InvoiceEventRow), [row])


def noted(database: Database, tenant: Tenant) -> list[str]:
    with transaction(database, tenant, SYSTEM) as tx:
        return sorted(tx.session.scalars(select(InvoiceEventRow.text)))


def doing(run: Callable[[Tx, Sequence[Job]], None], *, batch_max: int = 1) -> Handlers:
    return Handlers.of(Handler(kind="billing.try", in_transaction=run, batch_max=batch_max))


def test_two_silent_workers_with_the_same_wish_are_both_given_up(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    handlers = doing(lambda _tx, _jobs: None)
    for _ in range(2):  # the wish came again while the first worker had it
        write(database, tenant, "same")
        assert len(claim(database, handlers, tenant_id=tenant.id)) == 1
    clock.moment += timedelta(minutes=5)
    release_expired(database)
    assert states(database, tenant) == {"retry": 1, "done": 1}
    assert drain(database, handlers, tenant_id=tenant.id) == 1


def test_a_lease_lost_in_the_middle_leaves_no_trace(database: Database, tenant: Tenant, clock: SetClock) -> None:
    def slow(tx: Tx, jobs: Sequence[Job]) -> None:
        note(tx, "slow")
        clock.moment += timedelta(minutes=5)
        release_expired(database)

    write(database, tenant, "a", "b")
    assert [do_lease(database, doing(slow, batch_max=5), lease.id) for lease in claim(
        database, doing(slow, batch_max=5), tenant_id=tenant.id)] == [0]  # fmt: skip
    assert noted(database, tenant) == []
    assert drain(database, doing(lambda tx, _jobs: note(tx, "again"), batch_max=5), tenant_id=tenant.id) == 2
    assert noted(database, tenant) == ["again", "again"]  # each by itself: one of them may be what silenced the worker


def test_a_batch_that_fails_leaves_no_partial_effects(database: Database, tenant: Tenant) -> None:
    def run(tx: Tx, jobs: Sequence[Job]) -> None:
        for job in jobs:
            note(tx, job.key)
        if any(job.key == "bad" for job in jobs):
            raise ValueError("no")

    write(database, tenant, "a", "bad", "z")
    assert drain(database, doing(run, batch_max=9), tenant_id=tenant.id) == 2
    assert noted(database, tenant) == ["a", "z"]


def test_kinds_of_another_version_hold_up_nobody(database: Database, tenant: Tenant, clock: SetClock) -> None:
    write(database, tenant, *(f"new{n}" for n in range(120)), kind="billing.of_tomorrow")
    clock.moment += timedelta(seconds=1)
    write(database, tenant, "known")
    done: list[str] = []
    drain(database, doing(lambda _tx, jobs: done.extend(job.key for job in jobs)), tenant_id=tenant.id)
    assert done == ["known"]


def test_a_sandbox_tenant_backs_off_in_real_time(database: Database, tenant: Tenant, clock: SetClock) -> None:
    tries: list[str] = []

    def run(_tenant: Tenant, job: Job) -> None:
        tries.append(job.key)
        if len(tries) == 1:
            raise TransientError("away")

    make_sandbox(database, tenant)
    handlers = Handlers.of(Handler(kind="billing.try", outside=run))
    for years in (-3, 3):
        tries.clear()
        sandbox = set_clock(database, tenant, clock.moment + timedelta(days=365 * years))
        write(database, sandbox, f"year{years}")
        assert drain(database, handlers, tenant_id=tenant.id) == 0
        assert drain(database, handlers, tenant_id=tenant.id) == 0
        clock.moment += timedelta(minutes=1)
        assert drain(database, handlers, tenant_id=tenant.id) == 1
        assert len(tries) == 2


def test_a_sandbox_timer_waits_for_the_sandbox_clock(database: Database, tenant: Tenant, clock: SetClock) -> None:
    make_sandbox(database, tenant)
    sandbox = set_clock(database, tenant, clock.moment - timedelta(days=400))
    handlers = doing(lambda _tx, _jobs: None)
    with transaction(database, sandbox, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.try", key="later", run_at=tx.now + timedelta(days=3))])
    assert drain(database, handlers, tenant_id=tenant.id) == 0
    set_clock(database, tenant, clock.moment - timedelta(days=397))
    assert drain(database, handlers, tenant_id=tenant.id) == 1


def test_the_lease_round_never_scans_the_whole_table(database: Database, tenant: Tenant) -> None:
    row = {"tenant_id": tenant.id, "role_name": tenant.role, "queue": "billing", "kind": "billing.try", "payload": {}}
    now = database.clock.now()
    with control_transaction(database, SYSTEM) as tx:
        row |= {"run_at": now, "created_at": now, "updated_at": now}
        done = [{**row, "id": new_id(), "key": f"d{n}", "state": "done"} for n in range(4000)]
        waiting = [{**row, "id": new_id(), "key": f"w{n}", "state": "queued"} for n in range(2000)]
        tx.session.execute(insert(JobRow), done + waiting)
    with database.owner_engine.begin() as connection:
        connection.execute(queries.BY_INDEX)
        parameters = queries.Asked(kinds=["billing.try"], sizes={"billing": 100}, per_tenant=100).parameters(now)
        expiring = {"now": now, "silent_max": queries.SILENT_MAX}
        plan = "\n".join(connection.execute(text(f"EXPLAIN {queries.DUE.text}"), parameters).scalars())
        connection.execute(text(queries.BY_INDEX.text.replace("'off'", "'on'")))
        connection.execute(text("ANALYZE control.job"))
        expiry = "\n".join(connection.execute(text(f"EXPLAIN {queries.EXPIRED.text}"), expiring).scalars())
    assert "Index Scan using ix_job_due on job" in plan  # whatever was known of the table when it was planned
    assert "Seq Scan on job" not in plan
    assert "Bitmap" not in plan
    assert "Seq Scan on job" not in expiry


def test_a_job_that_silences_its_workers_again_and_again_becomes_a_dead_letter(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    write(database, tenant, "deadly")
    rounds = 0
    while claim(database, doing(lambda _tx, _jobs: None), tenant_id=tenant.id):
        rounds += 1
        clock.moment += timedelta(minutes=5)
        release_expired(database)
    assert rounds == queries.SILENT_MAX
    assert states(database, tenant) == {"dead": 1}


def test_work_on_another_system_that_ends_after_its_lease_is_not_counted_as_done(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    def slow(_tenant: Tenant, _job: Job) -> None:
        clock.moment += timedelta(minutes=5)
        release_expired(database)

    handlers = Handlers.of(Handler(kind="billing.try", outside=slow))
    write(database, tenant, "a")
    (lease,) = claim(database, handlers, tenant_id=tenant.id)
    assert do_lease(database, handlers, lease.id) == 0
    assert states(database, tenant) == {"retry": 1}
