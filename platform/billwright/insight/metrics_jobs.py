"""Figures of the jobs of all tenants: one statement over one table, however many tenants there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import Select, and_, case, func, literal, or_, select

from billwright.jobs.claim import lease_now
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import control_transaction

WAITING: Final = ("queued", "retry")
NEVER_FAILED: Final = "none"


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Jobs of one tenant, queue, state and class of their last failure; ``resting`` of them were put off by somebody.

    ``overdue_s``: how long the oldest due one waits, none where none is due. ``in_state_s``: how long the oldest is in the
    state that it is in.
    """

    tenant: str
    queue: str
    state: str
    error_class: str
    jobs: int
    resting: int
    overdue_s: float | None
    in_state_s: float


def job_groups(database: Database) -> list[JobGroup]:
    """All jobs that are not over, in groups, at one moment of the database's clock.

    Raises:
        SQLAlchemyError: the database does not answer.
    """
    with control_transaction(database, SYSTEM) as tx:
        rows = tx.session.execute(_statement(lease_now(tx))).all()
    return [_group(*row) for row in rows]


def _group(
    tenant: str,
    queue: str,
    state: str,
    error_class: str,
    jobs: int,
    resting: int,
    overdue: timedelta | None,
    in_state: timedelta,
) -> JobGroup:
    overdue_s = None if overdue is None else overdue.total_seconds()
    return JobGroup(tenant, queue, state, error_class, jobs, resting, overdue_s, in_state.total_seconds())


def _statement(now: datetime) -> Select[*tuple[Any, ...]]:
    # Summed up before the tenants are looked at: by plain columns, of which the server knows how few values they have, so
    # that it sums in memory instead of sorting a long line.
    keys = (JobRow.tenant_id, JobRow.queue, JobRow.state, JobRow.error_class)
    resting = func.count().filter(JobRow.snoozed_until > now)
    sums = (
        select(*keys, func.count(), resting, func.min(JobRow.run_at), func.min(JobRow.updated_at))
        # One condition for each partial index: the jobs that are over, by far the most, are not looked at.
        .where(or_(JobRow.state.in_(WAITING), JobRow.state == "leased", JobRow.state == "dead"))
        .group_by(*keys)
        .subquery()
        .c
    )
    tenant_id, queue, state, error_class, jobs, rest, run_at, updated_at = sums
    # A wish is due by its tenant's clock, another try in real time; of a tenant that is not active nothing is.
    clock = case((state == "retry", now), else_=func.coalesce(TenantRow.clock_at, now))
    due = and_(TenantRow.state == "active", state.in_(WAITING), run_at <= clock)
    overdue, age = case((due, clock - run_at)), literal(now) - updated_at
    return select(
        TenantRow.slug, queue, state, func.coalesce(error_class, NEVER_FAILED), jobs, rest, overdue, age
    ).join(TenantRow, TenantRow.id == tenant_id)


def job_metrics(groups: Iterable[JobGroup]) -> Iterator[Metric]:
    """The figures as Prometheus takes them; docs/operations.md says what each is."""
    counts = _Table("billwright_jobs", "Jobs that are not over, by state.", ["state", "queue", "tenant"])
    overdue = _Table("billwright_job_overdue_seconds", "How long the oldest due job waits.", ["queue", "tenant"])
    leased = _Table(
        "billwright_job_leased_seconds", "How long the oldest job is under way since its lease.", ["queue", "tenant"]
    )
    retrying = _Table(
        "billwright_jobs_retrying", "Jobs that wait for another try, by why.", ["error_class", "queue", "tenant"]
    )
    dead = _Table("billwright_jobs_dead", "Jobs that gave up, by why.", ["error_class", "resting", "queue", "tenant"])
    for each in groups:
        here = (each.queue, each.tenant)
        counts.add((each.state, *here), each.jobs)
        if each.overdue_s is not None:
            overdue.raise_to(here, each.overdue_s)
        if each.state == "leased":
            leased.raise_to(here, max(0.0, each.in_state_s))
        if each.state == "retry":
            retrying.add((each.error_class, *here), each.jobs)
        if each.state == "dead":
            dead.add((each.error_class, "yes", *here), each.resting)
            dead.add((each.error_class, "no", *here), each.jobs - each.resting)
    yield from (table.family() for table in (counts, overdue, leased, retrying, dead))


class _Table:
    """One figure by its labels: several groups may fall on the same labels, which Prometheus takes once only."""

    def __init__(self, name: str, text: str, labels: list[str]) -> None:
        self._family = GaugeMetricFamily(name, text, labels=labels)
        self._values: dict[tuple[str, ...], float | int] = {}

    def add(self, labels: tuple[str, ...], count: int) -> None:
        self._values[labels] = self._values.get(labels, 0) + count

    def raise_to(self, labels: tuple[str, ...], value_s: float) -> None:
        self._values[labels] = max(value_s, self._values.get(labels, 0))

    def family(self) -> GaugeMetricFamily:
        for labels, value in self._values.items():
            self._family.add_metric(labels, value)
        return self._family
