"""Prometheus metrics of one process: requests as they happen, everything else read from the database when scraped."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from billwright.insight.metrics_jobs import JobGroup, job_groups, job_metrics
from billwright.insight.metrics_tenants import KEPT_S, TenantReader
from billwright.tenancy.database import Database

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


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
        self.registry.register(DatabaseCollector(database))

    def count_request(self, method: str, route: str, status: int, tenant: str, seconds: float) -> None:
        """Count one answered request; ``tenant`` is a slug, empty in partner matters."""
        self._requests.labels(method, route, str(status), tenant).inc()
        self._seconds.labels(method, route).observe(seconds)
        if tenant:
            self._tenant_seconds.labels(tenant).observe(seconds)

    def render(self) -> bytes:
        """Prometheus' text format. What is in the database is asked for at most every ``KEPT_S`` seconds."""
        return generate_latest(self.registry)


class DatabaseCollector(Collector):
    """What the database says when scraped: jobs of all tenants in one statement, and the tenants' own figures.

    Kept for ``KEPT_S``, so that neither more scrapers nor a short interval is more work for the database.
    """

    def __init__(self, database: Database, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock_s
        self._tenants = TenantReader(database, clock_s=clock_s)
        self._lock = threading.Lock()
        self._jobs: list[JobGroup] = []
        self._read_at_s: float | None = None

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("billwright_database_up", "Whether the database answered this scrape.")
        try:
            found = [*job_metrics(self._job_groups()), *self._tenants.metrics()]
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield from (up, *found)

    def _job_groups(self) -> list[JobGroup]:
        with self._lock:
            now_s = self._clock()
            if self._read_at_s is None or now_s - self._read_at_s >= KEPT_S:
                self._jobs, self._read_at_s = job_groups(self._database), now_s
            return self._jobs
