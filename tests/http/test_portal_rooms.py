"""Customers, contracts, work and settings: what they show, whom they refuse, and how many queries they take."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from litestar import Request
from sqlalchemy import func, select

from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.canon.tables import ContractRow
from billwright.collections.open_dispute import open_dispute
from billwright.identity.caller import Caller, Partner
from billwright.identity.permissions import ALL_PERMISSIONS
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import PermissionDeniedError
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, transaction
from billwright.web.portal.brands import NEUTRAL
from billwright.web.portal.contract_pages import ContractController
from billwright.web.portal.customer_pages import CustomerController
from billwright.web.portal.navigation import rooms_for
from billwright.web.portal.queries_contracts import standing_of
from billwright.web.portal.settings_pages import SettingsController
from billwright.web.portal.visit import Visit
from billwright.web.portal.work_pages import WorkController
from support.pipeline import AUTOMATIC, Firm, person
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
FINDING_OUT = 6
"""Session, person, tenant and rights; role and schema of the unit of work: the same for every page."""
CALLER = Caller(kind="session", partner=Partner(new_id(), "p", "P"), person=None, roles=frozenset())


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One issued invoice of C1, one milestone that waits; C2 owes nothing."""
    made = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    made.customer()
    made.customer("C2", name="Zero Ltd", po_required=True)
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol of the design")
    made.accept()
    made.milestone("M2", name="Build", amount="2500.50")
    return made


ROOMS = ("customers", "contracts", "work", "work/milestones", "work/time", "work/expenses", "settings")


def ids_of(page: str, prefix: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf"{prefix}_[0-9a-f]{{32}}", page)))


def test_customers_show_what_they_owe_and_how_they_are_billed(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    status, page = clerk.get("customers")
    assert status == 200
    assert "Client SA EUR 10,000.00" in text_of(page)
    customer = ids_of(page, "cus")[0]
    status, page = clerk.get(f"customers/{customer}")
    said = text_of(page)
    assert status == 200
    for expected in (
        "Not due 1–30 days 31–60 days 61–90 days Over 90 days Open EUR EUR 10,000.00",
        "30 days, the firm's usual from the settings",
        "Came last with message m-1 from psa:test",
        "K1 EUR 30,000.00 EUR 10,000.00",
    ):
        assert expected in said, expected


def test_a_contract_says_what_is_billed_and_what_each_milestone_waits_for(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    status, page = clerk.get("contracts")
    assert status == 200
    assert "K1 Client SA Client SA EUR 30,000.00 EUR 10,000.00 – none EUR 2,500.50 1 item Active" in text_of(page)
    (contract,) = ids_of(page, "ctr")
    status, page = clerk.get(f"contracts/{contract}")
    said = text_of(page)
    assert status == 200
    for expected in (
        "Accepted 2 Mar 2026 by Client PM",
        "Evidence: Protocol of the design Billed EUR 10,000.00 · ACME-2026-00001, line 1: why this price",
        "Waits EUR 2,500.50 No acceptance. The customer has not accepted the milestone yet.",
        "Project operations · See the message it came with",
        "Version 1 In force As first agreed EUR 30,000.00",
    ):
        assert expected in said, expected


def test_amounts_agree_with_what_is_stored_to_the_cent(
    make_firm: Callable[[TenantConfiguration], Firm], log_in_to: LogIn
) -> None:
    """Odd cents, a change order, time and expenses: the contract's sums are those of lines and items, none is lost."""
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract(billing="mixed", value="90000.00", grouping="each")
    for place, amount in enumerate(("3333.33", "0.01", "1999.99"), start=1):
        firm.milestone(f"M{place}", name=f"Part {place}", amount=amount)
    firm.accept("M1")
    firm.accept("M2")
    rates = [{"role": "Senior", "hourly": "133.33", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    for ref, hours, status in (("T1", "1.75", "approved"), ("T2", "2", "submitted")):
        firm.send(
            "time_entry", ref=ref, contract="K1", person_name="Ada", role="Senior", worked_on="2026-02-02", hours=hours,
            status=status,
        )  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        (contract,) = tx.session.scalars(select(ContractRow.id)).all()
        stand = standing_of(tx, contract)
        lines = select(func.sum(InvoiceLineRow.net_minor)).join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        issued = tx.session.scalar(lines.where(InvoiceRow.number.is_not(None)))
    (sums,) = stand.sums
    assert sums.billed == issued == 3333_33 + 1 + 233_33
    assert (sums.drafted, sums.ready, sums.waiting) == (0, 0, 1999_99 + 266_66)
    assert stand.waiting_items == 2
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    said = text_of(clerk.get(f"contracts/{show('ctr', contract)}")[1])
    assert "Billed EUR 3,566.67 net, on issued invoices" in said
    assert "Time not approved. The time entry is submitted but not approved." in said
    overview = text_of(clerk.get("work")[1])
    assert "Milestones EUR 1,999.99 1 item" in overview
    assert "Time entries EUR 266.66 1 item" in overview
    assert "Not approved 1 entry 2 h" in overview
    listed = text_of(clerk.get("work/time?status=submitted")[1])
    assert "Waits EUR 266.66 1 item" in listed
    assert "1.75 h" not in listed
    assert "1.75 h · Ada" in text_of(clerk.get(f"work/time?contract={show('ctr', contract)}&billing=billed")[1])


def test_an_unsigned_change_order_says_what_it_means(firm: Firm, log_in_to: LogIn) -> None:
    changes = [{"milestone": "M2", "field": "milestone.amount", "before": "2500.50", "after": "2900.00"}]
    order: dict[str, Any] = {
        "ref": "CO1",
        "contract": "K1",
        "number": "CO-1",
        "title": "More",
        "value_after": "33000.00",
        "changes": changes,
    }
    firm.send("change_order", **order)
    firm.milestone("M3", name="Extra", amount="100.00", change_order="CO1")
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    path = f"contracts/{ids_of(clerk.get('contracts')[1], 'ctr')[0]}"
    said = text_of(clerk.get(path)[1])
    assert "Not signed Nobody has signed it: it changes nothing, and M3 Extra waits for the signature." in said
    assert "The contract would be worth EUR 33,000.00 by it." in said
    assert "Worth now EUR 30,000.00" in said
    assert "Contract administrator · See the change order" in said
    firm.clock.moment += timedelta(minutes=1)
    firm.send("change_order", **order, signed_at=firm.clock.now().isoformat(), signed_by="Client PM")
    said = text_of(clerk.get(path)[1])
    assert "Worth now EUR 33,000.00" in said
    assert "Version 2 In force Change order CO-1 : Milestone M2: amount" in said
    assert "Was EUR 2,500.50 before." in said


def test_disputes_stop_reminders_and_are_said(firm: Firm, log_in_to: LogIn) -> None:
    invoice = next(row for row in firm.invoices() if row.number)
    collector = person("Paul", "dispute:write")
    open_dispute(firm.database, firm.tenant, collector, invoice.id, line=1, amount=None, reason="Not what was agreed.")
    firm.clock.moment += timedelta(days=60)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    for which, found in (("overdue", True), ("open", True), ("disputed", True), ("", True)):
        assert ("Client SA" in clerk.get(f"customers?which={which}")[1]) is found
    page = clerk.get("customers?which=overdue")[1]
    assert "Stopped by disputes EUR 10,000.00 is left out" in text_of(page)
    assert "Zero Ltd" not in page
    said = text_of(clerk.get(f"customers/{ids_of(page, 'cus')[0]}")[1])
    assert "30 days late" in said
    assert "“Not what was agreed.”" in said
    assert "reminders leave this amount out" in said


def test_customers_are_found_by_a_part_of_their_name(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    found = clerk.get("customers?about=zERO")[1]
    assert "Zero Ltd" in found
    assert "Client SA" not in found
    assert "Nothing fits these filters" in clerk.get("customers?about=%25")[1]
    assert clerk.get("customers?cursor=nonsense")[0] == 422


def test_the_search_leads_to_the_rooms(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    for wanted, path in (("zero", "/customers/cus_"), ("K1", "/contracts/ctr_")):
        assert f"{clerk.base}{path}" in clerk.get(f"search?q={wanted}")[1]


def test_rooms_refuse_who_may_not_read_them(firm: Firm, log_in_to: LogIn, make_tenant: Callable[..., Tenant]) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    customer = ids_of(clerk.get("customers")[1], "cus")[0]
    contract = ids_of(clerk.get("contracts")[1], "ctr")[0]
    nowhere = ("customers/cus_" + "0" * 32, "contracts/ctr_" + "0" * 32, f"customers/{contract}", "work/dreams")
    assert [clerk.get(path)[0] for path in nowhere] == [404] * len(nowhere)
    foreign = log_in_to(firm, "foreign@other.example", "billing_clerk", tenant=make_tenant("Other Firm"))
    for path in (*ROOMS, f"customers/{customer}", f"contracts/{contract}"):
        assert foreign.get(path)[0] == 404, path


@pytest.mark.parametrize(
    ("missing", "refused"),
    [
        ("customer:read", lambda visit: CustomerController.show_customers.fn(None, visit)),
        ("customer:read", lambda visit: CustomerController.show_customer.fn(None, visit, "cus_" + "0" * 32)),
        ("contract:read", lambda visit: ContractController.show_contracts.fn(None, visit)),
        ("contract:read", lambda visit: ContractController.show_contract.fn(None, visit, "ctr_" + "0" * 32)),
        ("project:read", lambda visit: WorkController.show_kind.fn(None, visit, "time")),
        ("configuration:read", lambda visit: SettingsController.show_terms.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.show_brand.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.preview_mail.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.show_approvals.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.show_rules.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.show_reminders.fn(None, visit)),
        ("configuration:read", lambda visit: SettingsController.show_history.fn(None, visit)),
    ],
)
def test_each_room_asks_for_its_permission(firm: Firm, missing: str, refused: Callable[[Visit], object]) -> None:
    """Every role of today may read all of these, so the handlers are asked with an actor that may all but one."""
    actor = person("Nobody", *(ALL_PERMISSIONS - {missing}))
    scope: Any = {"type": "http", "headers": [], "path_params": {}, "state": {}}  # refused before it is looked at
    request: Request[Any, Any, Any] = Request(scope)
    visit = Visit(
        database=firm.database, request=request, caller=CALLER, actor=actor, tenant=firm.tenant, brand=NEUTRAL,
        base="/t/x", places=(), now=firm.clock.now(), trace_id="t", https=False,
    )  # fmt: skip
    with pytest.raises(PermissionDeniedError, match=missing):
        refused(visit)


def test_rooms_are_offered_by_permission() -> None:
    for missing, rooms in (("customer:read", {"customers"}), ("contract:read", {"contracts"}), ("item:read", set())):
        everything = {room.name for room in rooms_for(person("All", *ALL_PERMISSIONS))}
        without = {room.name for room in rooms_for(person("Less", *(ALL_PERMISSIONS - {missing})))}
        assert everything - without == rooms, missing
    nothing = [room.name for room in rooms_for(person("New"))]
    assert nothing == ["today", "settings"]


def test_pages_take_the_same_few_queries_for_any_number_of_rows(firm: Firm, log_in_to: LogIn) -> None:
    auditor = log_in_to(firm, "auditor@acme.example", "auditor")
    customer, contract = (
        ids_of(auditor.get(room)[1], prefix)[0] for room, prefix in (("customers", "cus"), ("contracts", "ctr"))
    )
    pages = {
        "customers": 7, f"customers/{customer}": 14, "contracts": 5, f"contracts/{contract}": 15, "work": 5,
        "work/milestones": 7, "work/time": 7, "work/expenses": 7, "settings": 4, "settings/terms": 3, "settings/brand": 3,
        "settings/approvals": 4, "settings/rules": 3, "settings/reminders": 3, "settings/history": 4, "settings/people": 4,
        "settings/you": 3,
    }  # fmt: skip
    first = statements_of(firm, auditor, pages)
    for place in range(8):
        firm.customer(f"C{place + 10}", name=f"Customer {place}")
        firm.contract(f"K{place + 10}")
        firm.milestone(f"N{place}", name=f"More {place}", amount="10.00")
        firm.accept(f"N{place}")
    assert statements_of(firm, auditor, pages) == first
    beyond = {path: count for path, count in first.items() if count > pages[path] + FINDING_OUT}
    assert beyond == {}, first


def statements_of(firm: Firm, visitor: Person, paths: Iterable[str]) -> dict[str, int]:
    taken = {}
    for path in paths:
        with counted_statements(firm.database) as statements:
            assert visitor.get(path)[0] == 200, path
        taken[path] = len(statements)
    return taken
