"""Customers and contracts as lists: amounts in several currencies in a row, their file, and who may see what of them."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from billwright.canon.tables import ContractRow, CustomerRow
from billwright.identity.permissions import ALL_PERMISSIONS
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import PermissionDeniedError
from billwright.kernel.ids import new_id, show
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.base import TenantBase
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from billwright.web.portal.listing import ROWS, asked_of
from billwright.web.portal.listing_customers import CUSTOMERS
from billwright.web.portal.listing_read import all_rows, filtered
from support.lists import entries, file_of, links, walk
from support.pipeline import AUTOMATIC, Firm, person
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Client SA owes euros since long and pounds since now; Zero Ltd owes nothing; a milestone in pounds waits."""
    made = make_firm(
        TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, payment_terms_days=30)
    )
    made.customer()
    made.customer("C2", name="Zero Ltd", legal_name="=Zero Limited", po_required=True)
    made.contract()
    made.milestone(amount="1234.56")
    made.accept()
    made.clock.moment += timedelta(days=60)
    made.contract("K2", currency="GBP", value="20000.00", title="Survey")
    made.milestone("M2", "K2", amount="77.10", currency="GBP")
    made.accept("M2", "K2")
    made.milestone("M3", "K2", amount="5.05", currency="GBP")
    made.contract("K3", customer="C2", value=None, currency=None, signed_on="2026-01-11")
    return made


@pytest.fixture
def auditor(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "auditor@acme.example", "auditor")


def test_a_row_has_one_line_per_currency(auditor: Person) -> None:
    _, page = auditor.get("customers")
    assert "Client SA EUR 1,234.56 GBP 77.10 EUR 1,234.56 none sent" in text_of(page)
    _, page = auditor.get("contracts?columns=number,value,billed,unbilled,waiting")
    assert "K2 GBP 20,000.00 GBP 77.10 – none GBP 5.05 1 item" in text_of(page)


def test_a_file_has_a_column_per_currency_so_that_a_column_can_be_added_up(firm: Firm, auditor: Person) -> None:
    sa, zero = file_of(auditor, "customers", columns="name,legal,open,overdue,disputed,issued,amount")
    assert list(sa) == [
        "Customer", "Legal name", "Open EUR", "Open GBP", "Overdue EUR", "Overdue GBP", "In dispute EUR",
        "In dispute GBP", "Last issued", "Last amount", "Last amount currency",
    ]  # fmt: skip
    assert list(sa.values()) == [
        "Client SA", "", "1234.56", "77.10", "1234.56", "", "", "", "2026-05-01", "77.10", "GBP",
    ]  # fmt: skip
    assert list(zero.values()) == ["Zero Ltd", "'=Zero Limited", *[""] * 9]
    rows = {row["Contract"]: row for row in file_of(auditor, "contracts", columns="number,value,billed,waiting,items")}
    assert rows["K2"] == {
        "Contract": "K2", "Worth now": "20000.00", "Worth now currency": "GBP", "Billed EUR": "", "Billed GBP": "77.10",
        "Waiting EUR": "", "Waiting GBP": "5.05", "Items that wait": "1",
    }  # fmt: skip
    assert (rows["K3"]["Worth now"], rows["K3"]["Worth now currency"]) == ("", "")
    said = [(entry.after or {})["rows"] for entry in entries(firm, "list.exported")]
    assert said == [2, 3]


def test_the_heading_does_not_depend_on_which_rows_are_in_the_file(firm: Firm, auditor: Person) -> None:
    def heading(**asked: str) -> str:
        path = "&".join(f"{key}={value}" for key, value in {"columns": "name,open", **asked}.items())
        return auditor.get(f"lists/customers/export.csv?{path}")[1].lstrip("\ufeff").splitlines()[0]

    assert heading() == heading(about="zero") == heading(about="nobody") == "Customer,Open EUR,Open GBP"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("customers?which=overdue", ["Client SA"]), ("customers?which=open&currency=gbp", ["Client SA"]),
        ("customers?currency=USD", []), ("customers?po=yes", ["Zero Ltd"]), ("customers?about=LIMITED", ["Zero Ltd"]),
        ("customers?order=-name", ["Zero Ltd", "Client SA"]), ("contracts?which=waiting", ["K2"]),
        ("contracts?which=completed", []), ("contracts?called=surv", ["K2"]), ("contracts?signed_from=2026-01-11", ["K3"]),
        ("contracts?about=zero&billing=fixed_price", ["K3"]), ("contracts?order=number", ["K1", "K2", "K3"]),
    ],
)  # fmt: skip
def test_filters_find_what_they_say(auditor: Person, asked: str, found: list[str]) -> None:
    status, page = auditor.get(asked)
    assert status == 200, page
    assert re.findall(r'<a class="open"[^>]*>(?:<span class="num">)?([^<]+)<', page) == found


def test_the_contracts_of_one_customer_are_a_chip_that_can_be_taken_off(firm: Firm, auditor: Person) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        customer = tx.session.scalars(select(CustomerRow.id).where(CustomerRow.ref == "C2")).one()
    _, page = auditor.get(f"contracts?customer={show('cus', customer)}")
    assert "Customer: Zero Ltd" in links(page)
    assert "K1" not in links(page)


def copies(firm: Firm, row: type[TenantBase], count: int, **changes: Callable[[int], Any]) -> None:
    """``count`` copies of the first row, each with its own identifier."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        like = tx.session.scalars(select(row).limit(1)).one()
        copied = {column.key: getattr(like, column.key) for column in row.__table__.columns}
        made = [
            copied | {"id": new_id(), "ref": f"copy-{place}"} | {key: make(place) for key, make in changes.items()}
            for place in range(count)
        ]
        tx.session.execute(insert(row), made)


@pytest.mark.parametrize("order", ["name", "-name"])
def test_customers_of_one_name_come_once_each(firm: Firm, auditor: Person, order: str) -> None:
    copies(firm, CustomerRow, 2 * ROWS, name=lambda place: f"Twin {place // 30}")
    pages = walk(auditor, f"customers?which=all&order={order}")
    opened = [each for page in pages for each in page]
    assert len(opened) == len(set(opened)) == 2 * ROWS + 2
    names = [row["Customer"] for row in file_of(auditor, "customers", order=order, columns="name")]
    assert names == sorted(names, reverse=order == "-name")
    assert len(names) == len(opened)


@pytest.mark.parametrize("order", ["number", "-changed", "signed", "-signed"])
def test_contracts_come_once_each_in_every_order(firm: Firm, auditor: Person, order: str) -> None:
    signed = firm.clock.now().date()
    copies(
        firm, ContractRow, 2 * ROWS, number=lambda place: f"N{place // 30}",
        signed_on=lambda place: signed + timedelta(days=place // 7) if place % 3 else None,
    )  # fmt: skip
    opened = [each for page in walk(auditor, f"contracts?which=all&order={order}") for each in page]
    assert len(opened) == len(set(opened)) == 2 * ROWS + 3


def test_the_sums_of_the_list_are_those_of_the_journal_of_receivables(firm: Firm, auditor: Person) -> None:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(ReceivableRow).where(ReceivableRow.currency == "EUR").values(open_minor=3))
        owed = {row.currency: row.open_minor for row in tx.session.scalars(select(ReceivableRow))}
    (sa, _) = file_of(auditor, "customers", columns="name,open")
    assert (
        {currency: int(100 * Decimal(sa[f"Open {currency}"])) for currency in owed} == owed == {"EUR": 3, "GBP": 77_10}
    )


def test_what_somebody_may_not_see_is_neither_offered_nor_read_nor_found_out_by_a_filter(firm: Firm) -> None:
    """Every role of today may read all of it, so the list is asked with an actor that may all but that."""
    without = person("Nobody", *(ALL_PERMISSIONS - {"receivable:read", "invoice:read"}))
    offered = CUSTOMERS.offered_to(lambda *needs: any(without.may(each) for each in needs))
    keys = {each.key for each in offered.columns}
    assert {each.key for each in CUSTOMERS.columns} - keys == {
        "open", "overdue", "disputed", "reminders", "reminded", "invoice", "issued", "amount",
    }  # fmt: skip
    assert asked_of(offered, {"columns": "name,open,email"}).columns == ("name", "email")
    with transaction(firm.database, firm.tenant, without, read_only=True) as tx:
        for row in all_rows(tx, offered, asked_of(offered, {}), 10):
            assert (row.owed, row.reminder, row.invoice) == (None, None, None)
        assert CUSTOMERS.counts is not None
        assert CUSTOMERS.counts(tx) == {"all": 2}
        for asked in ({"which": "overdue"}, {"currency": "EUR"}):
            with pytest.raises(PermissionDeniedError, match="receivable:read"):
                filtered(tx, offered, asked_of(offered, asked))


def test_a_file_takes_the_same_few_statements_for_any_number_of_rows_and_currencies(
    firm: Firm, auditor: Person
) -> None:
    def taken(name: str) -> int:
        with counted_statements(firm.database) as statements:
            file_of(auditor, name)
        return len(statements)

    few = {name: taken(name) for name in ("customers", "contracts")}
    copies(firm, CustomerRow, ROWS, name=lambda place: f"Twin {place}")
    copies(firm, ContractRow, ROWS)
    assert {name: taken(name) for name in few} == few
