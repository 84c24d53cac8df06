"""Feeding a folder's record through the intake, in the order in which it happened and with the clock of the record.

Each supplier is a sandbox tenant: its clock is put to the moment of each message before the message is stored, and the
timers that fall due in between run at their own moments. Tenants share nothing, so they are fed one after the other.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import select

from billwright.extension.folders import Folder, FolderRecord
from billwright.intake.store_messages import BATCH_MAX, Connection, store_messages
from billwright.intake.tables import ConnectionRow
from billwright.jobs import queries as job_queries
from billwright.jobs.claim import claim
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.work import do_lease
from billwright.kernel.actor import SYSTEM
from billwright.kernel.canonical_json import encode
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.sandbox import set_clock
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

SETTLES_WITHIN: Final = timedelta(days=60)  # after the last fact: every timer of the record has run by then
SHUFFLED_BATCH: Final = 20


@dataclass(slots=True)
class Fed:
    """What intake answered, by status, and which records it did not take."""

    statuses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Feeder:
    """Feeds tenants of one folder. ``handlers`` do the jobs in this process."""

    database: Database
    handlers: Handlers
    fed: Fed

    def feed(
        self,
        tenant: Tenant,
        connection: Connection,
        records: Sequence[FolderRecord],
        *,
        shuffle: int | None,
        repeat: int,
    ) -> None:
        """All of a tenant's records, ``repeat`` times over."""
        if not records:
            return
        end = max(record.occurred_at for record in records) + SETTLES_WITHIN
        for _ in range(repeat):
            if shuffle is None:
                tenant = self._in_order(tenant, connection, records)
            else:
                tenant = self._shuffled(tenant, connection, records, seed=shuffle, clock=end)
        self._run_until(tenant, end)

    def _in_order(self, tenant: Tenant, connection: Connection, records: Sequence[FolderRecord]) -> Tenant:
        """Moment by moment; the clock never goes back (a repeated record comes late, as in life)."""
        for moment, batch in _moments(records):
            if tenant.clock_at is None or moment > tenant.clock_at:
                tenant = self._run_until(tenant, moment)
            self._store(tenant, connection, batch)
            drain(self.database, self.handlers, tenant_id=tenant.id)
        return tenant

    def _shuffled(
        self, tenant: Tenant, connection: Connection, records: Sequence[FolderRecord], *, seed: int, clock: datetime
    ) -> Tenant:
        """Out of order, in small batches, each applied before the next is stored; only then is anything billed."""
        tenant = set_clock(self.database, tenant, clock)
        mixed = list(records)
        random.Random(seed).shuffle(mixed)  # noqa: S311  # an order to try, not a secret
        for start in range(0, len(mixed), SHUFFLED_BATCH):
            self._store(tenant, connection, mixed[start : start + SHUFFLED_BATCH])
            while leases := claim(self.database, self.handlers, queues=("intake",), tenant_id=tenant.id):
                for lease in leases:
                    do_lease(self.database, self.handlers, lease.id)
        return tenant

    def _run_until(self, tenant: Tenant, moment: datetime) -> Tenant:
        """Let the timers that are due before ``moment`` run at their own time, then put the clock there."""
        while (due := self._next_due(tenant)) is not None and due < moment:
            tenant = set_clock(self.database, tenant, max(due, tenant.clock_at or due))
            if not drain(self.database, self.handlers, tenant_id=tenant.id):
                break
        tenant = set_clock(self.database, tenant, moment)
        drain(self.database, self.handlers, tenant_id=tenant.id)
        return tenant

    def _next_due(self, tenant: Tenant) -> datetime | None:
        with control_transaction(self.database, SYSTEM) as tx:
            try:
                return job_queries.next_run_at(tx.session, tenant.id)
            except NotFoundError:
                return None

    def _store(self, tenant: Tenant, connection: Connection, records: Sequence[FolderRecord]) -> None:
        for start in range(0, len(records), BATCH_MAX):
            part = records[start : start + BATCH_MAX]
            raw = [msgspec.Raw(encode(_event(record, connection.source))) for record in part]
            results = store_messages(self.database, tenant, SYSTEM, raw, channel="file", connection=connection)
            for record, result in zip(part, results, strict=True):
                self.fed.statuses[result.status] += 1
                if result.status in ("refused", "conflict"):
                    self.fed.refused.append(
                        {
                            "file": record.file,
                            "line": record.line,
                            "reason": result.detail,
                            "field": result.field,
                            "code": result.status,
                        }
                    )


def _moments(records: Sequence[FolderRecord]) -> Iterable[tuple[datetime, list[FolderRecord]]]:
    """Records in order, those of one moment together."""
    batch: list[FolderRecord] = []
    for record in sorted(records, key=lambda each: each.occurred_at):
        if batch and record.occurred_at != batch[0].occurred_at:
            yield batch[0].occurred_at, batch
            batch = []
        batch.append(record)
    if batch:
        yield batch[0].occurred_at, batch


def _event(record: FolderRecord, source: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": record.id,
        "source": source,
        "type": record.type,
        "time": record.occurred_at.astimezone(UTC),
        "subject": record.subject,
        "data": record.data,
    }


def find_connection(database: Database, tenant: Tenant, name: str) -> Connection:
    """The tenant's connection ``name``.

    Raises:
        NotFoundError: it has none of that name.
    """
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(select(ConnectionRow).where(ConnectionRow.name == name)).one_or_none()
    if row is None:
        raise NotFoundError(f"{tenant.slug} has no connection {name!r}.")
    return Connection.of(row)


def choose(folder: Folder, limit: int | None) -> list[tuple[str, list[FolderRecord]]]:
    """Records by tenant, in the folder's order of tenants; at most ``limit`` tenants."""
    by_tenant: dict[str, list[FolderRecord]] = defaultdict(list)
    for record in folder.messages:
        by_tenant[record.tenant].append(record)
    slugs = [seed.slug for seed in folder.tenants][:limit]
    return [(slug, by_tenant[slug]) for slug in slugs]
