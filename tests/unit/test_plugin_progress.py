"""Progress claims: what each report adds, back and forth, never more than the value, to the minor unit."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import ProgressItem, ProgressView
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.money import MINOR_UNIT_DIGITS
from billwright_plugins.progress import propose_items
from support.schedules import a_schedule, billed, minor, on, ready

VALUES = [
    {"number": "1", "name": "Earthworks", "value": "90000.00"},
    {"number": "2", "name": "Piles", "unit_price": "310.50", "quantity": "120", "unit": "MTR"},
]
TERMS: dict[str, Any] = {"model": "progress", "items": VALUES}


def a_report(number: int, *done: ProgressItem, **given: Any) -> ProgressView:
    defaults: dict[str, Any] = {
        "id": f"r{number}", "number": str(number), "as_of": date(2026, 1, 31) + timedelta(days=number), "status": "approved",
        "message_id": "msg-report",
    }  # fmt: skip
    return ProgressView(items=done, **(defaults | given))


def percent(value: str, number: str = "1") -> ProgressItem:
    return ProgressItem(number=number, percent=Decimal(value))


def metres(value: str) -> ProgressItem:
    return ProgressItem(number="2", quantity=Decimal(value))


def contract(*reports: ProgressView, terms: dict[str, Any] | None = None) -> ContractView:
    return on(date(2026, 6, 1), a_schedule(terms or TERMS, reports=reports))


def items(view: ContractView) -> list[ItemProposal]:
    return list(propose_items(view))


def test_each_report_bills_what_it_adds() -> None:
    first, second, piles = items(contract(a_report(1, percent("40")), a_report(2, percent("55"), metres("30"))))

    assert [minor(each) for each in (first, second, piles)] == [36_000_00, 13_500_00, 9_315_00]
    assert (piles.quantity, piles.unit_price, piles.unit) == (Decimal(30), Decimal("310.5"), "MTR")
    assert second.transaction_key == "progress:c1:r2:1"
    assert second.description == "Progress S-1, 1 Earthworks: 55 % done by 2026-02-02 (report 2)"
    assert (second.service_from, second.service_to) == (date(2026, 2, 2), date(2026, 2, 2))


def test_going_back_gives_a_negative_item() -> None:
    back = items(contract(a_report(1, percent("40")), a_report(2, percent("30"))))[1]
    assert (minor(back), back.quantity, back.unit_price) == (-9_000_00, Decimal(-1), Decimal("9000.00"))


def test_a_report_that_adds_nothing_or_is_not_approved_claims_nothing() -> None:
    same = contract(a_report(1, percent("40")), a_report(2, percent("40")))
    assert len(items(same)) == 1
    waiting = contract(a_report(1, percent("40"), status="submitted"), a_report(2, percent("50")))
    first, second = items(waiting)
    assert (first.reasons, minor(second)) == (("report_not_approved",), 45_000_00)


def test_a_report_older_than_a_billed_one_adds_nothing_and_a_corrected_one_moves_into_the_next() -> None:
    before = contract(a_report(3, percent("60")))
    late = replace(contract(a_report(1, percent("20")), a_report(3, percent("60"))), billed=billed(items(before)))
    assert [each.reasons for each in items(late)] == [("progress_superseded",), ()]

    corrected = contract(a_report(3, percent("50")), a_report(4, percent("70")))
    kept, following = items(replace(corrected, billed=billed(items(before))))
    assert (minor(kept), minor(following)) == (54_000_00, 9_000_00)


def test_what_the_schedule_does_not_hold_waits() -> None:
    strange = items(contract(a_report(1, percent("10", "7"), metres("130"))))
    assert [each.reasons for each in strange] == [("not_in_schedule",), ("above_agreed_quantity",)]
    unknown = replace(a_schedule(TERMS), terms=None, reports=(a_report(1, percent("10")),))
    assert [each.reasons for each in items(on(date(2026, 6, 1), unknown))] == [("schedule_unknown",)]


shares = st.lists(st.integers(0, 10_000).map(lambda each: str(Decimal(each) / 100)), max_size=10)


@given(st.decimals("0.01", 10**7, places=2), shares, st.integers(0, 10), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_claims_add_up_to_the_value_once_all_is_done(
    value: Decimal, percents: list[str], known: int, currency: str
) -> None:
    """Whatever the reports said on the way, and whichever of them were billed by then."""
    digits = MINOR_UNIT_DIGITS[currency]
    whole = int(value * 100)
    terms = {
        "model": "progress",
        "currency": currency,
        "items": [{"number": "1", "value": Decimal(whole).scaleb(-digits)}],
    }
    reports = [a_report(number, percent(each)) for number, each in enumerate([*percents, "100"])]
    done = billed(items(contract(*reports[:known], terms=terms)))

    claims = ready(items(replace(contract(*reports, terms=terms), billed=done)))

    assert sum(minor(each) for each in claims) == whole
