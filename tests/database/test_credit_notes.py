"""Credit notes: exactly what is credited is taken back, from the document to the ledger, and can be billed again."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.issuing.errors import CreditAmountError, NotCreditableError, SeriesMissingError
from billwright.kernel.errors import PermissionDeniedError, SelfApprovalError
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from support.crediting import (
    an_invoice,
    by_id,
    credit,
    lines_of,
    offenders,
    part,
    receivable,
    unaccounted,
    with_series,
)
from support.pipeline import AUTOMATIC, Firm, person


@pytest.fixture
def firm(firm: Firm) -> Firm:
    return with_series(firm)


def item_of(firm: Firm) -> BillableItemRow:
    return firm.item()


def test_a_credit_of_everything_mirrors_the_invoice(firm: Firm) -> None:
    invoice = an_invoice(firm)

    note = credit(firm, invoice)

    assert (note.document_type, note.number, note.credits_invoice_id) == (
        "credit_note",
        "ACME-CN-2026-00001",
        invoice.id,
    )
    assert (note.net_minor, note.tax_minor, note.gross_minor) == (
        -invoice.net_minor, -invoice.tax_minor, -invoice.gross_minor,
    )  # fmt: skip
    (line,) = lines_of(firm, note.id)
    assert (line.quantity, line.unit_price, line.net_minor) == (Decimal(-1), Decimal("10000.00"), -10_000_00)
    assert (receivable(firm, invoice.id).open_minor, receivable(firm, note.id).open_minor) == (0, 0)
    assert by_id(firm, invoice.id).phase == "credited"
    assert note.phase == "settled"
    item = item_of(firm)
    assert (item.state, item.reasons, item.invoice_id) == ("waiting", ["released_by_credit"], None)
    assert offenders(firm) == []


def test_a_part_leaves_the_exact_rest_and_is_billed_again_alone(firm: Firm) -> None:
    invoice = an_invoice(firm)

    note = credit(firm, invoice, part(amount="2000.00"), outcome="rebill")

    assert (note.net_minor, note.gross_minor) == (-2_000_00, -2_000_00)
    assert receivable(firm, invoice.id).open_minor == 8_000_00
    assert by_id(firm, invoice.id).phase == "issued"
    again = firm.invoices()[-1]
    assert again.number is not None
    assert (again.net_minor, again.replaces_invoice_id) == (2_000_00, invoice.id)
    item = item_of(firm)
    assert (item.state, item.kept_quantity, item.kept_minor) == ("billed", Decimal("0.8"), 8_000_00)
    assert offenders(firm) == []
    assert unaccounted(firm) == []


def test_a_write_off_is_not_billed_again(firm: Firm) -> None:
    invoice = an_invoice(firm)

    credit(firm, invoice, part(quantity="0.25"), outcome="write_off")

    item = item_of(firm)
    assert (item.state, item.written_off_quantity, item.written_off_minor) == ("billed", Decimal("0.25"), 2_500_00)
    assert len(firm.invoices()) == 2
    credit(firm, invoice, outcome="write_off")
    assert item_of(firm).state == "written_off"
    assert offenders(firm) == []
    assert unaccounted(firm) == []


def test_nobody_credits_more_than_there_is(firm: Firm) -> None:
    invoice = an_invoice(firm)
    note = credit(firm, invoice, part(amount="4000.00"))

    with pytest.raises(CreditAmountError, match=r"6,000.00 EUR is left"):
        credit(firm, invoice, part(amount="6000.01"))
    with pytest.raises(CreditAmountError, match="more than nothing"):
        credit(firm, invoice, part(quantity="0"))
    credit(firm, invoice)
    with pytest.raises(NotCreditableError, match="in full"):
        credit(firm, invoice)
    with pytest.raises(NotCreditableError, match="is a credit note"):
        credit(firm, note)


def test_a_firm_without_a_series_is_told_so_before_anything_is_drafted(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    invoice = an_invoice(firm)

    with pytest.raises(SeriesMissingError, match="credit notes"):
        credit(firm, invoice)
    assert len(firm.invoices()) == 1


def test_who_may_not_write_invoices_credits_nothing(firm: Firm) -> None:
    with pytest.raises(PermissionDeniedError):
        credit(firm, an_invoice(firm), actor=person("Ann Auditor", "invoice:read"))


def test_who_asked_for_a_credit_does_not_approve_it(make_firm: Callable[[TenantConfiguration], Firm]) -> None:
    rule = ApprovalRule(name="all", steps=("finance",))
    firm = with_series(make_firm(TenantConfiguration(approvals=(rule,), render_documents=False, deliver_by_mail=False)))
    asker = person("Amy Asker", "invoice:write", "invoice:approve_finance")
    other = person("Fin Ance", "invoice:approve_finance")
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(other)
    note = credit(firm, firm.invoices()[0], actor=asker)
    assert (note.phase, note.detail) == ("validation_pending", "awaiting_finance")

    with pytest.raises(SelfApprovalError, match="asked for the credit"):
        firm.decide(asker, invoice=note)
    assert firm.item().state == "billed"  # nothing is released before the credit note is issued

    firm.decide(other, invoice=note)
    assert by_id(firm, note.id).number == "ACME-CN-2026-00001"
    assert firm.item().state == "waiting"
    assert offenders(firm) == []


def test_a_credit_note_of_a_changed_customer_is_looked_at_again(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    rule = ApprovalRule(name="all", steps=("finance",))
    firm = with_series(make_firm(TenantConfiguration(approvals=(rule,), render_documents=False, deliver_by_mail=False)))
    other = person("Fin Ance", "invoice:approve_finance")
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(other)
    note = credit(firm, firm.invoices()[0])

    firm.customer(name="Client SARL")

    again = by_id(firm, note.id)
    assert (again.phase, again.detail) == ("validation_pending", "awaiting_finance")
    assert again.content_sha256 != note.content_sha256
    firm.decide(other, invoice=again)
    assert by_id(firm, note.id).number is not None
    assert offenders(firm) == []


def test_entries_of_a_shared_line_are_released_whole_the_latest_first(firm: Firm) -> None:
    invoice = billed_time(firm)
    keys = {item.subject_id: item for item in firm.items().values()}
    assert len(keys) == 3

    credit(firm, invoice, part(quantity="3.5"))

    states = sorted((item.service_to, item.state, item.kept_quantity) for item in firm.items().values())
    assert [(state, kept) for _, state, kept in states] == [
        ("billed", Decimal(0)), ("waiting", Decimal("1.333333")), ("waiting", Decimal(0)),
    ]  # fmt: skip
    credit(firm, invoice, outcome="rebill")
    assert {item.state for item in firm.items().values()} == {"billed", "waiting"}
    assert offenders(firm) == []
    assert unaccounted(firm) == []


def billed_time(firm: Firm) -> InvoiceRow:
    """5.333333 hours of one person on three days, in one line."""
    firm.customer()
    firm.contract(billing="time_and_materials")
    rates = [{"role": "", "hourly": "133.333", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entries = []
    for day, hours in ((2, "0.5"), (3, "2.833333"), (4, "2")):
        data = {"ref": f"T{day}", "contract": "K1", "person_name": "Jo", "role": "Senior", "hours": hours}
        entries.append(firm.event("time_entry", {**data, "worked_on": f"2026-02-0{day}", "status": "approved"}))
    firm.store(entries)
    firm.drain()
    (invoice,) = firm.invoices()
    assert invoice.number is not None, (invoice.phase, invoice.detail)
    return invoice
