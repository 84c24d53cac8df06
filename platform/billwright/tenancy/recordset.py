"""Many rows as one parameter: a JSON array that PostgreSQL reads as a table, so that a batch of any size is one statement.

Values pass as text or JSON numbers, never as floats: decimals keep every digit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table, Text, bindparam, cast, column, func
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.sql.expression import TableValuedAlias

from billwright.tenancy.base import TenantBase

ROWS: Final = "rows"
_ENCODER: Final = msgspec.json.Encoder()


def table_of(row: type[TenantBase]) -> Table:
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
