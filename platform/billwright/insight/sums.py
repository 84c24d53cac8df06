"""Pieces of the statements that read figures: each is one value of one row, so that many figures take one statement."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Select, cast, func, select
from sqlalchemy.sql.elements import SQLCoreOperations


def one(query: Select[*tuple[Any, ...]]) -> ScalarSelect[Any]:
    """The only value of ``query``."""
    value: ScalarSelect[Any] = query.scalar_subquery()
    return value


def count(row: Any, *conditions: SQLCoreOperations[bool]) -> ScalarSelect[Any]:
    """How many rows of the table fit."""
    return one(select(func.count()).select_from(row).where(*conditions))


def total(minor: Any, condition: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    """Sum of minor units of the rows that fit, as a whole number; 0 without any."""
    added = func.sum(minor)
    return cast(func.coalesce(added if condition is None else added.filter(condition), 0), BigInteger)


def by_key(grouped: Select[*tuple[Any, ...]]) -> ScalarSelect[Any]:
    """Rows of (key, value, ...) as ``{key: [value, ...]}``; null without any."""
    inner = grouped.subquery()
    key, *values = inner.c
    return one(select(func.jsonb_object_agg(key, func.jsonb_build_array(*values))))
