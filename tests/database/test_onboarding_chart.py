"""The chart of accounts of a legal entity: kept as the blueprint says, refused where two roles share an account."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from billwright.canon.tables import LegalEntityRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.receivables.accounts import RevenueAccount, books_of
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from billwright_tenants.apply_entities import apply_entities
from billwright_tenants.blueprint import Accounts, LegalEntity
from billwright_tenants.errors import BlueprintConflictError
from support.issued import rows
from support.open_items import open_books


def entity(accounts: dict[str, Any]) -> LegalEntity:
    raw = {
        "code": f"E{new_id().hex[-6:]}", "name": "Northgate Works", "country": "DE", "currency": "EUR",
        "time_zone": "Europe/Berlin", "accounts": accounts,
    }  # fmt: skip
    return msgspec.convert(raw, LegalEntity)


def test_accounts_by_role_are_kept_and_read_back(database: Database, tenant: Tenant) -> None:
    given = entity({"write_off": "2400", "revenue_by": [{"kind": "expense", "account": "4900"}]})
    for expected in (1, 0):
        changes: list[str] = []
        with transaction(database, tenant, SYSTEM) as tx:
            apply_entities(tx, [given], changes)
        assert len([each for each in changes if "added" in each]) == expected

    (row,) = rows(database, tenant, LegalEntityRow)
    books = books_of(row.profile, row.time_zone, row.currency)
    assert (books.write_off, books.receivable, books.currency) == ("2400", "1200", "EUR")
    assert books.revenue_by == (RevenueAccount(kind="expense", account="4900"),)


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ({"revenue": "1200"}, "`receivable` and `revenue` are both 1200"),
        ({"bank": "1", "deposits": "1"}, "`bank` and `deposits` are both 1"),
        ({"tax_by": [{"account": ""}]}, "tax_by"),
        ({"tax_by": [{"account": "1", "rate_basis_points": -1}]}, "rate_basis_points"),
        ({"bank_by": [{"account": "1", "currency": "euro"}]}, "currency"),
        ({"revenue_by": [{"account": "1", "colour": "red"}]}, "colour"),
    ],
)
def test_a_chart_that_cannot_be_kept_is_refused(accounts: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        entity(accounts)


def test_gains_and_losses_may_share_an_account(make_tenant: Callable[..., Tenant]) -> None:
    assert Accounts(exchange_gain="7", exchange_loss="7").exchange_loss == "7"


def test_the_currency_of_books_in_use_stays(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    books = open_books(database, tenant, tmp_path)
    wanted = msgspec.structs.replace(entity({}), code="NW", time_zone="Europe/Berlin")

    def change(currency: str) -> None:
        with transaction(database, tenant, SYSTEM) as tx:
            apply_entities(tx, [msgspec.structs.replace(wanted, currency=currency)], [])

    change("GBP")
    change("EUR")
    books.issue(books.customer(), 10_00)
    with pytest.raises(BlueprintConflictError, match="has booked in EUR already"):
        change("GBP")
    change("EUR")
    assert [row.currency for row in rows(database, tenant, LegalEntityRow)] == ["EUR"]
