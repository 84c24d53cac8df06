"""Whose turn it is: shares by plan, room per tenant, people first, and a door that says "later" before a backlog harms others."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from billwright.intake import pressure
from billwright.intake.errors import IntakeFullError
from billwright.intake.jobs import handlers as intake_handlers
from billwright.intake.store_messages import store_messages
from billwright.jobs import queries
from billwright.jobs.claim import claim
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.plans import FRESH, PLANS, STANDARD, plan_of
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, Tx, control_transaction, transaction
from support.intake import message

MakeTenant = Callable[[str], Tenant]
KIND = "webhooks.try"


def outside(_tenant: Tenant, _job: Job) -> None:
    return


def nothing(_tx: Tx, _jobs: object) -> None:
    return


ONE_BY_ONE = Handlers.of(Handler(kind=KIND, outside=outside))


def write(database: Database, tenant: Tenant, number: int, *, priority: int = 0) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        specs = [JobSpec(kind=KIND, key=f"{priority}-{n}-{tx.now}", priority=priority) for n in range(number)]
        enqueue(tx, specs)


def leased(database: Database, *tenants: Tenant) -> dict[str, int]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.tenant_id).where(JobRow.state == "leased", JobRow.kind == KIND)
        counts = Counter(tx.session.scalars(query))
    return {tenant.name: counts[tenant.id] for tenant in tenants}


def on_plan(database: Database, tenant: Tenant, plan: str) -> None:
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(plan=plan))


@pytest.fixture(autouse=True)
def _alone(database: Database) -> None:
    """Rounds here are of all tenants: what other tests of this worker left behind takes no part in them."""
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(update(JobRow).where(JobRow.kind == KIND).values(state="done"))


def test_five_old_backlogs_do_not_push_out_somebodys_only_job(
    database: Database, make_tenant: MakeTenant, clock: SetClock
) -> None:
    old = [make_tenant(f"Old {n}") for n in range(5)]
    for tenant in old:
        write(database, tenant, 50)
    clock.moment = clock.moment.replace(hour=13)
    fresh = make_tenant("Fresh")
    write(database, fresh, 1)
    claim(database, ONE_BY_ONE, out_max=6, queues=["webhooks"])
    assert leased(database, *old, fresh) == {**{tenant.name: 1 for tenant in old}, "Fresh": 1}


def test_a_round_is_shared_by_weight(database: Database, make_tenant: MakeTenant) -> None:
    small, large = make_tenant("Small"), make_tenant("Large")
    on_plan(database, large, "enterprise")
    for tenant in (small, large):
        write(database, tenant, 60)
    claim(database, ONE_BY_ONE, out_max=20, queues=["webhooks"])
    assert leased(database, small, large) == {"Small": 4, "Large": 16}


def test_no_tenant_has_more_under_way_than_its_plan_allows(database: Database, make_tenant: MakeTenant) -> None:
    tenant = make_tenant("Busy")
    write(database, tenant, 60)
    leases = claim(database, ONE_BY_ONE, queues=["webhooks"])
    assert leased(database, tenant) == {"Busy": FRESH * STANDARD.leases}  # at once, as nothing was under way
    for number, lease in enumerate(leases, start=1):
        assert claim(database, ONE_BY_ONE, queues=["webhooks"]) == []
        if number > (FRESH - 1) * STANDARD.leases:
            break
        do_lease(database, ONE_BY_ONE, lease.id)
    assert leased(database, tenant) == {"Busy": STANDARD.leases}
    do_lease(database, ONE_BY_ONE, leases[-1].id)
    assert len(claim(database, ONE_BY_ONE, queues=["webhooks"])) == 1


def test_what_finds_no_room_is_not_locked(database: Database, make_tenant: MakeTenant) -> None:
    tenant = make_tenant("Busy")
    write(database, tenant, 60)
    out = [queries.Out("webhooks", tenant.id, KIND, jobs=1, leases=STANDARD.leases - 3, suspects=0)]
    asked = queries.Asked(
        kinds=[KIND], sizes=ONE_BY_ONE.sizes, per_tenant=100, out=out, queues=["webhooks"], tenant_id=tenant.id
    )
    with control_transaction(database, SYSTEM) as tx:
        assert len(queries.due_jobs(tx.session, tx.now, asked)) == 3


def test_a_kind_may_ask_for_less(database: Database, make_tenant: MakeTenant) -> None:
    tenant = make_tenant("Hook")
    write(database, tenant, 10)
    few = Handlers.of(Handler(kind=KIND, outside=outside, leases_max=3))
    assert len(claim(database, few, queues=["webhooks"])) == 3


def test_a_persons_action_comes_first_whoever_waits(
    database: Database, make_tenant: MakeTenant, clock: SetClock
) -> None:
    bulk, person = make_tenant("Bulk"), make_tenant("Person")
    write(database, bulk, 50)
    clock.moment = clock.moment.replace(hour=13)
    write(database, person, 1, priority=10)
    claim(database, ONE_BY_ONE, out_max=1, queues=["webhooks"])
    assert leased(database, bulk, person) == {"Bulk": 0, "Person": 1}


def test_an_unknown_plan_is_the_standard_one() -> None:
    assert plan_of("made up by hand") == STANDARD
    assert all(plan.weight >= 1 and plan.leases >= plan.weight for plan in PLANS.values())


def send(database: Database, tenant: Tenant, number: int) -> str:
    (result,) = store_messages(
        database, tenant, SYSTEM, [message("customer", number, ref=f"C{number}", name="x")], channel="api"
    )
    return result.status


def test_a_full_intake_says_later_and_takes_again_when_it_is_worked_off(
    database: Database, make_tenant: MakeTenant
) -> None:
    flooded, other = make_tenant("Flooded"), make_tenant("Other")
    with transaction(database, flooded, SYSTEM) as tx:
        specs = [
            JobSpec(kind="intake.apply", key=f"apply:{n}", payload={"message_ids": []})
            for n in range(STANDARD.intake_jobs)
        ]
        enqueue(tx, specs)
    with pytest.raises(IntakeFullError) as full:
        send(database, flooded, 1)
    assert full.value.facts["retry_after_s"] == pressure.RETRY_AFTER_S
    assert send(database, other, 1) == "accepted"
    assert send(database, replace(flooded, plan="business"), 1) == "accepted"
    drain(database, Handlers.of(*intake_handlers({})), tenant_id=flooded.id)
    assert send(database, flooded, 2) == "accepted"
