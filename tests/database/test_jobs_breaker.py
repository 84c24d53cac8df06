"""Breakers: a system that does not answer is left alone, asked by one probe, and everything goes on when it is back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billwright.audit.tables import AuditEntryRow
from billwright.extension.connectors import RejectedError, ThrottledError, TransientError
from billwright.jobs.breaker import FAILURES_MAX, PROBE_FOR, Breaker, Systems, open_breakers, systems_of
from billwright.jobs.claim import claim
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.failures import LaterError
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import JobRow
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

KIND = "connectors.try"


@dataclass
class Erp:
    """Another system: it does what it is told, and counts who calls."""

    calls: list[str] = field(default_factory=list)
    fault: Callable[[], Exception | None] | None = None

    def call(self, _tenant: Tenant, job: Job) -> None:
        self.calls.append(job.key)
        if self.fault is not None and (error := self.fault()) is not None:
            raise error


@dataclass
class Line:
    """Jobs that call ``erp`` through its breaker."""

    database: Database
    tenant: Tenant
    clock: SetClock
    erp: Erp = field(default_factory=Erp)

    @property
    def handlers(self) -> Handlers:
        return Handlers.of(
            Handler(kind=KIND, outside=self.erp.call, attempts_max=5, breaker=lambda _job: "connection:erp")
        )

    @property
    def systems(self) -> Systems:
        return systems_of(self.handlers)

    def write(self, *keys: str) -> None:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            enqueue(tx, [JobSpec(kind=KIND, key=key) for key in keys])

    def drain(self) -> int:
        return drain(self.database, self.handlers, tenant_id=self.tenant.id)

    def states(self) -> dict[str, int]:
        with control_transaction(self.database, SYSTEM) as tx:
            query = select(JobRow.state, func.count()).where(JobRow.tenant_id == self.tenant.id).group_by(JobRow.state)
            return {row[0]: row[1] for row in tx.session.execute(query)}

    def attempts(self) -> list[int]:
        with control_transaction(self.database, SYSTEM) as tx:
            query = select(JobRow.attempts).where(JobRow.tenant_id == self.tenant.id).order_by(JobRow.attempts)
            return list(tx.session.scalars(query))

    def open(self) -> list[str]:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            return [row.key for row in open_breakers(tx)]

    def audit(self) -> list[str]:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            query = select(AuditEntryRow.action).where(AuditEntryRow.action.startswith("breaker."))
            return list(tx.session.scalars(query.order_by(AuditEntryRow.id)))


@pytest.fixture
def line(database: Database, tenant: Tenant, clock: SetClock) -> Line:
    return Line(database, tenant, clock)


def away() -> Exception:
    return TransientError("No route to the ERP.")


def test_after_three_failures_nobody_calls_until_the_probe_and_then_all_go_on(line: Line) -> None:
    line.erp.fault = away
    line.write(*(f"{n}" for n in range(10)))
    line.drain()
    assert len(line.erp.calls) == FAILURES_MAX
    assert line.open() == ["connection:erp"]
    line.clock.moment += timedelta(seconds=11)
    line.drain()
    assert len(line.erp.calls) == FAILURES_MAX
    line.erp.fault = None
    line.clock.moment += timedelta(seconds=20)
    line.drain()
    assert line.states() == {"done": 10}
    assert line.open() == []
    assert line.audit() == ["breaker.opened", "breaker.closed"]


def test_waiting_counts_no_attempt_however_long(line: Line) -> None:
    line.erp.fault = away
    line.write(*(f"{n}" for n in range(6)))
    line.drain()
    for _ in range(40):
        line.clock.moment += timedelta(minutes=9)
        line.drain()
    assert line.states() == {"retry": 6}
    assert FAILURES_MAX < len(line.erp.calls) <= FAILURES_MAX + 40  # one probe at a time
    assert sum(line.attempts()) == FAILURES_MAX  # a probe is no attempt
    assert len(set(line.erp.calls)) > FAILURES_MAX  # and another's turn each time


def test_one_that_ends_every_call_holds_up_nobody(line: Line) -> None:
    line.erp.fault = away
    line.write("0", "1", "2", "3")
    line.drain()
    line.erp.fault = lambda: away() if line.erp.calls[-1] == "1" else None
    for _ in range(3):
        line.clock.moment += timedelta(minutes=9)
        line.drain()
    assert line.states() == {"done": 3, "retry": 1}


def test_pauses_grow_to_two_minutes_while_it_stays_away(line: Line) -> None:
    line.erp.fault = away
    breaker = Breaker(line.database, line.tenant, "connection:erp", line.systems)
    for _ in range(FAILURES_MAX):
        breaker.failed(away())
    waits = []
    for _ in range(7):
        with pytest.raises(LaterError) as later:
            breaker.enter()
        waits.append((later.value.at - line.clock.now()).total_seconds())
        line.clock.moment = later.value.at
        breaker.enter()
        breaker.failed(away())
    assert waits[:4] == sorted(waits[:4])
    assert 12 <= waits[0] <= 18
    assert all(96 <= wait <= 144 for wait in waits[3:])


def test_a_job_that_waits_alone_outlasts_an_outage_of_a_day(line: Line) -> None:
    line.erp.fault = away
    line.write("only")
    for _ in range(24 * 30):
        line.drain()
        line.clock.moment += timedelta(minutes=2)
    assert line.states() == {"retry": 1}
    assert len(line.erp.calls) > 100
    line.erp.fault = None
    line.clock.moment += timedelta(minutes=20)
    line.drain()
    assert line.states() == {"done": 1}


def test_a_job_that_no_answer_ever_comes_for_is_a_dead_letter_in_the_end(line: Line) -> None:
    line.erp.fault = away
    line.write("only")
    for _ in range(24 * 6):
        line.drain()
        line.clock.moment += timedelta(hours=1)
    assert line.states() == {"dead": 1}


def test_only_one_probes_and_a_probe_that_died_is_replaced(line: Line) -> None:
    breaker = Breaker(line.database, line.tenant, "connection:erp", line.systems)
    for _ in range(FAILURES_MAX):
        breaker.failed(away())
    line.clock.moment += timedelta(minutes=1)
    breaker.enter()  # and dies
    with pytest.raises(LaterError, match="being asked"):
        breaker.enter()
    line.clock.moment += PROBE_FOR
    breaker.enter()


@pytest.mark.parametrize(
    "answer", [lambda: RejectedError("No such account.", remedy="Mend it."), lambda: ValueError("a bug of ours")]
)
def test_a_refusal_is_an_answer(line: Line, answer: Callable[[], Exception]) -> None:
    line.erp.fault = answer
    line.write(*(f"{n}" for n in range(5)))
    line.drain()
    assert len(line.erp.calls) == 5
    assert line.open() == []


def test_failures_must_come_in_a_row(line: Line) -> None:
    line.erp.fault = away
    line.write("a", "b")
    line.drain()
    line.erp.fault = None
    line.write("c")
    line.drain()
    line.erp.fault = away
    line.write("d", "e")
    line.drain()
    assert line.open() == []


def test_who_asks_to_be_left_alone_is(line: Line) -> None:
    line.erp.fault = lambda: ThrottledError("Slow down.", retry_after_s=3600)
    line.write("a", "b", "c")
    line.drain()
    assert len(line.erp.calls) == 1
    line.erp.fault = None
    line.clock.moment += timedelta(minutes=55)
    line.drain()
    assert len(line.erp.calls) == 1
    line.clock.moment += timedelta(minutes=6)
    line.drain()
    assert line.states() == {"done": 3}


def test_who_asks_for_a_second_gets_a_second_however_often(line: Line) -> None:
    line.erp.fault = lambda: ThrottledError("Slow down.", retry_after_s=1)
    line.write("a")
    for asked in range(1, 6):
        line.drain()
        assert len(line.erp.calls) == asked
        line.clock.moment += timedelta(seconds=30)  # the job's own pause; the system's is over long before
    line.erp.fault = away  # it was never away: one failure is one
    line.drain()
    line.erp.fault = None
    line.write("b")
    line.drain()
    assert line.states() == {"done": 2}


def test_another_tenants_breaker_is_its_own(line: Line, make_tenant: Callable[[str], Tenant]) -> None:
    line.erp.fault = away
    line.write("a", "b", "c", "d")
    line.drain()
    other = Line(line.database, make_tenant("Other"), line.clock)
    other.write("x")
    other.drain()
    assert other.states() == {"done": 1}


def test_many_failures_of_one_moment_open_it_once(line: Line) -> None:
    line.write(*(f"{n}" for n in range(8)))
    leases = claim(line.database, line.handlers, tenant_id=line.tenant.id)
    assert len(leases) == 8
    breaker = Breaker(line.database, line.tenant, "connection:erp", line.systems)
    for _ in range(8):  # all under way before the first came back
        breaker.failed(away())
    with pytest.raises(LaterError) as later:
        breaker.enter()
    assert later.value.at - line.clock.now() <= timedelta(seconds=20)
    for lease in leases:
        do_lease(line.database, line.handlers, lease.id)
    assert line.erp.calls == []
