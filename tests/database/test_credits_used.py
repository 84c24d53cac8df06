"""What happens around credit notes: given up, billed again, paid invoices, refunds, disputes, voids."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.rebill_item import decide_released
from billwright.billing.tables import InvoiceRow
from billwright.collections.open_dispute import open_dispute
from billwright.collections.tables import DisputeRow
from billwright.issuing.drop_credit_note import drop_credit_note
from billwright.issuing.errors import NotCreditableError, NotVoidableError
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import ConflictError, SelfApprovalError
from billwright.kernel.money import Money
from billwright.receivables.apply_credit import Refund, apply_credit, record_refund
from billwright.receivables.errors import AmountNotOpenError, PaymentKnownError
from billwright.receivables.void_invoice import ask_void, decide_void
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.crediting import (
    CLERK,
    an_invoice,
    by_id,
    credit,
    offenders,
    part,
    receivable,
    unaccounted,
    with_series,
)
from support.pipeline import Firm, person

FINANCE = person("Fin Ance", "invoice:approve_finance")


@pytest.fixture
def firm(firm: Firm) -> Firm:
    return with_series(firm)


def pay(firm: Firm, invoice: InvoiceRow, amount: str) -> None:
    data: dict[str, Any] = {"ref": f"P-{amount}", "customer": "C1", "invoice_number": invoice.number, "amount": amount}
    firm.send("payment", **data, currency="EUR", paid_on="2026-03-01")


def another_invoice(firm: Firm) -> InvoiceRow:
    firm.milestone("M2", number="M2", name="Build", amount="5000.00")
    firm.accept("M2")
    return firm.invoices()[-1]


def test_a_draft_that_is_given_up_leaves_everything_to_be_credited(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    rules = (ApprovalRule(name="credits", steps=("finance",)),)
    firm = with_series(make_firm(TenantConfiguration(approvals=rules, render_documents=False, deliver_by_mail=False)))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(FINANCE)
    (invoice,) = firm.invoices()
    note = credit(firm, invoice)

    drop_credit_note(firm.database, firm.tenant, CLERK, note.id, reason="Wrong line")

    gone = by_id(firm, note.id)
    assert (gone.phase, gone.detail, gone.number, gone.gross_minor) == ("void", "dropped", None, 0)
    with pytest.raises(NotCreditableError):
        drop_credit_note(firm.database, firm.tenant, CLERK, note.id, reason="")
    again = credit(firm, invoice)
    assert again.gross_minor == -invoice.gross_minor
    assert offenders(firm) == []


def test_what_was_released_is_billed_again_when_somebody_says_so(firm: Firm) -> None:
    invoice = an_invoice(firm)
    credit(firm, invoice, part(amount="3000.00"))

    decide_released(firm.database, firm.tenant, CLERK, firm.item().id, decision="rebill")
    firm.drain()

    again = firm.invoices()[-1]
    assert (again.net_minor, again.replaces_invoice_id) == (3_000_00, None)
    assert again.number is not None
    with pytest.raises(ConflictError):
        decide_released(firm.database, firm.tenant, CLERK, firm.item().id, decision="rebill")
    assert offenders(firm) == []
    assert unaccounted(firm) == []


def test_what_was_released_may_be_written_off(firm: Firm) -> None:
    invoice = an_invoice(firm)
    credit(firm, invoice, part(amount="3000.00"))

    decide_released(firm.database, firm.tenant, CLERK, firm.item().id, decision="write_off", reason="Goodwill")

    item = firm.item()
    assert (item.state, item.written_off_minor) == ("billed", 3_000_00)
    assert offenders(firm) == []


def test_a_released_fact_that_changes_is_billed_by_its_new_price(firm: Firm) -> None:
    invoice = an_invoice(firm)
    credit(firm, invoice)

    firm.milestone(amount="9000.00")

    again = firm.invoices()[-1]
    assert (again.id != invoice.id, again.net_minor) == (True, 9_000_00)
    assert offenders(firm) == []


def test_a_credit_after_payment_is_the_customers_for_another_invoice_or_back(firm: Firm) -> None:
    invoice = an_invoice(firm)
    pay(firm, invoice, "7000.00")
    note = credit(firm, invoice)
    assert (receivable(firm, invoice.id).open_minor, receivable(firm, note.id).open_minor) == (0, -7_000_00)
    assert (by_id(firm, invoice.id).phase, note.phase) == ("credited", "issued")
    other = another_invoice(firm)
    mine = receivable(firm, note.id).id

    left = apply_credit(firm.database, firm.tenant, CLERK, mine, receivable_id=receivable(firm, other.id).id)

    assert left == Money(2_000_00, "EUR")
    assert (receivable(firm, other.id).open_minor, by_id(firm, other.id).phase) == (0, "credited")
    back = Refund(ref="R-1", amount=Money(2_000_00, "EUR"), paid_on=date(2026, 3, 2))
    with pytest.raises(AmountNotOpenError):
        record_refund(
            firm.database, firm.tenant, CLERK, mine,
            Refund(ref="R-0", amount=Money(2_000_01, "EUR"), paid_on=date(2026, 3, 2)),
        )  # fmt: skip
    assert record_refund(firm.database, firm.tenant, CLERK, mine, back) == Money(0, "EUR")
    assert record_refund(firm.database, firm.tenant, CLERK, mine, back) == Money(0, "EUR")
    with pytest.raises(PaymentKnownError):
        record_refund(
            firm.database, firm.tenant, CLERK, mine, Refund(ref="R-1", amount=Money(1, "EUR"), paid_on=date(2026, 3, 2))
        )
    assert by_id(firm, note.id).phase == "settled"
    assert offenders(firm) == []


def test_a_dispute_that_is_credited_ends_by_the_credit_note(firm: Firm) -> None:
    invoice = an_invoice(firm)
    collector = person("Cole Lector", "dispute:write")
    amount = Money(2_000_00, "EUR")
    open_dispute(firm.database, firm.tenant, collector, invoice.id, line=1, amount=amount, reason="Half done")

    note = credit(firm, invoice, part(amount="2000.00"))

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        dispute = tx.session.scalars(select(DisputeRow)).one()
    assert (dispute.state, dispute.credit_note_id) == ("credited", note.id)
    assert by_id(firm, invoice.id).phase == "issued"
    assert offenders(firm) == []


def test_two_people_void_what_nobody_has_and_its_number_stays(firm: Firm) -> None:
    invoice = an_invoice(firm)
    asker = person("Amy Asker", "invoice:write", "invoice:approve_finance")
    ask_void(firm.database, firm.tenant, asker, invoice.id, reason="Wrong entity")
    with pytest.raises(SelfApprovalError):
        decide_void(firm.database, firm.tenant, asker, invoice.id, decision="void")

    decide_void(firm.database, firm.tenant, FINANCE, invoice.id, decision="void")
    firm.drain()

    void = by_id(firm, invoice.id)
    assert (void.phase, void.detail, void.number) == ("void", "voided", invoice.number)
    assert receivable(firm, invoice.id).open_minor == 0
    again = firm.invoices()[-1]
    assert (again.net_minor, again.number) == (10_000_00, "ACME-2026-00002")
    with pytest.raises(NotCreditableError, match="void"):
        credit(firm, void)
    assert offenders(firm) == []
    assert unaccounted(firm) == []


def test_what_was_paid_or_credited_is_not_voided(firm: Firm) -> None:
    invoice = an_invoice(firm)
    pay(firm, invoice, "1.00")
    with pytest.raises(NotVoidableError, match="paid in part"):
        ask_void(firm.database, firm.tenant, CLERK, invoice.id, reason="Wrong")
    note = credit(firm, invoice, part(amount="1.00"))
    with pytest.raises(NotVoidableError, match="credited"):
        ask_void(firm.database, firm.tenant, CLERK, invoice.id, reason="Wrong")
    with pytest.raises(NotVoidableError, match="credit note"):
        ask_void(firm.database, firm.tenant, CLERK, note.id, reason="Wrong")


def test_a_void_that_is_refused_changes_nothing(firm: Firm) -> None:
    invoice = an_invoice(firm)
    ask_void(firm.database, firm.tenant, CLERK, invoice.id, reason="Wrong entity")
    with pytest.raises(ConflictError):
        ask_void(firm.database, firm.tenant, CLERK, invoice.id, reason="Wrong entity")

    decide_void(firm.database, firm.tenant, FINANCE, invoice.id, decision="refuse")

    assert by_id(firm, invoice.id).phase == "issued"
    with pytest.raises(ConflictError):
        decide_void(firm.database, firm.tenant, FINANCE, invoice.id, decision="void")
    assert offenders(firm) == []
