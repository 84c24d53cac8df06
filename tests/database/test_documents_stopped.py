"""Templates that run over their limits: the invoice stays issued, the desk says which limit, and others' documents are made."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from billwright.documents.errors import DocumentStoppedError
from billwright.documents.jobs import SUBSCRIBED_INLINE, handlers
from billwright.documents.limits import Limits
from billwright.documents.render import Renderer, RenderersBusyError
from billwright.documents.render_invoice import TEMPLATE, Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.extension.connectors import TransientError
from billwright.insight.metrics_tenants import read_figures
from billwright.jobs.drain import drain
from billwright.jobs.failures import LaterError
from billwright.jobs.handlers import Handlers
from billwright.jobs.retry_dead import retry_dead
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.events import Subscriptions
from billwright.tenancy.configuration import DocumentSettings, TenantConfiguration, store_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from billwright.web.portal.queries_breakers import silent_systems
from support.issued import audited, desk, issue, rows, state_of, told

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
HUGE = "{% set x = 'a' * (10 ** 11) %}{{ x }}"
GOOD = '{% extends "invoice/classic/invoice.html" %}'


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(limits=Limits(cpu_s=1, clock_factor=60))
    yield renderer
    renderer.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def printer(database: Database, store: FileStore, renderer: Renderer) -> Printer:
    return Printer(database, store, renderer)


def own(template: str | None) -> TenantConfiguration:
    return TenantConfiguration(documents=DocumentSettings(template_html=template))


def change_template(database: Database, tenant: Tenant, template: str | None) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        store_configuration(tx, own(template))


def jobs_of(database: Database, tenant: Tenant) -> list[tuple[str, str | None]]:
    with control_transaction(database, SYSTEM) as tx:
        query = select(JobRow.state, JobRow.error_class).where(JobRow.tenant_id == tenant.id).order_by(JobRow.id)
        return [(row.state, row.error_class) for row in tx.session.execute(query)]


def breaker(database: Database, tenant: Tenant) -> BreakerRow | None:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return tx.session.get(BreakerRow, TEMPLATE)


def test_a_runaway_template_costs_nobody_but_its_tenant(
    database: Database, make_tenant: Callable[..., Tenant], store: FileStore, renderer: Renderer
) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    guilty, innocent = make_tenant("Guilty", own(ENDLESS)), make_tenant("Innocent")
    for each in (guilty, innocent):
        issue(wired, each)
    work = Handlers.of(*handlers(database, store, renderer))
    for each in (guilty, innocent):
        drain(database, work, tenant_id=each.id)

    assert state_of(database, innocent) == ("issued", "document_ready")
    assert state_of(database, guilty) == ("issued", "document_failed")
    assert jobs_of(database, guilty) == [("dead", "business")]
    (exception,) = desk(database, guilty)
    assert exception.code == "document_stopped"
    assert "Your own template, version " in exception.reason
    assert "used 1 s of processor time" in exception.reason
    assert "retry" in exception.remedy
    assert {"document.stopped", "exception.opened"} <= set(audited(database, guilty))
    assert "document.stopped" in told(database, guilty)
    assert read_figures(database, guilty, 0.0).documents_stopped == {"processor": 1}


def test_a_person_mends_the_template_and_retries(
    database: Database, make_tenant: Callable[..., Tenant], store: FileStore, renderer: Renderer
) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    tenant = make_tenant("Mended", own(HUGE))
    issue(wired, tenant)
    work = Handlers.of(*handlers(database, store, renderer))
    drain(database, work, tenant_id=tenant.id)
    assert [each.code for each in desk(database, tenant)] == ["document_stopped"]
    change_template(database, tenant, GOOD)
    with control_transaction(database, SYSTEM) as tx:
        job_id = tx.session.scalars(select(JobRow.id).where(JobRow.tenant_id == tenant.id)).one()
    clerk = Actor(kind="person", name="Clerk", permissions=frozenset({"job:retry"}))
    retry_dead(database, tenant, clerk, job_id, trace_id="t")
    drain(database, work, tenant_id=tenant.id)

    assert state_of(database, tenant) == ("issued", "document_ready")
    assert desk(database, tenant) == []
    assert len(rows(database, tenant, DocumentRow)) == 1


def test_after_three_in_a_row_the_others_wait_and_a_changed_template_is_tried_at_once(
    database: Database, make_tenant: Callable[..., Tenant], printer: Printer
) -> None:
    tenant = make_tenant("Again", own(HUGE))
    invoices = [issue(database, tenant, number=f"NW-{number}") for number in range(5)]
    for each in invoices[:3]:
        with pytest.raises(DocumentStoppedError):
            render_invoice(printer, tenant, each.id)
    for each in invoices[3:]:
        with pytest.raises(LaterError, match="more than 768 MiB"):
            render_invoice(printer, tenant, each.id)
    assert len(desk(database, tenant)) == 3
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        (silent,) = silent_systems(tx)
    assert silent.name == "Your own invoice template"

    change_template(database, tenant, GOOD)
    render_invoice(printer, tenant, invoices[3].id)
    known = breaker(database, tenant)
    assert known is not None
    assert known.opened_at is None
    assert "breaker.closed" in audited(database, tenant)


def test_one_is_tried_from_time_to_time(
    database: Database, make_tenant: Callable[..., Tenant], printer: Printer, clock: SetClock
) -> None:
    tenant = make_tenant("Later", own(HUGE))
    invoices = [issue(database, tenant, number=f"NW-{number}") for number in range(4)]
    for each in invoices[:3]:
        with pytest.raises(DocumentStoppedError):
            render_invoice(printer, tenant, each.id)
    clock.moment += timedelta(minutes=1)
    with pytest.raises(DocumentStoppedError):
        render_invoice(printer, tenant, invoices[3].id)


def test_without_a_template_of_its_own_nothing_waits(
    database: Database, make_tenant: Callable[..., Tenant], printer: Printer
) -> None:
    tenant = make_tenant("Removed", own(HUGE))
    invoices = [issue(database, tenant, number=f"NW-{number}") for number in range(4)]
    for each in invoices[:3]:
        with pytest.raises(DocumentStoppedError):
            render_invoice(printer, tenant, each.id)
    change_template(database, tenant, None)
    render_invoice(printer, tenant, invoices[3].id)
    known = breaker(database, tenant)
    assert known is not None
    assert known.opened_at is None


class EndedFromOutside(Renderer):
    """Stands for a process that the system ended."""

    def render_invoice(self, *_given: object, **_more: object) -> bytes:
        raise DocumentStoppedError("It ended by SIGKILL.", limit="crash", template="modern", version="0")


class Busy(Renderer):
    def render_invoice(self, *_given: object, **_more: object) -> bytes:
        raise RenderersBusyError("All 2 processes for documents are busy.")


def test_a_process_that_ended_by_itself_is_tried_again_and_not_for_ever(
    database: Database, tenant: Tenant, store: FileStore
) -> None:
    invoice = issue(database, tenant)
    printer = Printer(database, store, EndedFromOutside())
    with pytest.raises(TransientError, match="tried again"):
        render_invoice(printer, tenant, invoice.id, again=True)
    assert desk(database, tenant) == []
    with pytest.raises(DocumentStoppedError):
        render_invoice(printer, tenant, invoice.id)
    (exception,) = desk(database, tenant)
    assert "SIGKILL" in exception.reason


def test_its_job_is_tried_three_times(database: Database, tenant: Tenant, store: FileStore, clock: SetClock) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    issue(wired, tenant)
    work = Handlers.of(*handlers(database, store, EndedFromOutside()))
    seen = []
    for _ in range(4):
        drain(database, work, tenant_id=tenant.id)
        seen.extend(jobs_of(database, tenant))
        clock.moment += timedelta(hours=2)
    assert seen == [("retry", "transient")] * 2 + [("dead", "business")] * 2


def test_a_busy_pool_is_no_failure(database: Database, tenant: Tenant, store: FileStore) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    issue(wired, tenant)
    drain(database, Handlers.of(*handlers(database, store, Busy())), tenant_id=tenant.id)
    assert jobs_of(database, tenant) == [("retry", "later")]
    assert desk(database, tenant) == []
