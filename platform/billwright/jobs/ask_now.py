"""Use case: a person has a system that does not answer asked now, instead of when its breaker would ask again."""

from datetime import datetime
from typing import Final, Literal

from sqlalchemy import ColumnElement, select, update

from billwright.audit.record import record
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import Actor
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

NEEDS: Final = ("connection:write", "job:retry")
"""Either of them is enough."""
Asked = Literal["asked", "nobody_waits", "being_asked", "answers"]
"""What came of it: a job asks at once; the next job will; one is asking already; there is nothing to ask."""


def ask_now(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    key: str,
    callers: ColumnElement[bool],
    *,
    trace_id: str | None = None,
) -> Asked:
    """End the pause of the open breaker ``key`` and make the job that waits longest due, as the probe.

    ``callers``: which rows of ``JobRow`` call that system; the rooms that own the jobs know it. The others go on waiting
    until the probe is answered. Asking twice does no more than asking once.

    Raises:
        PermissionDeniedError: without ``connection:write`` and ``job:retry``.
        NotFoundError: nothing of that name was ever in trouble here.
    """
    if not any(actor.may(each) for each in NEEDS):
        actor.require(NEEDS[0])
    now = database.clock.now()  # breakers keep to real time, whatever a sandbox's clock says
    with transaction(database, tenant, actor, trace_id=trace_id) as tx:
        row = tx.session.scalars(select(BreakerRow).where(BreakerRow.key == key).with_for_update()).one_or_none()
        if row is None:
            raise NotFoundError(f"Nothing called {key[:60]!r} is in trouble here.")
        if row.opened_at is None:
            return "answers"
        if row.probe_until is not None and row.probe_until > now:
            return "being_asked"
        before = {"key": key, "retry_at": row.retry_at}
        row.retry_at = row.updated_at = now
        record(tx, "breaker.asked", "breaker", None, before=before, after={"key": key, "retry_at": now})
        return "asked" if _bring_forward(tx, callers, now) else "nobody_waits"


def _bring_forward(tx: Tx, callers: ColumnElement[bool], now: datetime) -> bool:
    """Whether a job waits; one alone becomes due, for only one may probe."""
    first = (
        select(JobRow.id)
        .where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "retry", callers)
        .order_by(JobRow.run_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job_id = tx.session.scalars(first).one_or_none()
    if job_id is None:
        return False
    statement = update(JobRow).where(JobRow.id == job_id, JobRow.run_at > now).values(run_at=now)
    tx.session.execute(statement, execution_options={"synchronize_session": False})
    return True
