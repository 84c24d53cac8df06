"""Terms of expenses: categories, limits, receipts, mark-up, tax, mileage, per diem, conversion."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.terms_expenses import Category, ExpenseRate, ExpenseTerms, Mileage, MileageTier, PerDiem
from billwright.extension.views import ExpenseView, ItemProposal
from billwright.kernel.money import Money
from billwright_plugins import expenses
from support.plugin_views import a_contract, an_expense

SINCE = date(2025, 1, 1)
TIERS = (MileageTier(up_to=Decimal(100), rate=Decimal("0.42")), MileageTier(rate=Decimal("0.30")))
MILEAGE = Mileage(currency="EUR", effective_from=SINCE, tiers=TIERS)


def proposals(terms: ExpenseTerms, *spent: ExpenseView, **contract: Any) -> list[ItemProposal]:
    return list(expenses.propose_items(a_contract(expenses=spent, expense_terms=terms, **contract)))


def proposal(terms: ExpenseTerms, **spent: Any) -> ItemProposal:
    (answer,) = proposals(terms, an_expense(**spent))
    return answer


def travel(**terms: Any) -> ExpenseTerms:
    fields: dict[str, Any] = {"currency": "EUR"} | terms
    return ExpenseTerms(categories=(Category(name="travel", **fields),))


def test_the_mark_up_comes_on_the_cost_and_is_rounded_once() -> None:
    answer = proposal(travel(mark_up_percent=Decimal("7.5")))

    assert (answer.amount, answer.ready) == (Money(90_84, "EUR"), True)  # 84.50 and 7.5 % are 90.8375
    assert answer.description == "Travel — Train to the site (Ann Lee) (plus 7.5 %)"


@pytest.mark.parametrize(
    ("terms", "spent", "reason"),
    [
        ({"item_limit": Decimal("84.49")}, {}, "over_item_limit"),
        ({"receipt_above": Decimal(84)}, {}, "receipt_missing"),
        ({"receipt_above": Decimal(84)}, {"receipt_uri": " "}, "receipt_missing"),
        ({"billable": False}, {}, "expense_not_billable"),
        ({"tax": "net"}, {}, "supplier_tax_missing"),
        ({"item_limit": Decimal(84), "currency": "USD"}, {}, "expense_limit_currency"),
        ({}, {"distance": Decimal(10)}, "mileage_rate_missing"),
        ({}, {"per_diem_country": "FR"}, "per_diem_missing"),
    ],
)
def test_what_violates_the_terms_waits(terms: dict[str, Any], spent: dict[str, Any], reason: str) -> None:
    answer = proposal(travel(**terms), **spent)

    assert (answer.ready, answer.reasons) == (False, (reason,))


@pytest.mark.parametrize(
    ("terms", "spent"),
    [
        ({"item_limit": Decimal("84.50")}, {}),
        ({"receipt_above": Decimal("84.50")}, {}),
        ({"receipt_above": Decimal(84)}, {"receipt_uri": "file:r1"}),
        ({"item_limit": Decimal(1)}, {"category": "Meals"}),
    ],
)
def test_what_keeps_to_the_terms_is_billed(terms: dict[str, Any], spent: dict[str, Any]) -> None:
    assert proposal(travel(**terms), **spent).ready


def test_a_category_that_nobody_agreed_waits_where_only_listed_ones_are_billed() -> None:
    terms = ExpenseTerms(categories=(Category(name="Travel"),), listed_only=True)

    assert proposal(terms).ready
    assert proposal(terms, category="Meals").reasons == ("expense_category_unknown",)


def test_the_limit_of_a_day_counts_what_is_billed_of_the_person_and_category() -> None:
    others: list[tuple[str, dict[str, Any]]] = [
        ("60", {}), ("50", {}), ("40", {}), ("90", {"person_name": "Bob"}), ("90", {"spent_on": date(2025, 3, 11)}),
    ]  # fmt: skip
    spent = [an_expense(id=f"e{n}", amount=Decimal(amount), **given) for n, (amount, given) in enumerate(others)]
    answers = proposals(travel(day_limit=Decimal(100)), *spent)

    assert [answer.reasons for answer in answers] == [(), ("over_day_limit",), (), (), ()]


def test_the_suppliers_tax_is_taken_off_or_billed_on() -> None:
    net = proposal(travel(tax="net"), tax_amount=Decimal("13.49"))
    at_cost = proposal(travel(), tax_amount=Decimal("13.49"))

    assert (net.amount, at_cost.amount) == (Money(71_01, "EUR"), Money(84_50, "EUR"))


def test_mileage_counts_the_kilometres_of_the_year() -> None:
    terms = ExpenseTerms(mileage=(MILEAGE,))
    drives = [
        an_expense(id="e1", distance=Decimal(80), amount=Decimal(0), spent_on=date(2025, 3, 1)),
        an_expense(id="e2", distance=Decimal("50.5"), amount=Decimal(0), spent_on=date(2025, 3, 2)),
        an_expense(id="e3", distance=Decimal(80), amount=Decimal(0), spent_on=date(2026, 1, 2)),
        an_expense(id="e4", distance=Decimal(80), amount=Decimal(0), distance_unit="mi"),
    ]
    first, second, next_year, miles = proposals(terms, *drives)

    assert first.amount == next_year.amount == Money(33_60, "EUR")
    assert second.amount == Money(17_55, "EUR")  # 20 km at 0.42 and 30.5 km at 0.30
    assert second.description.endswith("(50.5 km)")
    assert miles.reasons == ("mileage_rate_missing",)


def test_a_per_diem_is_part_of_a_day_at_the_amount_in_force() -> None:
    tables = [
        PerDiem(country="FR", currency="EUR", effective_from=since, amount=Decimal(amount))
        for since, amount in ((SINCE, "53"), (date(2025, 3, 10), "59"), (date(2025, 3, 11), "99"))
    ]
    answer = proposal(
        ExpenseTerms(per_diem=tuple(tables)), per_diem_country="FR", day_fraction=Decimal("0.5"), amount=Decimal(0)
    )

    assert (answer.amount, answer.ready) == (Money(29_50, "EUR"), True)


def test_what_was_spent_in_another_currency_is_converted_by_a_declared_rate_only() -> None:
    rates = [
        ExpenseRate(currency="USD", rate=Decimal(rate), source="ECB", effective_from=since)
        for rate, since in (("0.90", SINCE), ("0.95", date(2025, 3, 11)))
    ]
    terms = ExpenseTerms(
        currency="EUR",
        rates=tuple(rates),
        categories=(Category(name="Travel", currency="EUR", item_limit=Decimal(80)),),
    )
    dollars = proposal(terms, currency="USD")

    assert (dollars.amount, dollars.ready) == (Money(76_05, "EUR"), True)
    assert dollars.description.endswith("(84.50 USD at 0.9 EUR, ECB)")
    assert proposal(terms, currency="GBP", category="").reasons == ("expense_rate_missing",)
    assert proposal(terms, currency="USD", amount=Decimal(89)).reasons == ("over_item_limit",)


def test_an_expense_after_the_contract_ended_waits() -> None:
    (answer,) = proposals(ExpenseTerms(), an_expense(), ended_on=date(2025, 3, 9))

    assert answer.reasons == ("after_contract_end",)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"categories": [{"name": "A"}, {"name": "a "}]}, "categories"),
        ({"categories": [{"name": "A", "item_limit": "5"}]}, "currency"),
        ({"categories": [{"name": "A", "mark_up_percent": "-1"}]}, "mark_up_percent"),
        ({"rates": [{"currency": "USD", "rate": "1", "source": "x", "effective_from": "2025-01-01"}]}, "currency"),
        (
            {"mileage": [{"currency": "EUR", "effective_from": "2025-01-01", "tiers": [{"up_to": "5", "rate": "1"}]}]},
            "tiers",
        ),
        ({"mileage": [{"currency": "EUR", "effective_from": "2025-01-01", "tiers": []}]}, "tiers"),
        ({"per_diem": [{"country": "FR", "currency": "EUR", "effective_from": "2025-01-01", "amount": "0"}]}, "amount"),
        ({"perdiem": []}, "perdiem"),
    ],
)
def test_terms_that_contradict_themselves_are_refused_with_their_field(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(terms, ExpenseTerms, strict=False)


@given(st.lists(st.decimals(Decimal("0.1"), 300, places=1), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_tiers_of_many_drives_add_up_to_those_of_one(lengths: list[Decimal], random: Random) -> None:
    terms = ExpenseTerms(mileage=(MILEAGE,))
    drives = [
        an_expense(id=f"e{number}", distance=length, amount=Decimal(0), spent_on=date(2025, 3, random.randint(1, 28)))
        for number, length in enumerate(lengths)
    ]
    total = Fraction(sum(lengths))
    expected = min(total, Fraction(100)) * Fraction("0.42") + max(total - 100, Fraction(0)) * Fraction("0.30")
    billed = sum(answer.amount.minor for answer in proposals(terms, *drives) if answer.amount is not None)

    assert abs(billed - expected * 100) <= Fraction(len(lengths), 2)
