"""Crediting in the portal: what is left per line, the form, links both ways, voids by two people."""

from collections.abc import Callable

import pytest

from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from support.crediting import an_invoice, by_id, credit, part, with_series
from support.pipeline import Firm
from support.visitors import LogIn, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
STATEMENTS_MAX = 9
FORM = {
    "currency": "EUR",
    "scope": "lines",
    "outcome": "rebill",
    "reason_code": "wrong_price",
    "reason": "Wrong price.",
}


@pytest.fixture
def firm(firm: Firm) -> Firm:
    return with_series(firm)


def page_of(firm: Firm, place: int = 0) -> str:
    return f"invoices/{show('inv', firm.invoices()[place].id)}"


def test_a_part_is_credited_by_the_form_and_both_documents_name_each_other(firm: Firm, log_in_to: LogIn) -> None:
    invoice = an_invoice(firm)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    path = page_of(firm)
    assert f'href="{clerk.base}/{path}/credit"' in clerk.get(path)[1]
    assert "Left, net" in text_of(clerk.get(f"{path}/credit")[1])

    status, place = clerk.post(f"{path}/credit", **FORM, **{"amount-1": "2500.00"})

    assert status == 303, place
    firm.drain()
    note = firm.invoices()[1]
    assert (note.net_minor, note.credits_invoice_id) == (-2_500_00, invoice.id)
    shown = clerk.get(page_of(firm, 1))[1]
    assert f'href="{clerk.base}/{path}"' in shown
    assert f"Credit for invoice {invoice.number}" in text_of(shown)
    again = text_of(clerk.get(f"{path}/credit")[1])
    assert f"Credit note {note.number}" in again
    assert "Invoice that replaces it" in again
    assert "7,500.00" in again
    listed = text_of(clerk.get("invoices")[1])
    assert (str(note.number) in listed, "2,500.00" in listed) == (True, True)


def test_forms_are_refused_with_their_sentence(firm: Firm, log_in_to: LogIn) -> None:
    an_invoice(firm)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    auditor = log_in_to(firm, "auditor@acme.example", "auditor")
    path = page_of(firm)
    assert clerk.post(f"{path}/credit", **FORM)[0] == 422
    assert clerk.post(f"{path}/credit", **{**FORM, "outcome": "forget"}, **{"amount-1": "1.00"})[0] == 422
    assert clerk.post(f"{path}/credit", **FORM, **{"amount-1": "10000.01"})[0] == 422
    assert clerk.post(f"{path}/credit", **FORM, **{"amount-1": "1.00"}, csrf="forged")[0] == 403
    assert auditor.post(f"{path}/credit", **FORM, **{"amount-1": "1.00"})[0] == 403
    assert "Draft the credit note" not in text_of(auditor.get(f"{path}/credit")[1])
    assert clerk.get(f"invoices/{show('inv', new_id())}/credit")[0] == 404
    assert len(firm.invoices()) == 1


def test_a_draft_is_shown_as_it_will_be_and_given_up(
    make_firm: Callable[[TenantConfiguration], Firm], log_in_to: LogIn
) -> None:
    rules = (ApprovalRule(name="large", at_least=5000, steps=("finance",)), ApprovalRule(name="rest", steps=()))  # type: ignore[arg-type]  # msgspec takes the int
    firm = with_series(make_firm(TenantConfiguration(approvals=rules, render_documents=False, deliver_by_mail=False)))
    firm.customer(address={"city": "Berlin", "country": "DE"}, tax_id="")
    firm.contract()
    for place, amount in (("M1", "1000.55"), ("M2", "3000.33"), ("M3", "900.17")):
        firm.milestone(place, number=place, amount=amount)
    for place in ("M1", "M2", "M3"):
        firm.accept(place)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    invoice = firm.invoices()[0]
    assert invoice.number is not None
    note = credit(firm, invoice, part(amount="0.55"), drain=False)
    path = f"invoices/{show('inv', note.id)}"

    assert "Credit note" in text_of(clerk.get(path)[1])
    assert "Draft credit note" in text_of(clerk.get("invoices")[1])
    status, _ = clerk.post(f"{path}/drop", reason="Wrong line")

    assert (status, by_id(firm, note.id).phase) == (303, "void")


def test_two_people_void_an_invoice(firm: Firm, log_in_to: LogIn) -> None:
    an_invoice(firm)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    finance = log_in_to(firm, "fin@acme.example", "finance_approver")
    path = page_of(firm)
    assert clerk.post(f"{path}/void", reason="Wrong entity")[0] == 303
    assert "asks to void it: Wrong entity" in text_of(finance.get(f"{path}/credit")[1])
    assert clerk.post(f"{path}/void/decide", decision="void")[0] == 403

    assert finance.post(f"{path}/void/decide", decision="void")[0] == 303

    assert firm.invoices()[0].phase == "void"
    assert "Nothing is left" in text_of(clerk.get(f"{path}/credit")[1])


def test_the_page_takes_few_statements(firm: Firm, log_in_to: LogIn) -> None:
    an_invoice(firm)
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    path = f"{page_of(firm)}/credit"
    clerk.get(path)
    with counted_statements(firm.database) as first:
        clerk.get(path)
    credit(firm, firm.invoices()[0], part(amount="100.00"))
    credit(firm, firm.invoices()[0], part(amount="100.00"))
    with counted_statements(firm.database) as second:
        clerk.get(path)
    assert len(second) == len(first) <= STATEMENTS_MAX
