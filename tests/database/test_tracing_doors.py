"""A fact keeps its trace from every door: a signed webhook and a file, as a message over the API does."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from billwright.audit.tables import AuditEntryRow
from billwright.intake.api import CONTROLLERS
from billwright.intake.jobs import drop_handlers, enqueue_scans, handlers
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.clock import SetClock
from billwright.kernel.tracing import Tracing
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant
from billwright.web.app import make_app
from billwright.web.services import Services
from billwright.web.tracing import start_tracing
from support.collector import Collector, collector_running
from support.http import MASTER_KEY, client_of, settings_for
from support.intake import make_connection, message
from support.issued import rows

CUSTOMER = message("customer", 1, ref="C1", name="Müller GmbH")
SECRET = "whsec_" + "A" * 43


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collector_running() as running:
        yield running


@pytest.fixture
def recorded(collector: Collector, tmp_path: Path) -> Iterator[Tracing]:
    started = start_tracing(settings_for(tmp_path, BILLWRIGHT_OTLP_ENDPOINT=collector.url), "test")
    assert started is not None
    yield started
    started.close()


def traces_of(database: Database, tenant: Tenant, *actions: str) -> set[str | None]:
    found = rows(database, tenant, AuditEntryRow)
    assert set(actions) <= {row.action for row in found}
    return {row.trace_id for row in found if row.action in actions}


def test_a_hook(
    database: Database, tenant: Tenant, clock: SetClock, recorded: Tracing, collector: Collector, tmp_path: Path
) -> None:
    make_connection(database, tenant, name="crm", connector="crm", hook_secret=seal(MASTER_KEY, tenant.id, SECRET))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(clock.moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", clock.moment, CUSTOMER.decode()),
    }
    services = Services(settings=settings_for(tmp_path), database=database)
    with client_of(make_app(services, CONTROLLERS, tracing=recorded)) as client:
        answer = client.post(f"/v1/hooks/{tenant.slug}.crm", content=CUSTOMER, headers=headers)
        assert answer.status_code == 202, answer.text
        drain(database, Handlers.of(*handlers({})).traced(recorded), tenant_id=tenant.id)

    trace = answer.headers["x-trace-id"]
    assert collector.above(collector.one("intake.apply")) == ["intake.apply", "POST /v1/hooks/{connection}"]
    assert {span.trace for span in collector.spans} == {trace}
    assert traces_of(database, tenant, "messages.stored", "messages.applied") == {trace}
    said = b"".join(collector.raw)
    assert [word for word in ("Müller", tenant.slug, "crm", "msg_1") if word.encode() in said] == []


def test_a_file(database: Database, tenant: Tenant, recorded: Tracing, collector: Collector, tmp_path: Path) -> None:
    make_connection(database, tenant)
    path = tmp_path / tenant.slug / "files" / "customers-1.csv"
    path.parent.mkdir(parents=True)
    path.write_text("ref,name\nC1,Müller GmbH\n", encoding="utf-8")
    os.utime(path, (time.time() - 60,) * 2)
    assert enqueue_scans(database, tmp_path) == 1
    known = Handlers.of(*handlers({}), *drop_handlers(database, tmp_path))
    assert drain(database, known.traced(recorded), tenant_id=tenant.id) == 2
    recorded.close()

    apply = collector.one("intake.apply")
    assert collector.above(apply) == ["intake.apply", "intake.scan_drops"]
    assert traces_of(database, tenant, "messages.stored", "file.taken", "messages.applied") == {apply.trace}
    said = b"".join(collector.raw)
    assert [word for word in ("Müller", "customers", "C1") if word.encode() in said] == []
