"""What came of an import: counted from the database, tenant by tenant, for people and as JSON."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select

from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon import tables as canon
from billwright.intake.tables import SourceMessageRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.money import Money
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction

OBJECTS: Final = {
    "customers": canon.CustomerRow,
    "projects": canon.ProjectRow,
    "contracts": canon.ContractRow,
    "change_orders": canon.ChangeOrderRow,
    "milestones": canon.MilestoneRow,
    "acceptances": canon.AcceptanceRow,
    "evidence": canon.EvidenceRow,
    "signals": canon.SignalRow,
}


class Report:
    """Sums over tenants. ``milestones`` are billable items by state and first reason; ``notes`` do not hold anything."""

    def __init__(self) -> None:
        self.tenants = 0
        self.messages: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.objects: Counter[str] = Counter()
        self.billed = 0
        self.waiting: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.invoices: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()

    def add(self, database: Database, tenant: Tenant) -> None:
        self.tenants += 1
        with transaction(database, tenant, SYSTEM, read_only=True) as tx:
            self._messages(tx)
            for name, table in OBJECTS.items():
                self.objects[name] += tx.session.scalar(select(func.count()).select_from(table)) or 0
            self._items(tx)
            self._invoices(tx)

    def _messages(self, tx: Tx) -> None:
        query = select(SourceMessageRow.state, SourceMessageRow.reason, func.count())
        for state, reason, count in tx.session.execute(query.group_by(SourceMessageRow.state, SourceMessageRow.reason)):
            self.messages[state] += count
            if state == "held":
                self.held[reason or "no reason given"] += count

    def _items(self, tx: Tx) -> None:
        query = select(BillableItemRow.state, BillableItemRow.reasons, BillableItemRow.notes).where(
            BillableItemRow.kind == "milestone"
        )
        for state, reasons, notes in tx.session.execute(query):
            if state == "billed":
                self.billed += 1
            elif state == "waiting":
                self.waiting[reasons[0] if reasons else "unknown"] += 1
            else:
                self.other[state] += 1
            self.notes.update(notes)

    def _invoices(self, tx: Tx) -> None:
        query = select(InvoiceRow.phase, InvoiceRow.currency, func.count(), func.sum(InvoiceRow.net_minor))
        for phase, currency, count, net in tx.session.execute(query.group_by(InvoiceRow.phase, InvoiceRow.currency)):
            self.invoices[phase] += count
            if phase not in ("draft", "validation_pending", "manager_approved", "finance_approved", "void"):
                self.totals[currency] += int(net)

    def as_json(self, refused: Sequence[dict[str, Any]]) -> dict[str, Any]:
        milestones = {"billed": self.billed, "waiting": _sorted(self.waiting), "notes": _sorted(self.notes)}
        return {
            "tenants": self.tenants,
            "messages": {"total": self.messages.total(), **_sorted(self.messages), "held_reasons": _sorted(self.held)},
            "objects": _sorted(self.objects),
            "milestones": {**milestones, **_sorted(self.other)},
            "invoices": {
                **_sorted(self.invoices),
                "net_by_currency": {
                    code: str(Money(minor, code).decimal) for code, minor in sorted(self.totals.items())
                },
            },
            "refused": list(refused),
        }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
