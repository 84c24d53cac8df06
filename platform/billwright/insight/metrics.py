"""Prometheus metrics of one process: requests as they happen, jobs read from the database when scraped."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import control_transaction

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
OPEN_STATES: Final = ("queued", "retry", "leased", "dead")


class Metrics:
    """A registry of its own, so that two apps in one process (tests) do not share figures."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "billwright_requests",
            "Requests answered.",
            ["method", "route", "status", "tenant"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "billwright_request_seconds",
            "Time to answer, by route.",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._tenant_seconds = Summary(
            "billwright_tenant_request_seconds", "Time to answer, by tenant.", ["tenant"], registry=self.registry
        )
        self.registry.register(JobCollector(database))

    def count_request(self, method: str, route: str, status: int, tenant: str, seconds: float) -> None:
        """Count one answered request; ``tenant`` is a slug, empty in partner matters."""
        self._requests.labels(method, route, str(status), tenant).inc()
        self._seconds.labels(method, route).observe(seconds)
        if tenant:
            self._tenant_seconds.labels(tenant).observe(seconds)

    def render(self) -> bytes:
        """Prometheus' text format. Reads the database once."""
        return generate_latest(self.registry)


class JobCollector(Collector):
    """Jobs that are not done, by state, queue and tenant, with the age of the oldest due one: one query per scrape."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("billwright_database_up", "Whether the database answered this scrape.")
        jobs = GaugeMetricFamily("billwright_jobs", "Jobs not done yet.", labels=["state", "queue", "tenant"])
        oldest = GaugeMetricFamily(
            "billwright_job_overdue_seconds", "How long the oldest due job waits.", labels=["queue", "tenant"]
        )
        query = (
            select(JobRow.state, JobRow.queue, TenantRow.slug, func.count(), func.min(JobRow.run_at))
            .join(TenantRow, TenantRow.id == JobRow.tenant_id)
            .where(JobRow.state.in_(OPEN_STATES))
            .group_by(JobRow.state, JobRow.queue, TenantRow.slug)
        )
        try:
            with control_transaction(self._database, SYSTEM) as tx:
                rows = tx.session.execute(query).all()
                now = tx.now
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        for state, queue, tenant, count, run_at in rows:
            jobs.add_metric([state, queue, tenant], count)
            if state in {"queued", "retry"}:
                oldest.add_metric([queue, tenant], max(0.0, (now - run_at).total_seconds()))
        yield from (up, jobs, oldest)
