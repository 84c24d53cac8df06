"""Trigger ``expenses``: one billable item per expense, passed on at cost once approved.

In: a contract with its expenses. Does: checks approval, currency and precision. Out: one proposal per expense, ready or
waiting with reasons.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import ContractView, ExpenseView, ItemProposal
from billwright_plugins.pricing import (
    AMOUNT_REASONS,
    Charge,
    charge,
    exact,
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
    "expense_rejected",
    "expense_not_approved",
    *AMOUNT_REASONS,
)
NOTES: Final = ("converted",)


@hookimpl
def propose_items(contract: ContractView) -> Sequence[ItemProposal]:
    """Exactly one proposal per expense of ``contract``."""
    return [_proposal(contract, expense) for expense in contract.expenses]


def _proposal(contract: ContractView, expense: ExpenseView) -> ItemProposal:
    charged = _charge(contract, expense)
    codes = {*party_reasons(contract), *charged.problems}
    if expense.status != "approved":
        codes.add("expense_rejected" if expense.status == "rejected" else "expense_not_approved")
    return ItemProposal(
        transaction_key=f"expense:{expense.id}",
        kind="expense",
        subject_id=expense.id,
        ready=not codes,
        reasons=in_order(codes, REASONS),
        notes=("converted",) if charged.converted else (),
        description=_description(expense, charged),
        unit_price=charged.unit_price,
        amount=charged.money,
        service_from=expense.spent_on,
        service_to=expense.spent_on,
        contract_version_id=version_at(contract, start_of_day(expense.spent_on)),
        message_id=expense.message_id,
    )


def _charge(contract: ContractView, expense: ExpenseView) -> Charge:
    charged = charge(exact(expense.amount), expense.currency, contract.settlement, rounding=False)
    problem = magnitude_problem(expense.amount)
    return charged if problem is None else replace(charged, problems=charged.problems - {"no_amount"} | {problem})


def _description(expense: ExpenseView, charged: Charge) -> str:
    what = " — ".join(part for part in (expense.category, expense.description) if part) or "Expense"
    text = f"{what} ({expense.person_name})"
    return shortened(f"{text} ({charged.remark})" if charged.remark else text)
