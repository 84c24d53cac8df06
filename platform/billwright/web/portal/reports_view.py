"""A report as its page, its chart and its CSV file show it: the same rows three times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from billwright.kernel.money import Money
from billwright.web.portal.csv_export import Cell as CsvCell

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Link:
    """A count with the address of what it counts."""

    value: int
    path: str


Cell: TypeAlias = str | int | Money | timedelta | datetime | date | Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart. ``solid`` and ``hatched`` follow each other, ``mark`` is where the line after them ends.

    All are percent of the longest; ``text`` says the value, so that nobody has to measure. ``path``: what it is made of.
    """

    label: str
    path: str
    text: str
    solid: Decimal = Decimal(0)
    hatched: Decimal = Decimal(0)
    mark: Decimal | None = None

    @property
    def end(self) -> Decimal:
        return self.solid + self.hatched


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """``legend``: what a solid bar, a hatched one and the line mean."""

    title: str
    bars: Sequence[Bar]
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``path`` is the list of what the row is made of; ``part`` names the row in addresses."""

    part: str
    path: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    caption: str
    header: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One question. ``answer`` is a sentence, ``how`` says how the figures are made."""

    name: str
    question: str
    answer: str
    how: str
    charts: Sequence[Chart]
    tables: Sequence[Table] = field(default=())

    @property
    def empty(self) -> bool:
        return not any(chart.bars for chart in self.charts)

    def label_of(self, part: str) -> str:
        """The first cell of the row that is called ``part``; empty when there is none."""
        return next((str(row.cells[0]) for table in self.tables for row in table.rows if row.part == part), "")


def csv_of(table: Table) -> tuple[list[str], list[list[CsvCell]]]:
    """Header and rows of a file: amounts as plain decimals with a column for their currency, time in hours."""
    header = list(table.header)
    spans = {n for row in table.rows for n, cell in enumerate(row.cells) if isinstance(cell, timedelta)}
    titles = [f"{title} (hours)" if n in spans else title for n, title in enumerate(header)]
    with_money = any(isinstance(cell, Money) for row in table.rows for cell in row.cells)
    rows = [_csv_row(row.cells, with_money=with_money) for row in table.rows]
    return [*titles, *(["Currency"] if with_money else [])], rows


def _csv_row(cells: Iterable[Cell], *, with_money: bool) -> list[CsvCell]:
    made: list[CsvCell] = []
    currency = ""
    for cell in cells:
        if isinstance(cell, Money):
            currency = cell.currency
        made.append(_csv_cell(cell))
    return [*made, currency] if with_money else made


def _csv_cell(cell: Cell) -> CsvCell:
    if isinstance(cell, Money):
        return cell.decimal
    if isinstance(cell, Link):
        return cell.value
    if isinstance(cell, timedelta):
        return (Decimal(cell // timedelta(seconds=1)) / (HOUR // timedelta(seconds=1))).quantize(Decimal("0.01"))
    return cell
