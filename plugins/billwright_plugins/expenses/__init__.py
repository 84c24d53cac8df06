"""Trigger ``expenses``: one billable item per expense, passed on at cost once approved, or as the contract's terms say.

In: a contract with its expenses and terms of expenses. Does: checks approval, category, limits, receipt, currency and
precision, prices distances and per diems, marks up. Out: one proposal per expense, ready or waiting with reasons.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.terms_expenses import ExpenseTerms
from billwright.extension.views import ContractView, ExpenseView, ItemProposal
from billwright_plugins.expenses.costs import Cost, Costs
from billwright_plugins.pricing import (
    AMOUNT_REASONS,
    Charge,
    charge,
    in_order,
    magnitude_problem,
    party_reasons,
    shortened,
    start_of_day,
    version_at,
)

REASONS: Final = (
    "contract_unknown",
    "customer_unknown",
    "after_contract_end",
    "expense_rejected",
    "expense_not_approved",
    "expense_category_unknown",
    "expense_not_billable",
    "receipt_missing",
    "over_item_limit",
    "over_day_limit",
    "expense_limit_currency",
    "supplier_tax_missing",
    "mileage_rate_missing",
    "per_diem_missing",
    "expense_rate_missing",
    *AMOUNT_REASONS,
)
NOTES: Final = ("converted",)
NO_TERMS: Final = ExpenseTerms()


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """Exactly one proposal per expense of ``contract``."""
    costs = Costs(contract.expense_terms or NO_TERMS)
    by_day = sorted(contract.expenses, key=lambda each: each.spent_on)  # stable: those of one day stay as they are
    found = {each.id: costs.of(each) for each in by_day}
    return [_proposal(contract, each, found[each.id]) for each in contract.expenses]


def _proposal(contract: ContractView, expense: ExpenseView, cost: Cost) -> ItemProposal:
    charged = _charge(contract, expense, cost)
    codes = {*party_reasons(contract), *charged.problems, *cost.problems}
    if contract.ended_on is not None and expense.spent_on > contract.ended_on:
        codes.add("after_contract_end")
    if expense.status != "approved":
        codes.add("expense_rejected" if expense.status == "rejected" else "expense_not_approved")
    return ItemProposal(
        transaction_key=f"expense:{expense.id}",
        kind="expense",
        subject_id=expense.id,
        ready=not codes,
        reasons=in_order(codes, REASONS),
        notes=("converted",) if charged.converted else (),
        description=_description(expense, cost, charged),
        unit_price=charged.unit_price,
        amount=charged.money,
        service_from=expense.spent_on,
        service_to=expense.spent_on,
        contract_version_id=version_at(contract, start_of_day(expense.spent_on)),
        message_id=expense.message_id,
    )


def _charge(contract: ContractView, expense: ExpenseView, cost: Cost) -> Charge:
    """Cost and mark-up, rounded once; what is passed on as it was spent is not rounded but held when it is too precise."""
    if cost.amount is None and cost.problems:
        return Charge()
    rounding = cost.computed or bool(cost.mark_up_percent)
    amount = cost.amount
    if amount is not None and cost.mark_up_percent:
        amount = amount * (100 + Fraction(cost.mark_up_percent)) / 100
    charged = charge(amount, cost.currency, contract.settlement, rounding=rounding)
    problem = magnitude_problem(expense.amount)
    return charged if problem is None else replace(charged, problems=charged.problems - {"no_amount"} | {problem})


def _description(expense: ExpenseView, cost: Cost, charged: Charge) -> str:
    what = " — ".join(part for part in (expense.category, expense.description) if part) or "Expense"
    marked_up = (f"plus {cost.mark_up_percent.normalize():f} %",) if cost.mark_up_percent else ()
    remarks = "; ".join(part for part in (*cost.remarks, *marked_up, charged.remark) if part)
    text = f"{what} ({expense.person_name})"
    return shortened(f"{text} ({remarks})" if remarks else text)
