"""What a credit takes of a line: exact in quantity and amount, whatever the currency, the price and the order of parts."""

from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.credit_amounts import (
    Left,
    Part,
    TaxKey,
    credit_tax,
    fitting_price,
    take_all,
    take_amount,
    take_quantity,
)
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money, price_times_quantity

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
PRICES = st.decimals(Decimal("0.01"), 20_000, places=3)
QUANTITIES = st.decimals(Decimal("0.01"), 500, places=4)


def left_of(quantity: Decimal, minor: int) -> Left:
    return Left(allocation_id=new_id(), item_id=new_id(), quantity=quantity, amount_minor=minor)


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[Left], Decimal, str]:
    """A line as billing makes it: rounded once, split over its entries."""
    price, currency = draw(PRICES), draw(CURRENCIES)
    quantities = draw(st.lists(QUANTITIES, min_size=1, max_size=5))
    net = price_times_quantity(price, sum(quantities, start=Decimal(0)), currency)
    parts = net.split([int(each * 10**6) for each in quantities])
    return [left_of(q, part.minor) for q, part in zip(quantities, parts, strict=True)], price, currency


def rest(lefts: list[Left], parts: list[Part]) -> list[Left]:
    taken: dict[UUID, Part] = {each.left.allocation_id: each for each in parts}
    return [
        Left(
            allocation_id=each.allocation_id,
            item_id=each.item_id,
            quantity=each.quantity - (taken[each.allocation_id].quantity if each.allocation_id in taken else 0),
            amount_minor=each.amount_minor
            - (taken[each.allocation_id].amount_minor if each.allocation_id in taken else 0),
        )
        for each in lefts
    ]


@given(lines(), st.lists(st.fractions(0, 1), max_size=4), st.booleans())
def test_credits_in_parts_take_exactly_the_line(
    line: tuple[list[Left], Decimal, str], cuts: list[Fraction], by_amount: bool
) -> None:
    lefts, price, currency = line
    whole_quantity, whole_minor = sum(each.quantity for each in lefts), sum(each.amount_minor for each in lefts)
    taken_quantity, taken_minor = Decimal(0), 0
    for cut in cuts:
        if by_amount:
            wanted = int(sum(each.amount_minor for each in lefts) * cut)
            parts = take_amount(lefts, wanted, price, currency)
            assert sum(each.amount_minor for each in parts) == wanted
        else:
            total = sum((each.quantity for each in lefts), start=Decimal(0))
            hours = (total * cut.numerator / cut.denominator).quantize(Decimal("0.0001"))
            parts = take_quantity(lefts, hours, price, currency)
            assert sum(each.quantity for each in parts) in (hours, 0)
        taken_quantity += sum((each.quantity for each in parts), start=Decimal(0))
        taken_minor += sum(each.amount_minor for each in parts)
        for part in parts:
            assert 0 <= part.quantity <= part.left.quantity
            assert 0 <= part.amount_minor <= part.left.amount_minor
        lefts = rest(lefts, parts)
    last = take_all(lefts)
    assert taken_quantity + sum(each.quantity for each in last) == whole_quantity
    assert taken_minor + sum(each.amount_minor for each in last) == whole_minor


@given(PRICES, QUANTITIES, CURRENCIES, st.integers(0, 10**9))
def test_a_fitting_price_comes_to_the_amount(price: Decimal, quantity: Decimal, currency: str, minor: int) -> None:
    fitting = fitting_price(price, quantity, minor, currency)

    assert price_times_quantity(fitting, quantity, currency).minor == minor
    assert fitting >= 0
    usual = price_times_quantity(price, quantity, currency).minor
    assert fitting_price(price, quantity, usual, currency) == price


KEYS = st.one_of(
    st.builds(TaxKey, st.just("S"), st.integers(0, 2_700)), st.just(TaxKey("S", 1_498, "", "", (50_000, 99_750)))
)


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(1, 99), max_size=6), KEYS, CURRENCIES)
def test_tax_of_credits_in_parts_is_the_tax_of_the_invoice(
    net: int, cuts: list[int], key: TaxKey, currency: str
) -> None:
    before, taxes = 0, 0
    parts = [net * cut // 1_000 for cut in cuts]
    for part in [*parts, net - sum(parts)]:
        tax = credit_tax(key, before=Money(before, currency), before_tax_minor=taxes, now_minor=part)
        assert abs(tax - key.tax_of(Money(part, currency))) <= max(1, len(key.parts_ppm))
        before, taxes = before + part, taxes + tax
    assert taxes == key.tax_of(Money(net, currency))


def test_more_than_is_left_and_nothing_are_not_taken() -> None:
    lefts = [left_of(Decimal(2), 200_00)]

    assert take_quantity(lefts, Decimal(3), Decimal(100), "EUR") == []
    assert take_quantity(lefts, Decimal(0), Decimal(100), "EUR") == []
    assert take_amount(lefts, 200_01, Decimal(100), "EUR") == []
    assert take_amount(lefts, 0, Decimal(100), "EUR") == []


def test_whole_entries_come_before_parts_of_one() -> None:
    late, early = left_of(Decimal(3), 300_00), left_of(Decimal(5), 500_00)

    parts = take_quantity([late, early], Decimal("3.5"), Decimal(100), "EUR")

    assert [(each.left, each.quantity, each.amount_minor) for each in parts] == [
        (late, Decimal(3), 300_00),
        (early, Decimal("0.5"), 50_00),
    ]


def test_the_figures_of_the_page_on_credits() -> None:
    key = TaxKey("S", 1_900)
    first = credit_tax(key, before=Money(0, "EUR"), before_tax_minor=0, now_minor=150)
    second = credit_tax(key, before=Money(150, "EUR"), before_tax_minor=first, now_minor=150)

    assert (first, second, key.tax_of(Money(300, "EUR"))) == (29, 28, 57)
    (part,) = take_amount([left_of(Decimal(1), 10_000_00)], 2_000_00, Decimal(10_000), "EUR")
    assert (part.quantity, part.left.quantity - part.quantity) == (Decimal("0.2"), Decimal("0.8"))
