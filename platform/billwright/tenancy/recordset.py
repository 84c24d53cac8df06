"""Many rows as one parameter: a JSON array that PostgreSQL reads as a table, so that a batch of any size is one statement.

Values pass as text or JSON numbers, never as floats: decimals keep every digit.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import Insert, Table, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.sql.expression import TableValuedAlias

ROWS: Final = "rows"
_ENCODER: Final = msgspec.json.Encoder()


def table_of(row: type[DeclarativeBase]) -> Table:
    """The table behind a mapped class: bulk statements need nothing of the mapping."""
    table = row.__table__
    assert isinstance(table, Table)
    return table


def recordset(columns: Sequence[KeyedColumnElement[Any]], *, name: str = "incoming") -> TableValuedAlias:
    """The statement's parameter ``rows`` as a table with ``columns``; execute it with ``parameters(...)``."""
    source = func.json_to_recordset(cast(bindparam(ROWS, type_=Text()), JSON()))
    table = source.table_valued(*(column(each.name, each.type) for each in columns))
    return table.render_derived(name=name, with_types=True)


def parameters(rows: Iterable[Mapping[str, Any] | msgspec.Struct]) -> dict[str, str]:
    """The parameter for a statement made with ``recordset``; rows keep their order."""
    return {ROWS: _ENCODER.encode(list(rows)).decode()}


@lru_cache(maxsize=500)
def _insertion(row: type[DeclarativeBase], names: tuple[str, ...]) -> Insert:
    """Made and compiled once per table and set of columns."""
    table = table_of(row)
    incoming = recordset([table.c[name] for name in names])
    return insert(table).from_select(list(names), select(*incoming.c))


def insert_many(session: Session, row: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows``, which all name the same columns, by one statement of one parameter; nothing for no rows."""
    if rows:
        session.execute(_insertion(row, tuple(rows[0])), parameters(rows))
