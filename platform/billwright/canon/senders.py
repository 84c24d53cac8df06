"""Who ever sent a fact: nobody approves what they made or changed, whoever changed it after them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningUpdate

from billwright.canon.incoming import Incoming, Pair
from billwright.canon.tables import Sourced
from billwright.tenancy.base import TenantBase
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx


def senders_of(items: Iterable[Incoming]) -> dict[Pair, set[UUID]]:
    """Everybody who sent something about an object, whether it is the newest or not. Systems are nobody."""
    found: dict[Pair, set[UUID]] = defaultdict(set)
    for item in items:
        if item.person_id is not None:
            found[item.pair].add(item.person_id)
    return found


def earlier_makers(row: Any, newer: Any) -> ColumnElement[Any]:
    """What stands in ``earlier_makers`` when ``newer`` replaces ``row``: all makers but the new one, each once."""
    makers = func.array_append(row.earlier_makers, row.made_by)
    return func.array_remove(func.array_remove(makers, None), newer.made_by)


def identities_of(table: type[Sourced]) -> ColumnElement[str]:
    """A row for each person who ever sent the fact, as text; no row where none did."""
    makers = func.array_remove(func.array_append(table.earlier_makers, table.made_by), None)
    return func.unnest(cast(makers, ARRAY(Text)))


@cache
def _noting(row: type[TenantBase]) -> ReturningUpdate[Any]:
    table = table_of(row)
    incoming = recordset([table.c.id, table.c.earlier_makers])
    statement = update(table).where(table.c.id == incoming.c.id).values(earlier_makers=incoming.c.earlier_makers)
    return statement.returning(table.c.id)


def note_senders(
    tx: Tx, row: type[TenantBase], written: Mapping[UUID, Incoming], senders: Mapping[UUID, Collection[UUID]]
) -> Sequence[UUID]:
    """Keep the senders whose message is not the one that stands in the row; returns the rows that did not know one.

    Two statements when there are such senders, else none. The caller holds the rows' locks.

    Args:
        row: the table of the facts.
        written: what the caller wrote to it, by identifier.
        senders: everybody who sent something about each fact of the batch.
    """
    open_ids = [each for each, who in senders.items() if each not in written or set(who) - {written[each].person_id}]
    if not open_ids:
        return []
    table = table_of(row)
    query = select(table.c.id, table.c.made_by, table.c.earlier_makers).where(table.c.id.in_(open_ids))
    changes = []
    for known in tx.session.execute(query.order_by(table.c.id)):
        missing = set(senders[known.id]) - {known.made_by, *known.earlier_makers}
        if missing:
            changes.append({"id": known.id, "earlier_makers": [*known.earlier_makers, *sorted(missing)]})
    if not changes:
        return []
    return list(tx.session.scalars(_noting(row), parameters(changes)))
