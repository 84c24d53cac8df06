"""Work: what is unbilled and why, and milestones, time and expenses with what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.kernel.errors import NotFoundError
from billwright.tenancy.base import AnyRow
from billwright.web.portal import queries_work as queries
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_work import WORK_LISTS
from billwright.web.portal.visit import Visit, provide_visit

ADDRESSES: Final = {"milestone": "milestones", "time": "time", "expense": "expenses"}
"""Kind of item to the list of its work."""


@dataclass(slots=True)
class Cause:
    """Why something is unbilled, over all kinds: ``sums`` is minor units by currency; ``items`` with and without amount."""

    reason: str
    items: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    since: datetime | None = None
    kinds: dict[str, int] = field(default_factory=dict)

    def add(self, row: AnyRow) -> None:
        self.items += row.items
        self.kinds[row.kind] = self.kinds.get(row.kind, 0) + row.items
        if row.currency is not None:
            self.sums[row.currency] = self.sums.get(row.currency, 0) + row.minor
        if row.since is not None and (self.since is None or row.since < self.since):
            self.since = row.since


def causes_of(rows: Sequence[AnyRow]) -> list[Cause]:
    """Waiting items by their first reason, most items first. Each item is in one cause, so that sums add up. Pure."""
    found: dict[str, Cause] = {}
    for row in rows:
        if row.state == "waiting" and row.reason:
            found.setdefault(row.reason, Cause(row.reason)).add(row)
    return sorted(found.values(), key=lambda each: (-each.items, each.reason))


def table_of_kinds(rows: Sequence[AnyRow]) -> dict[str, dict[str, Cause]]:
    """Kind, then state, to how many items and how much. Pure."""
    found: dict[str, dict[str, Cause]] = {}
    for row in rows:
        found.setdefault(row.kind, {}).setdefault(row.state, Cause(row.state)).add(row)
    order = [*ADDRESSES, *sorted(set(found) - set(ADDRESSES))]
    return {kind: found[kind] for kind in order if kind in found}


class WorkController(Controller):
    path = "/t/{slug:str}/work"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_work(self, visit: NamedDependency[Visit]) -> Response[str]:
        """What is unbilled and why; somebody who may only see the work itself gets its first list."""
        if not visit.may("item:read"):
            visit.require("project:read")
            return visit.go(visit.url("work/milestones"))
        with visit.reading() as tx:
            rows = queries.unbilled_by_kind(tx)
            hours = queries.hours_by_status(tx)
            expenses = queries.expenses_by_status(tx)
        return visit.page(
            "work.html",
            room="work",
            title="Work",
            kinds=table_of_kinds(rows),
            causes=causes_of(rows),
            hours=hours,
            expenses=expenses,
            states=queries.OPEN,
            addresses=ADDRESSES,
        )

    @get("/{kind:str}", sync_to_thread=True)
    def show_kind(self, visit: NamedDependency[Visit], kind: FromPath[str]) -> Response[str]:
        """One kind of work, as a list like any other."""
        if kind not in WORK_LISTS:
            raise NotFoundError("There is no such kind of work.")
        return list_page(visit, WORK_LISTS[kind])
