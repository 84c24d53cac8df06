"""A receivable exists if and only if its invoice was issued, and what it books balances."""

from collections import Counter

import pytest

from billwright.issuing.content import TaxContent
from billwright.issuing.events import InvoicesIssued
from billwright.kernel.events import Subscriptions
from billwright.receivables.events import ReceivablesOpened
from billwright.receivables.jobs import SUBSCRIBED_INLINE
from billwright.receivables.open_receivables import open_receivables
from billwright.receivables.tables import JournalEntryRow, JournalLineRow, ReceivableRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx
from support.issued import audited, issue, rows


def test_an_issued_invoice_opens_its_receivable(database: Database, tenant: Tenant) -> None:
    opened: list[ReceivablesOpened] = []
    following = database.with_subscriptions(
        Subscriptions(inline={**SUBSCRIBED_INLINE, ReceivablesOpened: (lambda _tx, event: opened.append(event),)})
    )

    issued = issue(following, tenant)

    (receivable,) = rows(database, tenant, ReceivableRow)
    assert receivable.invoice_id == issued.id
    assert receivable.gross_minor == receivable.open_minor == issued.content.gross_minor
    assert (receivable.due_on, receivable.settled_at) == (issued.content.due_on, None)
    (entry,) = rows(database, tenant, JournalEntryRow)
    assert (entry.kind, entry.subject_id, entry.booked_on) == ("invoice", issued.id, issued.content.issued_on)
    booked = Counter[str]()
    for line in rows(database, tenant, JournalLineRow):
        booked[line.account] += line.amount_minor
    assert booked == {
        "1200": issued.content.gross_minor,
        "4000": -issued.content.net_minor,
        "2200": -issued.content.tax_minor,
    }
    assert audited(database, tenant) == ["receivable.opened"]
    assert opened == [
        ReceivablesOpened(customers=((issued.legal_entity_id, issued.customer_id, issued.content.currency),))
    ]


def test_a_failing_issue_leaves_no_receivable(database: Database, tenant: Tenant) -> None:
    def fail(_tx: Tx, _event: InvoicesIssued) -> None:
        raise RuntimeError("the numbers could not be taken")

    following = database.with_subscriptions(Subscriptions(inline={InvoicesIssued: (open_receivables, fail)}))

    with pytest.raises(RuntimeError):
        issue(following, tenant)

    assert rows(database, tenant, ReceivableRow) == []
    assert rows(database, tenant, JournalEntryRow) == []


def test_an_entry_that_does_not_balance_is_a_bug_that_writes_nothing(database: Database, tenant: Tenant) -> None:
    following = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))

    with pytest.raises(AssertionError, match="does not balance"):
        issue(
            following, tenant, taxes=(TaxContent(category="S", rate_basis_points=1900, taxable_minor=1, tax_minor=1),)
        )

    assert rows(database, tenant, ReceivableRow) == []
