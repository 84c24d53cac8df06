"""The ledger of holdback: entries that only grow, and a balance per contract, legal entity, currency and mode.

Invariant: withheld = released + outstanding, both net of what credit notes took back. Every function works in the caller's
transaction, locks the balances that it changes, and needs a constant number of statements.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.holdback import is_withheld
from billwright.billing.holdback_standing import Key, lock_balances
from billwright.billing.tables import HoldbackBalanceRow, HoldbackEntryRow
from billwright.jobs.enqueue import enqueue
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.kernel.money import round_half_up
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An invoice of this moment; ``holdback`` as its draft kept it (``Taken.stored``)."""

    invoice_id: UUID
    legal_entity_id: UUID
    currency: str
    holdback: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """What an issued credit note takes back of one billable item: ``minor`` as the invoice billed it, so positive for work
    and for a release, negative for the line that withheld."""

    invoice_id: UUID
    credit_invoice_id: UUID
    legal_entity_id: UUID
    currency: str
    contract_id: UUID
    transaction_key: str
    kind: str
    minor: int


@dataclass(slots=True)
class Movement:
    """What changes of one balance; ``withheld`` and ``released`` may be below zero."""

    billed: int = 0
    withheld: int = 0
    released: int = 0


class _Ledger:
    """Entries and movements of one call."""

    def __init__(self, tx: Tx, balances: dict[Key, HoldbackBalanceRow]) -> None:
        self.tx = tx
        self.balances = balances
        self._entries: list[dict[str, Any]] = []
        self._moved: defaultdict[Key, Movement] = defaultdict(Movement)

    def move(self, key: Key, kind: str, minor: int, *, invoice_id: UUID, **more: Any) -> None:
        """One entry of ``minor`` > 0; nothing is written for zero."""
        assert minor >= 0, f"{kind} of {minor}"
        moved = self._moved[key]
        sign = -1 if kind.endswith("_reversed") else 1
        if kind.startswith("withheld"):
            moved.withheld += sign * minor
        else:
            moved.released += sign * minor
        if minor:
            entry = {"base_minor": 0, "release": "", "due_on": None, "credit_invoice_id": None, **more}
            balance_id = self.balances[key].id
            row = {"id": new_id(), "balance_id": balance_id, "invoice_id": invoice_id, "kind": kind}
            self._entries.append({**row, "amount_minor": minor, **entry, "at": self.tx.now})

    def outstanding(self, key: Key) -> int:
        """With the movements of this call."""
        moved = self._moved[key]
        return self.balances[key].outstanding_minor + moved.withheld - moved.released

    def billed(self, key: Key, base_minor: int) -> None:
        self._moved[key].billed += base_minor

    def write(self) -> None:
        insert_many(self.tx.session, HoldbackEntryRow, self._entries)
        rows, audits = [], []
        for key, moved in self._moved.items():
            balance = self.balances[key]
            change = {
                "billed_minor": balance.billed_minor + moved.billed,
                "withheld_minor": balance.withheld_minor + moved.withheld,
                "released_minor": balance.released_minor + moved.released,
                "outstanding_minor": balance.outstanding_minor + moved.withheld - moved.released,
            }
            rows.append({"b_id": balance.id, **change})
            after = {name: change[name] for name in ("withheld_minor", "released_minor", "outstanding_minor")}
            audits.append(entry_values(self.tx, "holdback.moved", "contract", balance.contract_id, after=after))
        if rows:
            names = [name for name in rows[0] if name != "b_id"]
            statement = update(HoldbackBalanceRow).where(HoldbackBalanceRow.id == bindparam("b_id"))
            self.tx.session.connection().execute(statement.values({n: bindparam(n) for n in names}), rows)
        record_many(self.tx, audits)


def book_issued(tx: Tx, issued: Iterable[Issued]) -> None:
    """Write what these invoices withhold and release, in the transaction that issues them. None with holdback: nothing."""
    concerned = [each for each in issued if each.holdback]
    if not concerned:
        return
    keys = {_key(each, part) for each in concerned for part in each.holdback}
    ledger = _Ledger(tx, lock_balances(tx, keys))
    for each in concerned:
        for part in each.holdback:
            key = _key(each, part)
            ledger.billed(key, part["base_minor"])
            base = {"base_minor": part["base_minor"]}
            ledger.move(key, "withheld", part["withheld_minor"], invoice_id=each.invoice_id, **base)
            name = ", ".join(part["releases"])
            ledger.move(key, "released", part["released_minor"], invoice_id=each.invoice_id, release=name)
    ledger.write()
    _look_at(tx, {key[0] for key in keys})


def _key(issued: Issued, part: dict[str, Any]) -> Key:
    return (UUID(part["contract_id"]), issued.legal_entity_id, issued.currency, part["mode"])


def release_receivables(tx: Tx, key: Key, minor: int, *, release: str, due_on: date) -> list[UUID]:
    """Let ``minor`` of what receivables retain fall due on ``due_on``, oldest invoice first; return the invoices.

    Never more than is outstanding: the rest of ``minor`` is left out.
    """
    ledger = _Ledger(tx, lock_balances(tx, {key}))
    left = min(minor, ledger.balances[key].outstanding_minor)
    touched = []
    for invoice_id, retained in _retained(tx, ledger.balances[key].id).items():
        part = min(left, retained)
        if part > 0:
            ledger.move(key, "released", part, invoice_id=invoice_id, release=release, due_on=due_on)
            touched.append(invoice_id)
            left -= part
    ledger.write()
    return touched


def close_balances(tx: Tx, balances: Iterable[HoldbackBalanceRow]) -> None:
    """Nothing more is withheld: the last release has come."""
    ids = [balance.id for balance in balances if balance.closed_at is None]
    tx.session.execute(update(HoldbackBalanceRow).where(HoldbackBalanceRow.id.in_(ids)).values(closed_at=tx.now))


def _retained(tx: Tx, balance_id: UUID) -> dict[UUID, int]:
    """What is still retained by invoice, in the order in which they were issued."""
    query = select(HoldbackEntryRow).where(HoldbackEntryRow.balance_id == balance_id).order_by(HoldbackEntryRow.id)
    left: dict[UUID, int] = {}
    for entry in tx.session.scalars(query):
        sign = 1 if entry.kind in ("withheld", "released_reversed") else -1
        left[entry.invoice_id] = left.get(entry.invoice_id, 0) + sign * entry.amount_minor
    return left


def reverse_holdback(tx: Tx, credited: Sequence[Credited]) -> None:
    """Take back what credit notes undo, in the transaction that issues them; the contracts are looked at again.

    Where lines withhold, crediting such a line takes back just that, and crediting a release makes it outstanding again.
    Where receivables retain, the part goes that the credited work has in all work of the invoice: in several credit notes the
    parts add up exactly. What was released already stays released: it is money of the receivable, credited like the rest.
    """
    if not credited:
        return
    invoices = {each.invoice_id for each in credited}
    query = (
        select(HoldbackEntryRow, HoldbackBalanceRow)
        .join(HoldbackBalanceRow, HoldbackBalanceRow.id == HoldbackEntryRow.balance_id)
        .where(HoldbackEntryRow.invoice_id.in_(invoices))
        .order_by(HoldbackEntryRow.id)
    )
    entries: defaultdict[tuple[UUID, Key], list[HoldbackEntryRow]] = defaultdict(list)
    for entry, balance in tx.session.execute(query):
        key = (balance.contract_id, balance.legal_entity_id, balance.currency, balance.mode)
        entries[entry.invoice_id, key].append(entry)
    if not entries:
        return
    ledger = _Ledger(tx, lock_balances(tx, {key for _, key in entries}))
    for (invoice_id, key), known in entries.items():
        own = [each for each in credited if each.invoice_id == invoice_id and each.contract_id == key[0]]
        if own:
            _reverse(ledger, key, known, own)
    ledger.write()
    _look_at(tx, {each.contract_id for each in credited})


def _look_at(tx: Tx, contract_ids: set[UUID]) -> None:
    """What is outstanding changed, and with it what a release comes to."""
    jobs = ((f"evaluate:{each}", {"contract_id": each}) for each in sorted(contract_ids))
    enqueue(tx, [JobSpec(kind="billing.evaluate", key=key, payload=payload) for key, payload in jobs])


def _reverse(ledger: _Ledger, key: Key, known: Sequence[HoldbackEntryRow], own: Sequence[Credited]) -> None:
    to = {"invoice_id": own[0].invoice_id, "credit_invoice_id": own[0].credit_invoice_id}
    work = sum(each.minor for each in own if each.kind != "holdback")
    ledger.billed(key, -work)
    if key[3] == "line":
        undone = sum(each.minor for each in own if each.kind == "holdback" and not is_withheld(each.transaction_key))
        ledger.move(key, "released_reversed", max(undone, 0), **to)
        taken = -sum(each.minor for each in own if is_withheld(each.transaction_key))
        ledger.move(key, "withheld_reversed", min(max(taken, 0), ledger.outstanding(key)), **to, base_minor=work)
        return
    part = share_of_credit(known, work)
    ledger.move(key, "withheld_reversed", min(part, ledger.outstanding(key)), **to, base_minor=work)


def share_of_credit(known: Iterable[HoldbackEntryRow], work_minor: int) -> int:
    """What of an invoice's holdback goes when ``work_minor`` of its work is credited now; ``known`` are its entries.

    Rounded on the sum of all credit notes, so that the last one takes exactly what is left.
    """
    withheld = base = gone = gone_base = released = 0
    for entry in known:
        if entry.kind == "withheld":
            withheld, base = withheld + entry.amount_minor, base + entry.base_minor
        elif entry.kind == "withheld_reversed":
            gone, gone_base = gone + entry.amount_minor, gone_base + entry.base_minor
        elif entry.kind == "released":
            released += entry.amount_minor
    if not base:
        return 0
    in_all = round_half_up(Fraction(withheld * min(gone_base + work_minor, base), base))
    return max(min(in_all - gone, withheld - gone - released), 0)
