"""Terms of time: kinds of work, increments, minimums, days, corrections, the end of the contract."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.schedules import BilledItem
from billwright.extension.terms_time import TimeTerms, WorkKind
from billwright.extension.views import ItemProposal, TimeEntryView
from billwright.kernel.money import Money, price_times_quantity
from billwright_plugins import time_entries
from support.plugin_views import a_contract, a_rate, a_time_entry

SINCE = date(2025, 1, 1)
ENGINEER = a_rate("r-engineer", "120", SINCE, role="Engineer")
DAILY = a_rate("r-day", "960", SINCE, role="Engineer", unit="DAY")


def proposals(entries: Sequence[TimeEntryView], terms: TimeTerms | None = None, **contract: Any) -> list[ItemProposal]:
    given_fields = {"billing": "time_and_materials", "time_entries": tuple(entries), "rates": (ENGINEER,)} | contract
    return list(time_entries.propose_items(a_contract(time_terms=terms, **given_fields)))


def hours(*entered: str, **given: Any) -> list[TimeEntryView]:
    return [a_time_entry(id=f"t{number}", hours=Decimal(each), **given) for number, each in enumerate(entered, start=1)]


def billed(*quantities: str) -> dict[str, BilledItem]:
    return {
        f"time:t{number}": BilledItem(amount=Money(1, "EUR"), quantity=Decimal(each))
        for number, each in enumerate(quantities, start=1)
    }


@pytest.mark.parametrize(
    ("rates", "entry", "chosen"),
    [
        ((ENGINEER, a_rate("r-site", "140", SINCE, project_id="p1")), {"project_id": "p1"}, "r-site"),
        ((ENGINEER, a_rate("r-site", "140", SINCE, project_id="p1")), {"project_id": "p2"}, "r-engineer"),
        (
            (a_rate("r-ann", "150", SINCE, person_email="ann@example.com"), a_rate("r-p", "1", SINCE, project_id="p1")),
            {"project_id": "p1"},
            "r-ann",
        ),
        (
            (
                a_rate("r-ann", "150", SINCE, person_email="ann@example.com"),
                a_rate("r-n", "9", SINCE, work_kind="night"),
            ),
            {"work_kind": " Night"},
            "r-n",
        ),
        ((ENGINEER, a_rate("r-night", "200", SINCE, work_kind="night")), {}, "r-engineer"),
    ],
)
def test_kind_of_work_beats_person_beats_project_beats_role(
    rates: tuple[Any, ...], entry: dict[str, Any], chosen: str
) -> None:
    (proposal,) = proposals([a_time_entry(**entry)], rates=rates)

    assert proposal.rate_id == chosen


def test_overtime_is_a_multiple_of_the_regular_rate_and_says_so() -> None:
    terms = TimeTerms(work_kinds=(WorkKind(kind="overtime", multiplier=Decimal("1.5")),))
    (proposal,) = proposals([a_time_entry(work_kind="Overtime", hours=Decimal(2))], terms)

    assert (proposal.amount, proposal.unit_price) == (Money(360_00, "EUR"), Decimal("180.0"))
    assert proposal.description == "Ann Lee, Engineer, Overtime — Load test"


@pytest.mark.parametrize("terms", [None, TimeTerms(work_kinds=(WorkKind(kind="overtime"),))])
def test_a_kind_of_work_without_a_price_is_not_billed_at_the_regular_one(terms: TimeTerms | None) -> None:
    (proposal,) = proposals([a_time_entry(work_kind="overtime")], terms)

    assert (proposal.ready, proposal.reasons) == (False, ("work_kind_without_rate",))


@pytest.mark.parametrize(
    ("terms", "entered", "quantities"),
    [
        (TimeTerms(increment_minutes=15), ("0.1", "1.26"), ("0.25", "1.5")),
        (TimeTerms(increment_minutes=15, rounding="nearest"), ("0.12", "0.13"), ("0", "0.25")),
        (TimeTerms(increment_minutes=6), ("0.11",), ("0.2",)),
        (TimeTerms(increment_minutes=20), ("0.1",), ("0.333333",)),
        (TimeTerms(increment_minutes=15, per="day"), ("0.1", "0.1"), ("0.125", "0.125")),
        (TimeTerms(increment_minutes=60, per="day"), ("0.1", "0.2", "1"), ("0.153846", "0.307692", "1.538462")),
        (TimeTerms(minimum_hours=Decimal("0.5")), ("0.1", "0.7"), ("0.5", "0.7")),
        (
            TimeTerms(minimum_hours=Decimal("0.5"), increment_minutes=15, per="day"),
            ("0.1", "0.7"),
            ("0.15625", "1.09375"),
        ),
    ],
)
def test_hours_are_rounded_as_the_terms_say(
    terms: TimeTerms, entered: tuple[str, ...], quantities: tuple[str, ...]
) -> None:
    answer = proposals(hours(*entered), terms)

    assert [proposal.quantity for proposal in answer] == [Decimal(each) for each in quantities]
    assert [proposal.worked for proposal in answer] == [
        None if Decimal(each) == quantity else Decimal(each)
        for each, quantity in zip(entered, map(Decimal, quantities), strict=True)
    ]


def test_what_rounding_leaves_nothing_of_is_written_down_and_waits_for_nobody() -> None:
    (proposal,) = proposals(hours("0.1"), TimeTerms(increment_minutes=15, rounding="nearest"))

    assert (proposal.ready, proposal.written_down, proposal.reasons) == (False, True, ())
    assert (proposal.notes, proposal.worked) == (("within_rounding",), Decimal("0.1"))


def test_a_call_out_costs_its_minimum() -> None:
    terms = TimeTerms(work_kinds=(WorkKind(kind="on call", multiplier=Decimal(2), minimum_hours=Decimal(2)),))
    (proposal,) = proposals(hours("0.5", work_kind="on call"), terms)

    assert (proposal.quantity, proposal.amount, proposal.worked) == (Decimal(2), Money(480_00, "EUR"), Decimal("0.5"))


@pytest.mark.parametrize(
    ("entered", "quantities"),
    [
        (("8",), ("1",)),
        (("4.5",), ("1",)),
        (("4",), ("0.5",)),
        (("2", "1"), ("0.333333", "0.166667")),
        (("9",), ("1.5",)),
    ],
)
def test_a_daily_rate_is_billed_in_days(entered: tuple[str, ...], quantities: tuple[str, ...]) -> None:
    answer = proposals(hours(*entered), rates=(DAILY,))

    assert [(each.quantity, each.unit) for each in answer] == [(Decimal(one), "DAY") for one in quantities]
    assert [each.worked for each in answer] == [Decimal(one) for one in entered]


def test_what_was_billed_of_a_day_counts_towards_its_rounding() -> None:
    terms = TimeTerms(increment_minutes=15, per="day")
    answer = proposals(hours("0.1", "0.1"), terms, billed=billed("0.25"))

    assert [each.quantity for each in answer] == [Decimal("0.25"), 0]
    assert answer[1].written_down


def correction(entry_hours: str, **given: Any) -> TimeEntryView:
    return a_time_entry(**({"id": "t9", "hours": Decimal(entry_hours), "corrects_id": "t1"} | given))


def test_a_correction_takes_back_at_the_price_of_what_it_corrects() -> None:
    later = a_rate("r-later", "500", date(2025, 3, 11), role="Engineer")
    original, taken_back = proposals(
        [*hours("7.5"), correction("-2", worked_on=date(2025, 3, 20), person_name="Clerk", role="")],
        rates=(ENGINEER, later),
    )

    assert (taken_back.quantity, taken_back.amount, taken_back.unit_price) == (
        Decimal(-2),
        Money(-240_00, "EUR"),
        Decimal(120),
    )
    assert (original.amount, taken_back.ready) == (Money(900_00, "EUR"), True)


@pytest.mark.parametrize(
    ("entries", "reasons"),
    [
        ([correction("-1", corrects_id="elsewhere")], ("correction_unknown",)),
        ([*hours("1"), correction("-2")], ("correction_too_large",)),
        ([*hours("1"), correction("-0.6", id="t8"), correction("-0.6")], ("correction_too_large",)),
        ([*hours("1", status="submitted"), correction("-1")], ("correction_waits",)),
        ([*hours("1"), correction("-1", status="submitted")], ("time_not_approved",)),
        ([*hours("5"), correction("-1", id="t8"), correction("-1", corrects_id="t8")], ("correction_unknown",)),
    ],
)
def test_a_correction_that_makes_no_sense_waits(entries: list[TimeEntryView], reasons: tuple[str, ...]) -> None:
    proposal = proposals(entries)[-1]

    assert (proposal.ready, proposal.reasons) == (False, reasons)


def test_a_correction_takes_back_what_rounding_made_of_it() -> None:
    terms = TimeTerms(increment_minutes=15)
    quantities = [each.quantity for each in proposals([*hours("1.1"), correction("-0.2")], terms)]
    within = proposals([*hours("1.1"), correction("-0.05")], terms)[-1]

    assert quantities == [Decimal("1.25"), Decimal("-0.25")]
    assert (within.quantity, within.written_down, within.reasons) == (Decimal(0), True, ())


def test_work_after_the_contract_ended_waits() -> None:
    on_the_day, after = proposals(
        [a_time_entry(worked_on=date(2025, 3, 31)), a_time_entry(id="t2", worked_on=date(2025, 4, 1))],
        ended_on=date(2025, 3, 31),
        status="completed",
    )

    assert (on_the_day.ready, after.reasons) == (True, ("after_contract_end",))


TERMS = st.builds(
    TimeTerms,
    increment_minutes=st.sampled_from([0, 1, 5, 6, 15, 20, 60]),
    rounding=st.sampled_from(["up", "nearest"]),
    per=st.sampled_from(["entry", "day"]),
    minimum_hours=st.sampled_from([Decimal(0), Decimal("0.25"), Decimal(1)]),
    day_step=st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1)]),
)
ENTERED = st.lists(st.decimals(Decimal("0.01"), 24, places=2), min_size=1, max_size=6)


@given(TERMS, ENTERED, st.sampled_from(["HUR", "DAY"]), st.randoms(use_true_random=False))
def test_quantities_of_a_day_add_up_to_its_rounded_hours_in_any_order(
    terms: TimeTerms, entered: list[Decimal], unit: Any, random: Random
) -> None:
    entries = hours(*map(str, entered))
    rate = a_rate("r", "100", SINCE, unit=unit)
    answer = {each.subject_id: each.quantity for each in proposals(entries, terms, rates=(rate,))}
    total = sum(answer.values(), start=Decimal(0))
    counted = sum((Fraction(max(each, terms.minimum_hours)) for each in entered), start=Fraction(0))

    assert min(answer.values()) >= 0
    if unit == "DAY":
        steps = Fraction(total) / Fraction(terms.day_step)
        assert steps.denominator == 1
        assert abs(Fraction(total) - counted / 8) <= Fraction(terms.day_step)
    elif terms.per == "day" and terms.increment_minutes:
        # the increment may have no end in decimals: 20 minutes
        assert abs(Fraction(total) - counted) <= Fraction(terms.increment_minutes, 60) + Fraction(1, 10**6)
    mixed = proposals(random.sample(entries, len(entries)), terms, rates=(rate,))
    assert sum(each.quantity for each in mixed) == total


@given(TERMS, ENTERED, st.sampled_from(["EUR", "JPY", "KWD"]), st.sampled_from(["0.333", "120", "199.99"]))
def test_every_amount_is_its_quantity_times_its_price(
    terms: TimeTerms, entered: list[Decimal], currency: str, price: str
) -> None:
    rate = a_rate("r", price, SINCE, currency=currency)
    for each in proposals(hours(*map(str, entered)), terms, rates=(rate,)):
        expected = price_times_quantity(Decimal(price), each.quantity, currency)
        assert each.amount == (expected or None)
        assert each.ready == bool(expected)
        assert each.written_down == (not each.quantity)
