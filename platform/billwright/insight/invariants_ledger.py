"""Invariant 5 in base currencies: entries are valued as a whole and add up, and no value stays behind what is settled."""

from collections.abc import Iterable

from sqlalchemy import func, or_, select

from billwright.insight.invariants_base import Offender, Scope
from billwright.kernel.ids import show
from billwright.kernel.money import Money
from billwright.receivables.tables import JournalEntryRow, JournalLineRow, ReceivableRow


def entries_off_in_base(scope: Scope) -> Iterable[Offender]:
    """Entries whose lines are valued in part, do not add up, or are in the base currency and worth something else."""
    entry, line = JournalEntryRow, JournalLineRow
    off = func.coalesce(func.sum(line.base_minor), 0)
    query = (
        select(entry.id, entry.kind, entry.base_currency, off.label("off_minor"))
        .join(line, line.entry_id == entry.id)
        .group_by(entry.id)
        .having(
            or_(
                func.bool_or(entry.base_currency.is_(None) != line.base_minor.is_(None)),
                off != 0,
                func.bool_or((line.currency == entry.base_currency) & (line.base_minor != line.amount_minor)),
            )
        )
    )
    for row in scope.tx.session.execute(query):
        amount = Money(int(row.off_minor), row.base_currency) if row.base_currency else f"{row.off_minor} (minor units)"
        yield Offender(
            show("jrn", row.id), f"The {row.kind} entry is off by {amount} in the base currency, or valued in part."
        )


def values_left_behind(scope: Scope) -> Iterable[Offender]:
    """Receivables that the ledger has at zero in their own currency, but not in the base currency."""
    line = JournalLineRow
    left = func.sum(line.base_minor)
    query = (
        select(ReceivableRow.id, ReceivableRow.invoice_id, left.label("left_minor"))
        .join(line, line.receivable_id == ReceivableRow.id)
        .group_by(ReceivableRow.id)
        .having(func.bool_and(line.base_minor.is_not(None)), func.sum(line.amount_minor) == 0, left != 0)
    )
    for row in scope.tx.session.execute(query):
        yield Offender(
            show("rcv", row.id),
            f"Nothing is open of {show('inv', row.invoice_id)}, but {row.left_minor} (minor units of the base currency) is "
            "left in the ledger.",
        )
