"""Several customers share a contract's bills: each its own invoice, together exactly the whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.tables import AllocationRow, BillableItemRow, ContributorRow, InvoiceRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.crediting import offenders
from support.pipeline import AUTOMATIC, Firm

THIRDS = [{"customer": "C1", "percent": "66.666667"}, {"customer": "C2", "percent": "33.333333"}]


def agree(firm: Firm, **more: Any) -> None:
    firm.customer("C1", name="First SA", tax_id="")
    firm.customer("C2", name="Second GmbH", address={"country": "DE"}, tax_id="")
    firm.contract(**{"bill_to": THIRDS, **more})


def invoices(firm: Firm) -> dict[str, list[int]]:
    """Net amounts by customer, those of void drafts left out."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        rows = tx.session.scalars(select(InvoiceRow).where(InvoiceRow.phase == "issued").order_by(InvoiceRow.id))
        by_customer: dict[str, list[int]] = {}
        for row in rows:
            by_customer.setdefault(str(row.customer_id), []).append(row.net_minor)
        return by_customer


def test_each_customer_gets_its_part_with_its_own_tax_and_number(firm: Firm) -> None:
    agree(firm)
    firm.milestone(amount="100.00")
    firm.accept()

    assert sorted(invoices(firm).values()) == [[33_33], [66_67]]
    numbers = [invoice.number for invoice in firm.invoices()]
    assert sorted(numbers, key=str) == ["ACME-2026-00001", "ACME-2026-00002"]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        shares = list(tx.session.scalars(select(AllocationRow)))
        items = list(tx.session.scalars(select(BillableItemRow)))
    assert (sum(each.amount_minor for each in shares), sum(each.quantity for each in shares)) == (100_00, Decimal(1))
    (whole,) = {each.share_of for each in items}
    assert whole.startswith("milestone:")
    assert offenders(firm) == []


def test_new_shares_hold_for_what_comes_after_and_bill_nothing_twice(firm: Firm) -> None:
    agree(firm)
    firm.milestone("M1", amount="100.00")
    firm.accept("M1")
    firm.contract(bill_to=())
    assert sum(sum(nets) for nets in invoices(firm).values()) == 100_00

    firm.milestone("M2", amount="50.00")
    firm.accept("M2")
    firm.contract(bill_to=[{"customer": "C2", "amount": "1"}, {"customer": "C1", "amount": "1"}])
    assert sum(sum(nets) for nets in invoices(firm).values()) == 150_00
    assert offenders(firm) == []


def test_time_of_many_entries_is_exact_over_both_customers(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    firm = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    agree(firm, billing="time_and_materials", value=None, grouping="monthly")
    rates = [{"role": "Senior", "hourly": "133.33", "effective_from": "2026-01-01"}]
    firm.send("rate_card", ref="R1", contract="K1", currency="EUR", rates=rates)
    entry = {"contract": "K1", "person_name": "Jo", "role": "Senior", "status": "approved", "approved_by": "Lead"}
    hours = ("0.1", "7.3", "0.25", "3.7", "1.05")
    firm.store(
        [
            firm.event("time_entry", {**entry, "ref": f"T{n}", "worked_on": f"2026-02-{n:02d}", "hours": each})
            for n, each in enumerate(hours, 2)
        ]
    )
    firm.clock.moment = datetime(2026, 3, 3, tzinfo=UTC)
    firm.drain()

    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        items = list(tx.session.scalars(select(BillableItemRow)))
    assert {item.state for item in items} == {"billed"}
    assert sum(item.quantity for item in items) == Decimal("12.40")
    assert sum(sum(nets) for nets in invoices(firm).values()) == sum(item.amount_minor or 0 for item in items)
    assert len(invoices(firm)) == 2
    assert offenders(firm) == []


def test_a_customer_that_arrives_later_is_billed_then(firm: Firm) -> None:
    firm.customer("C1")
    firm.contract(bill_to=THIRDS)
    firm.milestone(amount="100.00")
    firm.accept()
    assert sorted(invoices(firm).values()) == [[66_67]]
    firm.customer("C2", name="Second GmbH", address={"country": "DE"})
    assert sorted(invoices(firm).values()) == [[33_33], [66_67]]


@pytest.mark.parametrize("mode", ["line", "receivable"])
def test_holdback_is_withheld_of_each_part_and_released_to_the_cent(firm: Firm, mode: str) -> None:
    terms = {"percent": "10", "mode": mode, "releases": [{"name": "end", "on": "completion"}]}
    agree(firm, holdback=terms)
    firm.milestone(amount="100.01")
    firm.accept()
    firm.contract(bill_to=THIRDS, holdback=terms, status="completed")
    assert sum(sum(nets) for nets in invoices(firm).values()) == 100_01
    assert offenders(firm) == []
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        assert tx.session.scalars(select(ContributorRow)).all() == []
