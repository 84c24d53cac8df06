"""What a list is: one description, from which its page, its CSV file, its choice of columns and its addresses are made.

A room describes its list once (``listing_*.py``), ``listings.py`` names all of them, ``listing_page.py`` shows them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import read
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing_bulk import Action

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

ROWS: Final = 50
EXPORT_ROWS_MAX: Final = 100_000
TEXT_CHARS_MAX: Final = 80
ALL: Final = "all"
"""The value of a filter that filters nothing: "show all" is a wish too, which a default view must not overrule."""

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
AnyColumn: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
Kind: TypeAlias = Literal["text", "money", "amounts", "price", "day", "moment", "number", "status", "person"]
FilterKind: TypeAlias = Literal["choice", "counted", "text", "day", "id"]


@dataclass(frozen=True, slots=True)
class Sort:
    """By what a column sorts. ``type`` is what its values are: str, int, UUID, date or datetime; null is allowed.

    Offer it only where an index gives the order, or where the list is short by nature.
    """

    by: AnyColumn
    type: type


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a list.

    ``value`` takes a row and gives what ``kind`` says, or None: text ``str``; money ``(minor, currency)``, two cells in a
    file; amounts a sequence of these, each currency once, a cell per currency that the list has (``Listing.currencies``)
    in a file; price ``(Decimal, unit)`` in major units of what its source called the unit, two cells in a file; day
    ``date``; moment ``datetime``; number ``int`` or ``Decimal``; status ``(words, meaning)`` as in ``words.py``; person the
    ``UUID`` of somebody who works here. A template may show a column otherwise, a file never does.
    """

    key: str
    label: str
    value: Callable[[Any], Any]
    kind: Kind = "text"
    sort: Sort | None = None
    default: bool = True
    """Shown until the person chooses otherwise."""
    fixed: bool = False
    """Always shown: what opens the row."""
    wide: bool = True
    """Left out on a phone."""
    under: bool = False
    """On a phone it stands under what opens the row."""
    within: bool = False
    """On the page it always stands under what opens the row; in a file it is a column like any other."""
    needs: tuple[str, ...] = ()
    """Any of these permissions offers the column; none: whoever may see the list."""

    @property
    def figures(self) -> bool:
        """Whether it stands to the right, digit under digit."""
        return self.kind in {"money", "amounts", "price", "number"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One filter, in the address as ``key=value``.

    ``choice``: one of ``choices`` (value, words). ``counted``: a value that the list's counts name, said by ``words``.
    ``text``: contains. ``day``: ISO. ``id``: an identifier with ``prefix``, only ever reached by a link, which ``name``
    reads the words of (one query, only while it filters). ``where`` takes the value that ``parse`` gives.
    """

    key: str
    label: str
    where: Callable[[Tx, Any], ColumnElement[bool]]
    kind: FilterKind = "choice"
    choices: tuple[tuple[str, str], ...] = ()
    words: Callable[[str], str] | None = None
    prefix: str = ""
    name: Callable[[Tx, Any], str] | None = None

    def parse(self, text: str) -> Any:
        """The value that ``text`` of an address means.

        Raises:
            InputInvalidError: none of this filter.
        """
        if self.kind == "choice" and text not in dict(self.choices):
            offered = ", ".join(value for value, _ in self.choices)
            raise InputInvalidError(f"{self.label}: choose one of {offered}, or {ALL}.", field=self.key)
        if self.kind == "day":
            try:
                return date.fromisoformat(text)
            except ValueError:
                raise InputInvalidError(f"{self.label}: give a day as 2026-03-31.", field=self.key) from None
        if self.kind == "id":
            try:
                return read(self.prefix, text)
            except NotFoundError:
                raise InputInvalidError(f"{self.label}: this is no identifier of one.", field=self.key) from None
        return text

    def say(self, text: str) -> str:
        """The value in words, but for an ``id``."""
        return dict(self.choices).get(text) or (self.words(text) if self.words else text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list. Its rows come from ``query`` (read by cursor), or ``whole``, if they are few by nature.

    ``counts`` says how many rows each value of the first filter has (under ``all`` how many there are);
    ``opening`` which filters hold where an address asks for nothing. ``tick`` gives the value of a row's box, which starts
    with its identifier, or "" for a row without one.
    """

    name: str
    room: str
    path: str
    title: str
    rows: str
    """What the rows are, in the plural: "invoices"."""
    needs: tuple[str, ...]
    """Any of these permissions opens the list."""
    template: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    query: Callable[[Tx], AnySelect] | None = None
    whole: Callable[[Tx], Sequence[Any]] | None = None
    whole_max: int = 0
    """How many rows ``whole`` gives at most; 0: it gives all."""
    identifier: AnyColumn | None = None
    order: str = ""
    """The key of the column that it is sorted by at first, with ``-`` in front for the last first."""
    counts: Callable[[Tx], Mapping[str, int]] | None = None
    currencies: Callable[[Tx], ColumnElement[Any]] | None = None
    """The codes of all currencies that its amounts may be in, as an array: needed with a column of kind amounts."""
    opening: Callable[[Tx, Mapping[str, int]], Mapping[str, str]] | None = None
    beside: "Callable[[Visit, Tx], Mapping[str, Any]] | None" = None
    """What else the template needs, read in the same unit of work."""
    people: bool = False
    """Whether the names of the people who work here are needed."""
    actions: tuple[Action, ...] = ()
    opens: Callable[[Any], str] | None = None
    """Path in the tenant of the page behind a row; empty for a row without one."""
    prefix: str = ""
    """Of the identifiers in ticked values."""
    tick: Callable[[Any], str] | None = None
    names: Callable[[Tx, Sequence[UUID]], Mapping[UUID, tuple[str, str]]] | None = None
    """What to call ticked things in the result, and where they are: (words, path in the tenant)."""
    export_max: int = EXPORT_ROWS_MAX

    def offered_to(self, may: Callable[..., bool]) -> "Listing":
        """The list for somebody: without the columns that they may not see."""
        return replace(self, columns=tuple(each for each in self.columns if not each.needs or may(*each.needs)))

    def column(self, key: str) -> Column | None:
        return next((each for each in self.columns if each.key == key), None)

    @property
    def default_columns(self) -> tuple[str, ...]:
        return tuple(each.key for each in self.columns if each.default or each.fixed)

    def known_columns(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of ``keys`` that the list has, in the list's order, with the fixed ones; the default ones for none."""
        if not any(self.column(key) for key in keys):
            return self.default_columns
        return tuple(each.key for each in self.columns if each.fixed or each.key in keys)

    def known_order(self, order: str) -> str:
        """``order`` if the list can be sorted so, else its own."""
        column = self.column(order.removeprefix("-"))
        return order if column and column.sort else self.order

    def sort_of(self, order: str) -> tuple[Sort, bool]:
        """(by what, last first)."""
        column = self.column(order.removeprefix("-"))
        assert column is not None
        assert column.sort is not None
        return column.sort, order.startswith("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a list. ``filters``: key to text, without those that filter nothing.

    ``named``: the columns were named by the address or a view, so that the page's links have to go on naming them.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...]
    order: str
    named: bool = False
    cursor: str | None = None
    view: str = ""


def asks_nothing(listing: Listing, parameters: Mapping[str, str]) -> bool:
    """Whether an address leaves it to the list, or the person's default view, what to show."""
    known = {"view", "order", "columns", *(each.key for each in listing.filters)}
    return not any(parameters.get(key) for key in known)


def asked_of(listing: Listing, parameters: Mapping[str, str], *, kept: Sequence[str] = ()) -> Asked:
    """What an address asks for; ``kept`` are the columns that the person chose.

    Raises:
        InputInvalidError: a filter has a value that it cannot have.
    """
    filters = {}
    for each in listing.filters:
        text = parameters.get(each.key, "").replace("\0", "").strip()[:TEXT_CHARS_MAX]
        if text and text != ALL:
            each.parse(text)
            filters[each.key] = text
    named = bool(parameters.get("columns"))
    columns = parameters.get("columns", "").split(",") if named else kept
    return Asked(
        filters=filters,
        columns=listing.known_columns(columns),
        order=listing.known_order(parameters.get("order", "")),
        named=named,
        cursor=parameters.get("cursor") or None,
    )


def state_of(listing: Listing, asked: Asked) -> str:
    """``asked`` as the query of an address, without its place in the list: what chips, files and views hold."""
    pairs = dict(asked.filters)
    if listing.filters and listing.filters[0].key not in pairs:
        pairs = {listing.filters[0].key: ALL, **pairs}
    if asked.order != listing.order:
        pairs["order"] = asked.order
    if asked.named or not pairs:  # an address that says nothing opens the person's first view
        pairs["columns"] = ",".join(asked.columns)
    return urlencode(pairs)


def parse_state(state: str) -> dict[str, str]:
    """The parameters of ``state_of``; of one that comes twice the last.

    Raises:
        InputInvalidError: too many to be one.
    """
    try:
        return dict(parse_qsl(state, max_num_fields=50))
    except ValueError:
        raise InputInvalidError("This is no state of a list; open the list and try again.", field="state") from None


def with_filter(asked: Asked, key: str, value: str) -> Asked:
    """``asked`` from its start, with this filter; without it for an empty value."""
    filters = {name: text for name, text in asked.filters.items() if name != key}
    if value and value != ALL:
        filters[key] = value
    return replace(asked, filters=filters, cursor=None, view="")


def with_order(asked: Asked, order: str) -> Asked:
    return replace(asked, order=order, cursor=None, view="")
