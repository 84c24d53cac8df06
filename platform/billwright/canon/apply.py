"""Canonical objects into rows: set-based, whatever their order of arrival; an older message never wins."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from billwright.canon.events import ContractsTouched, CustomersTouched, PaymentReceived
from billwright.canon.incoming import NO_SEQUENCE, Incoming, Pair, newest
from billwright.canon.references import reserve_ids
from billwright.canon.rows import TABLES, Ids, named, values_of
from billwright.canon.senders import earlier_makers, note_senders, senders_of
from billwright.canon.tables import ContractRow
from billwright.canon.versions import Origin, add_versions
from billwright.extension.canonical import ChangeOrder, Contract, Customer, Payment, Project
from billwright.jobs.enqueue import publish
from billwright.kernel.events import DomainEvent
from billwright.tenancy.recordset import parameters, recordset, table_of
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """``superseded`` are positions in what was given: objects of which something newer is known."""

    ids: Ids
    superseded: frozenset[int]


def apply_objects(tx: Tx, items: Sequence[Incoming]) -> Applied:
    """Write ``items`` in the caller's transaction and publish what was touched. No more statements for more items.

    Of each object the newest wins by the order of ``Incoming.place``, in this batch and against what is stored; the same
    message again writes the same row. Objects named but unknown get their identifiers here, so that a fact may come
    before what it points to. Whoever sent something about an object is kept, whatever became of it: who may approve does not
    depend on the order of arrival either. Rows are written in one order of tables and identifiers: workers cannot deadlock.
    """
    chosen = newest(items)
    ids = Ids(reserve_ids(tx, (pair for item in chosen.values() for pair in named(item.object))))
    senders = senders_of(items)
    won: list[Incoming] = []
    resent: list[Incoming] = []
    for kind in TABLES:
        written, late = _upsert(tx, kind, [item for item in chosen.values() if item.object.kind == kind], ids, senders)
        won.extend(written)
        resent.extend(late)
    add_versions(tx, _origins(won, ids))
    payments = [item for item in chosen.values() if isinstance(item.object, Payment)]
    winners = {id(item) for item in (*won, *payments)}
    _publish(tx, [*won, *resent], payments, ids)
    return Applied(ids=ids, superseded=frozenset(n for n, item in enumerate(items) if id(item) not in winners))


@cache
def _statement(kind: str) -> ReturningInsert[Any]:
    """Upsert of one table, made once. ``<=``: the same message again, mapped anew, replaces what it wrote."""
    table = table_of(TABLES[kind])
    columns = [each for each in table.columns if each.name != "earlier_makers"]
    incoming = recordset(columns)
    statement = insert(table).from_select([each.name for each in columns], select(*incoming.c))
    new = statement.excluded
    replaced = {each.name: new[each.name] for each in columns if each.name != "id"}

    def place(row: Any) -> Any:
        return tuple_(func.coalesce(row.source_sequence, NO_SEQUENCE), row.source_time, row.source_key.collate("C"))

    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_=replaced | {"earlier_makers": earlier_makers(table.c, new)},
        where=place(table.c) <= place(new),
    ).returning(table.c.id)


def _upsert(
    tx: Tx, kind: str, items: list[Incoming], ids: Ids, senders: Mapping[Pair, set[UUID]]
) -> tuple[list[Incoming], list[Incoming]]:
    """Those of ``items`` that were written, and those that only made another sender of the fact known."""
    if not items:
        return [], []
    by_id = {ids.one(kind, item.object.ref): item for item in items}
    rows = parameters(values_of(by_id[each], ids, tx.now) for each in sorted(by_id))
    written = {each: by_id[each] for each in tx.session.scalars(_statement(kind), rows)}
    who = {each: senders[item.pair] for each, item in by_id.items() if item.pair in senders}
    known = note_senders(tx, TABLES[kind], written, who)
    return list(written.values()), [by_id[each] for each in known if each not in written]


def _origins(won: Iterable[Incoming], ids: Ids) -> list[Origin]:
    origins = []
    for item in won:
        match item.object:
            case Contract() as contract:
                own = ids.one("contract", contract.ref)
                origins.append(
                    Origin(
                        contract_id=own,
                        origin_id=own,
                        effective_at=None,
                        value=contract.value,
                        currency=contract.currency,
                    )
                )
            case ChangeOrder(signed_at=signed_at) as order if signed_at is not None:
                origins.append(
                    Origin(
                        contract_id=ids.one("contract", order.contract),
                        origin_id=ids.one("change_order", order.ref),
                        effective_at=signed_at,
                        value=order.value_after,
                        currency=order.currency_after,
                    )
                )
    return origins


def _publish(tx: Tx, won: Sequence[Incoming], payments: Sequence[Incoming], ids: Ids) -> None:
    """One event per kind of change, identifiers sorted, so that the jobs that follow are written in one order too."""
    touched: defaultdict[str, set[UUID]] = defaultdict(set)
    for item in won:
        item_object = item.object
        if isinstance(item_object, Customer | Project):
            touched[item_object.kind].add(ids.one(item_object.kind, item_object.ref))
        for kind, ref in named(item_object):
            if kind == "contract":
                touched["contract"].add(ids.one(kind, ref))
    contracts = touched["contract"] | _contracts_of_projects(tx, touched["project"])
    events: list[DomainEvent] = []
    if touched["customer"]:
        events.append(CustomersTouched(customer_ids=tuple(sorted(touched["customer"]))))
    if contracts:
        events.append(ContractsTouched(contract_ids=tuple(sorted(contracts))))
    events.extend(_payment_event(item, ids) for item in sorted(payments, key=lambda each: each.object.ref))
    publish(tx, *events)


def _contracts_of_projects(tx: Tx, project_ids: set[UUID]) -> set[UUID]:
    """A project's name stands on drafts of its contracts."""
    if not project_ids:
        return set()
    return set(tx.session.scalars(select(ContractRow.id).where(ContractRow.project_id.in_(project_ids))))


def _payment_event(item: Incoming, ids: Ids) -> PaymentReceived:
    payment = item.object
    assert isinstance(payment, Payment)
    return PaymentReceived(
        payment=payment,
        customer_id=ids.maybe("customer", payment.customer),
        milestone_ids=tuple(ids.milestones(payment.milestones)),
        message_id=item.message_id,
    )
