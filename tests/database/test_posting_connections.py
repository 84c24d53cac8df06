"""Posting through the connections a firm has: what they lack, several of them, and who may retry."""

import csv

import pytest
from sqlalchemy import update

from billwright.billing.tables import InvoiceRow
from billwright.intake.tables import ConnectionRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import NotFoundError, PermissionDeniedError, SettingsInvalidError
from billwright.kernel.events import Subscriptions
from billwright.posting.errors import ConnectionMissingError, PostingStateError
from billwright.posting.jobs import SUBSCRIBED_INLINE, handlers
from billwright.posting.post_invoice import Books, post_invoice
from billwright.posting.queries import list_postings
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant, transaction
from support.fake_erp import FakeErp
from support.issued import audited, connect, desk, issue, rows, state_of
from support.posting_books import CLERK, MASTER_KEY, MakeTenant, books, connect_fake, erp, only_posting, tenant

__all__ = ["books", "erp", "tenant"]


def test_what_the_connection_lacks_is_told(database: Database, tenant: Tenant, books: Books) -> None:
    invoice = issue(database, tenant)
    with pytest.raises(ConnectionMissingError):
        post_invoice(books, tenant, invoice.id, "books")
    (exception,) = desk(database, tenant)
    assert (exception.code, exception.owner_role) == ("posting_connection", "integration_administrator")
    assert state_of(database, tenant) == ("issued", "posting_failed")

    connect_fake(database, tenant)
    for columns, words in (
        ({"enabled": False}, "is disabled"),
        ({"enabled": True, "connector": "gone"}, "no connector 'gone'"),
        ({"connector": "agreements"}, "does not post invoices"),
        ({"connector": "fake", "settings": {"journl": "x"}}, "journl"),
        ({"settings": {}, "secrets": seal(MASTER_KEY, tenant.id, '{"pass": "word-of-mine"}')}, "unknown field"),
    ):
        with transaction(database, tenant, SYSTEM) as tx:
            tx.session.execute(update(ConnectionRow).values(**columns))
            tx.session.execute(update(PostingRow).values(state="failed"))
        post_invoice(books, tenant, invoice.id, "books")
        posting = only_posting(database, tenant)
        assert posting.state == "rejected"
        assert words in (posting.error or "")
        assert "retry" in (posting.remedy or "")

    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(update(ConnectionRow).values(secrets=None))
        tx.session.execute(update(PostingRow).values(state="failed"))
    post_invoice(books, tenant, invoice.id, "books")
    assert desk(database, tenant) == []
    assert state_of(database, tenant) == ("posted", "posted")


def test_another_master_key_opens_nothing(database: Database, tenant: Tenant, books: Books) -> None:
    connect_fake(database, tenant, secrets=seal("another master key, which is long enough", tenant.id, "{}"))
    with pytest.raises(SettingsInvalidError, match="cannot be opened"):
        post_invoice(books, tenant, issue(database, tenant).id, "books")
    assert only_posting(database, tenant).state == "failed"


def test_the_journal_file_gets_the_invoice_once(database: Database, tenant: Tenant, books: Books) -> None:
    connect(database, tenant, "csv_journal", settings={"receivable_account": "1410"})
    invoice = issue(database, tenant)
    for _ in range(2):
        post_invoice(books, tenant, invoice.id, "books")
    assert state_of(database, tenant) == ("posted", "posted")
    (file,) = (books.settings.home / "journal" / tenant.slug / "books").glob("journal-*.csv")
    with file.open(encoding="utf-8", newline="") as opened:
        entry = list(csv.DictReader(opened))
    assert {row["entry_key"] for row in entry} == {str(invoice.id)}
    assert [row["account"] for row in entry if row["kind"] == "receivable"] == ["1410"]
    assert only_posting(database, tenant).external_id == f"{file.name}#{invoice.id}"


def test_posting_is_planned_with_the_issue(
    database: Database, make_tenant: MakeTenant, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    without = make_tenant("Without")
    for each in (tenant, without):
        connect_fake(database, each)
        issue(wired, each)
        drain(wired, Handlers.of(*handlers(books)), tenant_id=each.id)
    assert len(erp.invoices) == 1
    assert rows(database, without, PostingRow) == []


def test_the_invoice_is_posted_when_all_connections_agree(
    database: Database, make_tenant: MakeTenant, books: Books, erp: FakeErp
) -> None:
    tenant = make_tenant("Two", TenantConfiguration(erp_connections=("books", "group")))
    connect_fake(database, tenant)
    connect_fake(database, tenant, name="group")
    invoice = issue(database, tenant)
    erp.mode = "refuses"
    post_invoice(books, tenant, invoice.id, "group")
    erp.mode = "good"
    post_invoice(books, tenant, invoice.id, "books")
    assert state_of(database, tenant) == ("issued", "posting_failed")
    (refused,) = [row for row in rows(database, tenant, PostingRow) if row.state == "rejected"]
    retry_posting(database, tenant, CLERK, refused.id)
    post_invoice(books, tenant, invoice.id, "group")
    assert state_of(database, tenant) == ("posted", "posted")


def test_a_later_phase_is_never_set_back(database: Database, tenant: Tenant, books: Books) -> None:
    connect_fake(database, tenant)
    invoice = issue(database, tenant)
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(update(InvoiceRow).values(phase="disputed", detail="line_1"))
    post_invoice(books, tenant, invoice.id, "books")
    assert state_of(database, tenant) == ("disputed", "line_1")
    assert only_posting(database, tenant).state == "posted"


def test_retrying_needs_the_permission_the_tenant_and_a_reason_to(
    database: Database, make_tenant: MakeTenant, tenant: Tenant, books: Books
) -> None:
    connect_fake(database, tenant)
    post_invoice(books, tenant, issue(database, tenant).id, "books")
    posting = only_posting(database, tenant)
    with pytest.raises(PermissionDeniedError):
        retry_posting(database, tenant, Actor(kind="person", name="Reader"), posting.id)
    with pytest.raises(NotFoundError):
        retry_posting(database, make_tenant("Other"), CLERK, posting.id)
    with pytest.raises(PostingStateError):
        retry_posting(database, tenant, CLERK, posting.id)
    assert "posting.retried" not in audited(database, tenant)


def test_another_tenants_invoice_is_not_there(
    database: Database, make_tenant: MakeTenant, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    other = make_tenant("Other", TenantConfiguration(erp_connections=("books",)))
    connect_fake(database, other)
    with pytest.raises(NotFoundError):
        post_invoice(books, other, issue(database, tenant).id, "books")
    assert erp.invoices == []


def test_lists_are_paged_and_filtered(database: Database, tenant: Tenant, books: Books, erp: FakeErp) -> None:
    connect_fake(database, tenant)
    for number in ("A-1", "A-2", "A-3"):
        erp.mode = "refuses" if number == "A-3" else "good"
        post_invoice(books, tenant, issue(database, tenant, number=number).id, "books")
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        first = list_postings(tx, limit=2)
        rest = list_postings(tx, limit=2, cursor=first.next_cursor)
        assert [row.state for row, _ in [*first.rows, *rest.rows]] == ["rejected", "posted", "posted"]
        assert rest.next_cursor is None
        assert [name for _, name in list_postings(tx, state="rejected", limit=5).rows] == ["books"]
        assert len(list_postings(tx, invoice_id=rest.rows[0][0].invoice_id, limit=5).rows) == 1
