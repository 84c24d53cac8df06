"""Showing a list: what its template gets, from what the address asks for and what is kept for the person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response

from billwright.identity.saved_views import SHARE, Kept, SavedView, read_kept
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import read, show
from billwright.kernel.paging import Slice
from billwright.tenancy.transaction import Tx
from billwright.web.portal.listing import (
    ALL,
    Asked,
    Column,
    Filter,
    Listing,
    asked_of,
    asks_nothing,
    state_of,
    with_filter,
    with_order,
)
from billwright.web.portal.listing_bulk import Action, RowResult
from billwright.web.portal.listing_read import read_rows
from billwright.web.portal.queries_lists import people_here
from billwright.web.portal.visit import Visit


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in the page: words, how many rows (if counted), where it leads, and whether it holds now."""

    text: str
    href: str
    count: int | None
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A list as its template gets it. Addresses are whole, from the tenant on."""

    listing: Listing
    asked: Asked
    base: str
    rows: Sequence[Any]
    next_cursor: str | None
    counts: Mapping[str, int]
    kept: Kept
    view: SavedView | None
    people: Mapping[UUID, str]
    said: Mapping[str, str]
    """Words of filters that are identifiers."""
    actions: tuple[Action, ...]
    may_share: bool
    results: Sequence[RowResult] = ()
    refused: str = ""
    """Why what was asked could not be shown or done; a list that could not be read has no rows."""

    @property
    def columns(self) -> list[Column]:
        return [column for key in self.asked.columns if (column := self.listing.column(key))]

    @property
    def state(self) -> str:
        return state_of(self.listing, self.asked)

    @property
    def place(self) -> str:
        """The state with the place in the list: where a deed for several rows comes back to."""
        return f"{self.state}&{urlencode({'cursor': self.asked.cursor})}" if self.asked.cursor else self.state

    @property
    def here(self) -> str:
        return self._path(self.asked)

    @property
    def partial(self) -> bool:
        """Whether there may be more than a list without pages shows."""
        return bool(self.listing.whole_max) and len(self.rows) >= self.listing.whole_max

    @property
    def export_href(self) -> str:
        named = replace(self.asked, named=True)
        return f"{self.base}/lists/{self.listing.name}/export.csv?{state_of(self.listing, named)}"

    @property
    def next_href(self) -> str:
        query = f"view={show('viw', self.view.id)}" if self.view else self.state
        return f"{self.base}/{self.listing.path}?{query}&cursor={self.next_cursor}"

    @property
    def chips(self) -> list[Chip]:
        """The first filter, each value with how many rows it has: one always holds."""
        if not self.listing.filters or self.listing.filters[0].kind not in {"choice", "counted"}:
            return []
        first = self.listing.filters[0]
        now = self.asked.filters.get(first.key, "")
        values = [value for value, _ in first.choices if value in self.counts or not self.listing.counts]
        values += [each for each in self.counts if each not in (*values, ALL)]
        values += [now] if now and now not in values else []
        return [
            Chip("All", self._path(with_filter(self.asked, first.key, ALL)), self.counts.get(ALL), here=not now),
            *(
                Chip(
                    first.say(value),
                    self._path(with_filter(self.asked, first.key, value)),
                    self.counts.get(value),
                    here=value == now,
                )
                for value in values
            ),
        ]

    @property
    def removable(self) -> list[Chip]:
        """The other filters that hold, each leading to the list without it."""
        first = self.listing.filters[0].key if self.chips else ""
        found = []
        for each in self.listing.filters:
            text = self.asked.filters.get(each.key)
            if text and each.key != first:
                words = self.said.get(each.key) or each.say(text)
                found.append(
                    Chip(f"{each.label}: {words}", self._path(with_filter(self.asked, each.key, "")), None, here=True)
                )
        return found

    @property
    def offered(self) -> list[Filter]:
        """Filters that the form offers: not the first, which has its chips, nor those that only links reach."""
        first = self.listing.filters[0].key if self.chips else ""
        return [each for each in self.listing.filters if each.kind != "id" and each.key != first]

    @property
    def carried(self) -> dict[str, str]:
        """What the form of the filters has to hand on."""
        formed = {each.key for each in self.offered}
        carried = {key: text for key, text in self.asked.filters.items() if key not in formed}
        if self.chips:
            carried.setdefault(self.listing.filters[0].key, ALL)
        if self.asked.named:
            carried["columns"] = ",".join(self.asked.columns)
        return carried | {"order": self.asked.order}

    def sort_href(self, column: Column) -> str:
        """The list by this column; the other way round if it is sorted by it now."""
        order = column.key if self.asked.order != column.key else f"-{column.key}"
        return self._path(with_order(self.asked, order))

    def sorted_by(self, column: Column) -> str:
        """For ``aria-sort``; empty for a column by which it is not sorted."""
        return {column.key: "ascending", f"-{column.key}": "descending"}.get(self.asked.order, "")

    def view_href(self, view: SavedView) -> str:
        return f"{self.base}/{self.listing.path}?view={show('viw', view.id)}"

    @property
    def plain_href(self) -> str:
        """The list as it comes, whatever view it opens with."""
        asked = Asked(columns=self.asked.columns, order=self.listing.order)
        return self._path(asked)

    def tick(self, row: Any) -> str:
        return self.listing.tick(row) if self.listing.tick else ""

    def _path(self, asked: Asked) -> str:
        query = state_of(self.listing, asked)
        return f"{self.base}/{self.listing.path}{'?' + query if query else ''}"


def show_list(
    visit: Visit,
    tx: Tx,
    listing: Listing,
    parameters: Mapping[str, str],
    *,
    results: Sequence[RowResult] = (),
    refused: str = "",
) -> Shown:
    """Read a list in the unit of work at hand: its rows, its counts and what is kept for the person, one query each.

    Raises:
        PermissionDeniedError: the list is not open to this person.
        NotFoundError: the address names a view that is not there for them.
    """
    visit.require(*listing.needs)
    listing = listing.offered_to(visit.may)
    kept = read_kept(tx, listing.name)
    counts = listing.counts(tx) if listing.counts else {}
    try:
        asked, view = _asked(tx, listing, parameters, kept, counts)
        found = read_rows(tx, listing, asked)
    except InputInvalidError as error:  # said in the page: a wrong address is no reason to leave the room
        asked, view = Asked(columns=listing.known_columns(kept.columns), order=listing.order), None
        found, refused = Slice([], None), str(error)
    said = {
        each.key: each.name(tx, each.parse(asked.filters[each.key]))
        for each in listing.filters
        if each.name and each.key in asked.filters
    }
    return Shown(
        listing=listing,
        asked=asked,
        base=visit.base,
        rows=found.rows,
        next_cursor=found.next_cursor,
        counts=counts,
        kept=kept,
        view=view,
        people=people_here(visit) if listing.people else {},
        said=said,
        actions=tuple(each for each in listing.actions if visit.may(*each.needs)),
        may_share=visit.may(SHARE),
        results=results,
        refused=refused,
    )


def _asked(
    tx: Tx, listing: Listing, parameters: Mapping[str, str], kept: Kept, counts: Mapping[str, int]
) -> tuple[Asked, SavedView | None]:
    """What the address asks for, else the view that the person chose for the start, else what the list opens with."""
    asked = asked_of(listing, parameters, kept=kept.columns)
    if parameters.get("view"):
        view = kept.view(read("viw", parameters["view"]))
        if view is None:
            raise NotFoundError("There is no such view here; it may have been deleted, or it is somebody else's.")
        return _of_view(listing, view, asked.cursor), view
    if not asks_nothing(listing, parameters):
        return asked, None
    if (first := kept.view(kept.default_id)) is not None:
        return _of_view(listing, first, asked.cursor), first
    if listing.opening:
        asked = replace(asked, filters={**listing.opening(tx, counts)})
    return asked, None


def _of_view(listing: Listing, view: SavedView, cursor: str | None) -> Asked:
    """A view that names what a later release took away shows the rest."""
    known = {each.key for each in listing.filters}
    return Asked(
        filters={key: text for key, text in view.filters.items() if key in known},
        columns=listing.known_columns(view.columns),
        order=listing.known_order(view.order),
        named=True,
        cursor=cursor,
        view=show("viw", view.id),
    )


def list_page(
    visit: Visit,
    listing: Listing,
    *,
    parameters: Mapping[str, str] | None = None,
    results: Sequence[RowResult] = (),
    refused: str = "",
) -> Response[str]:
    """The page of a list. Its template gets ``shown`` and what the list names ``beside`` it.

    ``parameters`` stand for the address where a form was sent; ``results`` say what became of the ticked rows,
    ``refused`` why nothing was done. A wrong filter or place is said in the page, with status 422.
    """
    visit.require(*listing.needs)
    asked = dict(visit.request.query_params) if parameters is None else parameters
    with visit.reading() as tx:
        shown = show_list(visit, tx, listing, asked, results=results, refused=refused)
        beside = listing.beside(visit, tx) if listing.beside else {}
    status = 422 if shown.refused else 200
    return visit.page(listing.template, room=listing.room, title=listing.title, status=status, shown=shown, **beside)
