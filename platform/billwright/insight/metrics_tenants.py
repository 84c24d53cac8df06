"""Figures that lie in the tenants' own schemas: drafts, webhooks and breakers. One statement per tenant, and few tenants at once.

A scrape asks at most ``TENANTS_MAX`` tenants, those first that were asked longest ago, and none again within ``KEPT_S``; of
the others it gives what was read before. So a scrape's work has an upper end, whatever the number of tenants and of scrapers;
with more than ``TENANTS_MAX`` tenants the figures are as much older, which ``billwright_tenant_figures_age_seconds`` says.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import CompoundSelect, DateTime, String, case, cast, func, literal, null, select, union_all
from sqlalchemy.exc import SQLAlchemyError

from billwright.billing.tables import InvoiceEventRow
from billwright.delivery.webhooks.send import blame_of
from billwright.delivery.webhooks.tables import WebhookAttemptRow, WebhookDeliveryRow, WebhookSubscriptionRow
from billwright.insight.stalls import drafts_by_stage
from billwright.jobs.budget import RETRIES_MAX, retries_left
from billwright.jobs.tables import BreakerRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.directory import list_tenants
from billwright.tenancy.transaction import Tenant, transaction

KEPT_S: Final = 15.0
TENANTS_MAX: Final = 100
HOUR: Final = timedelta(hours=1)
OUTCOMES: Final = {None: "taken", "endpoint": "endpoint_in_trouble", "event": "event_refused", "gone": "gone"}
NO_ANSWER: Final = "no_answer"
log = structlog.get_logger("billwright.metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFigures:
    """What one tenant's schema says. ``waiting`` and ``oldest_s`` go by how the webhook stands, ``attempts`` by outcome."""

    read_at_s: float
    """By a clock that only counts."""
    breakers_open_s: dict[str, list[float]]
    """By kind of system; names are the tenant's own and would be labels without end."""
    retries_left: dict[str, int]
    """By kind of system, of the one that has fewest; those that have all of them are not told."""
    waiting: dict[str, int]
    oldest_s: dict[str, float]
    failed: int
    attempts: dict[str, int]
    drafts: dict[str, int]
    """By stage (insight/stalls.py)."""
    drafts_oldest_s: dict[str, float]
    documents_stopped: dict[str, int] = field(default_factory=dict)
    """Of the last hour, by limit."""


def read_figures(database: Database, tenant: Tenant, read_at_s: float) -> TenantFigures:
    """One statement in the tenant's schema.

    Raises:
        SQLAlchemyError: the database does not answer, or the schema is not as this release knows it.
    """
    now = database.clock.now()  # webhooks and breakers keep to real time
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rows = tx.session.execute(_statement(now)).all()
    told: dict[str, list[tuple[str, int, datetime | None]]] = {}
    for what, label, count, since in map(tuple, rows):
        told.setdefault(what, []).append((label, count, since))
    attempts: Counter[str] = Counter()
    for status, count, _ in told.get("attempts", ()):
        attempts[OUTCOMES[blame_of(int(status))] if status else NO_ANSWER] += count
    waiting = told.get("waiting", [])
    open_s: dict[str, list[float]] = {}
    for key, _, since in told.get("breaker", ()):
        open_s.setdefault(_kind(key), []).append(_age_s(now, since))
    left: dict[str, int] = {}
    for key, _, full_at in told.get("budget", ()):
        left[_kind(key)] = min(retries_left(full_at, now), left.get(_kind(key), RETRIES_MAX))
    drafts = [each for each in told.get("draft", ()) if each[0]]
    return TenantFigures(
        read_at_s=read_at_s,
        breakers_open_s=open_s,
        retries_left=left,
        waiting={standing: count for standing, count, _ in waiting},
        oldest_s={standing: _age_s(tenant.clock_at or now, since) for standing, _, since in waiting},
        failed=sum(count for _, count, _ in told["failed"]),
        attempts=dict(attempts),
        drafts={stage: count for stage, count, _ in drafts},
        drafts_oldest_s={stage: _age_s(tenant.clock_at or now, since) for stage, _, since in drafts},
        documents_stopped={limit: count for limit, count, _ in told.get("stopped", ())},
    )


def _kind(key: str) -> str:
    """``connection``, ``mail`` or ``queue``."""
    return key.partition(":")[0]


def _age_s(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _statement(now: datetime) -> CompoundSelect[Any]:
    failing = (WebhookSubscriptionRow.state == "active") & WebhookSubscriptionRow.failing_since.is_not(None)
    standing = case((failing, "failing"), else_=WebhookSubscriptionRow.state)
    breakers = select(literal("breaker"), BreakerRow.key, literal(1), BreakerRow.opened_at).where(
        BreakerRow.opened_at.is_not(None)
    )
    budgets = select(literal("budget"), BreakerRow.key, literal(1), BreakerRow.budget_full_at).where(
        BreakerRow.budget_full_at > now
    )
    waiting = (
        select(literal("waiting"), standing, func.count(), func.min(WebhookDeliveryRow.since))
        .join(WebhookSubscriptionRow, WebhookSubscriptionRow.id == WebhookDeliveryRow.subscription_id)
        .where(WebhookDeliveryRow.state == "waiting")
        .group_by(standing)
    )
    none = null().cast(DateTime(timezone=True))
    failed = select(literal("failed"), literal(""), func.count(), none).where(WebhookDeliveryRow.state == "failed")
    attempts = (
        select(literal("attempts"), cast(WebhookAttemptRow.status, String), func.count(), none)
        .where(WebhookAttemptRow.id >= _first_id(HOUR), WebhookAttemptRow.at > now - HOUR)
        .group_by(WebhookAttemptRow.status)
    )
    drafts = drafts_by_stage().subquery().c
    by_stage = select(literal("draft"), drafts.stage, drafts.documents, drafts.since)
    limit = InvoiceEventRow.facts["limit"].as_string()
    stopped = (
        select(literal("stopped"), limit, func.count(), none)
        .where(InvoiceEventRow.id >= _first_id(HOUR), InvoiceEventRow.event == "document.stopped")
        .group_by(limit)
    )
    return union_all(breakers, budgets, waiting, failed, attempts, by_stage, stopped)


def _first_id(ago: timedelta) -> UUID:
    """The lowest identifier that can have been made since then: they are ordered by time, so that the key finds them."""
    milliseconds = time.time_ns() // 1_000_000 - ago // timedelta(milliseconds=1)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62))


class TenantReader:
    """Keeps what was read of each tenant; safe for several scrapers at once. ``clock_s`` only counts."""

    def __init__(
        self,
        database: Database,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        kept_s: float = KEPT_S,
        tenants_max: int = TENANTS_MAX,
    ) -> None:
        self._database = database
        self._clock = clock_s
        self._kept_s = kept_s
        self._tenants_max = tenants_max
        self._figures: dict[str, TenantFigures] = {}
        self._asked_at_s: dict[str, float] = {}
        self._unread: set[str] = set()
        self._lock = threading.Lock()

    def metrics(self) -> Iterator[Metric]:
        """Bring up to date whom it is the turn of; then all that is known, as docs/operations.md describes it.

        Raises:
            SQLAlchemyError: the control plane does not answer. A tenant that cannot be read only counts as unread.
        """
        with self._lock:
            self._read()
            now_s, figures, unread = self._clock(), dict(self._figures), len(self._unread)
        yield from tenant_metrics(figures, now_s)
        yield GaugeMetricFamily(
            "billwright_tenants_unread", "Tenants whose figures could not be read when it was their turn.", value=unread
        )

    def _read(self) -> None:
        tenants = {each.slug: each for each in list_tenants(self._database) if each.state != "erased"}
        for known in (self._figures, self._asked_at_s):
            for gone in known.keys() - tenants.keys():
                del known[gone]
        self._unread &= tenants.keys()
        now_s = self._clock()
        asked = {slug: self._asked_at_s.get(slug, -math.inf) for slug in tenants}
        due = sorted((at_s, slug) for slug, at_s in asked.items() if now_s - at_s >= self._kept_s)
        for _, slug in due[: self._tenants_max]:
            self._asked_at_s[slug] = now_s  # also of one that cannot be read, which must not be asked before the others
            try:
                self._figures[slug] = read_figures(self._database, tenants[slug], now_s)
                self._unread.discard(slug)
            except SQLAlchemyError:
                log.warning("figures of a tenant cannot be read", tenant=slug, exc_info=True)
                self._figures.pop(slug, None)
                self._unread.add(slug)


def tenant_metrics(figures: dict[str, TenantFigures], now_s: float) -> Iterator[Metric]:
    """The figures as Prometheus takes them."""
    age = GaugeMetricFamily(
        "billwright_tenant_figures_age_seconds", "Age of the oldest figures of a tenant given here."
    )
    age.add_metric([], max((now_s - each.read_at_s for each in figures.values()), default=0))
    breakers = GaugeMetricFamily(
        "billwright_breaker_open_seconds", "How long a system does not answer.", labels=["breaker", "tenant"]
    )
    silent = GaugeMetricFamily("billwright_breakers_open", "Systems that do not answer.", labels=["breaker", "tenant"])
    budgets = GaugeMetricFamily(
        "billwright_retries_left", "Retries that a system may get at once; below zero they stand in line.",
        labels=["breaker", "tenant"],
    )  # fmt: skip
    waiting = GaugeMetricFamily(
        "billwright_webhook_waiting", "Deliveries that wait, by how the webhook stands.", labels=["standing", "tenant"]
    )
    oldest = GaugeMetricFamily(
        "billwright_webhook_oldest_waiting_seconds", "How long the oldest one waits.", labels=["standing", "tenant"]
    )
    failed = GaugeMetricFamily("billwright_webhook_failed", "Deliveries that were given up.", labels=["tenant"])
    attempts = GaugeMetricFamily(
        "billwright_webhook_attempts_last_hour", "Requests of the last hour, by outcome.", labels=["outcome", "tenant"]
    )
    drafts = GaugeMetricFamily("billwright_drafts", "Invoices that are not issued.", labels=["stage", "tenant"])
    standing_s = GaugeMetricFamily(
        "billwright_draft_oldest_seconds", "How long the oldest one stands in its stage.", labels=["stage", "tenant"]
    )
    stopped = GaugeMetricFamily(
        "billwright_documents_stopped_last_hour",
        "Documents that ran over a limit in the last hour.",
        labels=["limit", "tenant"],
    )
    for slug, each in figures.items():
        for limit, count in each.documents_stopped.items():
            stopped.add_metric([limit, slug], count)
        for stage, count in each.drafts.items():
            drafts.add_metric([stage, slug], count)
            standing_s.add_metric([stage, slug], each.drafts_oldest_s[stage])
        for kind, open_s in each.breakers_open_s.items():
            breakers.add_metric([kind, slug], max(open_s))
            silent.add_metric([kind, slug], len(open_s))
        for kind, left in each.retries_left.items():
            budgets.add_metric([kind, slug], left)
        for standing, count in each.waiting.items():
            waiting.add_metric([standing, slug], count)
            oldest.add_metric([standing, slug], each.oldest_s[standing])
        failed.add_metric([slug], each.failed)
        for outcome, count in each.attempts.items():
            attempts.add_metric([outcome, slug], count)
    yield from (age, breakers, silent, budgets, waiting, oldest, failed, attempts, drafts, standing_s, stopped)
