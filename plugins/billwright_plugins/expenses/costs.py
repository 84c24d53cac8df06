"""What an expense costs before mark-up, under the contract's terms: tables, the supplier's tax, conversion, limits. Pure."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.terms_expenses import Category, ExpenseTerms, Mileage
from billwright.extension.views import ExpenseView
from billwright.kernel.money import MINOR_UNIT_DIGITS, is_currency, quantize
from billwright_plugins.pricing import exact

ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """``amount`` in major units of ``currency``; ``computed``: it comes from a table or a rate and is rounded once at the
    end. ``remarks`` say how for the invoice line, ``problems`` what is against billing it."""

    amount: Fraction | None
    currency: str
    computed: bool = False
    remarks: tuple[str, ...] = ()
    problems: frozenset[str] = frozenset()
    mark_up_percent: Decimal = Decimal(0)


class Costs:
    """The expenses of one contract, asked for in the order of their days: tiers and limits of a day count what came before."""

    def __init__(self, terms: ExpenseTerms) -> None:
        self._terms = terms
        self._categories = {_folded(each.name): each for each in terms.categories}
        self._driven: defaultdict[tuple[str, int, str], Fraction] = defaultdict(Fraction)
        self._spent: defaultdict[tuple[object, ...], Fraction] = defaultdict(Fraction)

    def of(self, expense: ExpenseView) -> Cost:
        """The cost of the next expense."""
        category = self._categories.get(_folded(expense.category))
        problems = set[str]()
        if category is None and self._terms.listed_only:
            problems.add("expense_category_unknown")
        if category is not None and not category.billable:
            problems.add("expense_not_billable")
        if expense.distance is not None:
            cost = self._by_distance(expense, expense.distance)
        elif expense.per_diem_country is not None:
            cost = self._per_diem(expense, expense.per_diem_country)
        else:
            cost = _as_spent(expense, category)
        cost = self._converted(expense, cost)
        if category is not None and cost.amount is not None:
            problems |= self._against(category, expense, cost.amount, cost.currency)
        return Cost(
            amount=cost.amount,
            currency=cost.currency,
            computed=cost.computed,
            remarks=cost.remarks,
            problems=frozenset({*cost.problems, *problems}),
            mark_up_percent=category.mark_up_percent if category is not None else Decimal(0),
        )

    def _by_distance(self, expense: ExpenseView, distance: Decimal) -> Cost:
        tables = [each for each in self._terms.mileage if each.unit == expense.distance_unit]
        begun = [each for each in tables if each.effective_from <= expense.spent_on]
        length = exact(distance)
        if not begun or length is None:
            return Cost(amount=None, currency=expense.currency, problems=frozenset({"mileage_rate_missing"}))
        table = max(begun, key=lambda each: each.effective_from)
        key = (_folded(expense.person_name), expense.spent_on.year, expense.distance_unit)
        before = self._driven[key]
        if expense.status == "approved":
            self._driven[key] = before + length
        remark = f"{distance.normalize():f} {expense.distance_unit}"
        return Cost(amount=_tiers(table, before, length), currency=table.currency, computed=True, remarks=(remark,))

    def _per_diem(self, expense: ExpenseView, country: str) -> Cost:
        tables = [each for each in self._terms.per_diem if each.country == country]
        begun = [each for each in tables if each.effective_from <= expense.spent_on]
        if not begun:
            return Cost(amount=None, currency=expense.currency, problems=frozenset({"per_diem_missing"}))
        table = max(begun, key=lambda each: each.effective_from)
        amount = Fraction(table.amount) * Fraction(expense.day_fraction)
        remark = f"per diem {country}, {expense.day_fraction.normalize():f} of a day"
        return Cost(amount=amount, currency=table.currency, computed=True, remarks=(remark,))

    def _converted(self, expense: ExpenseView, cost: Cost) -> Cost:
        target = self._terms.currency
        if target is None or cost.currency == target or cost.amount is None or not is_currency(cost.currency):
            return cost
        begun = [
            each
            for each in self._terms.rates
            if each.currency == cost.currency and each.effective_from <= expense.spent_on
        ]
        if not begun:
            return Cost(
                amount=cost.amount,
                currency=cost.currency,
                computed=True,
                remarks=cost.remarks,
                problems=cost.problems | {"expense_rate_missing"},
            )
        rate = max(begun, key=lambda each: each.effective_from)
        remark = f"{_spelled(cost.amount, cost.currency)} at {rate.rate.normalize():f} {target}, {rate.source}"
        return Cost(
            amount=cost.amount * Fraction(rate.rate),
            currency=target,
            computed=True,
            remarks=(*cost.remarks, remark),
            problems=cost.problems,
        )

    def _against(self, category: Category, expense: ExpenseView, amount: Fraction, currency: str) -> set[str]:
        by_table = expense.distance is not None or expense.per_diem_country is not None
        receipt = None if by_table else category.receipt_above
        limits = (category.item_limit, category.day_limit, receipt)
        if all(limit is None for limit in limits):
            return set()
        if currency != category.currency:
            return {"expense_limit_currency"}
        problems = set[str]()
        if category.item_limit is not None and amount > Fraction(category.item_limit):
            problems.add("over_item_limit")
        if receipt is not None and amount > Fraction(receipt) and not expense.receipt_uri.strip():
            problems.add("receipt_missing")
        if category.day_limit is not None:
            key = (_folded(expense.person_name), expense.spent_on, _folded(category.name))
            if self._spent[key] + amount > Fraction(category.day_limit):
                problems.add("over_day_limit")
            elif expense.status == "approved" and not problems:
                self._spent[key] += amount
        return problems


def _as_spent(expense: ExpenseView, category: Category | None) -> Cost:
    amount = exact(expense.amount)
    if category is None or category.tax == "at_cost" or amount is None:
        return Cost(amount=amount, currency=expense.currency)
    tax = exact(expense.tax_amount)
    if tax is None:
        return Cost(amount=amount, currency=expense.currency, problems=frozenset({"supplier_tax_missing"}))
    return Cost(amount=amount - tax, currency=expense.currency)


def _spelled(amount: Fraction, currency: str) -> str:
    exactly = Decimal(amount.numerator) / Decimal(amount.denominator)
    rounded = quantize(exactly, MINOR_UNIT_DIGITS[currency])
    return f"{rounded if rounded == exactly else exactly.normalize():f} {currency}"


def _tiers(table: Mileage, before: Fraction, length: Fraction) -> Fraction:
    """``length`` at the rates of the tiers into which it falls when ``before`` was driven already."""
    amount, low = ZERO, ZERO
    for tier in table.tiers:
        high = None if tier.up_to is None else Fraction(tier.up_to)
        begin = max(before, low)
        end = before + length if high is None else min(before + length, high)
        amount += max(end - begin, ZERO) * Fraction(tier.rate)
        low = high if high is not None else low
    return amount


def _folded(text: str) -> str:
    return text.strip().casefold()
