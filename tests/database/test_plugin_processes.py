"""Plugins that hang or hold the interpreter, on real processes: the worker comes back, the innocent are billed."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import redis
from sqlalchemy import func, select

from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import FindingRow
from billwright.cli.embedded import Servers
from billwright.cli.supervisor import Supervisor
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import RuleSetting, TenantConfiguration, read_configuration, store_configuration
from billwright.tenancy.database import Database, open_database
from billwright.tenancy.transaction import control_transaction, transaction
from billwright.web.composition import subscriptions
from billwright_migrations.run import upgrade_control
from support.bad_plugins import write_plugins
from support.processes import Office, Processes, make_office, until
from support.servers import fresh_database

pytestmark = pytest.mark.slow
LIMIT_MS = "200"


@pytest.fixture(scope="module")
def url(servers: Servers, worker_number: int) -> Iterator[str]:
    with fresh_database(servers.database_url, f"bw_plugins_{worker_number}") as url:
        yield url


@pytest.fixture
def billing(url: str) -> Iterator[Database]:
    database = open_database(url)
    upgrade_control(database.owner_engine)
    yield database.with_subscriptions(subscriptions())
    database.close()


@pytest.fixture
def processes(url: str, redis_url: str, tmp_path: Path) -> Iterator[Processes]:
    """Their interpreters find the misbehaving package installed."""
    plugins = tmp_path / "site"
    plugins.mkdir()
    write_plugins(plugins)
    started = Processes.on(url, redis_url, tmp_path)
    started.environment["PYTHONPATH"] = f"{plugins}:{started.environment.get('PYTHONPATH', '')}"
    started.environment["BILLWRIGHT_PLUGIN_LIMIT_MS"] = LIMIT_MS
    yield started
    started.end()
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    started.tell()


def enable(office: Office, rule: str) -> None:
    with transaction(office.database, office.tenant, SYSTEM) as tx:
        configuration: TenantConfiguration = read_configuration(tx)
        rules = (*configuration.rules, RuleSetting(name=rule))
        store_configuration(tx, msgspec.structs.replace(configuration, rules=rules))


def with_a_guilty_one(database: Database, rule: str) -> Office:
    """Twenty milestones to be accepted and one whose draft makes the rule misbehave."""
    office = make_office(database, 20)
    office.agree("guilty", "BOOM")
    enable(office, rule)
    return replace(office, refs=(*office.refs[:10], "guilty", *office.refs[10:]))


def billed(office: Office) -> int:
    with transaction(office.database, office.tenant, SYSTEM) as tx:
        return tx.session.scalar(select(func.count()).where(InvoiceRow.issued_at.is_not(None))) or 0


def findings(office: Office) -> list[str]:
    """What holds drafts."""
    with transaction(office.database, office.tenant, SYSTEM) as tx:
        query = select(FindingRow.message).where(FindingRow.resolved_at.is_(None), FindingRow.severity == "blocking")
        return list(tx.session.scalars(query))


def dead(office: Office) -> list[tuple[str, str | None]]:
    with control_transaction(office.database, SYSTEM) as tx:
        query = select(JobRow.kind, JobRow.error).where(JobRow.tenant_id == office.tenant.id, JobRow.state == "dead")
        return [(row.kind, row.error) for row in tx.session.execute(query)]


@pytest.mark.parametrize("deed", ["sleeps", "loops", "clings"])
def test_a_rule_that_does_not_end_holds_its_draft_and_the_worker_goes_on(
    billing: Database, processes: Processes, deed: str
) -> None:
    office = with_a_guilty_one(billing, f"rule_{deed}")
    processes.dispatcher()
    worker = processes.worker()
    office.accept()
    until(lambda: billed(office) == 20, lambda: f"all but one billed: {office.jobs()}")
    until(lambda: bool(findings(office)), lambda: f"the guilty one is held: {office.jobs()}")
    (message,) = findings(office)
    assert message == f"The check rule_{deed} could not run: It did not answer within 0.2 s."
    assert worker.poll() is None
    assert dead(office) == []


def test_a_rule_that_holds_the_interpreter_costs_its_worker_and_only_its_own_draft(
    billing: Database, processes: Processes, tmp_path: Path
) -> None:
    office = with_a_guilty_one(billing, "rule_regex")
    processes.dispatcher("--lease-seconds-max", "6")
    said: list[str] = []
    supervisor = Supervisor(say=said.append, restarts_max=50, backoff_first_s=0.1, healthy_after_s=1.0)
    argv = [sys.executable, "-m", "billwright", "worker", "--queues", "intake,billing,collections", "--threads", "2"]
    supervisor.start("worker", argv, env=processes.environment, log=tmp_path / "99-worker.log")
    try:
        office.accept()

        def all_but_one() -> bool:
            supervisor.poll()
            return billed(office) == 20

        until(all_but_one, lambda: f"all but one billed: {office.jobs()}")

        def judged() -> bool:
            supervisor.poll()
            return bool(dead(office))

        until(judged, lambda: f"the guilty one is a dead letter: {office.jobs()}", within_s=240)
    finally:
        supervisor.stop()
    assert dead(office) == [("billing.check", "the worker did not answer in time")]
    assert billed(office) == 20
    assert any("ended with status 1" in line for line in said)
    assert "rule_regex.py" in (tmp_path / "99-worker.log").read_text(encoding="utf-8", errors="replace")
