"""Credit notes, credit used elsewhere, refunds and write-offs in another currency than the books: no value is made or lost."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.tables import InvoiceRow
from billwright.canon.load_rates import load_rates
from billwright.kernel.actor import SYSTEM
from billwright.kernel.money import Money
from billwright.receivables.apply_credit import Refund, apply_credit, record_refund
from billwright.receivables.ledger import read_trial_balance
from billwright.receivables.write_off import ask_write_off
from billwright.tenancy.configuration import LedgerSettings, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.crediting import CLERK, credit, offenders, part, receivable, with_series
from support.pipeline import AUTOMATIC, Firm

RATES = b"Date,USD,\n2026-03-02,1.2000,\n2026-03-03,1.2500,\n2026-03-04,1.0000,\n2026-03-05,1.1000,\n"


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """Books in euros, the ECB's rates, a contract in dollars; it is 2 March, when a euro is USD 1.20."""
    ledger = LedgerSettings(rates="ECB", write_off_alone=Decimal(1_000_000))
    made = with_series(
        make_firm(
            TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, ledger=ledger)
        )
    )
    made.clock.moment += timedelta(days=5)
    load_rates(made.database, made.tenant, SYSTEM, RATES)
    made.clock.moment -= timedelta(days=5)
    made.customer()
    made.contract(currency="USD", value="99000.00")
    return made


def bill(firm: Firm, name: str, amount: str) -> InvoiceRow:
    firm.milestone(name, number=name, name=f"Part {name}", amount=amount, currency="USD")
    firm.accept(name)
    invoice = firm.invoices()[-1]
    assert invoice.number is not None
    return invoice


def pay(firm: Firm, invoice: InvoiceRow, amount: str) -> None:
    data: dict[str, Any] = {"ref": f"P-{amount}", "customer": "C1", "invoice_number": invoice.number, "amount": amount}
    firm.send("payment", **data, currency="USD", paid_on=firm.clock.now().date().isoformat())


def in_euros(firm: Firm) -> dict[str, tuple[int, int]]:
    """Closing balances by role: in dollars, and in euros."""
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        found = read_trial_balance(tx, last=date(2026, 12, 31)).balances
    assert sum(row.sums.closing_minor for row in found) == 0
    assert sum(row.base.closing_minor for row in found) == 0
    assert not [row for row in found if row.unvalued]
    return {
        row.role: (row.sums.closing_minor, row.base.closing_minor)
        for row in found
        if row.sums.closing_minor or row.base.closing_minor
    }


def test_a_credit_of_an_open_invoice_turns_it_back_at_its_value(firm: Firm) -> None:
    invoice = bill(firm, "M1", "1200.00")
    firm.clock.moment += timedelta(days=2)  # a euro is one dollar now

    credit(firm, invoice, part(amount="600.00", currency="USD"))

    assert in_euros(firm) == {"receivable": (600_00, 500_00), "revenue": (-600_00, -500_00)}
    credit(firm, invoice)
    assert in_euros(firm) == {}
    assert offenders(firm) == []


def test_credit_after_payment_is_used_and_paid_back_with_its_differences(firm: Firm) -> None:
    invoice = bill(firm, "M1", "1200.00")
    firm.clock.moment += timedelta(days=1)
    pay(firm, invoice, "1200.00")
    assert in_euros(firm) == {
        "bank": (1200_00, 960_00), "exchange_loss": (0, 40_00), "revenue": (-1200_00, -1000_00),
    }  # fmt: skip
    note = credit(firm, invoice, part(amount="500.00", currency="USD"))
    other = bill(firm, "M2", "300.00")
    firm.clock.moment += timedelta(days=1)
    apply_credit(
        firm.database, firm.tenant, CLERK, receivable(firm, note.id).id, receivable_id=receivable(firm, other.id).id
    )
    refund = Refund(ref="R-1", amount=Money(200_00, "USD"), paid_on=date(2026, 3, 4))
    record_refund(firm.database, firm.tenant, CLERK, receivable(firm, note.id).id, refund)

    found = in_euros(firm)
    assert "receivable" not in found
    assert found["bank"] == (1000_00, 760_00)  # 960.00 less USD 200.00 at one to one
    assert found["revenue"] == (-1000_00, -840_00)  # 1,000.00, less 500.00 at 1.25, and 300.00 at 1.25
    assert sum(value for role, (_, value) in found.items() if role.startswith("exchange")) == 80_00
    assert offenders(firm) == []


def test_what_is_written_off_is_lost_at_the_value_it_had(firm: Firm) -> None:
    invoice = bill(firm, "M1", "1200.00")
    firm.clock.moment += timedelta(days=1)
    pay(firm, invoice, "400.00")
    firm.clock.moment += timedelta(days=1)

    ask_write_off(
        firm.database, firm.tenant, SYSTEM, receivable(firm, invoice.id).id, reason="insolvent", note="Nothing left"
    )

    assert in_euros(firm) == {
        "bank": (400_00, 320_00), "exchange_loss": (0, 13_33), "revenue": (-1200_00, -1000_00),
        "write_off": (800_00, 666_67),
    }  # fmt: skip
    assert offenders(firm) == []
