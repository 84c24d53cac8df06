"""Caps: never exceeded, nothing lost, whatever the order of arrival; what was billed counts first."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.caps import Capped, CapUse, apply_caps, as_billed, reached
from billwright.extension.terms_time import Cap
from billwright.extension.views import CapView, ContractView, ItemProposal, TimeEntryView
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from support.plugin_views import a_contract, a_time_entry, an_expense

FIRST = date(2025, 3, 1)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What is kept of an item."""

    transaction_key: str
    state: str = "billed"
    kind: str = "time"
    amount_minor: int = 0
    currency: str = "EUR"
    standard_minor: int | None = None
    adjusted_by: str = ""
    caps: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ("cap_written_down", "changed_after_billing")
    written_off_minor: int = 0


Row: Any = _Row  # stands in for a row of the database, whose columns have no types of their own


def a_cap(amount: str, *raised: tuple[date, str], **terms: Any) -> CapView:
    limits = ((None, Decimal(amount)), *((day, Decimal(after)) for day, after in raised))
    fields: dict[str, Any] = {"name": "total", "amount": Decimal(amount)} | terms
    return CapView(cap=Cap(**fields), limits=limits)


def an_entry(number: int, **given: Any) -> TimeEntryView:
    return a_time_entry(**({"id": f"t{number}", "worked_on": FIRST + timedelta(days=number)} | given))


def a_proposal(entry: TimeEntryView, minor: int, currency: str = "EUR", **given: Any) -> ItemProposal:
    defaults: dict[str, Any] = {"ready": True, "service_to": entry.worked_on, "amount": Money(minor, currency)}
    return ItemProposal(
        transaction_key=f"time:{entry.id}", kind="time", subject_id=entry.id, **(defaults | given)
    )  # fmt: skip


def capped(
    caps: tuple[CapView, ...], *entered: tuple[TimeEntryView, int], known: tuple[Any, ...] = (), **given: Any
) -> Capped:
    view: ContractView = a_contract(caps=caps, time_entries=tuple(entry for entry, _ in entered), **given)
    proposals = {f"time:{entry.id}": a_proposal(entry, minor) for entry, minor in entered}
    return apply_caps(view, proposals, {row.transaction_key: row for row in known})


def amounts(answer: Capped) -> list[int]:
    return [each.amount.minor if each.amount else 0 for each in answer.proposals.values()]


def test_the_entry_that_reaches_the_cap_is_written_down_to_it_and_the_next_to_nothing() -> None:
    answer = capped((a_cap("150"),), (an_entry(1), 100_00), (an_entry(2), 90_00), (an_entry(3), 10_00))
    first, second, third = answer.proposals.values()

    assert (first.amount, first.standard, first.caps) == (Money(100_00, "EUR"), None, ("total",))
    assert (second.amount, second.standard, second.ready) == (Money(50_00, "EUR"), Money(90_00, "EUR"), True)
    assert (second.adjusted_by, second.notes) == ("cap:total", ("cap_written_down",))
    assert (third.amount, third.ready, third.written_down, third.reasons) == (Money(0, "EUR"), False, True, ())
    (use,) = answer.uses
    assert (use.billed, use.open, use.written_down, use.limit) == (0, 150_00, 50_00, 150_00)


def test_a_raised_cap_does_not_bring_back_what_was_over_it_on_the_day_of_the_work() -> None:
    cap = a_cap("100", (FIRST + timedelta(days=5), "250"))

    assert amounts(capped((cap,), (an_entry(1), 120_00), (an_entry(5), 200_00))) == [100_00, 150_00]


def test_a_cap_that_holds_bills_what_it_held_when_it_is_raised() -> None:
    entered = ((an_entry(1), 80_00), (an_entry(2), 30_00), (an_entry(3), 10_00))
    held = capped((a_cap("100", when_reached="hold"),), *entered)
    raised = capped((a_cap("100", (FIRST + timedelta(days=9), "130"), when_reached="hold"),), *entered)

    assert [each.reasons for each in held.proposals.values()] == [(), ("cap_held",), ("cap_held",)]
    assert (held.uses[0].held, held.uses[0].open) == (40_00, 80_00)
    assert [each.ready for each in raised.proposals.values()] == [True, True, True]


def test_a_soft_cap_bills_and_tells() -> None:
    answer = capped((a_cap("100", when_reached="warn"),), (an_entry(1), 80_00), (an_entry(2), 30_00))

    assert [each.notes for each in answer.proposals.values()] == [(), ("over_soft_cap",)]
    assert amounts(answer) == [80_00, 30_00]


@pytest.mark.parametrize(
    ("terms", "entry", "counted"),
    [
        ({"role": "engineer"}, {}, True),
        ({"role": "Lawyer"}, {}, False),
        ({"person_email": "ANN@example.com"}, {}, True),
        ({"project": "p1"}, {"project_id": "p1"}, True),
        ({"project": "p1"}, {}, False),
        ({"change_order": "co1"}, {"change_order_id": "co1"}, True),
        ({"change_order": "co1", "role": "Engineer"}, {}, False),
    ],
)
def test_a_cap_counts_what_it_is_for(terms: dict[str, Any], entry: dict[str, Any], counted: bool) -> None:
    (answer,) = capped((a_cap("1", **terms),), (an_entry(1, **entry), 80_00)).proposals.values()

    assert (answer.caps, answer.amount) == ((("total",), Money(100, "EUR")) if counted else ((), Money(80_00, "EUR")))


def test_expenses_count_where_the_cap_covers_them() -> None:
    cap = a_cap("100", covers="time_and_expenses")
    view = a_contract(caps=(cap,), expenses=(an_expense(),), time_entries=(an_entry(1),))
    expense = ItemProposal(
        transaction_key="expense:e1", kind="expense", subject_id="e1", ready=True, amount=Money(84_50, "EUR"),
        service_to=FIRST,
    )  # fmt: skip
    proposals = {"time:t1": a_proposal(an_entry(1), 100_00), "expense:e1": expense}

    assert amounts(apply_caps(view, proposals, {})) == [15_50, 84_50]


def test_what_is_billed_counts_first_and_stays_as_it_was_billed() -> None:
    billed = Row(
        transaction_key="time:t2", amount_minor=90_00, standard_minor=120_00, adjusted_by="cap:total", caps=("total",)
    )
    gone = Row(transaction_key="time:gone", amount_minor=5_00, caps=("total",))
    answer = capped((a_cap("100"),), (an_entry(1), 50_00), (an_entry(2), 120_00), known=(billed, gone))

    assert amounts(answer) == [5_00, 120_00]
    assert (answer.uses[0].billed, answer.uses[0].open, answer.uses[0].written_down) == (95_00, 5_00, 75_00)
    shown = as_billed(answer.proposals["time:t2"], billed)
    assert (shown.amount, shown.standard) == (Money(90_00, "EUR"), Money(120_00, "EUR"))
    assert shown.notes == ("cap_written_down",)
    changed = as_billed(a_proposal(an_entry(2), 130_00), billed)
    assert (changed.amount, changed.standard) == (Money(130_00, "EUR"), None)


def a_correction(number: int, root: int) -> TimeEntryView:
    return an_entry(number, corrects_id=f"t{root}", hours=Decimal(-1))


def test_a_correction_takes_back_only_what_was_billed_of_the_entry() -> None:
    answer = capped(
        (a_cap("150"),), (an_entry(1), 100_00), (an_entry(2), 120_00), (a_correction(3, 2), -60_00),
        (a_correction(4, 2), -30_00),
    )  # fmt: skip

    assert amounts(answer) == [100_00, 50_00, 0, -20_00]
    assert [each.written_down for each in answer.proposals.values()] == [False, False, True, False]
    assert answer.uses[0].written_down == 0


@pytest.mark.parametrize("currency", [None, "DAI"])
def test_a_cap_in_no_currency_holds_what_it_would_count(currency: str | None) -> None:
    (answer,) = capped((a_cap("100"),), (an_entry(1), 10_00), currency=currency).proposals.values()

    assert (answer.ready, answer.reasons) == (False, ("cap_currency",))


def test_work_in_another_currency_than_the_cap_waits() -> None:
    (answer,) = capped((a_cap("100"),), (an_entry(1), 10_00), currency="USD").proposals.values()

    assert answer.reasons == ("cap_currency",)


@pytest.mark.parametrize(("minor", "told"), [(79_99, []), (80_00, [80]), (99_99, [80]), (250_00, [80, 100])])
def test_thresholds_are_reached_by_what_was_worked(minor: int, told: list[int]) -> None:
    uses = capped((a_cap("100"),), (an_entry(1), minor)).uses

    assert [percent for _, percent in reached(uses)] == told


ENTRIES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(-3, 40), st.booleans()),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[0],
)


@given(
    ENTRIES,
    st.integers(0, 60),
    st.sampled_from(["write_down", "hold", "warn"]),
    st.sampled_from(["EUR", "JPY", "KWD"]),
    st.randoms(use_true_random=False),
)
def test_a_hard_cap_is_never_exceeded_and_nothing_is_lost(
    given_entries: list[tuple[int, int, bool]], limit: int, when: Any, currency: str, random: Random
) -> None:
    cap = a_cap(str(Decimal(limit).scaleb(-MINOR_UNIT_DIGITS[currency])), when_reached=when)
    entries = [(an_entry(number), minor) for number, minor, _ in given_entries if minor]
    billed = {f"time:t{number}" for number, _, done in given_entries if done}
    view = a_contract(caps=(cap,), time_entries=tuple(entry for entry, _ in entries), currency=currency)
    proposals = {f"time:{entry.id}": a_proposal(entry, minor, currency) for entry, minor in entries}
    known = {
        key: Row(transaction_key=key, amount_minor=min(each.amount.minor, 1), currency=currency)
        for key, each in proposals.items()
        if key in billed and each.amount
    }
    answer = apply_caps(view, proposals, known)
    (use,) = answer.uses or (CapUse(view=cap, currency=currency),)
    already = sum(row.amount_minor for row in known.values())

    assert use.billed == already
    if when != "warn":
        assert use.used <= max(limit, already)
    for key, each in answer.proposals.items():
        if key not in known:
            worked = proposals[key].amount
            assert worked is not None
            assert (each.standard or worked) == worked
            assert each.ready + each.written_down + bool(each.reasons) == 1
    mixed = dict(random.sample(list(proposals.items()), len(proposals)))
    assert dict(apply_caps(view, mixed, known).proposals) == answer.proposals
