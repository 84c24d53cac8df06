"""What a replay would change, in facts and in money: done for real in a transaction that is then undone."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.billing.evaluate import evaluate_contracts
from billwright.billing.tables import BillableItemRow
from billwright.canon.events import ContractsTouched, CustomersTouched
from billwright.canon.tables import ContractRow
from billwright.extension.loading import available_connectors
from billwright.intake.apply_messages import apply_mapped
from billwright.intake.mapping import Connectors, map_messages
from billwright.intake.replay import ReplayReport, load_range, replay
from billwright.kernel.actor import Actor
from billwright.kernel.amount_out import AmountOut, amount_out
from billwright.kernel.events import Subscriptions
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

CONTRACTS_AT_ONCE: Final = 200


class MoneyDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A billable item that today's mapping and rules would make, change or withdraw. Amounts are none while they wait.

    ``billed``: it is on an issued invoice; that stays as issued, and the difference is for a person to credit or bill.
    """

    transaction_key: str
    description: str
    billed: bool
    state_before: str | None
    state_after: str | None
    amount_before: AmountOut | None
    amount_after: AmountOut | None
    reasons_before: list[str]
    reasons_after: list[str]


class ReplayPreview(msgspec.Struct, frozen=True, kw_only=True):
    """``by_currency``: what could be billed afterwards minus before, in major units."""

    facts: ReplayReport
    money: list[MoneyDifference]
    by_currency: dict[str, str]


class _Undone(Exception):
    def __init__(self, before: Mapping[str, AnyRow], after: Mapping[str, AnyRow]) -> None:
        super().__init__()
        self.before, self.after = before, after


def preview_replay(
    database: Database,
    tenant: Tenant,
    actor: Actor,
    *,
    start: datetime,
    end: datetime,
    source: str | None = None,
    connectors: Connectors | None = None,
    trace_id: str | None = None,
) -> ReplayPreview:
    """Both kinds of differences. Nothing is kept, nobody is told; while it runs, the objects concerned wait for it.

    Raises:
        PermissionDeniedError, InputInvalidError, ReplayTooLargeError: as ``replay``.
    """
    known = available_connectors() if connectors is None else connectors
    facts = replay(database, tenant, actor, start=start, end=end, source=source, connectors=known, trace_id=trace_id)
    touched: set[UUID] = set()
    customers: set[UUID] = set()
    listening = Subscriptions(
        inline={
            ContractsTouched: (lambda _tx, event: touched.update(event.contract_ids),),
            CustomersTouched: (lambda _tx, event: customers.update(event.customer_ids),),
        }
    )
    try:
        with transaction(database.with_subscriptions(listening), tenant, actor, trace_id=trace_id) as tx:
            messages = load_range(tx, start, end, source, lock=True)
            if messages:
                apply_mapped(tx, messages, map_messages(tx, messages, known))
            query = select(ContractRow.id).where(ContractRow.customer_id.in_(customers))
            contracts = sorted(touched.union(tx.session.scalars(query)))
            before = _items(tx, contracts)
            for position in range(0, len(contracts), CONTRACTS_AT_ONCE):
                evaluate_contracts(tx, contracts[position : position + CONTRACTS_AT_ONCE])
            tx.session.expire_all()
            raise _Undone(before, _items(tx, contracts))
    except _Undone as undone:
        money = _differences(undone.before, undone.after)
    return ReplayPreview(facts=facts, money=money, by_currency=_sums(money))


def _items(tx: Tx, contracts: list[UUID]) -> dict[str, AnyRow]:
    query = select(
        BillableItemRow.transaction_key, BillableItemRow.description, BillableItemRow.state, BillableItemRow.reasons,
        BillableItemRow.amount_minor, BillableItemRow.currency,
    ).where(BillableItemRow.contract_id.in_(contracts))  # fmt: skip
    return {row.transaction_key: row for row in tx.session.execute(query)}


def _differences(before: Mapping[str, AnyRow], after: Mapping[str, AnyRow]) -> list[MoneyDifference]:
    found = [_difference(key, before.get(key), after.get(key)) for key in sorted({*before, *after})]
    return [each for each in found if each is not None]


def _difference(key: str, old: Any, new: Any) -> MoneyDifference | None:
    parts = [(row.state, row.amount_minor, row.currency, sorted(row.reasons)) if row else None for row in (old, new)]
    if parts[0] == parts[1]:
        return None
    some = new or old
    return MoneyDifference(
        transaction_key=key,
        description=some.description,
        billed=some.state == "billed",
        state_before=old.state if old else None,
        state_after=new.state if new else None,
        amount_before=_amount(old),
        amount_after=_amount(new),
        reasons_before=sorted(old.reasons) if old else [],
        reasons_after=sorted(new.reasons) if new else [],
    )


def _amount(row: Any) -> AmountOut | None:
    if row is None or row.amount_minor is None or row.currency is None or row.state == "cancelled":
        return None
    return amount_out(row.amount_minor, row.currency)


def _sums(money: list[MoneyDifference]) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for each in money:
        for amount, sign in ((each.amount_after, 1), (each.amount_before, -1)):
            if amount is not None:
                sums[amount.currency] = sums.get(amount.currency, Decimal(0)) + sign * Decimal(amount.amount)
    return {currency: str(total) for currency, total in sorted(sums.items()) if total}
