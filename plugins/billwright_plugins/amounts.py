"""What the first-party rules share: how much of each contract a draft bills."""

from billwright.extension.views import ContractTotals, DraftView
from billwright.kernel.money import Money, zero


def billed_here(draft: DraftView) -> list[tuple[ContractTotals, Money]]:
    """Each contract with lines in ``draft``, in the order of its first line, and the sum of these lines.

    Raises:
        KeyError: the draft lacks the totals of a contract; the rule then fails closed.
    """
    totals = {each.contract_id: each for each in draft.contracts}
    sums: dict[str, Money] = {}
    for line in draft.lines:
        sums[line.contract_id] = sums.get(line.contract_id, zero(draft.currency)) + line.net
    return [(totals[contract_id], amount) for contract_id, amount in sums.items()]
