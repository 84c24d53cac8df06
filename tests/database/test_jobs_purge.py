"""Jobs that are over go after a while, a bounded number at a time; what anybody may still have to see to stays."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import ProgrammingError

from billwright.jobs.purge_jobs import BATCH_ROWS_MAX, purge_jobs
from billwright.jobs.tables import OVER, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.kernel.settings import read_settings
from billwright.tenancy.database import Database
from billwright.tenancy.provision import role_of
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.housekeeping import housekeeping

MONTH = timedelta(days=30)
STATES = ("queued", "retry", "leased", "dead", "done", "resolved")


@pytest.fixture(autouse=True)
def nothing_over(database: Database) -> None:
    """The control plane is shared with the tests before."""
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(delete(JobRow).where(OVER))


def add(database: Database, tenant: Tenant, state: str, age: timedelta, count: int = 1) -> None:
    at = database.clock.now() - age
    rows = [
        {
            "id": new_id(), "tenant_id": tenant.id, "role_name": role_of(tenant.id), "queue": "billing", "kind": "billing.try",
            "key": str(new_id()), "payload": {}, "state": state, "run_at": at, "created_at": at, "updated_at": at,
        }
        for _ in range(count)
    ]  # fmt: skip
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(insert(JobRow), rows)


def left(database: Database, *tenants: UUID) -> list[str]:
    with control_transaction(database, SYSTEM) as tx:
        return sorted(tx.session.scalars(select(JobRow.state).where(JobRow.tenant_id.in_(tenants))))


def test_only_what_was_over_for_long_goes_whoever_it_was_for(
    database: Database, make_tenant: Callable[[str], Tenant]
) -> None:
    tenants = [make_tenant("One"), make_tenant("Two")]
    for tenant in tenants:
        for state in STATES:
            add(database, tenant, state, MONTH + timedelta(seconds=1))
            add(database, tenant, state, MONTH)
    assert not purge_jobs(database, kept=MONTH)
    for tenant in tenants:
        assert left(database, tenant.id) == sorted([*STATES, "queued", "retry", "leased", "dead"])


def test_a_call_deletes_a_bounded_number_the_oldest_first(database: Database, tenant: Tenant) -> None:
    add(database, tenant, "done", 2 * MONTH, count=BATCH_ROWS_MAX)
    add(database, tenant, "resolved", MONTH + timedelta(days=1), count=3)
    assert purge_jobs(database, kept=MONTH)
    assert left(database, tenant.id) == ["resolved"] * 3
    assert not purge_jobs(database, kept=MONTH)
    assert left(database, tenant.id) == []


def test_the_house_does_it_by_itself_batch_after_batch(
    database: Database, tenant: Tenant, clock: SetClock, tmp_path: Path
) -> None:
    each_second = housekeeping(
        database, read_settings({"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_JOBS_KEPT_DAYS": "7"})
    )
    add(database, tenant, "done", timedelta(days=8), count=BATCH_ROWS_MAX + 1)
    add(database, tenant, "done", timedelta(days=6))
    each_second()
    assert len(left(database, tenant.id)) == 2
    each_second()
    assert len(left(database, tenant.id)) == 1
    clock.moment += timedelta(days=1, hours=1)
    each_second()
    assert left(database, tenant.id) == []


def test_a_tenant_deletes_no_job(database: Database, tenant: Tenant) -> None:
    add(database, tenant, "done", 2 * MONTH)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(delete(JobRow))
    assert left(database, tenant.id) == ["done"]


def test_less_than_a_day_is_a_day() -> None:
    assert read_settings({}).jobs_kept_days == 30
    assert read_settings({"BILLWRIGHT_JOBS_KEPT_DAYS": "0"}).jobs_kept_days == 1
