"""Time in the demo: a firm's clock is put from moment to moment, and its jobs are done before it goes on."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import and_, func, or_, select

from billwright.cli.demo_doors import DemoFailedError
from billwright.jobs import queries as job_queries
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.sandbox import set_clock
from billwright.tenancy.transaction import Tenant, control_transaction

WAIT_S: Final = 120.0
LOOK_EVERY_S: Final = 0.08


class Workers(Protocol):
    """Whoever does the jobs: the processes of ``billwright up``, or this one in a test."""

    def settle(self, tenant: Tenant) -> None:
        """Return when nothing of the firm is due or under way."""
        ...

    def take(self, tenant: Tenant, written: Sequence[Path]) -> None:
        """Return when these files of the watched folder are taken."""
        ...


@dataclass(frozen=True, slots=True)
class RunningWorkers:
    """Asks the database until the workers of this install are done."""

    database: Database
    stop: threading.Event

    def settle(self, tenant: Tenant) -> None:
        """As the protocol says.

        Raises:
            DemoFailedError: jobs are still there after two minutes; the sentence names them.
        """
        deadline = time.monotonic() + WAIT_S
        while left := self._left(tenant):
            self._pause(deadline, f"{tenant.name} waits for its jobs: {', '.join(left)}")

    def take(self, tenant: Tenant, written: Sequence[Path]) -> None:
        """As the protocol says.

        Raises:
            DemoFailedError: a file is still there after two minutes.
        """
        deadline = time.monotonic() + WAIT_S
        while left := [path.name for path in written if path.exists()]:
            self._pause(deadline, f"Nobody took the files of {tenant.name}: {', '.join(left)}")

    def _pause(self, deadline: float, sentence: str) -> None:
        if self.stop.wait(LOOK_EVERY_S):
            raise DemoFailedError("Stopped.")
        if time.monotonic() > deadline:
            raise DemoFailedError(f"{sentence}. Look at the logs of worker and dispatcher.")

    def _left(self, tenant: Tenant) -> list[str]:
        """Jobs that are due or under way, by kind, with what went wrong last."""
        now = tenant.clock_at or self.database.clock.now()
        waiting = and_(JobRow.state.in_(("queued", "retry")), JobRow.run_at <= now)
        query = (
            select(JobRow.kind, func.count(), func.max(JobRow.error))
            .where(JobRow.tenant_id == tenant.id, or_(waiting, JobRow.state == "leased"))
            .group_by(JobRow.kind)
        )
        with control_transaction(self.database, SYSTEM) as tx:
            return [
                f"{count} {kind}" + (f" ({error[:200]})" if error else "")
                for kind, count, error in tx.session.execute(query)
            ]


def given_up(database: Database, tenant: Tenant) -> str:
    """Jobs of the firm that nobody tries any more, with what went wrong; empty when there are none."""
    query = (
        select(JobRow.kind, func.count(), func.max(JobRow.error))
        .where(JobRow.tenant_id == tenant.id, JobRow.state == "dead")
        .group_by(JobRow.kind)
    )
    with control_transaction(database, SYSTEM) as tx:
        return "; ".join(f"{count} {kind}: {(error or '')[:200]}" for kind, count, error in tx.session.execute(query))


@dataclass(frozen=True, slots=True)
class Pace:
    """Moves a firm's clock forward, never back; timers in between run at their own moments."""

    database: Database
    workers: Workers

    def advance(self, tenant: Tenant, moment: datetime) -> Tenant:
        """The firm at ``moment``, with all done that was due by then."""
        if tenant.clock_at is not None and moment <= tenant.clock_at:
            self.workers.settle(tenant)
            return tenant
        while (due := self._next_due(tenant)) is not None and due <= moment:
            tenant = set_clock(self.database, tenant, max(due, tenant.clock_at or due))
            self.workers.settle(tenant)
        return set_clock(self.database, tenant, moment)

    def release(self, tenant: Tenant) -> Tenant:
        """From here on the firm lives in real time; what fell due since the demo's last evening is done now."""
        tenant = set_clock(self.database, tenant, None)
        self.workers.settle(tenant)
        return tenant

    def _next_due(self, tenant: Tenant) -> datetime | None:
        with control_transaction(self.database, SYSTEM) as tx:
            try:
                return job_queries.next_run_at(tx.session, tenant.id)
            except NotFoundError:
                return None
