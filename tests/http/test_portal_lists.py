"""Lists of the portal: filters in the address, order and cursor, chosen columns, and the file of all rows."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest

from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.portal.listing import ROWS, asked_of
from billwright.web.portal.listing_desk import APPROVALS
from billwright.web.portal.listing_export import write_file
from billwright.web.portal.listing_invoices import INVOICES
from billwright.web.portal.listings import LISTS
from support.lists import entries, file_of, links, many_entries, many_invoices, walk
from support.pipeline import Firm, person
from support.visitors import LogIn, Person, counted_statements, log_in_to

__all__ = ["log_in_to"]
ALL_READING = ("auditor", "manager_approver")
"""Together they may read every list."""
EXTRA = 4
"""A list takes these beside what every page takes: what is kept, counts, rows, and what stands beside them."""


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft that waits for the manager, one that a check holds; a customer whose name would be a formula."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    made.customer()
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    made.accept()
    made.customer("C2", name="=HYPERLINK(1)", po_required=True)
    made.contract("K2", customer="C2")
    made.milestone("M2", "K2")
    made.accept("M2", "K2")
    return made


@pytest.fixture
def auditor(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "auditor@acme.example", *ALL_READING)


def test_a_filter_is_a_chip_that_leads_to_the_list_without_it(firm: Firm, auditor: Person) -> None:
    many_invoices(firm, 12)
    status, page = auditor.get("invoices?group=held&about=client&due_to=2026-03-05")
    chips = links(page)
    assert status == 200
    assert "Customer contains: client" in chips
    assert "Due to: 2026-03-05" in chips
    without = chips["Due to: 2026-03-05"]
    assert without == f"{auditor.base}/invoices?group=held&about=client"
    assert len(links(auditor.client.get(without).text, "Draft")) == 1  # same words: one entry for all drafts
    assert "aria-current" in re.findall(r'<a class="chip"[^>]*group=held[^>]*>', page)[0]


def test_a_wrong_filter_or_place_is_refused_with_a_sentence(auditor: Person) -> None:
    for wrong in ("group=nowhere", "due_to=31.3.2026", "customer=x", "cursor=abc", "order=number&cursor=abc"):
        status, page = auditor.get(f"invoices?{wrong}")
        assert status == 422, wrong
        assert 'role="alert"' in page
        assert "Show all" in links(page)
        assert "Invoices" in links(page.replace("<nav", "<main", 1))  # the room is still there
        assert "Draft" not in links(page)
        assert auditor.get(f"lists/invoices/export.csv?{wrong}")[0] == (200 if "cursor" in wrong else 422)
    first = walk(auditor, "invoices")[0]
    assert len(first) == 2


@pytest.mark.parametrize("column", ["number", "changed", "created"])
@pytest.mark.parametrize("way", ["", "-"])
def test_pages_by_cursor_hold_each_row_once_and_the_file_holds_them_all(
    firm: Firm, auditor: Person, column: str, way: str
) -> None:
    many_invoices(firm, 2 * ROWS + 20)
    pages = walk(auditor, f"invoices?group=all&order={way}{column}")
    opened = [each for page in pages for each in page]
    assert [len(page) for page in pages] == [ROWS, ROWS, 22]
    assert len(set(opened)) == len(opened) == len(firm.invoices())
    rows = file_of(auditor, "invoices", order=f"{way}{column}", columns="gross")
    amounts = {f"{auditor.base}/invoices/{show('inv', row.id)}": row.gross_minor for row in firm.invoices()}
    assert [amounts[each] for each in opened] == [int(100 * Decimal(row["Amount"])) for row in rows]


def test_a_cursor_of_another_order_is_refused(firm: Firm, auditor: Person) -> None:
    many_invoices(firm, ROWS + 1)
    _, page = auditor.get("invoices?order=number")
    found = re.search(r"cursor=([\w-]+)", page)
    assert found
    status, page = auditor.get(f"invoices?order=-number&cursor={found.group(1)}")
    assert status == 422
    assert "of another order" in page


def test_the_order_is_told_to_everybody(auditor: Person) -> None:
    _, page = auditor.get("invoices?order=-number")
    assert re.search(r'<th scope="col"[^>]*aria-sort="descending">[^>]*order=number"', page)
    assert page.count("aria-sort") == 1


def test_the_file_has_exactly_the_filters_and_columns_and_says_so_in_the_audit_log(firm: Firm, auditor: Person) -> None:
    many_invoices(firm, 9)
    rows = file_of(auditor, "invoices", group="held", columns="number,customer,net,due")
    assert {tuple(row) for row in rows} == {("Invoice", "Customer", "Due", "Net", "Net currency")}
    assert len(rows) == 1 + 6
    held = next(row for row in rows if row["Customer"].endswith("HYPERLINK(1)"))
    assert held == {
        "Invoice": "Draft",
        "Customer": "'=HYPERLINK(1)",
        "Due": "",
        "Net": "10000.00",
        "Net currency": "EUR",
    }
    (entry,) = entries(firm, "list.exported")
    assert entry.actor_name == "Auditor"
    assert entry.after == {
        "list": "invoices", "filters": {"group": "held"}, "columns": ["number", "customer", "due", "net"], "rows": 7,
    }  # fmt: skip


def test_the_page_links_to_the_file_of_what_it_shows(firm: Firm, auditor: Person) -> None:
    many_invoices(firm, 9)
    _, page = auditor.get("invoices?group=held&order=number")
    address = links(page, "CSV")["CSV"]
    assert auditor.client.get(address).text.count("\r\n") == 1 + 7
    assert "group=held&order=number&columns=number" in address


def test_every_list_makes_its_file(firm: Firm, auditor: Person) -> None:
    many_entries(firm, 120)
    for name, listing in LISTS.items():
        everything = ",".join(each.key for each in listing.columns)
        for row in file_of(auditor, name, columns=everything):
            assert None not in row.values(), name
    assert len(file_of(auditor, "audit", about="item")) >= 120
    assert [row["Draft" if "Draft" in row else "Customer"] for row in file_of(auditor, "approvals")] == ["Client SA"]


def test_a_file_that_would_be_too_long_is_refused_whole(firm: Firm) -> None:
    many_invoices(firm, 10)
    asked, spool = asked_of(INVOICES, {}), BytesIO()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        assert write_file(spool, tx, replace(INVOICES, export_max=12), asked, {}) == 12
        with pytest.raises(InputInvalidError, match="more than 11 invoices, the most that one file may have"):
            write_file(spool, tx, replace(INVOICES, export_max=11), asked, {})


def test_a_file_that_holds_only_the_first_says_so(firm: Firm) -> None:
    approvals = replace(APPROVALS, whole_max=1)
    spool = BytesIO()
    manager = person("Mia Manager", "invoice:approve_manager")
    with transaction(firm.database, firm.tenant, manager) as tx:
        assert write_file(spool, tx, approvals, asked_of(approvals, {}), {}) == 1
    assert spool.getvalue().decode().splitlines()[-1] == "(only the first 1 drafts are in this file)"


def test_a_list_is_refused_with_its_room(firm: Firm, log_in_to: LogIn, make_tenant: Callable[..., Tenant]) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    for path in ("lists/audit/export.csv", "lists/approvals/export.csv", "lists/access/export.csv"):
        assert clerk.get(path)[0] == 403, path
    for path in ("lists/audit/columns", "lists/audit/views", "lists/approvals/bulk"):
        assert clerk.post(path, column="who", name="x", action="approve", tick="x")[0] == 403, path
    foreign = log_in_to(firm, "clerk@other.example", "billing_clerk", tenant=make_tenant("Other Firm"))
    for path in ("invoices", "lists/invoices/export.csv"):
        assert foreign.get(path)[0] == 404, path
    assert foreign.post("lists/invoices/columns", column="net")[0] == 404
    assert entries(firm, "list.exported") == []


def test_columns_are_kept_for_the_person_and_the_list(firm: Firm, auditor: Person, log_in_to: LogIn) -> None:
    status, where = auditor.post("lists/invoices/columns", column=["number", "net", "nothing"], state="group=held")
    assert (status, where) == (303, f"{auditor.base}/invoices?group=held")
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', auditor.get("invoices")[1])
    assert heads == ["Invoice", "Net"]
    assert "What is held and why</th>" in auditor.get("exceptions?owner=all")[1]
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert "Where it stands</th>" in clerk.get("invoices")[1]
    auditor.post("lists/invoices/columns", reset="1")
    assert "Where it stands</th>" in auditor.get("invoices")[1]
    said = [entry.after for entry in entries(firm, "list.arranged")]
    assert said == [{"list": "invoices", "columns": ["number", "net"]}, {"list": "invoices", "columns": None}]


def test_without_any_column_what_opens_the_row_stays(auditor: Person) -> None:
    auditor.post("lists/invoices/columns", column="number")
    _, page = auditor.get("invoices")
    assert re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', page) == ["Invoice"]


def test_a_list_takes_the_same_few_statements_for_any_number_of_rows(firm: Firm, auditor: Person) -> None:
    def taken(path: str) -> int:
        with counted_statements(firm.database) as statements:
            assert auditor.get(path)[0] == 200
        return len(statements)

    paths = [listing.path for listing in LISTS.values() if listing.name != "jobs"]
    few = {path: taken(path) for path in paths}
    search = taken("search")
    many_invoices(firm, ROWS + 5)
    many_entries(firm, ROWS + 5)
    assert {path: taken(path) for path in paths} == few
    beside = {"collections": 2, "approvals": 3, "exceptions": 1, "access": 1}
    too_many = {path: count for path, count in few.items() if count > search + EXTRA + beside.get(path, 0)}
    assert too_many == {}, (search, few)
