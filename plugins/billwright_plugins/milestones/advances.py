"""Advances drawn down: a share of every other amount of the contract is taken off it, until the advance is used up."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from billwright.extension.views import ContractView, ItemProposal, MilestoneView
from billwright.kernel.money import Money, round_half_up
from billwright_plugins.pricing import shortened

DRAWING: Final = frozenset({"milestone", "time", "retainer", "subscription", "usage", "progress"})
"""Kinds that use an advance up; expenses are passed on as they are."""


def draw_down(contract: ContractView, items: Sequence[ItemProposal]) -> list[ItemProposal]:
    """One negative item per item that uses an advance up, and one that waits for what a completed contract left over."""
    advances = [each for each in contract.milestones if each.draw_down_percent is not None]
    prefixes = tuple(f"milestone:{contract.id}:{each.id}:" for each in advances)
    others = [
        each
        for each in items
        if each.kind in DRAWING and each.ready and each.amount is not None and each.amount.minor > 0
        if not each.transaction_key.startswith(prefixes)
    ]
    others.sort(key=lambda each: (each.service_to or date.max, each.transaction_key))
    left = {each.transaction_key: _left(each, items) for each in others}
    found: list[ItemProposal] = []
    for advance in advances:
        for settlement in _of_one(contract, advance, items, others, left):
            found.append(settlement)
            if settlement.follows is not None and settlement.amount is not None:
                left[settlement.follows] += settlement.amount.minor
    return found


def _left(item: ItemProposal, items: Sequence[ItemProposal]) -> int:
    """Minor units of ``item`` that no earlier settlement took."""
    taken = [each.amount.minor for each in items if each.follows == item.transaction_key and each.amount is not None]
    assert item.amount is not None
    return item.amount.minor + sum(taken)


def _of_one(
    contract: ContractView,
    advance: MilestoneView,
    items: Sequence[ItemProposal],
    others: Sequence[ItemProposal],
    left: dict[str, int],
) -> Iterator[ItemProposal]:
    """What was billed first, as it was billed; then the open items, oldest first. The sum of the shares is rounded, not each."""
    paid = _paid(contract, advance, items)
    if paid is None:
        return
    share = Fraction(advance.draw_down_percent or 0) / 100
    key = f"drawdown:{advance.id}:"
    counted = drawn = 0
    opened: list[ItemProposal] = []
    for item in others:
        assert item.amount is not None
        if item.amount.currency != paid.currency:
            continue
        billed = contract.billed.get(key + item.transaction_key)
        if billed is not None:
            counted += item.amount.minor
            drawn -= billed.amount.minor
            yield _settlement(advance, item, key, billed.amount)
        elif item.transaction_key not in contract.billed:
            opened.append(item)
    for item in opened:
        assert item.amount is not None
        counted += item.amount.minor
        wanted = paid.minor if contract.status == "completed" else min(paid.minor, round_half_up(share * counted))
        amount = max(0, min(wanted - drawn, left[item.transaction_key]))
        drawn += amount
        if amount:
            yield _settlement(advance, item, key, Money(-amount, paid.currency))
    if contract.status == "completed" and drawn < paid.minor:
        yield _left_over(advance, key, Money(drawn - paid.minor, paid.currency))


def _paid(contract: ContractView, advance: MilestoneView, items: Sequence[ItemProposal]) -> Money | None:
    """What the advance came to, once it may be billed: net of credits where it was billed."""
    parts = [
        contract.billed[each.transaction_key].amount if each.transaction_key in contract.billed else each.amount
        for each in items
        if each.transaction_key.startswith(f"milestone:{contract.id}:{advance.id}:") and each.ready
        if each.transaction_key not in contract.credited
    ]
    amounts = [part for part in parts if part is not None]
    if not amounts or len({amount.currency for amount in amounts}) > 1:
        return None
    return sum(amounts[1:], start=amounts[0])


def _settlement(advance: MilestoneView, item: ItemProposal, key: str, amount: Money) -> ItemProposal:
    return ItemProposal(
        transaction_key=key + item.transaction_key,
        kind="drawdown",
        subject_id=advance.id,
        ready=True,
        description=shortened(f"Drawn from advance {advance.number}: {item.description}"),
        quantity=Decimal(-1),
        unit_price=(-amount).decimal,
        amount=amount,
        service_from=item.service_from,
        service_to=item.service_to,
        clause=advance.clause,
        contract_version_id=item.contract_version_id,
        change_order_id=item.change_order_id,
        message_id=advance.message_id,
        follows=item.transaction_key,
        service_line=item.service_line,
    )


def _left_over(advance: MilestoneView, key: str, amount: Money) -> ItemProposal:
    """The contract is over and nothing is left to draw it from: people pay it back by a credit note of the advance."""
    return ItemProposal(
        transaction_key=f"{key}left",
        kind="drawdown",
        subject_id=advance.id,
        ready=False,
        reasons=("advance_left_over",),
        description=shortened(f"Left of advance {advance.number} — {advance.name}"),
        quantity=Decimal(-1),
        unit_price=(-amount).decimal,
        amount=amount,
        clause=advance.clause,
        message_id=advance.message_id,
    )
