"""Holdback from the contract's terms to the ledger: withheld, counted against the cap, released, always in balance."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select, update

from billwright.billing.tables import HoldbackBalanceRow, InvoiceLineRow
from billwright.collections.queries import read_accounts, worklist
from billwright.insight.invariants import check_invariants
from billwright.issuing.tables import SnapshotRow
from billwright.kernel.actor import SYSTEM
from billwright.receivables.queries import read_ageing
from billwright.receivables.retained import list_holdbacks
from billwright.tenancy.owner import bind_tenant, owner_transaction
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm

END = {"name": "end", "on": "completion"}


def agreed(percent: str = "10", **more: Any) -> dict[str, Any]:
    return {"percent": percent, "mode": "line", "releases": [END], "clause": "9.2", **more}


def works(firm: Firm, *amounts: str, **terms: Any) -> None:
    """A contract with these milestones, each accepted and billed in turn."""
    firm.customer(address={"country": "DE"})
    firm.contract(value="100000.00", grouping="each", holdback=terms)
    for number, amount in enumerate(amounts, 1):
        firm.milestone(f"M{number}", amount=amount)
        firm.accept(f"M{number}")


def balances(firm: Firm) -> list[tuple[str, int, int, int]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        rows = tx.session.scalars(select(HoldbackBalanceRow).order_by(HoldbackBalanceRow.mode))
        return [(row.mode, row.withheld_minor, row.released_minor, row.outstanding_minor) for row in rows]


def lines(firm: Firm) -> list[tuple[str, int]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(InvoiceLineRow).order_by(InvoiceLineRow.invoice_id, InvoiceLineRow.position)
        return [(row.description, row.net_minor) for row in tx.session.scalars(query)]


def test_a_line_takes_it_off_and_the_release_bills_it_with_its_tax(firm: Firm) -> None:
    works(firm, "10000.00", **agreed())

    assert lines(firm) == [("Milestone M1 — Design", 10_000_00), ("Holdback 10 % of 10,000.00 EUR", -1_000_00)]
    invoice = firm.invoice()
    assert (invoice.phase, invoice.net_minor, invoice.tax_minor) == ("issued", 9_000_00, 1_710_00)
    assert balances(firm) == [("line", 1_000_00, 0, 1_000_00)]
    release = next(item for key, item in firm.items().items() if key.endswith(":end"))
    assert (release.state, release.reasons, release.amount_minor) == ("waiting", ["holdback_not_due"], 1_000_00)

    firm.contract(value="100000.00", grouping="each", holdback=agreed(), status="completed")

    last = firm.invoices()[-1]
    assert (last.phase, last.net_minor, last.tax_minor) == ("issued", 1_000_00, 190_00)
    assert lines(firm)[-1] == ("Release of holdback: end", 1_000_00)
    assert balances(firm) == [("line", 1_000_00, 1_000_00, 0)]


def test_the_receivable_keeps_its_part_and_the_invoice_its_full_tax(firm: Firm) -> None:
    works(firm, "10000.00", **agreed(mode="receivable"))

    invoice = firm.invoice()
    assert (invoice.net_minor, invoice.gross_minor) == (10_000_00, 11_900_00)
    assert balances(firm) == [("receivable", 1_190_00, 0, 1_190_00)]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        content = tx.session.scalars(select(SnapshotRow.content)).one()
    (held,) = content["holdbacks"]
    assert (held["mode"], held["withheld_minor"], held["base_minor"]) == ("receivable", 1_190_00, 10_000_00)

    firm.contract(value="100000.00", grouping="each", holdback=agreed(mode="receivable"), status="completed")
    assert balances(firm) == [("receivable", 1_190_00, 1_190_00, 0)]
    assert len(firm.invoices()) == 1


def test_the_cap_ends_the_withholding_whatever_is_billed_after(firm: Firm) -> None:
    works(firm, "10000.00", "10000.00", "10000.00", **agreed(cap_amount="1500.00"))
    assert [net for text, net in lines(firm) if text.startswith("Holdback")] == [-1_000_00, -500_00]
    assert balances(firm) == [("line", 1_500_00, 0, 1_500_00)]


def test_a_part_comes_with_an_event_and_the_rest_with_the_acceptance_of_a_milestone(firm: Firm) -> None:
    releases = [
        {"name": "go-live", "percent": "50", "on": "event", "event": "went_live"},
        {"name": "warranty", "on": "milestone", "milestone": "M2"},
    ]
    works(firm, "10000.00", **agreed(releases=releases))
    firm.send("signal", ref="S1", contract="K1", event="went_live", occurred_at=firm.clock.now().isoformat())
    assert balances(firm) == [("line", 1_000_00, 500_00, 500_00)]

    firm.milestone("M2", amount="0.00")
    firm.accept("M2")
    assert balances(firm) == [("line", 1_000_00, 1_000_00, 0)]
    assert [net for text, net in lines(firm) if text.startswith("Release")] == [500_00, 500_00]


def test_nothing_is_withheld_after_the_last_release(firm: Firm) -> None:
    terms = agreed(releases=[{"name": "day", "on": "day", "day": "2026-03-01"}])
    works(firm, "10000.00", **terms)
    assert lines(firm) == [("Milestone M1 — Design", 10_000_00)]


def test_a_contract_without_terms_writes_nothing(firm: Firm) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    assert balances(firm) == []
    assert firm.invoice().holdback is None


def offences(firm: Firm) -> list[str]:
    verdicts = check_invariants(firm.database, firm.tenant)
    return [offender.sentence for verdict in verdicts for offender in verdict.offenders]


def test_all_invariants_hold_of_holdback_in_both_modes_and_a_wrong_balance_is_told(firm: Firm) -> None:
    works(firm, "10000.00", "3333.33", **agreed("7.5"))
    firm.contract("K2", value="100000.00", holdback=agreed("7.5", mode="receivable"))
    firm.milestone("M9", "K2", amount="777.77")
    firm.accept("M9", "K2")
    assert offences(firm) == []

    with owner_transaction(firm.database, SYSTEM) as control:
        tx = bind_tenant(control, firm.tenant)
        tx.session.execute(
            update(HoldbackBalanceRow)
            .where(HoldbackBalanceRow.mode == "line")
            .values(withheld_minor=1, outstanding_minor=1)
        )
    assert offences(firm) == [
        "Holdback withheld by lines: the balance says 0.01 EUR, what it rests on 1,000.00 EUR.",
        "Holdback withheld: the balance says 0.01 EUR, what it rests on 1,000.00 EUR.",
    ]


def test_no_reminder_asks_for_what_is_retained_until_its_release_is_overdue(firm: Firm) -> None:
    works(firm, "10000.00", **agreed(mode="receivable"))
    invoice = firm.invoice()
    entity, customer = firm.entity_id, invoice.customer_id

    def asked() -> list[tuple[int, date]]:
        with transaction(firm.database, firm.tenant, SYSTEM) as tx:
            (account,) = read_accounts(tx, {(entity, customer, "EUR")})
            return [(item.asked_minor, item.due_on) for item in account.items]

    def aged() -> tuple[int, int]:
        with transaction(firm.database, firm.tenant, SYSTEM) as tx:
            (row,) = read_ageing(tx)
            return row.total_minor, row.retained_minor

    assert invoice.due_on is not None
    assert asked() == [(10_710_00, invoice.due_on)]
    assert aged() == (10_710_00, 1_190_00)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        (held,) = list_holdbacks(tx)
    assert (held.outstanding_minor, held.mode, held.contract, held.age_days) == (1_190_00, "receivable", "K1", 0)

    firm.send("payment", ref="P1", customer="C1", invoice_number=invoice.number, amount="10710.00", currency="EUR",
              paid_on="2026-03-02")  # fmt: skip
    firm.clock.moment = datetime(2026, 12, 1, 12, tzinfo=UTC)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        assert worklist(tx) == []
        assert read_accounts(tx, {(entity, customer, "EUR")})[0].items == ()

    firm.contract(value="100000.00", grouping="each", holdback=agreed(mode="receivable"), status="completed")
    assert asked() == [(1_190_00, date(2026, 12, 31))]
    firm.clock.moment = datetime(2027, 1, 31, 12, tzinfo=UTC)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        (work,) = worklist(tx)
        assert list_holdbacks(tx) == []
    assert (work.overdue_minor, work.days_overdue) == (1_190_00, 31)
    assert aged() == (1_190_00, 0)
