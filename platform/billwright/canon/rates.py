"""Reading exchange rates inside a transaction: the days that a batch needs, in one statement."""

from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select

from billwright.canon.errors import RateMissingError
from billwright.canon.tables import RateDayRow
from billwright.kernel.actor import Actor
from billwright.kernel.rates import Rate, RateDay, Rates
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

LOOKED_BACK: Final = timedelta(days=30)  # beyond it the last day before is found, too, for rates that may be old


def read_rates(tx: Tx, source: str, days: Collection[date]) -> Rates:
    """What is known of ``source`` for ``days`` and before them, at least the last known day. One statement."""
    if not days or not source:
        return Rates()
    first, last = min(days), max(days)
    before = select(func.max(RateDayRow.on)).where(RateDayRow.source == source, RateDayRow.on <= first)
    start = func.least(func.coalesce(before.scalar_subquery(), first), first - LOOKED_BACK)
    query = select(RateDayRow.on, RateDayRow.per_euro).where(
        RateDayRow.source == source, RateDayRow.on >= start, RateDayRow.on <= last
    )
    return Rates(_day(source, row.on, row.per_euro) for row in tx.session.execute(query))


def _day(source: str, on: date, per_euro: dict[str, str]) -> RateDay:
    return RateDay(on=on, source=source, per_euro={code: Decimal(rate) for code, rate in per_euro.items()})


def show_rate(
    database: Database, tenant: Tenant, actor: Actor, *, of: str, into: str, on: date, source: str, days_max: int
) -> Rate:
    """The rate of one day, or the last one before it, at most ``days_max`` days.

    Raises:
        PermissionDeniedError: without ``configuration:read``.
        RateMissingError: none is known.
    """
    actor.require("configuration:read")
    with transaction(database, tenant, actor, read_only=True) as tx:
        rate = read_rates(tx, source, [on]).find(of, into, on, days_max=days_max)
    if rate is None:
        raise RateMissingError(
            f"{source} has no rate of {of} in {into} for {on} or the {days_max} days before; load its rates.",
            field="on",
        )
    return rate
