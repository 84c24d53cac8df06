"""Loading exchange rates: a day that is known stays as it is, new ones are added, and the file's hash is kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from billwright.audit.record import record
from billwright.canon.errors import RatesDifferError
from billwright.canon.events import RatesLoaded
from billwright.canon.rate_file import read_rate_file
from billwright.canon.tables import RateDayRow, RateFileRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import new_id
from billwright.kernel.rates import RateDay
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, Tx, transaction

ECB: Final = "ECB"
LOCK_SEED: Final = 13  # one loader of a tenant at a time
AHEAD_MAX: Final = timedelta(days=1)  # somewhere it is tomorrow already


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """``added`` days are new; ``known`` were there with the same rates."""

    source: str
    sha256: str
    first_on: date
    last_on: date
    added: int
    known: int


def load_rates(
    database: Database, tenant: Tenant, actor: Actor, data: bytes, *, source: str = ECB, since: date | None = None
) -> Loaded:
    """Keep the days of ``data`` from ``since`` on. All or nothing; the same file again changes nothing.

    Raises:
        PermissionDeniedError: without ``configuration:write``.
        InputInvalidError: no file of rates, or a day lies ahead, or none is left.
        RatesDifferError: a day is known with other rates. Rates that money rests on do not change.
    """
    actor.require("configuration:write")
    days = [day for day in read_rate_file(data, source=source) if since is None or day.on >= since]
    if not days:
        raise InputInvalidError(f"The file has no day from {since} on.", field="since")
    digest = hashlib.sha256(data).hexdigest()
    with transaction(database, tenant, actor) as tx:
        if days[-1].on > tx.now.date() + AHEAD_MAX:
            raise InputInvalidError(f"{days[-1].on} lies ahead; no source knows its rates yet.", field="file")
        tx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(tenant.schema, LOCK_SEED))))
        fresh = _fresh(tx, days, source)
        loaded = Loaded(
            source=source,
            sha256=digest,
            first_on=days[0].on,
            last_on=days[-1].on,
            added=len(fresh),
            known=len(days) - len(fresh),
        )
        if fresh:
            _keep(tx, fresh, loaded)
        return loaded


def _fresh(tx: Tx, days: Sequence[RateDay], source: str) -> list[RateDay]:
    between = RateDayRow.on.between(days[0].on, days[-1].on)
    query = select(RateDayRow.on, RateDayRow.per_euro).where(RateDayRow.source == source, between)
    known = {row.on: {code: Decimal(rate) for code, rate in row.per_euro.items()} for row in tx.session.execute(query)}
    for day in days:
        if day.on in known and known[day.on] != day.per_euro:
            raise RatesDifferError(
                f"{source} of {day.on} is known with other rates. Nothing was loaded: leave the day out, or load the file "
                "under a source name of its own.",
                field="file",
            )
    return [day for day in days if day.on not in known]


def _keep(tx: Tx, fresh: Sequence[RateDay], loaded: Loaded) -> UUID:
    file_id = new_id()
    row = {
        "id": file_id,
        "source": loaded.source,
        "sha256": loaded.sha256,
        "first_on": fresh[0].on,
        "last_on": fresh[-1].on,
        "days": len(fresh),
        "loaded_at": tx.now,
        "loaded_by_name": tx.actor.name,
    }
    insert_many(tx.session, RateFileRow, [row])
    insert_many(
        tx.session,
        RateDayRow,
        [
            {
                "source": day.source,
                "on": day.on,
                "per_euro": {code: format(rate, "f") for code, rate in sorted(day.per_euro.items())},
                "file_id": file_id,
            }
            for day in fresh
        ],
    )
    record(tx, "rates.loaded", "rate_file", file_id, after=row)
    publish(tx, RatesLoaded(source=loaded.source, first_on=fresh[0].on, last_on=fresh[-1].on))
    return file_id
