"""Work: what is unbilled and why, and milestones, time and expenses with what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery

from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import read
from billwright.tenancy.base import AnyRow
from billwright.web.portal import queries_work as queries
from billwright.web.portal import words
from billwright.web.portal.visit import Visit, provide_visit

TITLES: Final = {"milestones": "Milestones", "time": "Time", "expenses": "Expenses"}
ADDRESSES: Final = {kind.item: name for name, kind in queries.KINDS.items()}


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
    def show_kind(
        self,
        visit: NamedDependency[Visit],
        kind: FromPath[str],
        status: FromQuery[str] = "",
        billing: FromQuery[str] = "",
        reason: FromQuery[str] = "",
        contract: FromQuery[str] = "",
        customer: FromQuery[str] = "",
        cursor: FromQuery[str | None] = None,
    ) -> Response[str]:
        """One kind of work, narrowed to what the address says."""
        visit.require("project:read")
        if kind not in queries.KINDS:
            raise NotFoundError("There is no such kind of work.")
        chosen = queries.KINDS[kind]
        wanted = queries.Wanted(
            status=status if status in words.WORK and chosen.approved else "",
            billing=billing if billing in words.ITEM else "",
            reason=reason[:100],
            contract_id=read("ctr", contract) if contract else None,
            customer_id=read("cus", customer) if customer else None,
        )
        with visit.reading() as tx:
            names = queries.names_of(tx, wanted)
            found = queries.work_list(tx, chosen, wanted, cursor=cursor)
            items = queries.items_of(tx, chosen, [row.id for row in found.rows])
            sums = queries.sums_of(tx, chosen, wanted)
            statuses = queries.status_counts(tx, chosen, wanted) if chosen.approved else {}
        asked = {
            "status": wanted.status,
            "billing": wanted.billing,
            "reason": wanted.reason,
            "contract": contract,
            "customer": customer,
        }
        return visit.page(
            "work_list.html",
            room="work",
            title=TITLES[kind],
            kind=kind,
            found=found,
            items=items,
            sums=sums,
            statuses=statuses,
            asked=asked,
            names=names,
            address=lambda **changes: _address(visit, kind, asked, changes),
        )


def _address(visit: Visit, kind: str, asked: dict[str, str], changes: dict[str, str]) -> str:
    """The list with other filters: an empty one is taken away."""
    query = urlencode({name: text for name, text in {**asked, **changes}.items() if text})
    return visit.url(f"work/{kind}") + (f"?{query}" if query else "")
