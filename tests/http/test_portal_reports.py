"""The reports room: what each question answers, what its figures are made of, its files, and whom it refuses."""

import csv
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from sqlalchemy import insert

from billwright.billing.tables import InvoiceEventRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, transaction
from support.pipeline import Firm, person
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
MANAGER = person("Mia Manager", "invoice:approve_manager")
FINANCE = person("Finn Finance", "invoice:approve_finance")
OVERVIEW = 10
"""Session and all that is read with it (1), role and schema (1), counts (1), reports (7)."""


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One invoice that took a day with each approver and was due yesterday, one draft with the manager, one held."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False, payment_terms_days=1))
    made.customer()
    made.contract()
    for stone in ("M1", "M2"):
        made.milestone(stone)
        made.send("evidence", ref=f"E-{stone}", contract="K1", milestones=[stone], title="Protocol")
    made.accept("M1")
    made.clock.moment += timedelta(days=1)
    made.decide(MANAGER)
    made.clock.moment += timedelta(days=1)
    made.decide(FINANCE)
    made.clock.moment += timedelta(days=2)
    made.accept("M2")
    made.customer("C2", name="Held Ltd", po_required=True)
    made.contract("K2", customer="C2")
    made.milestone("M3", "K2")
    made.accept("M3", "K2")
    made.milestone("M4", "K2", amount="777.00")
    return made


@pytest.fixture
def clerk(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "clerk@acme.example", "billing_clerk")


def test_the_overview_answers_four_questions_in_few_statements(firm: Firm, clerk: Person) -> None:
    with counted_statements(firm.database) as statements:
        status, page = clerk.get("reports")
    assert (status, len(statements)) == (200, OVERVIEW)
    for expected in (
        "Where do invoices stall?",
        "Longest in “Manager's approval”: 24 h for half of them.",
        "EUR 20,000.00 is approved and not issued, EUR 777.00 waits.",
        "DSO is 3 days in EUR.",
        "100 % right at first, of 1 invoice issued in the last 90 days.",
    ):
        assert expected in text_of(page), (expected, text_of(page))


def test_each_figure_opens_its_documents(firm: Firm, clerk: Person) -> None:
    issued = next(row for row in firm.invoices() if row.number)
    for path in ("stall?part=manager", "paid?part=EUR-1_30"):
        page = clerk.get(f"reports/{path}")[1]
        documents = page.partition('id="documents"')[2]
        assert re.findall(r"invoices/(inv_\w+)", documents) == [show("inv", issued.id)], path
    assert "Nothing is in it." in clerk.get("reports/paid?part=EUR-61_90")[1]
    assert 'id="documents"' not in clerk.get("reports/paid?part=EUR-nonsense")[1]
    assert f"{clerk.base}/unbilled?reason=" in clerk.get("reports/unbilled")[1]


def test_what_stopped_an_invoice_is_named_and_opened(firm: Firm, clerk: Person) -> None:
    issued = next(row for row in firm.invoices() if row.number)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        event = {
            "id": new_id(),
            "invoice_id": issued.id,
            "at": tx.now,
            "event": "approval.returned",
            "text": "",
            "facts": {},
        }
        tx.session.execute(insert(InvoiceEventRow), [event | {"actor_name": "Mia"}])
    page = clerk.get("reports/clean?part=returned")[1]
    assert (
        "0 % right at first, of 1 invoice issued in the last 90 days. Most often stopped by: Returned by an approver."
        in text_of(page)
    )
    assert f"invoices/{show('inv', issued.id)}" in page.partition('id="documents"')[2]
    (week,) = set(re.findall(r"part=(\d{4}-\d\d-\d\d)", page))
    assert f"invoices/{show('inv', issued.id)}" in clerk.get(f"reports/clean?part={week}")[1]


def test_files_hold_the_table_behind_the_chart(clerk: Person) -> None:
    answer = clerk.client.get(f"{clerk.base}/reports/unbilled/csv/1")
    rows = list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.headers["content-type"].startswith("text/csv")
    assert {(row["Why"], row["Net"], row["Currency"]) for row in rows} >= {("In a draft", "20000.00", "EUR")}
    stages = list(csv.DictReader(StringIO(clerk.client.get(f"{clerk.base}/reports/stall/csv/1").text)))
    assert next(row["Half took at most (hours)"] for row in stages if row["Invoices"] == "1") is not None
    assert clerk.client.get(f"{clerk.base}/reports/unbilled/csv/2").status_code == 404
    assert clerk.get("reports/nonsense")[0] == 404


def test_reports_are_for_those_who_may_read_them(
    firm: Firm, clerk: Person, log_in_to: LogIn, make_tenant: Callable[..., Tenant]
) -> None:
    other = make_tenant("Other Firm")
    foreign = log_in_to(firm, "clerk@other.example", "billing_clerk", tenant=other)
    for path in ("reports", "reports/stall", "reports/stall/csv/1", "reports/paid?part=EUR-1_30"):
        assert foreign.get(path)[0] == 404, path


def test_an_empty_firm_is_told_so(make_firm: Callable[[TenantConfiguration], Firm], log_in_to: LogIn) -> None:
    empty = make_firm(TenantConfiguration())
    clerk = log_in_to(empty, "clerk@acme.example", "billing_clerk")
    assert "Everything that is earned is billed." in text_of(clerk.get("reports")[1])
    for name in ("stall", "unbilled", "paid", "clean"):
        status, page = clerk.get(f"reports/{name}")
        assert status == 200
        assert "Nothing to show yet" in page
