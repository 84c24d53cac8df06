"""Reading the rows of a list: a page by cursor, or all of them for a file. One statement, whatever the number of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, tuple_

from billwright.kernel.errors import InputInvalidError
from billwright.kernel.paging import CursorValue, Slice, cut_page, read_cursor
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import ROWS, AnySelect, Asked, Listing, Sort

FETCH_ROWS: Final = 500
PLACE: Final = "list_place"
IDENTIFIER: Final = "list_identifier"
CURRENCIES: Final = "list_currencies"


def filtered(tx: Tx, listing: Listing, asked: Asked) -> AnySelect:
    """The list's query with the filters of ``asked``."""
    assert listing.query is not None
    query = listing.query(tx)
    for each in listing.filters:
        if each.key in asked.filters:
            query = query.where(each.where(tx, each.parse(asked.filters[each.key])))
    return query


def matching_ids(tx: Tx, listing: Listing, asked: Asked, *where: ColumnElement[bool], limit: int) -> list[UUID]:
    """Identifiers of what the filters let through, the oldest first: for a deed about all of them. One query."""
    assert listing.identifier is not None
    query = filtered(tx, listing, asked).where(*where)
    query = query.with_only_columns(listing.identifier, maintain_column_froms=True)
    return list(tx.session.scalars(query.order_by(listing.identifier).limit(limit)))


def read_rows(tx: Tx, listing: Listing, asked: Asked) -> Slice[Any]:
    """One page of the list.

    Raises:
        InputInvalidError: the cursor is not of this list in this order.
    """
    if listing.whole is not None:
        return Slice(listing.whole(tx), None)
    order = _Order(listing, asked.order)
    query = order.sorted(filtered(tx, listing, asked)).limit(ROWS + 1)
    if asked.cursor:
        query = query.where(order.after(asked.cursor))
    return cut_page(tx.session.execute(query).all(), ROWS, order.key)


def all_rows(tx: Tx, listing: Listing, asked: Asked, rows_max: int) -> Iterator[Any]:
    """Every row, in the order asked, at most ``rows_max``; read from the server piece by piece.

    One statement, so that the file shows one moment: a page by page reading would miss or double rows that change. Each row
    bears all currencies of the list (``CURRENCIES``) where the list says how to find them: they are of that moment, too.
    """
    if listing.whole is not None:
        yield from islice(listing.whole(tx), rows_max)
        return
    query = _Order(listing, asked.order).sorted(filtered(tx, listing, asked)).limit(rows_max)
    if listing.currencies is not None:
        query = query.add_columns(listing.currencies(tx).label(CURRENCIES))
    for rows in tx.session.execute(query, execution_options={"yield_per": FETCH_ROWS}).partitions():
        yield from rows


def currencies_of(tx: Tx, listing: Listing, row: Any | None) -> Sequence[str]:
    """All currencies of the list's amounts: as the file's first row bears them; of a file without rows those of now."""
    if listing.currencies is None:
        return ()
    found = tx.session.scalar(select(listing.currencies(tx))) if row is None else getattr(row, CURRENCIES)
    return found or ()


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a list: by a column, then by identifier, both the same way round.

    Where the column is null PostgreSQL's own order holds (last when ascending, first when descending), because an index
    gives that order both ways.
    """

    listing: Listing
    order: str

    @property
    def sort(self) -> Sort:
        return self.listing.sort_of(self.order)[0]

    @property
    def descending(self) -> bool:
        return self.order.startswith("-")

    def sorted(self, query: AnySelect) -> AnySelect:
        place, identifier = self.sort.by, self._identifier
        ways = [each.desc() if self.descending else each.asc() for each in (place, identifier)]
        return query.add_columns(place.label(PLACE), identifier.label(IDENTIFIER)).order_by(*ways)

    def key(self, row: Any) -> tuple[CursorValue, ...]:
        place = getattr(row, PLACE)
        return self.order, place.isoformat() if self.sort.type is date and place else place, getattr(row, IDENTIFIER)

    def after(self, cursor: str) -> ColumnElement[bool]:
        _, place, last = self._read(cursor)
        column, identifier = self.sort.by, self._identifier
        if place is None:
            further = identifier < last if self.descending else identifier > last
            within = and_(column.is_(None), further)
            return or_(within, column.is_not(None)) if self.descending else within
        here, there = tuple_(column, identifier), tuple_(place, last)
        return here < there if self.descending else or_(here > there, column.is_(None))

    def _read(self, cursor: str) -> tuple[str, Any, UUID]:
        """The cursor's values; one of the list in another order is refused like one of another list."""
        types: Any = (str, (str if self.sort.type is date else self.sort.type) | None, UUID)
        order, place, last = read_cursor(cursor, *types)
        try:
            if order != self.order or "\0" in str(place):
                raise ValueError
            if self.sort.type is date and place is not None:
                return self.order, date.fromisoformat(str(place)), UUID(str(last))
        except ValueError:
            raise InputInvalidError(
                "This place in the list was of another order; start again at the first page.", field="cursor"
            ) from None
        return self.order, place, UUID(str(last))

    @property
    def _identifier(self) -> Any:
        assert self.listing.identifier is not None
        return self.listing.identifier
