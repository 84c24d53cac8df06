"""A draft that the books could not value is held with the remedy, and goes on by itself when the rates are loaded."""

from collections.abc import Callable

import pytest

from billwright.canon.load_rates import load_rates
from billwright.checks.tables import FindingRow
from billwright.kernel.actor import SYSTEM
from billwright.receivables.tables import JournalEntryRow
from billwright.tenancy.configuration import LedgerSettings, TenantConfiguration
from support.issued import rows
from support.pipeline import AUTOMATIC, Firm

OLD = b"Date,USD,\n2026-02-20,1.2000,\n"
NEW = b"Date,USD,\n2026-02-27,1.2500,\n"


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """It keeps the ECB's rates, which may be a week old; it is 2 March."""
    ledger = LedgerSettings(rates="ECB", rate_days_max=7)
    return make_firm(
        TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, ledger=ledger)
    )


def bill(firm: Firm, currency: str) -> None:
    firm.customer()
    firm.contract(currency=currency)
    firm.milestone(currency=currency)
    firm.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    firm.accept()


def said(firm: Firm) -> list[tuple[str, str]]:
    return [(row.code, row.severity) for row in rows(firm.database, firm.tenant, FindingRow) if row.resolved_at is None]


@pytest.mark.parametrize("known", [None, OLD])
def test_without_a_young_rate_a_draft_waits_until_one_is_loaded(firm: Firm, known: bytes | None) -> None:
    if known:
        load_rates(firm.database, firm.tenant, SYSTEM, known)
    bill(firm, "USD")
    invoice = firm.invoice()
    assert (invoice.phase, invoice.detail, invoice.number) == ("validation_pending", "blocked", None)
    assert ("no_exchange_rate", "blocking") in said(firm)

    load_rates(firm.database, firm.tenant, SYSTEM, NEW)
    firm.drain()

    assert firm.invoice().number is not None
    assert "no_exchange_rate" not in dict(said(firm))
    (entry,) = rows(firm.database, firm.tenant, JournalEntryRow)
    assert (entry.base_currency, entry.rates[0]["on"]) == ("EUR", "2026-02-27")


def test_the_own_currency_needs_no_rate(firm: Firm) -> None:
    bill(firm, "EUR")

    assert firm.invoice().number is not None
