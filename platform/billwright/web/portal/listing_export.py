"""A list as a CSV file: exactly what its filters and columns say, all rows, said in the audit log before it leaves."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from uuid import UUID

from litestar.response import Stream

from billwright.audit.record import record
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.transaction import Tx, transaction
from billwright.web.portal.csv_export import CHUNK_BYTES, Cell, csv_lines, csv_stream, money_cells
from billwright.web.portal.listing import Asked, Column, Listing
from billwright.web.portal.listing_read import all_rows, currencies_of
from billwright.web.portal.queries_lists import people_here
from billwright.web.portal.visit import Visit

MEMORY_BYTES: Final = 1024 * 1024
"""Up to here a file is made in memory, beyond it on disk."""


def export_list(visit: Visit, listing: Listing, asked: Asked) -> Stream:
    """The file. It is made whole before the first byte leaves: nobody gets half a list with a good answer, no slow reader
    holds a connection to the database, and the audit entry knows how many rows went out.

    Raises:
        PermissionDeniedError: the list is not open to this person.
        InputInvalidError: more rows than a file may have.
    """
    visit.require(*listing.needs)
    people = people_here(visit) if listing.people else {}
    spool: IO[bytes] = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        with transaction(visit.database, visit.here, visit.actor, trace_id=visit.trace_id) as tx:
            rows = write_file(spool, tx, listing, asked, people)
            told = {"list": listing.name, "filters": asked.filters, "columns": asked.columns, "rows": rows}
            record(tx, "list.exported", "list", None, after=told)
            day = tx.now.date()
    except BaseException:
        spool.close()
        raise
    return csv_stream(f"{listing.name}-{day:%Y-%m-%d}.csv", _chunks(spool))


def write_file(spool: IO[bytes], tx: Tx, listing: Listing, asked: Asked, people: Mapping[UUID, str]) -> int:
    """Write the list into ``spool`` and return how many rows it has.

    Raises:
        InputInvalidError: more than ``listing.export_max``.
    """
    chosen = [column for key in asked.columns if (column := listing.column(key))]
    found = all_rows(tx, listing, asked, listing.export_max + 1)
    first = next(found, None)
    currencies = currencies_of(tx, listing, first)
    rows = 0

    def cells() -> Iterator[list[Cell]]:
        nonlocal rows
        for row in chain(() if first is None else (first,), found):
            rows += 1
            if rows > listing.export_max:
                raise InputInvalidError(
                    f"These are more than {listing.export_max:,} {listing.rows}, the most that one file may have. Narrow "
                    "the list by a filter, for example by day, and take one file per part.",
                    field="filters",
                )
            yield [cell for column in chosen for cell in cells_of(column, row, people, currencies)]
        if listing.whole_max and rows >= listing.whole_max:
            yield [f"(only the first {listing.whole_max} {listing.rows} are in this file)"]

    for chunk in csv_lines([name for column in chosen for name in header_of(column, currencies)], cells()):
        spool.write(chunk)
    return rows


def header_of(column: Column, currencies: Sequence[str]) -> Sequence[str]:
    if column.kind == "amounts":
        return [f"{column.label} {currency}" for currency in currencies]
    return (column.label, f"{column.label} currency") if column.kind in {"money", "price"} else (column.label,)


def cells_of(column: Column, row: Any, people: Mapping[UUID, str], currencies: Sequence[str]) -> Sequence[Cell]:
    """What stands in the file for a column of a row: the value itself, never as a language writes it."""
    value = column.value(row)
    if column.kind == "amounts":
        minor = {currency: amount for amount, currency in value or ()}
        return [money_cells(minor.get(currency), currency)[0] for currency in currencies]
    if column.kind == "money":
        return money_cells(*value) if value else (None, None)
    if column.kind == "price":
        return value or (None, None)
    if value is None:
        return (None,)
    if column.kind == "person":
        return (people.get(value, "somebody who left"),)
    if column.kind == "status":
        return (str(value[0]),)
    return (value if isinstance(value, int | Decimal | date) else str(value),)


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        spool.seek(0)
        while chunk := spool.read(CHUNK_BYTES):
            yield chunk
