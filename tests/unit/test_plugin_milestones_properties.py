"""Properties of the milestone trigger: nothing lost, nothing left to the order of arrival, nothing earned ever changed."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.reasons import NOTES, REASONS
from billwright.extension.views import ContractView, DecisionView, ItemProposal, MilestoneView, PriceView
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, round_half_up
from billwright_plugins.milestones import propose_items
from support.plugin_views import a_change_order, a_contract, a_decision, a_milestone, a_price, day

NOW_DAYS = 60
SETTLEMENT = {"DAI": (Decimal("0.93"), "EUR", "ECB"), "DOT": (Decimal(3), "BTC", "")}

past_days = st.integers(-30, NOW_DAYS)
amounts = st.sampled_from([None, "-1", "0", "1.005", "1", "2"]) | st.integers(1, 10**7).map(str)
currencies = st.sampled_from(["EUR"] * 5 + ["USD", "JPY", "KWD", "DAI", "DOT", "BTC", None])
order_ids = st.sampled_from([None] * 7 + ["CO-1", "CO-2", "CO-3"])


def prices_on(days: st.SearchStrategy[int | None]) -> st.SearchStrategy[PriceView]:
    return st.builds(
        lambda amount, currency, at, order: a_price(
            amount, currency, effective_at=None if at is None else day(at), change_order_id=order
        ),
        amounts,
        currencies,
        days,
        order_ids,
    )


def decisions_on(days: st.SearchStrategy[int]) -> st.SearchStrategy[DecisionView]:
    return st.builds(
        lambda decision, at, open_items: a_decision(
            decision, day(at), items_open=open_items, id=f"{decision}-{at}-{open_items}"
        ),
        st.sampled_from(["accepted", "accepted", "accepted", "rejected", "reopened", "in_progress"]),
        days,
        st.integers(0, 2),
    )


def unique_decisions(days: st.SearchStrategy[int], most: int = 6) -> st.SearchStrategy[list[DecisionView]]:
    return st.lists(decisions_on(days), max_size=most, unique_by=lambda decision: decision.id)


@st.composite
def milestones(draw: st.DrawFn, identifier: str) -> MilestoneView:
    known = draw(st.sampled_from([True] * 9 + [False]))
    return a_milestone(
        id=identifier,
        number=identifier[1:],
        basis=draw(st.sampled_from(["fixed", "fixed", "fixed", "percent", "mobilisation"])),
        percent=draw(st.none() | st.decimals(0, 100, places=2)),
        acceptance_required=draw(st.booleans()),
        due_on=draw(st.none() | past_days.map(lambda n: day(n).date())),
        removed=draw(st.sampled_from([False] * 5 + [True])),
        prices=tuple(draw(st.lists(prices_on(st.none() | past_days), max_size=4))) if known else (),
        decisions=tuple(draw(unique_decisions(past_days))),
        change_order_id=draw(order_ids),
        known=known,
    )


@st.composite
def contracts(draw: st.DrawFn) -> ContractView:
    count = draw(st.integers(0, 3))
    return a_contract(
        known=draw(st.sampled_from([True] * 9 + [False])),
        customer_known=draw(st.sampled_from([True] * 9 + [False])),
        signed_on=draw(st.none() | past_days.map(lambda n: day(n).date())),
        currency=draw(currencies),
        value=draw(st.none() | st.decimals(0, 99999, places=2)),
        billing=draw(st.sampled_from(["fixed_price", "mixed"])),
        status=draw(st.sampled_from(["active", "active", "completed", "terminated"])),
        acceptance_settles_after_days=draw(st.sampled_from([0, 0, 5, 14])),
        milestones=tuple(draw(milestones(f"m{number}")) for number in range(1, count + 1)),
        change_orders=tuple(
            a_change_order(f"CO-{number}", draw(st.none() | past_days.map(day)), draw(st.none() | st.integers(0, 5000)))
            for number in (1, 2)
        ),
        versions=tuple((None if n == 0 else day(10 * n), f"v{n}") for n in range(draw(st.integers(0, 4)))),
        now=day(NOW_DAYS),
        settlement=SETTLEMENT,
    )


def shuffled(contract: ContractView, random: Random) -> ContractView:
    def mixed(facts: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(facts, len(facts)))

    each = tuple(replace(m, prices=mixed(m.prices), decisions=mixed(m.decisions)) for m in contract.milestones)
    return replace(contract, milestones=mixed(each), change_orders=mixed(contract.change_orders))


def by_key(contract: ContractView) -> dict[str, ItemProposal]:
    return {proposal.transaction_key: proposal for proposal in propose_items(contract)}


@given(contracts())
def test_every_milestone_gives_exactly_one_proposal(contract: ContractView) -> None:
    proposals = propose_items(contract)

    assert [proposal.subject_id for proposal in proposals] == [milestone.id for milestone in contract.milestones]
    assert len({proposal.transaction_key for proposal in proposals}) == len(proposals)


@given(contracts())
def test_ready_means_priced_and_waiting_means_a_known_reason(contract: ContractView) -> None:
    for proposal in propose_items(contract):
        assert proposal.ready == (not proposal.reasons)
        assert set(proposal.reasons) <= set(REASONS)
        assert set(proposal.notes) <= set(NOTES)
        assert len(set(proposal.reasons)) == len(proposal.reasons)
        assert (proposal.amount is None) == (proposal.unit_price is None)
        if proposal.ready:
            assert isinstance(proposal.amount, Money)
            assert proposal.amount.minor > 0
            assert proposal.unit_price == proposal.amount.decimal
            assert proposal.service_to is not None
            assert proposal.service_to <= contract.now.date()
        if proposal.look_again_at is not None:
            assert proposal.look_again_at > contract.now


@given(contracts(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(contract: ContractView, random: Random) -> None:
    assert by_key(shuffled(contract, random)) == by_key(contract)


@given(contracts(), st.data())
def test_what_is_ready_stays_the_same_under_later_facts(contract: ContractView, data: st.DataObject) -> None:
    later = st.integers(NOW_DAYS + 1, NOW_DAYS + 60)
    grown = []
    for milestone in contract.milestones:
        new_prices = data.draw(st.lists(prices_on(later), max_size=3))
        new_decisions = data.draw(unique_decisions(later, most=3))
        grown.append(
            replace(
                milestone,
                prices=(*new_prices, *milestone.prices),
                decisions=(*new_decisions, *milestone.decisions),
                removed=milestone.removed or data.draw(st.booleans()),
            )
        )
    orders = [
        replace(
            order, signed_at=order.signed_at or data.draw(st.none() | later.map(day)), value_after=order.value_after
        )
        for order in contract.change_orders
    ]
    new_order = a_change_order("CO-3", day(data.draw(later)), data.draw(st.integers(0, 5000)))
    after = replace(
        contract,
        milestones=tuple(grown),
        change_orders=(*orders, new_order),
        versions=(*contract.versions, (day(NOW_DAYS + 1), "v-later")) if contract.versions else (),
        status=data.draw(st.sampled_from([contract.status, "terminated"])),
        now=contract.now + timedelta(days=data.draw(st.integers(0, 90))),
    )
    proposals = by_key(after)

    for key, proposal in by_key(contract).items():
        if proposal.ready:
            assert replace(proposals[key], notes=()) == replace(proposal, notes=())


@given(contracts())
def test_time_alone_changes_an_answer_only_when_it_was_announced(contract: ContractView) -> None:
    """Between two looks that proposals ask for nothing becomes ready, so the core needs no polling."""
    announced = {key: proposal.look_again_at for key, proposal in by_key(contract).items()}
    future = replace(contract, now=contract.now + timedelta(days=200))

    for key, proposal in by_key(future).items():
        if proposal.ready and not by_key(contract)[key].ready:
            at = announced[key]
            assert at is not None
            assert by_key(replace(contract, now=at))[key].ready
            assert not by_key(replace(contract, now=at - timedelta(microseconds=1)))[key].ready


@given(
    st.decimals(0, 10**9, places=4),
    st.decimals(min_value=Decimal("0.01"), max_value=100, places=2),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_a_percentage_is_exact_up_to_one_rounding(value: Decimal, percent: Decimal, currency: str) -> None:
    milestone = a_milestone(basis="percent", percent=percent, prices=(), decisions=(a_decision("accepted", day(1)),))
    exact = Fraction(value) * Fraction(percent) / 100 * 10 ** MINOR_UNIT_DIGITS[currency]

    (proposal,) = propose_items(a_contract(milestones=(milestone,), value=value, currency=currency))

    if round_half_up(exact) == 0:
        assert proposal.reasons == ("zero_amount",)
    else:
        assert proposal.amount == Money(round_half_up(exact), currency)


@given(
    st.decimals(min_value=Decimal("0.001"), max_value=10**9, places=3),
    st.decimals(min_value=Decimal("0.00001"), max_value=10**3, places=5),
)
def test_a_conversion_is_exact_up_to_one_rounding(amount: Decimal, rate: Decimal) -> None:
    milestone = a_milestone(prices=(a_price(str(amount), "DAI"),), decisions=(a_decision("accepted", day(1)),))
    minor = round_half_up(Fraction(amount) * Fraction(rate) * 100)

    (proposal,) = propose_items(a_contract(milestones=(milestone,), settlement={"DAI": (rate, "EUR", "ECB")}))

    assert proposal.amount == (Money(minor, "EUR") if minor else None)
    assert ("converted" in proposal.notes) == bool(minor)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 90))
def test_an_acceptance_alone_is_ready_exactly_from_the_end_of_its_settle_time(accepted: date, days: int) -> None:
    decided_at = day((accepted - date(2025, 3, 1)).days)
    end = decided_at + timedelta(days=days)
    contract = a_contract(
        milestones=(a_milestone(decisions=(a_decision("accepted", decided_at),)),), acceptance_settles_after_days=days
    )

    assert propose_items(replace(contract, now=end))[0].ready
    assert propose_items(replace(contract, now=end - timedelta(microseconds=1)))[0].look_again_at == end
