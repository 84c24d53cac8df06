"""What was billed of a contract, for the triggers whose next item depends on it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from billwright.billing.split import whole_of
from billwright.extension.schedules import BilledItem
from billwright.extension.views import ContractView
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow

CREDITED: Final = frozenset({"released_by_credit", "accepted_anew"})


def remember(views: Mapping[UUID, ContractView], known: Mapping[str, AnyRow]) -> dict[UUID, ContractView]:
    """``views``, those that remember with what of ``known`` (items by transaction key) is billed, net of credits.

    What several customers share counts as one thing, billed as soon as one part of it is: it is not divided anew then.
    No statement: the items are read already.
    """
    wanted = {contract_id for contract_id, view in views.items() if view.remembers}
    billed: defaultdict[UUID, dict[str, BilledItem]] = defaultdict(dict)
    credited: defaultdict[UUID, set[str]] = defaultdict(set)
    shared = {whole_of(key) for key, row in known.items() if row.state == "billed"} if wanted else set()
    for key, row in known.items() if wanted else ():
        if row.contract_id not in wanted:
            continue
        whole = whole_of(key)
        if row.amount_minor is not None and (row.state == "billed" or (whole and whole in shared)):
            amount = Money(row.amount_minor - row.written_off_minor, row.currency)
            _add(billed[row.contract_id], whole or key, amount, row.quantity - row.written_off_quantity)
        elif CREDITED & {*row.reasons}:
            credited[row.contract_id].add(key)
    return {
        contract_id: replace(view, billed=billed[contract_id], credited=frozenset(credited[contract_id]))
        if contract_id in wanted
        else view
        for contract_id, view in views.items()
    }


def _add(billed: dict[str, BilledItem], key: str, amount: Money, quantity: Decimal) -> None:
    before = billed.get(key)
    if before is not None:
        amount, quantity = before.amount + amount, before.quantity + quantity
    billed[key] = BilledItem(amount=amount, quantity=quantity)
