"""Terms of time and expenses from message to invoice: stored, seen by the triggers, on lines that explain themselves."""

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from billwright.billing.tables import BillableItemRow, InvoiceLineRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm
from support.races import offenders


def agree(firm: Firm, rates: list[dict[str, Any]] | None = None, **more: Any) -> None:
    firm.customer()
    firm.send("project", ref="P1", name="Bridge", customer="C1")
    firm.contract(billing="time_and_materials", **more)
    agreed = rates or [{"role": "Engineer", "hourly": "120.00", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=agreed)


def an_entry(number: int, hours: str, **given: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "ref": f"T{number}", "contract": "K1", "person_name": "Ann Lee", "role": "Engineer",
        "worked_on": "2026-02-02", "hours": hours, "status": "approved",
    }  # fmt: skip
    return entry | given


def work(firm: Firm, number: int, hours: str) -> None:
    firm.send("time_entry", **an_entry(number, hours))


def by_worked(firm: Firm) -> list[BillableItemRow]:
    """Items in the order of their transaction keys, which is that of arrival."""
    return [row for _, row in sorted(firm.items().items())]


def test_what_was_billed_of_a_day_counts_when_more_of_it_arrives(firm: Firm) -> None:
    agree(firm, time_terms={"increment_minutes": 15, "per": "day"})
    work(firm, 1, "0.1")
    work(firm, 2, "0.1")
    assert [(row.state, str(row.quantity.normalize()), row.notes) for row in by_worked(firm)] == [
        ("billed", "0.25", []), ("written_down", "0", ["within_rounding"]),
    ]  # fmt: skip
    work(firm, 3, "0.2")

    # 0.4 hours are 0.5 in all; what the first invoice left of them is shared by the other two.
    assert {row.state for row in by_worked(firm)} == {"billed"}
    assert sum(row.quantity for row in by_worked(firm)) == Decimal("0.5")
    assert sum(invoice.net_minor for invoice in firm.invoices()) == 60_00
    assert offenders(firm) == []


def test_a_rate_of_a_kind_of_work_and_project_in_days_makes_its_own_line(firm: Firm) -> None:
    agree(
        firm,
        rates=[
            {"role": "Engineer", "hourly": "120.00", "effective_from": "2026-01-01"},
            {
                "daily": "1000.00",
                "work_kind": "travel",
                "project": "P1",
                "effective_from": "2026-01-01",
                "currency": "GBP",
            },
        ],
        grouping="monthly",
        time_terms={"work_kinds": [{"kind": "overtime", "multiplier": "1.5"}]},
    )
    travel = {"project": "P1", "work_kind": "travel"}
    entries = [an_entry(1, "8"), an_entry(2, "2", work_kind="overtime"), an_entry(3, "5", **travel)]
    firm.store([firm.event("time_entry", entry) for entry in entries])
    firm.drain()

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        lines = tx.session.scalars(select(InvoiceLineRow)).all()
    assert sorted((line.description, line.unit, line.net_minor) for line in lines) == [
        ("Ann Lee – Engineer", "HUR", 960_00),
        ("Ann Lee – Engineer – overtime", "HUR", 360_00),
        ("Ann Lee – Engineer – travel", "DAY", 1000_00),
    ]
    assert sorted(invoice.currency for invoice in firm.invoices()) == ["EUR", "GBP"]


def test_a_correction_reduces_the_invoice_by_a_line_of_its_own(firm: Firm) -> None:
    agree(firm, grouping="monthly")
    firm.store(
        [
            firm.event(
                "time_entry", {"ref": ref, "contract": "K1", "person_name": "Ann Lee", "role": "Engineer", **more}
            )
            for ref, more in (
                ("T1", {"worked_on": "2026-02-02", "hours": "8", "status": "approved"}),
                ("T2", {"worked_on": "2026-02-20", "hours": "-1.5", "status": "approved", "corrects": "T1"}),
            )
        ]
    )
    firm.drain()

    assert firm.invoice().net_minor == 780_00
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        lines = tx.session.scalars(select(InvoiceLineRow).order_by(InvoiceLineRow.net_minor)).all()
    assert [(str(line.quantity), str(line.unit_price), line.net_minor) for line in lines] == [
        ("-1.5", "120", -180_00), ("8", "120", 960_00),
    ]  # fmt: skip
    assert offenders(firm) == []


def test_expenses_follow_the_terms_of_their_contract(firm: Firm) -> None:
    category = {"name": "Travel", "currency": "EUR", "receipt_above": "25.00", "mark_up_percent": "10"}
    tiers = [{"up_to": "100", "rate": "0.42"}, {"rate": "0.30"}]
    mileage = [{"currency": "EUR", "effective_from": "2026-01-01", "tiers": tiers}]
    agree(firm, expense_terms={"categories": [category], "mileage": mileage}, ended_on="2026-02-28")
    common = {
        "contract": "K1",
        "person_name": "Ann Lee",
        "currency": "EUR",
        "status": "approved",
        "spent_on": "2026-02-03",
    }
    expenses: list[dict[str, Any]] = [
        {"ref": "X1", "amount": "84.50", "category": "travel", "receipt_uri": "file:1"},
        {"ref": "X2", "amount": "84.50", "category": "travel"},
        {"ref": "X3", "amount": "0", "distance": "120"},
        {"ref": "X4", "amount": "10.00", "spent_on": "2026-03-01"},
    ]
    firm.store([firm.event("expense", common | each) for each in expenses])
    firm.drain()

    rows = sorted(firm.items().values(), key=lambda row: (row.service_to, row.state, row.amount_minor or 0))
    assert [(row.state, row.amount_minor, row.reasons) for row in rows] == [
        ("billed", 48_00, []),
        ("billed", 92_95, []),
        ("waiting", 92_95, ["receipt_missing"]),
        ("waiting", 10_00, ["after_contract_end"]),
    ]
