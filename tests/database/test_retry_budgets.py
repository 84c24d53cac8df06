"""A system that answers every now and then is not hammered: its retries stay within a budget, whatever failed and how often."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from billwright.extension.connectors import RejectedError, TransientError
from billwright.jobs.budget import RETRIES_MAX, retries_left
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import JobSpec
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

POST, MAIL = "connectors.try_post", "connectors.try_mail"


@dataclass
class HalfDead:
    """Answers every second call; of the calls it notes when, and whether it was a retry."""

    clock: SetClock
    calls: list[tuple[datetime, bool]] = field(default_factory=list)
    dead: bool = False

    def call(self, _tenant: Tenant, job: Job) -> None:
        self.calls.append((self.clock.now(), job.attempts > 1))
        if self.dead or len(self.calls) % 2:
            raise TransientError("502")

    @property
    def retries(self) -> int:
        return sum(again for _, again in self.calls)


@dataclass
class Line:
    database: Database
    tenant: Tenant
    clock: SetClock
    handlers: Handlers

    def write(self, kind: str, count: int, **payload: str) -> None:
        specs = [JobSpec(kind=kind, key=f"{kind}:{payload}:{n}", payload=payload) for n in range(count)]
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            enqueue(tx, specs)

    def drain(self) -> int:
        return drain(self.database, self.handlers, tenant_id=self.tenant.id)

    def jobs(self) -> list[JobRow]:
        with control_transaction(self.database, SYSTEM) as tx:
            return list(tx.session.scalars(select(JobRow).where(JobRow.tenant_id == self.tenant.id)))

    def left(self, key: str) -> int:
        with transaction(self.database, self.tenant, SYSTEM) as tx:
            row = tx.session.get(BreakerRow, key)
            return retries_left(row.budget_full_at if row else None, self.clock.now())


@pytest.fixture
def erp(clock: SetClock) -> HalfDead:
    return HalfDead(clock)


@pytest.fixture
def line(database: Database, tenant: Tenant, clock: SetClock, erp: HalfDead) -> Line:
    handler = Handler(kind=POST, outside=erp.call, attempts_max=50, breaker=lambda _job: "connection:erp")
    return Line(database, tenant, clock, Handlers.of(handler))


def test_retries_stay_within_the_budget_and_all_is_done_in_the_end(line: Line, erp: HalfDead) -> None:
    jobs = 120
    line.write(POST, jobs)
    line.drain()
    first_tries = len(erp.calls) - erp.retries
    assert first_tries == jobs
    assert line.left("connection:erp") < 0  # what failed stands in line
    seconds = 0
    while line.drain() or any(job.state != "done" for job in line.jobs()):
        seconds += 1
        line.clock.moment += timedelta(seconds=1)
        assert erp.retries <= RETRIES_MAX + seconds + len(erp.calls) / 10
        assert seconds < 600
    assert erp.retries >= jobs / 2
    line.clock.moment += timedelta(minutes=5)
    assert line.left("connection:erp") == RETRIES_MAX


def test_standing_in_line_is_no_attempt_and_asks_nobody(line: Line, erp: HalfDead) -> None:
    line.write(POST, 100)
    line.drain()
    assert sum(job.attempts for job in line.jobs()) == len(erp.calls)
    waiting = sorted(job.run_at for job in line.jobs() if job.state == "retry")
    assert waiting[-1] - waiting[0] >= timedelta(seconds=(len(waiting) - RETRIES_MAX) * 0.75)


def test_another_system_and_another_tenant_have_budgets_of_their_own(
    line: Line, erp: HalfDead, make_tenant: Callable[[str], Tenant]
) -> None:
    line.write(POST, 100)
    line.drain()
    assert line.left("connection:erp") < 0
    assert line.left("connection:other") == RETRIES_MAX
    other = Line(line.database, make_tenant("Other"), line.clock, line.handlers)
    other.write(POST, 4)
    other.drain()
    assert other.left("connection:erp") >= RETRIES_MAX - 4


def test_a_refusal_is_no_retry_and_costs_nothing(line: Line, database: Database, tenant: Tenant) -> None:
    def refuse(_tenant: Tenant, _job: Job) -> None:
        raise RejectedError("No such account.", remedy="Add it.")

    line.handlers = Handlers.of(Handler(kind=POST, outside=refuse, breaker=lambda _job: "connection:erp"))
    line.write(POST, 50)
    line.drain()
    assert {job.state for job in line.jobs()} == {"dead"}
    assert line.left("connection:erp") == RETRIES_MAX


def test_the_last_attempt_takes_no_retry(line: Line, erp: HalfDead) -> None:
    erp.dead = True
    line.handlers = Handlers.of(Handler(kind=POST, outside=erp.call, attempts_max=1))
    line.write(POST, 5)
    line.drain()
    assert {job.state for job in line.jobs()} == {"dead"}
    assert line.left("queue:connectors") == RETRIES_MAX


def test_work_without_a_breaker_has_the_budget_of_its_queue(line: Line, erp: HalfDead) -> None:
    erp.dead = True
    line.handlers = Handlers.of(Handler(kind=POST, outside=erp.call, attempts_max=50))
    line.write(POST, 60)
    line.drain()
    assert line.left("queue:connectors") == RETRIES_MAX - 60
    waiting = sorted(job.run_at for job in line.jobs())
    assert waiting[-1] >= line.clock.now() + timedelta(seconds=50)


def test_back_again_all_kinds_that_wait_for_it_go_on_and_no_other(line: Line, erp: HalfDead) -> None:
    """Invoices and reminders go by one mail server; another connection's postings wait for their own."""
    erp.dead = True
    line.handlers = Handlers.of(
        Handler(kind=POST, outside=erp.call, attempts_max=50, breaker=lambda job: str(job.payload["to"])),
        Handler(kind=MAIL, outside=erp.call, attempts_max=50, breaker=lambda _job: "mail"),
    )
    line.write(POST, 5, to="mail")
    line.write(MAIL, 5)
    line.write(POST, 5, to="connection:books")
    line.drain()
    assert len(erp.calls) == 6  # three each, then both are left alone
    line.clock.moment += timedelta(seconds=40)
    with transaction(line.database, line.tenant, SYSTEM) as tx:
        tx.session.get_one(BreakerRow, "connection:books").retry_at = line.clock.now() + timedelta(hours=1)
    before = len(erp.calls)
    line.handlers = Handlers.of(
        Handler(kind=POST, outside=lambda *_: None, attempts_max=50, breaker=lambda job: str(job.payload["to"])),
        Handler(kind=MAIL, outside=lambda *_: None, attempts_max=50, breaker=lambda _job: "mail"),
    )
    line.drain()
    assert len(erp.calls) == before
    states = {(job.kind, str(job.payload.get("to"))): job.state for job in line.jobs()}
    assert states == {(POST, "mail"): "done", (MAIL, "None"): "done", (POST, "connection:books"): "retry"}
