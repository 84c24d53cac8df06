"""A dispute holds its amount and no more, and gives the invoice back to where it was."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from billwright.billing.tables import InvoiceRow
from billwright.collections.errors import (
    DisputeAmountError,
    DisputeClosedError,
    DisputeReasonError,
    InvoiceNotOpenError,
)
from billwright.collections.events import DisputeOpened, DisputesResolved
from billwright.collections.open_dispute import open_dispute
from billwright.collections.queries import list_disputes
from billwright.collections.resolve_dispute import Resolution, resolve_dispute
from billwright.collections.tables import DisputeRow
from billwright.kernel.errors import NotFoundError, PermissionDeniedError
from billwright.kernel.events import Subscriptions
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.posting.tables import PostingRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.issued import audited, rows, told
from support.open_items import CLERK, STRANGER, Billed, Books, open_books


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    return open_books(database, tenant, tmp_path)


def dispute(books: Books, invoice: Billed, minor: int | None, *, line: int = 1, currency: str = "EUR") -> UUID:
    amount = None if minor is None else Money(minor, currency)
    return open_dispute(
        books.database, books.tenant, CLERK, invoice.id, line=line, amount=amount, reason=" Not what we ordered "
    )


def resolve(books: Books, dispute_id: UUID, resolution: Resolution = "withdrawn") -> None:
    resolve_dispute(books.database, books.tenant, CLERK, dispute_id, resolution=resolution, reason="Settled by phone")


def test_opening_and_resolving_are_told_recorded_and_published(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00, 50_00, rate=1900)
    books.work()
    events: list[Any] = []
    types = (DisputeOpened, DisputesResolved)
    books.database = books.database.with_subscriptions(
        Subscriptions(inline={each: (lambda _tx, event: events.append(event),) for each in types})
    )

    first = dispute(books, invoice, None)

    (row,) = rows(books.database, books.tenant, DisputeRow)
    assert (row.amount_minor, row.reason, row.state) == (119_00, "Not what we ordered", "open")
    assert row.opened_by == "Clara Clerk"
    assert books.phase_of(invoice) == ("disputed", "awaiting_resolution")
    resolve(books, first, "upheld")
    assert books.phase_of(invoice) == ("issued", "delivered")
    assert told(books.database, books.tenant) == ["dispute.opened", "dispute.upheld"]
    assert audited(books.database, books.tenant)[-2:] == ["dispute.opened", "dispute.resolved"]
    assert events == [
        DisputeOpened(dispute_id=first, invoice_id=invoice.id),
        DisputesResolved(dispute_ids=(first,), invoice_ids=(invoice.id,)),
    ]
    with books.tx(read_only=True) as tx:
        (item,) = list_disputes(tx, invoice_id=invoice.id).rows
        assert (item.number, item.position, item.dispute.resolution) == (invoice.number, 1, "Settled by phone")
        assert list_disputes(tx, state="open").rows == []


def test_the_invoice_is_disputed_while_any_dispute_is_open(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00, 50_00)
    first, second = dispute(books, invoice, 30_00), dispute(books, invoice, 20_00, line=2)
    third = dispute(books, invoice, 70_00)

    resolve(books, second)
    resolve(books, first, "upheld")
    assert books.phase_of(invoice)[0] == "disputed"
    resolve(books, third)
    assert books.phase_of(invoice) == ("issued", "delivered")


def test_what_the_erp_confirmed_meanwhile_counts(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    identifier = dispute(books, invoice, None)
    posting = {
        "id": new_id(), "invoice_id": invoice.id, "connection_id": new_id(), "key": "k", "state": "posted",
        "attempts": 1, "intended_at": books.database.clock.now(),
    }  # fmt: skip
    with books.tx() as tx:
        tx.session.execute(insert(PostingRow), [posting])

    resolve(books, identifier)

    assert books.phase_of(invoice) == ("posted", "posted")


def test_an_amount_stays_within_the_line_and_what_is_open(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00, 50_00, rate=1900)
    books.work()
    with pytest.raises(DisputeAmountError, match=r"Line 1 comes to 119.00 EUR with tax; 119.00 EUR of it is open"):
        dispute(books, invoice, 119_01)
    with pytest.raises(DisputeAmountError):
        dispute(books, invoice, 0)
    with pytest.raises(DisputeAmountError):
        dispute(books, invoice, 1, currency="USD")
    dispute(books, invoice, 100_00)
    with pytest.raises(DisputeAmountError, match=r"19\.00 EUR of it is open and not contested yet"):
        dispute(books, invoice, 19_01)
    books.pay("60.00", invoice_number=invoice.number)
    books.work()
    with pytest.raises(DisputeAmountError, match=r"Line 2 comes to 59.50 EUR with tax; 18.50 EUR"):
        dispute(books, invoice, 18_51, line=2)
    dispute(books, invoice, 18_50, line=2)
    with pytest.raises(DisputeAmountError, match=r"0\.00 EUR of it"):
        dispute(books, invoice, None, line=2)


def test_disputes_that_race_never_contest_more_than_the_line(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)

    def attempt(_: int) -> int:
        try:
            dispute(books, invoice, 40_00)
        except DisputeAmountError:
            return 0
        return 1

    with ThreadPoolExecutor(5) as pool:
        assert sum(pool.map(attempt, range(5))) == 2


def test_paying_in_full_ends_the_disputes(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()
    identifier = dispute(books, invoice, 30_00)
    books.pay("70.00", invoice_number=invoice.number)
    books.work()
    assert books.phase_of(invoice)[0] == "disputed"

    books.pay("30.00", invoice_number=invoice.number)
    books.work()

    assert books.phase_of(invoice) == ("settled", "paid")
    (row,) = rows(books.database, books.tenant, DisputeRow)
    assert (row.id, row.state, row.resolution) == (identifier, "withdrawn", "The invoice was paid in full.")
    with pytest.raises(DisputeClosedError):
        resolve(books, identifier)
    with pytest.raises(InvoiceNotOpenError, match="is settled"):
        dispute(books, invoice, 1)
    books.check()


def test_refusals_name_what_is_missing(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    with pytest.raises(DisputeReasonError):
        open_dispute(books.database, books.tenant, CLERK, invoice.id, line=1, amount=None, reason="  ")
    with pytest.raises(NotFoundError, match="no line 2"):
        dispute(books, invoice, 1, line=2)
    with pytest.raises(NotFoundError):
        open_dispute(books.database, books.tenant, CLERK, new_id(), line=1, amount=None, reason="x")
    with pytest.raises(NotFoundError):
        resolve(books, new_id())
    identifier = dispute(books, invoice, None)
    with pytest.raises(DisputeReasonError):
        resolve_dispute(books.database, books.tenant, CLERK, identifier, resolution="upheld", reason="")
    resolve(books, identifier)
    with pytest.raises(DisputeClosedError, match="withdrawn before"):
        resolve(books, identifier)


def test_a_draft_or_a_void_invoice_cannot_be_disputed(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    with books.tx() as tx:
        tx.session.execute(update(InvoiceRow).values(phase="void"))
    with pytest.raises(InvoiceNotOpenError, match="is void"):
        dispute(books, invoice, None)


def test_without_permission_or_in_another_tenant_nothing_happens(
    books: Books, make_tenant: Any, tmp_path: Path
) -> None:
    invoice = books.issue(books.customer(), 100_00)
    identifier = dispute(books, invoice, 10_00)
    other = open_books(books.database, make_tenant("Other"), tmp_path)

    with pytest.raises(PermissionDeniedError):
        open_dispute(books.database, books.tenant, STRANGER, invoice.id, line=1, amount=None, reason="x")
    with pytest.raises(PermissionDeniedError):
        resolve_dispute(books.database, books.tenant, STRANGER, identifier, resolution="upheld", reason="x")
    with pytest.raises(NotFoundError):
        dispute(other, invoice, 1)
    with pytest.raises(NotFoundError):
        resolve(other, identifier)
    (row,) = rows(books.database, books.tenant, DisputeRow)
    assert row.state == "open"
