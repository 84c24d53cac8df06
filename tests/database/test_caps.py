"""Caps in the pipeline: what is billed stays within them, whoever bills, and each threshold is told once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.events import CapReached
from billwright.billing.tables import AllocationRow, CapNoticeRow, InvoiceLineRow
from billwright.checks.tables import FindingRow
from billwright.documents.queries import frozen_invoice
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import Subscriptions
from billwright.tenancy.transaction import Tx, transaction
from support.pipeline import Firm

CAP = {"name": "total", "amount": "1500.00"}


def agree(firm: Firm, *, grouping: str = "immediate", **terms: Any) -> None:
    firm.customer()
    firm.contract(billing="time_and_materials", grouping=grouping, time_terms=terms)
    rates = [{"role": "Engineer", "hourly": "120.00", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)


def an_entry(number: int, hours: str, **given: Any) -> dict[str, Any]:
    return {
        "ref": f"T{number}",
        "contract": "K1",
        "person_name": "Ann Lee",
        "role": "Engineer",
        "worked_on": f"2026-02-{number:02d}",
        "hours": hours,
        "status": "approved",
    } | given


def states(firm: Firm) -> list[tuple[str, int | None, int | None]]:
    """(state, billed, standard) by day of the work."""
    rows = sorted(firm.items().values(), key=lambda row: (row.service_to, row.quantity))
    return [(row.state, row.amount_minor, row.standard_minor) for row in rows]


def lines(firm: Firm) -> list[InvoiceLineRow]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(
            tx.session.scalars(select(InvoiceLineRow).order_by(InvoiceLineRow.invoice_id, InvoiceLineRow.position))
        )


def test_time_over_the_cap_is_written_down_on_the_line_and_in_the_state(firm: Firm) -> None:
    agree(firm, caps=[CAP], grouping="monthly")
    firm.store([firm.event("time_entry", an_entry(day, "5")) for day in (2, 3, 4)])
    firm.drain()

    assert states(firm) == [("billed", 600_00, None), ("billed", 600_00, None), ("billed", 300_00, 600_00)]
    full, capped = lines(firm)
    assert (full.net_minor, full.standard_minor) == (1200_00, None)
    assert (capped.net_minor, capped.standard_minor, capped.adjusted_by) == (300_00, 600_00, "cap:total")
    assert firm.invoice().net_minor == 1500_00
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        content = frozen_invoice(tx, firm.invoice().id).content
    assert [line.standard_minor for line in content.lines] == [None, 600_00]
    assert content.lines[1].description.endswith("(cap total reached: 300.00 EUR of 600.00 EUR written down)")
    firm.send("time_entry", **an_entry(5, "1"))
    assert states(firm)[-1] == ("written_down", 0, 120_00)
    assert len(firm.invoices()) == 1


def test_a_late_entry_of_an_early_day_finds_the_cap_used_up(firm: Firm) -> None:
    agree(firm, caps=[CAP])
    for day in (10, 11, 3):
        firm.send("time_entry", **an_entry(day, "8"))

    assert states(firm) == [("written_down", 0, 960_00), ("billed", 960_00, None), ("billed", 540_00, 960_00)]
    assert sorted(row.notes for row in firm.items().values()) == [[], ["cap_written_down"], ["cap_written_down"]]


def test_a_signed_change_order_raises_a_cap_and_bills_what_it_held(firm: Firm) -> None:
    agree(firm, caps=[{**CAP, "when_reached": "hold"}])
    for day in (2, 3):
        firm.send("time_entry", **an_entry(day, "8"))
    assert [state for state, *_ in states(firm)] == ["billed", "waiting"]
    assert sorted(row.reasons for row in firm.items().values()) == [[], ["cap_held"]]
    order: dict[str, Any] = {
        "ref": "CO1",
        "contract": "K1",
        "number": "1",
        "changes": [{"field": "cap", "after": "2000.00"}],
    }
    firm.send("change_order", **order)
    assert len(firm.invoices()) == 1
    firm.send("change_order", **order, signed_at="2026-02-20T10:00:00Z")

    assert [state for state, *_ in states(firm)] == ["billed", "billed"]


def test_each_threshold_is_told_once(firm: Firm) -> None:
    said: list[CapReached] = []

    def note(_tx: Tx, event: CapReached) -> None:
        said.append(event)

    agree(firm, caps=[CAP])
    listening = firm.database.with_subscriptions(Subscriptions(inline={CapReached: [note]}))
    for day in (2, 3, 4):
        firm.send("time_entry", **an_entry(day, "6"))
        with transaction(listening, firm.tenant, SYSTEM) as tx:
            contract_id = next(iter(firm.items().values())).contract_id
            evaluate_contracts(tx, [contract_id])
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        notices = [(row.percent, row.limit_minor) for row in tx.session.scalars(select(CapNoticeRow))]
        audited = tx.session.scalars(
            select(AuditEntryRow.subject_id).where(AuditEntryRow.action == "cap.reached")
        ).all()

    assert sorted(notices) == [(80, 1500_00), (100, 1500_00)]
    assert len(audited) == len(notices)
    assert said == []  # the pipeline told them when they were reached; looking again tells nothing


@pytest.mark.parametrize("seed", range(3))
def test_two_workers_at_once_never_bill_more_than_the_cap(firm: Firm, seed: int) -> None:
    agree(firm, caps=[CAP])
    firm.store([firm.event("time_entry", an_entry(day, "2.75")) for day in range(1, 15)])
    firm.drain()
    together = Barrier(2)

    def look(contract_id: Any) -> None:
        together.wait()
        for _ in range(3):
            with transaction(firm.database, firm.tenant, SYSTEM) as tx:
                evaluate_contracts(tx, [contract_id])

    contracts = {row.contract_id for row in firm.items().values()}
    firm.store([firm.event("time_entry", an_entry(day, "1.5")) for day in range(15, 20 + seed)])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look, [*contracts] * 2))
    firm.drain()

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        allocated = sum(tx.session.scalars(select(AllocationRow.amount_minor)))
    items = firm.items().values()
    assert allocated == sum(invoice.net_minor for invoice in firm.invoices()) == 1500_00
    assert sum(row.amount_minor or 0 for row in items) == 1500_00
    worked = sum(row.amount_minor or 0 if row.standard_minor is None else row.standard_minor for row in items)
    assert worked == sum(int(row.quantity * 120_00) for row in items)


def test_work_over_a_soft_cap_is_billed_and_the_draft_says_so(firm: Firm) -> None:
    agree(firm, caps=[{**CAP, "when_reached": "warn"}], grouping="monthly")
    firm.store([firm.event("time_entry", an_entry(day, "8")) for day in (2, 3)])
    firm.drain()

    assert firm.invoice().net_minor == 1920_00
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        findings = tx.session.scalars(select(FindingRow)).all()
    assert [(each.code, each.severity) for each in findings] == [("over_soft_cap", "warning")]
    assert "960.00 EUR of work on contract K1" in findings[0].message
