"""What was billed of a contract, for the triggers whose next item depends on it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from billwright.extension.schedules import BilledItem
from billwright.extension.views import ContractView
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow

CREDITED: Final = frozenset({"released_by_credit", "accepted_anew"})


def remember(views: Mapping[UUID, ContractView], known: Mapping[str, AnyRow]) -> dict[UUID, ContractView]:
    """``views``, those that remember with what of ``known`` (items by transaction key) is billed, net of credits.

    No statement: the items are read already.
    """
    wanted = {contract_id for contract_id, view in views.items() if view.remembers}
    billed: defaultdict[UUID, dict[str, BilledItem]] = defaultdict(dict)
    credited: defaultdict[UUID, set[str]] = defaultdict(set)
    for key, row in known.items() if wanted else ():
        if row.contract_id not in wanted:
            continue
        if row.state == "billed" and row.currency is not None:
            minor, quantity = row.amount_minor - row.written_off_minor, row.quantity - row.written_off_quantity
            billed[row.contract_id][key] = BilledItem(amount=Money(minor, row.currency), quantity=quantity)
        elif CREDITED & {*row.reasons}:
            credited[row.contract_id].add(key)
    return {
        contract_id: replace(view, billed=billed[contract_id], credited=frozenset(credited[contract_id]))
        if contract_id in wanted
        else view
        for contract_id, view in views.items()
    }
