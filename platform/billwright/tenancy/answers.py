"""What the routes of a tenant have in common: parameters of lists, refusals in the API's description, pages of rows."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast
from uuid import UUID

from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from msgspec import Struct
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from billwright.kernel.paging import LIMIT_DEFAULT, LIMIT_MAX, Slice, cut_page, read_cursor
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

# Litestar drops msgspec's bounds when a query parameter is marked as one; stated in the mark they hold.
Limit = Annotated[
    int,
    QueryParameter(ge=1, le=LIMIT_MAX, description=f"Rows wanted, 1 to {LIMIT_MAX}; {LIMIT_DEFAULT} if left out."),
]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=400, description="`next_cursor` of the page before; leave out for the first."),
]


class ProblemDocument(Struct, frozen=True):
    """What went wrong (RFC 9457). ``type`` leads to a page that says what to do; facts may follow as further members."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str | None


REFUSALS: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "No valid token.",
    403: "The caller's role does not allow this; the detail names the permission or the reason.",
    404: "There is nothing here under that identifier, or not for this caller.",
    409: "The object is in a state in which this cannot be done, or changed since the caller saw it.",
    413: "The body is too large; send it in smaller parts.",
    429: "More of this caller's requests wait than may wait; `Retry-After` says when to come again.",
    422: "A field or parameter is wrong; the document names it.",
}


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The problem documents that a route may answer with, for its ``responses``. Every route has 400, 401 and 403."""
    return {
        status: ResponseSpec(
            ProblemDocument,
            generate_examples=False,
            description=REFUSALS[status],
            media_type="application/problem+json",
        )
        for status in sorted({400, 401, 403, *statuses})
    }


def newest_first(
    tx: Tx, query: Select[Any], column: InstrumentedAttribute[UUID], *, limit: int, cursor: str | None
) -> Slice[AnyRow]:
    """A page of ``query`` by the descending identifiers in ``column``; the rows name it ``id``.

    Identifiers are made in the order of time and never change, so that a walk over all pages meets each row once,
    whatever is added or changed meanwhile.

    Raises:
        InputInvalidError: ``cursor`` is not of this list.
    """
    query = query.order_by(column.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(column < cast("UUID", read_cursor(cursor, UUID)[0]))
    return cut_page(tx.session.execute(query).all(), limit, lambda row: (row.id,))


def equal(query: Select[Any], *pairs: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], object]) -> Select[Any]:
    """``query`` narrowed to rows that have each value; a value of None does not narrow."""
    for column, value in pairs:
        if value is not None:
            query = query.where(column == value)
    return query
