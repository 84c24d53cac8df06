"""Systems that do not answer: what the connections' page says of them, and asking them now instead of later."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.collections.remind import MAIL as MAIL_REMINDER
from billwright.extension.connectors import TransientError
from billwright.jobs.ask_now import ask_now
from billwright.jobs.breaker import FAILURES_MAX, Breaker, systems_of
from billwright.jobs.budget import RETRIES_MAX
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers, Job
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.events import JobSpec
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.composition import all_handlers
from billwright.web.portal.queries_breakers import MAIL_INVOICE, POST, callers, silent_systems
from support.http import settings_for
from support.pipeline import Firm
from support.visitors import LogIn, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
BOOKS = "connection:tryton"


@dataclass
class Systems:
    """Two connections and the mail server; those in ``away`` do not answer."""

    firm: Firm
    away: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    @property
    def handlers(self) -> Handlers:
        kinds = {POST: lambda job: f"connection:{job.payload['connection']}", MAIL_INVOICE: lambda _job: "mail",
                 MAIL_REMINDER: lambda _job: "mail"}  # fmt: skip
        return Handlers.of(*(self._handler(kind, key) for kind, key in kinds.items()))

    def _handler(self, kind: str, key: Callable[[Job], str]) -> Handler:
        def act(_tenant: Tenant, job: Job) -> None:
            self.calls.append(job.key)
            if key(job) in self.away:
                raise TransientError("No route to it; password=hunter2 was not asked for.")

        return Handler(kind=kind, outside=act, attempts_max=20, breaker=key)

    def write(self, kind: str, *keys: str, connection: str = "tryton") -> None:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            enqueue(tx, [JobSpec(kind=kind, key=key, payload={"connection": connection}) for key in keys])

    def drain(self) -> list[str]:
        """The calls that it made."""
        before = len(self.calls)
        drain(self.firm.database, self.handlers, tenant_id=self.firm.tenant.id)
        return self.calls[before:]

    def audit(self) -> list[str]:
        with transaction(self.firm.database, self.firm.tenant, SYSTEM) as tx:
            query = select(AuditEntryRow.action).where(AuditEntryRow.action.startswith("breaker."))
            return list(tx.session.scalars(query.order_by(AuditEntryRow.id)))

    def states(self) -> dict[str, str]:
        with control_transaction(self.firm.database, SYSTEM) as tx:
            query = select(JobRow.key, JobRow.state).where(JobRow.tenant_id == self.firm.tenant.id)
            return {row.key: row.state for row in tx.session.execute(query)}


@pytest.fixture
def systems(make_firm: Callable[[TenantConfiguration], Firm]) -> Systems:
    return Systems(make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False)))


def silence(systems: Systems) -> None:
    """The books do not answer; five postings wait for them."""
    systems.away = {BOOKS}
    systems.write(POST, *"abcde")
    assert len(systems.drain()) == FAILURES_MAX


def test_what_does_not_answer_says_so_and_is_asked_now(systems: Systems, log_in_to: LogIn) -> None:
    ana = log_in_to(systems.firm, "ana@acme.example", "integration_administrator")
    silence(systems)
    systems.write(POST, "other", connection="sap")
    assert systems.drain() == ["other"]
    page = text_of(ana.get("connectors")[1])
    assert f"{RETRIES_MAX - FAILURES_MAX} retries are left at once." in page
    assert "tryton does not answer , since just now . No route to it; password= [removed]" in page.replace(
        "=[removed]", "= [removed]"
    )
    assert "5 jobs wait for it and go on by themselves when it answers." in page
    assert systems.drain() == []
    systems.away.clear()
    status, where = ana.post("connectors/ask", key=BOOKS)
    assert (status, where) == (303, f"{ana.base}/connectors")
    assert "tryton is asked now, by one job" in ana.get("connectors")[1]
    assert len(systems.drain()) == 5
    assert set(systems.states().values()) == {"done"}
    assert "does not answer" not in ana.get("connectors")[1]
    assert systems.audit() == ["breaker.opened", "breaker.asked", "breaker.closed"]


def test_asked_now_it_is_asked_by_one_job_and_not_hammered(systems: Systems) -> None:
    silence(systems)
    database, tenant = systems.firm.database, systems.firm.tenant
    for _ in range(2):
        assert ask_now(database, tenant, SYSTEM, BOOKS, callers(BOOKS)) == "asked"
    assert len(systems.drain()) == 1
    with transaction(database, tenant, SYSTEM) as tx:
        row = tx.session.get_one(BreakerRow, BOOKS)
        assert row.times_opened == 2
        assert row.retry_at is not None
        assert row.retry_at > systems.firm.clock.now()
    assert systems.drain() == []


def test_while_it_is_asked_nobody_asks_it_again(systems: Systems) -> None:
    silence(systems)
    database, tenant = systems.firm.database, systems.firm.tenant
    systems.firm.clock.moment += timedelta(minutes=1)
    Breaker(database, tenant, BOOKS, systems_of(systems.handlers)).enter()
    assert ask_now(database, tenant, SYSTEM, BOOKS, callers(BOOKS)) == "being_asked"
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        (silent,) = silent_systems(tx)
    assert silent.asked
    assert systems.audit() == ["breaker.opened"]


def test_what_answers_or_was_never_in_trouble_is_not_asked(systems: Systems) -> None:
    silence(systems)
    database, tenant = systems.firm.database, systems.firm.tenant
    systems.away.clear()
    systems.firm.clock.moment += timedelta(minutes=1)
    systems.drain()
    assert ask_now(database, tenant, SYSTEM, BOOKS, callers(BOOKS)) == "answers"
    with pytest.raises(NotFoundError):
        ask_now(database, tenant, SYSTEM, "connection:nothing", callers("connection:nothing"))


def test_the_mail_server_is_one_system_for_invoices_and_reminders(systems: Systems, log_in_to: LogIn) -> None:
    systems.away = {"mail"}
    systems.write(MAIL_INVOICE, "i1", "i2")
    systems.write(MAIL_REMINDER, "r1", "r2")
    systems.drain()
    ana = log_in_to(systems.firm, "ana@acme.example", "tenant_administrator")
    page = text_of(ana.get("connectors")[1])
    assert "The mail server does not answer" in page
    assert "4 jobs wait for it" in page
    ana.post("connectors/ask", key="mail")
    assert len(systems.drain()) == 1


def test_what_answers_now_and_then_says_how_many_retries_stand_in_line(systems: Systems, log_in_to: LogIn) -> None:
    ana = log_in_to(systems.firm, "ana@acme.example", "integration_administrator")
    database, tenant = systems.firm.database, systems.firm.tenant
    flaky = Breaker(database, tenant, BOOKS, systems_of(systems.handlers))
    for _ in range(RETRIES_MAX + 3):
        flaky.failed(TransientError("502"))
        flaky.enter()
        flaky.answered()
    page = text_of(ana.get("connectors")[1])
    assert "tryton answers only now and then : 2 retries stand in line, one goes each second." in page
    assert "does not answer" not in page
    assert "Ask now" not in page
    systems.firm.clock.moment += timedelta(minutes=1)
    assert "now and then" not in text_of(ana.get("connectors")[1])


def test_nobody_without_the_permission_and_no_other_tenant_asks(
    systems: Systems, log_in_to: LogIn, make_tenant: Callable[[str], Tenant]
) -> None:
    silence(systems)
    reader = log_in_to(systems.firm, "reader@acme.example", "auditor")
    status, page = reader.get("connectors")
    assert (status, "tryton does not answer" in text_of(page), "Ask now" in page) == (200, True, False)
    assert reader.post("connectors/ask", key=BOOKS)[0] == 403
    reader.csrf = "another"
    assert reader.post("connectors/ask", key=BOOKS)[0] == 403
    database, other = systems.firm.database, make_tenant("other")
    with pytest.raises(NotFoundError):
        ask_now(database, other, SYSTEM, BOOKS, callers(BOOKS))
    with pytest.raises(PermissionDeniedError):
        ask_now(database, systems.firm.tenant, Actor("person", "Nobody"), BOOKS, callers(BOOKS))
    assert systems.audit() == ["breaker.opened"]


def test_the_page_takes_five_statements_however_much_is_silent(systems: Systems, log_in_to: LogIn) -> None:
    ana = log_in_to(systems.firm, "ana@acme.example", "integration_administrator")
    silence(systems)
    counts = []
    for _ in range(2):
        with counted_statements(systems.firm.database) as statements:
            assert ana.get("connectors")[0] == 200
        counts.append(len(statements) - 3)
        systems.away |= {"mail", "connection:sap"}
        systems.write(MAIL_INVOICE, "i1", "i2", "i3")
        systems.write(POST, "s1", "s2", "s3", connection="sap")
        systems.drain()
    assert counts == [5, 5]


def test_every_job_that_has_a_breaker_is_found_by_it(
    database: Database, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A new kind of job that calls another system needs its line in ``callers``."""
    handlers = all_handlers(settings_for(tmp_path_factory.mktemp("install")), database)
    with_breaker = {kind: each.breaker for kind, each in handlers.by_kind.items() if each.breaker}
    assert len(with_breaker) >= 3
    payload = {"connection": "tryton"}
    with transaction(database, tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind=kind, key=kind, payload=payload) for kind in with_breaker])
        for kind, breaker in with_breaker.items():
            key = breaker(Job(id=tenant.id, kind=kind, key=kind, payload=payload, attempts=0))
            found = tx.session.scalars(select(JobRow.kind).where(JobRow.tenant_id == tenant.id, callers(key)))
            assert kind in set(found), kind
