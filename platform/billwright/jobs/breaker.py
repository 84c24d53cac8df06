"""A breaker per tenant and other system: when it does not answer, jobs wait instead of hammering, one probe asks, all go on.

Closed: everybody calls. After ``FAILURES_MAX`` failures in a row it is open: jobs go back into the line until ``retry_at``.
One that asks to slow down did answer: it is left alone for just as long as it asks.
Then it is half open: one job probes; if it is answered, whatever the answer says, the breaker is closed and what waited is
due at once. Times are real ones: a sandbox's clock means nothing to the other side. What failed is tried again within the
system's budget of retries (``jobs/budget.py``), whether the breaker is open or not.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Uuid, any_, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from billwright.audit.record import record
from billwright.extension.connectors import ThrottledError, TransientError
from billwright.jobs.budget import earn, retries_left, spend
from billwright.jobs.failures import LaterError
from billwright.jobs.handlers import Handlers, Job
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.backoff import pause
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

FAILURES_MAX: Final = 3
# Never longer than two minutes: one question costs the other side nothing, and what is back shall not be left waiting.
PAUSES_S: Final = (15, 30, 60, 120)
ASKED_MIN_S: Final = 1.0
PROBE_FOR: Final = timedelta(seconds=120)
"""How long nobody else probes: longer than a call may take, so that only a crash outlasts it."""
BEHIND: Final = timedelta(seconds=2)
"""Who asked in vain goes behind the others: another job asks next, lest one that ends every call hold them all."""
OUTAGE_MAX: Final = timedelta(days=3)
"""A job that asks whether a system is back loses no attempt by it, for so long: who waits alone must outlast the outage."""
NOT_ANSWERED: Final = (TransientError, ThrottledError, ConnectionError, TimeoutError)
Systems = Mapping[str, Callable[[Job], str]]
"""By kind of job that has a breaker: which system a job calls."""
log = structlog.get_logger("billwright.jobs")


def systems_of(handlers: Handlers) -> Systems:
    return {kind: handler.breaker for kind, handler in handlers.by_kind.items() if handler.breaker is not None}


@dataclass(slots=True)
class Breaker:
    """One call through the breaker of ``key`` (``connection:tryton``, ``mail``): enter, act, then say how it went."""

    database: Database
    tenant: Tenant
    key: str
    systems: Systems
    """To find the jobs that wait for it, of whatever kind."""
    probes: bool = field(default=False, init=False)
    """Whether this call only asks if the system is back, so that its failure is no attempt of the job's."""
    _troubled: bool = field(default=False, init=False)

    def enter(self) -> None:
        """Pass, perhaps as the probe.

        Raises:
            LaterError: it is open; when to ask again.
        """
        now = self.database.clock.now()
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            row = tx.session.get(BreakerRow, self.key)
            if row is None:
                return
            budget_used = earn(row.budget_full_at, now) is not None
            self._troubled = row.failures > 0 or row.opened_at is not None or budget_used
            if row.opened_at is None:
                return
            if row.retry_at is not None and row.retry_at > now:
                in_any_order = BEHIND * random.random()  # noqa: S311  # whose turn it is to ask, not a secret
                raise LaterError(f"{self.key} does not answer: {row.reason}", at=row.retry_at + in_any_order)
            free = or_(BreakerRow.probe_until.is_(None), BreakerRow.probe_until <= now)
            statement = update(BreakerRow).where(BreakerRow.key == self.key, free).values(probe_until=now + PROBE_FOR)
            if tx.session.scalars(statement.returning(BreakerRow.key)).one_or_none() is None:
                raise LaterError(f"{self.key} is being asked whether it answers again.", at=now + timedelta(seconds=5))
            self.probes = row.opened_at > now - OUTAGE_MAX

    def failed(self, error: Exception, *, again: bool = True) -> datetime:
        """It did not answer, or asked to be left alone. Return before when a retry may not run; ``again``: there is one."""
        now = self.database.clock.now()
        asked = timedelta(seconds=max(error.retry_after_s, ASKED_MIN_S)) if isinstance(error, ThrottledError) else None
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            row = _count(tx, self.key, now, failures=1 if asked is None else 0)
            row.reason, row.probe_until = str(error)[:500], None
            not_before = now
            if again:
                row.budget_full_at, not_before = spend(row.budget_full_at, now)
            if row.failures < FAILURES_MAX and asked is None:
                return not_before
            if row.opened_at is None:
                row.opened_at = now
                what = "system does not answer" if asked is None else "system asks to slow down"
                log.warning(what, tenant=self.tenant.slug, breaker=self.key)
                record(tx, "breaker.opened", "breaker", None, after={"key": self.key, "reason": row.reason})
            elif row.retry_at is not None and row.retry_at > now and asked is None:
                return not_before  # another call of the same moment said so already
            if asked is None:
                row.times_opened += 1
                asked = pause(PAUSES_S, row.times_opened)
            row.retry_at = until = max(row.retry_at or now, now + asked)
            if self.probes:
                not_before = max(not_before, until + BEHIND)
        return not_before

    def answered(self) -> None:
        """It answered, be it with a refusal: close, and let go on what waits. One transaction only after trouble."""
        if self._troubled:
            self.renew()

    def renew(self) -> None:
        """Close it and let go on what waits: what stands behind it answered, or was replaced by something else."""
        now = self.database.clock.now()
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            query = select(BreakerRow).where(BreakerRow.key == self.key).with_for_update()
            row = tx.session.scalars(query).one_or_none()
            if row is None:
                return
            was_open = row.opened_at is not None
            row.failures = row.times_opened = 0
            row.opened_at = row.retry_at = row.probe_until = row.reason = None
            row.budget_full_at = earn(row.budget_full_at, now)
            row.updated_at = now
            if was_open:
                record(tx, "breaker.closed", "breaker", None, after={"key": self.key})
                row.budget_full_at = self._let_go(tx, row.budget_full_at, now)

    def _let_go(self, tx: Tx, full_at: datetime | None, now: datetime) -> datetime | None:
        """Make due what waits for this system: all that was only put off, and of what failed as much as the budget has left."""
        query = (
            select(JobRow.id, JobRow.kind, JobRow.key, JobRow.payload, JobRow.attempts, JobRow.error_class)
            .where(JobRow.tenant_id == self.tenant.id, JobRow.kind.in_(self.systems), JobRow.state == "retry")
            .where(JobRow.error_class.in_(("later", "transient", "throttled")), JobRow.run_at > now)
            .order_by(JobRow.run_at)
        )
        due = []
        for row in tx.session.execute(query):
            job = Job(id=row.id, kind=row.kind, key=row.key, payload=row.payload, attempts=row.attempts)
            if self.systems[row.kind](job) != self.key:
                continue
            if row.error_class != "later":
                if retries_left(full_at, now) <= 0:
                    continue
                full_at, _ = spend(full_at, now)
            due.append(row.id)
        waiting = update(JobRow).where(JobRow.id == any_(literal(due, ARRAY(Uuid))), JobRow.state == "retry")
        tx.session.execute(waiting.values(run_at=now).execution_options(synchronize_session=False))
        return full_at


def open_breakers(tx: Tx) -> list[BreakerRow]:
    """What does not answer this tenant now, longest first."""
    query = select(BreakerRow).where(BreakerRow.opened_at.is_not(None)).order_by(BreakerRow.opened_at)
    return list(tx.session.scalars(query))


def strained(tx: Tx) -> list[BreakerRow]:
    """What does not answer this tenant now, longest first; then what it has fewer retries left for than there may be."""
    now = tx.database.clock.now()
    query = (
        select(BreakerRow)
        .where(or_(BreakerRow.opened_at.is_not(None), BreakerRow.budget_full_at > now))
        .order_by(BreakerRow.opened_at.asc().nulls_last(), BreakerRow.key)
    )
    return list(tx.session.scalars(query))


def put_off(database: Database, tenant: Tenant, key: str) -> datetime:
    """Before when a retry of what has no breaker, ``queue:documents`` for one, may not run: it has a budget, too."""
    now = database.clock.now()
    with transaction(database, tenant, SYSTEM) as tx:
        fresh = {"key": key, "failures": 0, "times_opened": 0, "updated_at": now}
        tx.session.execute(insert(BreakerRow).values([fresh]).on_conflict_do_nothing())
        row = tx.session.scalars(select(BreakerRow).where(BreakerRow.key == key).with_for_update()).one()
        row.budget_full_at, not_before = spend(row.budget_full_at, now)
        row.updated_at = now
    return not_before


def _count(tx: Tx, key: str, now: datetime, *, failures: int) -> BreakerRow:
    """The breaker's row, locked, with so many failures more."""
    fresh = {"key": key, "failures": failures, "times_opened": 0, "updated_at": now}
    statement = insert(BreakerRow).values([fresh])
    statement = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"failures": BreakerRow.failures + failures, "updated_at": now},
    )
    tx.session.execute(statement)
    return tx.session.scalars(select(BreakerRow).where(BreakerRow.key == key).with_for_update()).one()
