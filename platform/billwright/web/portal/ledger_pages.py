"""The trial balance as a page and a file, with the entries that one balance is made of."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from billwright.kernel.money import Money
from billwright.receivables import ledger
from billwright.web.portal.csv_export import Cell, csv_response
from billwright.web.portal.visit import Visit, provide_visit

READ: Final = "report:read"
ROLES: Final[Mapping[str, str]] = {
    "receivable": "Receivables", "revenue": "Revenue", "tax": "Tax", "bank": "Bank", "deposits": "Deposits of customers",
    "holdback": "Holdback", "write_off": "Write-offs", "exchange_gain": "Exchange gains",
    "exchange_loss": "Exchange losses",
}  # fmt: skip
HEADER: Final = (
    "Legal entity", "Account", "For", "Currency", "Opening", "Debit", "Credit", "Closing", "Base currency", "Opening (base)",
    "Debit (base)", "Credit (base)", "Closing (base)", "Lines without base value",
)  # fmt: skip


class LedgerController(Controller):
    path = "/t/{slug:str}/ledger"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def show(
        self,
        visit: NamedDependency[Visit],
        first: FromQuery[str] = "",
        last: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        account: FromQuery[str] = "",
    ) -> Response[str]:
        """Balances up to a day, from a day on if one is given; with ``account`` the fifty latest entries that touch it."""
        visit.require(READ)
        with visit.reading() as tx:
            start, end = _day(first), _day(last) or tx.now.date()
            found = ledger.read_trial_balance(tx, first=start, last=end)
            entries = (
                ledger.list_entries(tx, entity=entity, account=account, first=start, last=end).rows if account else ()
            )
        period = f"first={start.isoformat() if start else ''}&last={end.isoformat()}"
        return visit.page(
            "ledger.html",
            room="reports",
            title="Trial balance",
            found=found,
            first=start,
            last=end,
            period=period,
            roles=ROLES,
            totals=_totals(found.balances),
            entity=entity,
            account=account,
            entries=entries,
        )

    @get("/csv", sync_to_thread=True)
    def file(
        self, visit: NamedDependency[Visit], first: FromQuery[str] = "", last: FromQuery[str] = ""
    ) -> Response[bytes]:
        """The same rows as a file."""
        visit.require(READ)
        with visit.reading() as tx:
            found = ledger.read_trial_balance(tx, first=_day(first), last=_day(last) or tx.now.date())
        return csv_response("trial-balance.csv", HEADER, [_cells(row) for row in found.balances])


def _day(text: str) -> date | None:
    """A day that somebody typed; what is none counts as left out."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _totals(balances: Sequence[ledger.Balance]) -> list[tuple[str, Money]]:
    """Closing balances added up, per currency: zero, unless the ledger was changed around the application."""
    sums: dict[str, int] = {}
    for row in balances:
        sums[row.currency] = sums.get(row.currency, 0) + row.sums.closing_minor
    return [(currency, Money(minor, currency)) for currency, minor in sorted(sums.items())]


def _cells(row: ledger.Balance) -> list[Cell]:
    return [
        row.entity,
        row.account,
        ROLES.get(row.role, row.role),
        row.currency,
        *_decimals(row.sums, row.currency),
        row.base_currency,
        *_decimals(row.base, row.base_currency),
        row.unvalued,
    ]


def _decimals(sums: ledger.Sums, currency: str) -> list[Cell]:
    minors = (sums.opening_minor, sums.debit_minor, sums.credit_minor, sums.closing_minor)
    return [Money(minor, currency).decimal for minor in minors]
