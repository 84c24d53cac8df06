"""A bill that several customers share: each gets its part of every item as an item of its own, with its own draft, tax and
number. Pure; the parts are exactly the whole, in amount and in quantity.

A part has the transaction key of the whole with ``:share:{customer}``. What was billed once, divided or not, is never divided
in another way: new terms hold for what comes after them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.views import BillToView, ContractView, ItemProposal
from billwright.kernel.money import Money, price_times_quantity
from billwright.tenancy.base import AnyRow

SHARE: Final = ":share:"
DECIMALS_MAX: Final = 18
WEIGHT_SCALE: Final = 12
TOUCHED: Final = frozenset({"billed", "written_off"})


def whole_of(transaction_key: str) -> str:
    """The key of the whole, for a part; empty for what is not divided."""
    head, mark, _ = transaction_key.rpartition(SHARE)
    return head if mark else ""


class Shares:
    """Divides what triggers propose for contracts with several payers; ``known`` are the contracts' items."""

    def __init__(self, known: Mapping[str, AnyRow]) -> None:
        self._known = known
        self._parts: dict[str, set[str]] = {}
        for key in known:
            if whole := whole_of(key):
                self._parts.setdefault(whole, set()).add(key)

    def divide(
        self, view: ContractView, proposal: ItemProposal
    ) -> tuple[list[tuple[ContractView, ItemProposal]], set[str]]:
        """The proposals to keep, each with the contract as its payer sees it, and keys that stay as they were billed."""
        key = proposal.transaction_key
        parts = self._parts.get(key, set())
        touched = {part for part in parts if self._touched(part)}
        if not view.bill_to or self._touched(key):
            return ([], parts) if touched else ([(view, proposal)], set())
        divided = [
            (replace(view, customer_id=payer.customer_id, customer_known=payer.known), share)
            for payer, share in zip(view.bill_to, divide(proposal, view.bill_to), strict=True)
        ]
        now = {share.transaction_key: share for _, share in divided}
        same = {*now} == parts and all(self._amount(part) == now[part].amount for part in touched)
        return ([], parts) if touched and not same else (divided, set())

    def _amount(self, key: str) -> Money | None:
        row = self._known[key]
        return None if row.amount_minor is None or row.currency is None else Money(row.amount_minor, row.currency)

    def _touched(self, key: str) -> bool:
        row = self._known.get(key)
        return row is not None and (row.state in TOUCHED or bool(row.kept_minor or row.kept_quantity))


def divide(proposal: ItemProposal, payers: Sequence[BillToView]) -> list[ItemProposal]:
    """One part for each payer, in their order. A payer that is not known yet lets its part wait."""
    weights = [int((payer.weight * 10**WEIGHT_SCALE).to_integral_value()) for payer in payers]
    amounts = split_amount(proposal.amount, weights) if proposal.amount is not None else [None] * len(payers)
    standards = split_amount(proposal.standard, weights) if proposal.standard is not None else [None] * len(payers)
    quantities = split_quantity(proposal, amounts, weights)
    return [
        replace(
            proposal,
            transaction_key=f"{proposal.transaction_key}{SHARE}{payer.customer_id}",
            ready=proposal.ready and payer.known,
            reasons=proposal.reasons if payer.known else (*proposal.reasons, "customer_unknown"),
            quantity=quantity,
            amount=amount,
            standard=standard,
            follows=f"{proposal.follows}{SHARE}{payer.customer_id}" if proposal.follows else None,
        )
        for payer, amount, standard, quantity in zip(payers, amounts, standards, quantities, strict=True)
    ]


def split_amount(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Exactly ``amount``; a negative one is the mirror of its opposite."""
    return amount.split(weights) if amount.minor >= 0 else [-part for part in (-amount).split(weights)]


def split_quantity(proposal: ItemProposal, amounts: Sequence[Money | None], weights: Sequence[int]) -> list[Decimal]:
    """Exactly the quantity, with as few decimals as let price times quantity round to each part's amount."""
    whole, price = proposal.quantity, proposal.unit_price
    exact = [Fraction(weight, sum(weights)) for weight in weights]
    if proposal.amount is not None and proposal.amount.minor:
        exact = [Fraction(part.minor, proposal.amount.minor) for part in amounts if part is not None]
    for decimals in range(DECIMALS_MAX + 1):
        found = _quantities(whole, exact, decimals)
        if price is None or all(
            part is None or price_times_quantity(price, quantity, part.currency) == part
            for part, quantity in zip(amounts, found, strict=True)
        ):
            return found
    return _quantities(whole, exact, DECIMALS_MAX)


def _quantities(whole: Decimal, exact: Sequence[Fraction], decimals: int) -> list[Decimal]:
    """Rounded to ``decimals``, the largest part takes the rest."""
    unit = Decimal(1).scaleb(-decimals)
    found = [_rounded(Fraction(whole) * share, unit) for share in exact]
    largest = max(range(len(exact)), key=lambda i: (exact[i], -i))
    found[largest] = whole - sum((q for i, q in enumerate(found) if i != largest), start=Decimal(0))
    return found


def _rounded(value: Fraction, unit: Decimal) -> Decimal:
    digits = -int(unit.as_tuple().exponent)
    scaled = value * 10**digits
    return Decimal(scaled.numerator // scaled.denominator + (scaled % 1 >= Fraction(1, 2))).scaleb(-digits)
