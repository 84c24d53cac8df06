"""Metrics: what waits, is under way, failed and does not answer, by tenant; and how little a scrape asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, text, update

from billwright.delivery.webhooks.subscribe import Wanted, make_webhook, switch_webhook
from billwright.delivery.webhooks.tables import (
    WebhookDeliveryRow,
)
from billwright.insight.metrics import Metrics
from billwright.insight.metrics_tenants import KEPT_S, TENANTS_MAX, TenantReader
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.directory import list_tenants
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.hooks import VAULT, Told
from support.pipeline import Firm, person
from support.visitors import counted_statements

MINUTE = timedelta(minutes=1)


def scraped(database: Database) -> dict[tuple[str, ...], Any]:
    """(metric, label values in the order of their names): value. Each comes once, or Prometheus would take neither.

    As many scrapes as it takes until all tenants were asked: other tests of this worker made many.
    """
    found: dict[tuple[str, ...], Any] = {}
    metrics, tenants = Metrics(database), len(list_tenants(database))
    for _ in range(tenants // TENANTS_MAX):
        metrics.render()
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            key = (sample.name, *(value for _, value in sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def of(found: dict[tuple[str, ...], Any], name: str, tenant: Tenant) -> dict[tuple[str, ...], Any]:
    return {key[1:-1]: value for key, value in found.items() if key[0] == name and key[-1] == tenant.slug}


def write(database: Database, tenant: Tenant, **columns: Any) -> None:
    now = database.clock.now()
    row = {
        "id": new_id(), "tenant_id": tenant.id, "role_name": tenant.role, "queue": "billing", "kind": "billing.evaluate",
        "key": str(new_id()), "payload": {}, "state": "queued", "run_at": now, "created_at": now, "updated_at": now,
    }  # fmt: skip
    with control_transaction(database, SYSTEM) as tx:
        tx.session.execute(insert(JobRow), [row | columns])


def test_jobs_by_state_age_and_class_of_failure(database: Database, tenant: Tenant, clock: SetClock) -> None:
    now = clock.now()
    write(database, tenant, run_at=now - 3 * MINUTE)
    write(database, tenant, run_at=now + MINUTE)
    write(database, tenant, state="retry", error_class="transient", run_at=now - 7 * MINUTE)
    write(database, tenant, state="retry", error_class="later", run_at=now + MINUTE, queue="connectors")
    write(database, tenant, state="leased", updated_at=now - 2 * MINUTE, leased_until=now, lease_id=new_id())
    write(database, tenant, state="leased", updated_at=now - MINUTE, leased_until=now, lease_id=new_id())
    for failure, snoozed in (("business", None), ("business", now + MINUTE), ("programming", now - MINUTE)):
        write(database, tenant, state="dead", error_class=failure, snoozed_until=snoozed, queue="intake")
    for over in ("done", "resolved"):
        write(database, tenant, state=over)
    found = scraped(database)
    assert of(found, "billwright_jobs", tenant) == {
        ("billing", "queued"): 2, ("billing", "retry"): 1, ("connectors", "retry"): 1, ("billing", "leased"): 2,
        ("intake", "dead"): 3,
    }  # fmt: skip
    assert of(found, "billwright_job_overdue_seconds", tenant) == {("billing",): 420}
    assert of(found, "billwright_job_leased_seconds", tenant) == {("billing",): 120}
    assert of(found, "billwright_jobs_retrying", tenant) == {("transient", "billing"): 1, ("later", "connectors"): 1}
    assert of(found, "billwright_jobs_dead", tenant) == {
        ("business", "intake", "no"): 1, ("business", "intake", "yes"): 1, ("programming", "intake", "no"): 1,
        ("programming", "intake", "yes"): 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "overdue"), [({"state": "suspended"}, {}), ({"days": -1}, {}), ({}, {("billing",): 60})]
)
def test_only_what_the_dispatcher_would_take_is_overdue(
    database: Database, tenant: Tenant, clock: SetClock, changes: dict[str, Any], overdue: dict[Any, Any]
) -> None:
    """A suspended tenant's work is not due, nor what a sandbox's own clock has not come to yet."""
    write(database, tenant, run_at=clock.now() - MINUTE)
    stands = {"clock_at": clock.now() + timedelta(days=changes["days"])} if "days" in changes else changes
    if stands:
        with control_transaction(database, SYSTEM) as tx:
            tx.session.execute(update(TenantRow).where(TenantRow.id == tenant.id).values(**stands))
    assert of(scraped(database), "billwright_job_overdue_seconds", tenant) == overdue


def test_webhooks_by_how_they_stand_and_what_came_back(told: Told) -> None:
    firm, told_by = told.firm, told.receiver
    paused, _ = make_webhook(
        firm.database, firm.tenant, SYSTEM, Wanted(name="p", url=told_by.url, event_types=("*",)), VAULT
    )
    switch_webhook(firm.database, firm.tenant, SYSTEM, paused, "paused")
    told.bill("M1")
    told.drain()
    told_by.says(400)
    told.bill("M2")
    told.drain()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(
            update(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.outcome.contains("400"))
            .values(state="failed", outcome="Given up.")
        )
    told_by.says(503)
    told.bill("M3")
    told.drain()
    firm.clock.moment += timedelta(minutes=10)
    found = scraped(firm.database)
    assert of(found, "billwright_webhook_attempts_last_hour", firm.tenant) == {
        ("taken",): 1, ("event_refused",): 1, ("endpoint_in_trouble",): 1,
    }  # fmt: skip
    assert of(found, "billwright_webhook_failed", firm.tenant) == {(): 1}
    waiting = of(found, "billwright_webhook_waiting", firm.tenant)
    assert waiting == {("failing",): 1, ("paused",): waiting["paused",]}
    assert waiting["paused",] >= 3
    assert of(found, "billwright_webhook_oldest_waiting_seconds", firm.tenant) == {("failing",): 600, ("paused",): 600}
    firm.clock.moment += timedelta(minutes=51)
    assert of(scraped(firm.database), "billwright_webhook_attempts_last_hour", firm.tenant) == {}


def test_what_does_not_answer_and_retries_by_kind_of_system(
    database: Database, tenant: Tenant, clock: SetClock
) -> None:
    """Names of connections are the tenant's own: they are no labels."""
    now = clock.now()
    rows = [
        {
            "key": key,
            "failures": 3,
            "times_opened": 1,
            "opened_at": opened,
            "updated_at": now,
            "budget_full_at": full_at,
        }
        for key, opened, full_at in (
            ("connection:books", now - 5 * MINUTE, now + timedelta(seconds=4)),
            ("connection:ledger", now - 2 * MINUTE, now + timedelta(seconds=25)),
            ("mail", None, now + timedelta(seconds=1)),
            ("connection:payroll", None, now),
        )
    ]
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(insert(BreakerRow), rows)
    found = scraped(database)
    assert of(found, "billwright_breaker_open_seconds", tenant) == {("connection",): 300}
    assert of(found, "billwright_breakers_open", tenant) == {("connection",): 2}
    assert of(found, "billwright_retries_left", tenant) == {("connection",): -15, ("mail",): 9}


@dataclass
class Ticks:
    """A clock that only counts, and only when told."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def asked(reader: TenantReader, database: Database) -> int:
    """How many tenants a scrape asked: each by one statement besides the one that binds it to the schema."""
    with counted_statements(database) as statements:
        list(reader.metrics())
    assert len(statements) % 2 == 1  # the list of tenants
    return len(statements) // 2


def test_a_scrape_asks_few_tenants_and_none_too_often(database: Database, make_tenant: Callable[[str], Tenant]) -> None:
    made = [make_tenant(f"t{place}") for place in range(5)]
    ticks = Ticks()
    all_of_them = asked(TenantReader(database, clock_s=ticks, tenants_max=1_000), database)
    assert all_of_them >= len(made)
    reader = TenantReader(database, clock_s=ticks, tenants_max=2)
    rounds = -(-all_of_them // 2)
    assert [asked(reader, database) for _ in range(rounds + 1)] == [2] * (all_of_them // 2) + [1] * (
        all_of_them % 2
    ) + [0]
    ticks.now_s += KEPT_S
    assert asked(reader, database) == 2
    samples = {metric.name: metric.samples for metric in reader.metrics()}
    assert len(samples["billwright_webhook_failed"]) == all_of_them
    assert samples["billwright_tenant_figures_age_seconds"][0].value in {0, KEPT_S}


def test_a_tenant_that_cannot_be_read_harms_no_other(
    database: Database, tenant: Tenant, make_tenant: Callable[[str], Tenant]
) -> None:
    broken = make_tenant("broken")
    with database.owner_engine.begin() as connection:
        connection.execute(text(f'ALTER TABLE "{broken.schema}".breaker RENAME TO other'))
    found = scraped(database)
    assert found["billwright_database_up",] == 1
    assert found["billwright_tenants_unread",] == 1
    assert of(found, "billwright_webhook_failed", tenant) == {(): 0}
    assert of(found, "billwright_webhook_failed", broken) == {}


def test_drafts_by_stage(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    """Of several the oldest counts; what is issued is no draft any more."""
    firm = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    firm.customer()
    for number in ("1", "2"):
        firm.contract(f"K{number}")
        firm.milestone(f"M{number}", f"K{number}")
        firm.accept(f"M{number}", f"K{number}")
        firm.clock.moment += timedelta(minutes=10)
    found = scraped(firm.database)
    assert of(found, "billwright_drafts", firm.tenant) == {("manager",): 2}
    assert of(found, "billwright_draft_oldest_seconds", firm.tenant) == {("manager",): 1200}
    for invoice in firm.invoices():
        firm.decide(person("Mara Manager", "invoice:approve_manager"), invoice=invoice)
        firm.decide(person("Finn Finance", "invoice:approve_finance"), invoice=invoice)
    assert of(scraped(firm.database), "billwright_drafts", firm.tenant) == {}
