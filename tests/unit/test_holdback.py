"""How much is held back: exact over parts, steps and caps, in every currency."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.holdback import Part, Standing, withhold
from billwright.extension.terms_holdback import (
    HoldbackComponent,
    HoldbackRelease,
    HoldbackStep,
    HoldbackTerms,
    usual_mode,
)

END = HoldbackRelease(name="end", on="completion")
percents = st.decimals(0, 100, places=4)


def terms(percent: str = "10", **more: object) -> HoldbackTerms:
    return HoldbackTerms(percent=Decimal(percent), releases=(END,), **more)  # type: ignore[arg-type]  # any field


def work(minor: int, kind: str = "milestone", rate: int = 1900) -> Part:
    return Part(net_by_kind={kind: minor}, rate_basis_points=rate)


def held(
    agreed: HoldbackTerms, *parts: Part, gross: bool = False, value: int | None = None, **standing: int
) -> list[int]:
    before = Standing(billed_minor=standing.get("billed", 0), withheld_minor=standing.get("withheld", 0))
    return [*withhold(agreed, parts, before, gross=gross, value_minor=value, currency="EUR").withheld_minor]


def test_ten_percent_of_the_net_or_of_the_amount_with_its_tax() -> None:
    assert held(terms(), work(10_000_00)) == [1_000_00]
    assert held(terms(), work(10_000_00), gross=True) == [1_190_00]


def test_each_kind_of_work_has_its_own_percentage() -> None:
    agreed = terms(
        "10",
        components=(
            HoldbackComponent(kind="expense", percent=Decimal(0)),
            HoldbackComponent(kind="time", percent=Decimal(5)),
        ),
    )
    part = Part(
        net_by_kind={"milestone": 100_00, "time": 100_00, "expense": 100_00, "usage": 100_00}, rate_basis_points=0
    )
    assert held(agreed, part) == [10_00 + 5_00 + 10_00]


def test_money_held_back_before_and_advances_are_no_work() -> None:
    part = Part(net_by_kind={"milestone": 100_00, "holdback": 500_00, "drawdown": -40_00}, rate_basis_points=0)
    assert held(terms(), part) == [10_00]


def test_a_step_inside_an_invoice_splits_it_where_the_value_is_reached() -> None:
    agreed = terms("10", steps=(HoldbackStep(from_percent=Decimal(50), percent=Decimal(5)),))
    assert held(agreed, work(60_000_00), value=100_000_00) == [5_500_00]  # 10 % of 50,000 and 5 % of 10,000
    assert held(agreed, work(40_000_00), value=100_000_00, billed=60_000_00) == [2_000_00]


def test_the_smaller_cap_holds_and_an_exhausted_one_withholds_nothing() -> None:
    agreed = terms("10", cap_percent=Decimal(5), cap_amount=Decimal("6000.00"))
    assert held(agreed, work(80_000_00), value=100_000_00) == [5_000_00]
    assert held(agreed, work(20_000_00), value=100_000_00, withheld=5_000_00) == [0]


def test_nothing_is_withheld_of_a_correction_or_after_the_last_release() -> None:
    assert held(terms(), work(-50_00)) == [0]
    closed = Standing(closed=True)
    assert withhold(terms(), [work(100)], closed, gross=False, value_minor=None, currency="JPY").total_minor == 0


def test_tax_that_falls_due_with_the_release_is_not_billed_before() -> None:
    assert (usual_mode("GB"), usual_mode("CA"), usual_mode("DE")) == ("line", "line", "receivable")


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=6), percents)
def test_no_cent_is_made_or_lost_over_the_parts(nets: list[int], percent: Decimal) -> None:
    found = withhold(
        terms(str(percent)),
        [work(net, rate=0) for net in nets],
        Standing(),
        gross=False,
        value_minor=None,
        currency="KWD",
    )
    exact = Fraction(sum(nets)) * Fraction(percent) / 100
    assert abs(found.total_minor - exact) <= Fraction(1, 2)
    assert all(0 <= held <= net + 1 for held, net in zip(found.withheld_minor, nets, strict=True))


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=8),
    percents,
    st.integers(0, 10**9),
    st.lists(percents, min_size=0, max_size=3, unique=True),
)
def test_whatever_the_order_of_bills_the_cap_holds(
    nets: list[int], percent: Decimal, cap: int, steps: list[Decimal]
) -> None:
    agreed = terms(
        str(percent),
        cap_amount=Decimal(cap),
        steps=tuple(HoldbackStep(from_percent=at, percent=percent / 2) for at in sorted(steps)),
    )
    billed = withheld = 0
    for net in nets:
        standing = Standing(billed_minor=billed, withheld_minor=withheld)
        found = withhold(agreed, [work(net, rate=0)], standing, gross=False, value_minor=sum(nets), currency="JPY")
        assert 0 <= found.total_minor <= net
        billed, withheld = billed + net, withheld + found.total_minor
    assert withheld <= cap
    assert withheld <= Fraction(sum(nets)) * Fraction(percent) / 100 + Fraction(len(nets), 2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"percent": "110"}, "percent"),
        ({"percent": "10", "releases": [{"name": "a", "on": "completion", "percent": "50"}]}, "for ever"),
        ({"percent": "10", "releases": [{"name": "a", "on": "day"}]}, "goes with"),
        ({"percent": "10", "releases": [{"name": "a", "on": "completion"}] * 2}, "twice"),
        ({"percent": "10", "steps": [{"from_percent": "60", "percent": "5"}, {"from_percent": "50", "percent": "1"}]}, "order"),
    ],
)  # fmt: skip
def test_terms_that_contradict_themselves_are_refused_by_field(wrong: dict[str, object], said: str) -> None:
    whole = {"releases": [{"name": "end", "on": "completion"}], **wrong}
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(whole, HoldbackTerms, strict=False)
