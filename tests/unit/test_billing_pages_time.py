"""The figures of docs/billing/time.md and expenses.md are what the triggers compute."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from billwright.extension.terms_expenses import Category, ExpenseRate, ExpenseTerms, Mileage, MileageTier
from billwright.extension.terms_time import TimeTerms, WorkKind
from billwright_plugins import expenses, time_entries
from support.plugin_views import a_contract, a_rate, a_time_entry, an_expense

PAGES = Path(__file__).parents[2] / "docs" / "billing"
SINCE = date(2025, 1, 1)


def amounts(page: str) -> list[str]:
    """The last column of the example's table."""
    example = (PAGES / page).read_text().split("## Example\n")[1].split("\n## ")[0]
    rows = [line for line in example.splitlines() if line.startswith("| ")][1:]
    return [row.strip("| ").split("|")[-1].strip().replace(",", "") if row[-3:] != "| |" else "" for row in rows]


def test_the_figures_about_time() -> None:
    terms = TimeTerms(
        increment_minutes=15,
        work_kinds=(
            WorkKind(kind="overtime", multiplier=Decimal("1.5")),
            WorkKind(kind="on call", multiplier=Decimal(2), minimum_hours=Decimal(2)),
        ),
    )
    entries = (
        a_time_entry(id="t1", hours=Decimal("1.1")),
        a_time_entry(id="t2", hours=Decimal("-0.2"), corrects_id="t1"),
        a_time_entry(id="t3", hours=Decimal(2), work_kind="overtime"),
        a_time_entry(id="t4", hours=Decimal("0.5"), work_kind="on call"),
    )
    rates = (a_rate("r1", "120", SINCE, role="Engineer"),)
    contract = a_contract(billing="mixed", time_entries=entries, rates=rates, time_terms=terms)

    assert [str(each.amount.decimal) for each in time_entries.propose_items(contract) if each.amount] == amounts(
        "time.md"
    )


def test_the_figures_about_expenses() -> None:
    tiers = (MileageTier(up_to=Decimal(100), rate=Decimal("0.42")), MileageTier(rate=Decimal("0.30")))
    terms = ExpenseTerms(
        categories=(Category(name="Travel", currency="EUR", item_limit=Decimal(90), mark_up_percent=Decimal("7.5")),),
        mileage=(Mileage(currency="EUR", effective_from=SINCE, tiers=tiers),),
        currency="EUR",
        rates=(ExpenseRate(currency="USD", rate=Decimal("0.90"), source="ECB", effective_from=SINCE),),
    )
    spent = (
        an_expense(id="e1"),
        an_expense(id="e2", amount=Decimal(120)),
        an_expense(id="e3", category="", distance=Decimal(80)),
        an_expense(id="e4", category="", distance=Decimal("50.5")),
        an_expense(id="e5", category="", amount=Decimal(50), currency="USD"),
    )
    answers = expenses.propose_items(a_contract(expenses=spent, expense_terms=terms))

    assert [str(each.amount.decimal) if each.ready and each.amount else "" for each in answers] == amounts(
        "expenses.md"
    )
    assert answers[1].reasons == ("over_item_limit",)
