"""Posting: once per connection whatever the ERP does; compared to the cent; what a person must mend stands on the desk."""

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.extension.connectors import ThrottledError, TransientError
from billwright.extension.loading import available_connectors
from billwright.intake.tables import ConnectionRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import NotFoundError, PermissionDeniedError, SettingsInvalidError
from billwright.kernel.events import Subscriptions
from billwright.kernel.settings import read_settings
from billwright.posting.errors import ConnectionMissingError, PostingStateError
from billwright.posting.events import InvoicePosted
from billwright.posting.jobs import SUBSCRIBED_INLINE, handlers
from billwright.posting.post_invoice import Books, ConnectorBrokenError, post_invoice
from billwright.posting.queries import list_postings
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.fake_erp import PASSWORD, FakeErp
from support.issued import audited, connect, desk, following, issue, rows, state_of, told

MASTER_KEY = "a master key of the tests, long enough"
CLERK = Actor(kind="person", name="Clerk", permissions=frozenset({"posting:retry"}))
MakeTenant = Callable[..., Tenant]


@pytest.fixture
def erp() -> FakeErp:
    return FakeErp()


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant("Acme", TenantConfiguration(erp_connections=("books",)))


@pytest.fixture
def books(database: Database, erp: FakeErp, tmp_path: Path) -> Books:
    settings = read_settings({"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": MASTER_KEY})
    return Books(database, {"fake": erp, "source_only": object(), **available_connectors()}, settings)


def connect_fake(database: Database, tenant: Tenant, **columns: Any) -> None:
    secrets = seal(MASTER_KEY, tenant.id, json.dumps({"password": PASSWORD}))
    connect(database, tenant, "fake", **({"secrets": secrets} | columns))


def only_posting(database: Database, tenant: Tenant) -> PostingRow:
    (row,) = rows(database, tenant, PostingRow)
    assert isinstance(row, PostingRow)
    return row


def test_an_invoice_is_posted_once_and_read_back(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    events: list[InvoicePosted] = []
    books = Books(following(database, events, InvoicePosted), books.connectors, books.settings)
    connect_fake(database, tenant, settings={"journal": "services"})
    invoice = issue(database, tenant, revenue_account="8400")
    for _ in range(2):
        post_invoice(books, tenant, invoice.id, "books")
    (sent,) = erp.invoices
    assert (sent.key, sent.number, sent.customer_key) == (str(invoice.id), invoice.number, "cus_1")
    assert (sent.net_minor, sent.tax_minor, sent.gross_minor) == (
        invoice.content.net_minor, invoice.content.tax_minor, invoice.content.gross_minor,
    )  # fmt: skip
    assert {line.revenue_account for line in sent.lines} == {"8400"}
    assert sent.legal_entity.startswith("northgate-")
    posting = only_posting(database, tenant)
    assert (posting.state, posting.attempts, posting.external_id, posting.external_number) == (
        "posted", 1, "account.move/1.1", "FAKE/1",
    )  # fmt: skip
    assert posting.read_back is not None
    assert posting.read_back["gross_minor"] == invoice.content.gross_minor
    assert posting.posted_at == database.clock.now()
    assert state_of(database, tenant) == ("posted", "posted")
    assert told(database, tenant) == ["posting.posted"]
    assert audited(database, tenant)[-3:] == ["posting.intended", "posting.posted", "invoice.posted"]
    assert [event.invoice_id for event in events] == [invoice.id]
    context = erp.contexts[0]
    assert (context.tenant, context.folder) == (
        tenant.slug,
        str(books.settings.home / "journal" / tenant.slug / "books"),
    )
    assert (context.settings.journal, context.secrets.password) == ("services", PASSWORD)  # type: ignore[attr-defined] # the fake's


def test_a_time_out_after_posting_makes_no_second_document(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    connect_fake(database, tenant)
    invoice = issue(database, tenant)
    erp.mode = "times_out_after_posting"
    with pytest.raises(TransientError):
        post_invoice(books, tenant, invoice.id, "books")
    posting = only_posting(database, tenant)
    assert (posting.state, posting.error, posting.external_id) == ("failed", "timed out", None)
    assert state_of(database, tenant) == ("issued", "posting_failed")
    assert desk(database, tenant) == []
    erp.mode = "good"
    post_invoice(books, tenant, invoice.id, "books")
    posting = only_posting(database, tenant)
    assert (posting.state, posting.attempts, posting.error) == ("posted", 2, None)
    assert [len(held) for held in erp.documents.values()] == [1]
    assert state_of(database, tenant) == ("posted", "posted")


def test_a_crash_between_act_and_record_makes_no_second_document(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    def crash(_tx: object, _event: object) -> None:
        raise RuntimeError("killed")

    dying = Books(
        database.with_subscriptions(Subscriptions(inline={InvoicePosted: (crash,)})), books.connectors, books.settings
    )
    connect_fake(database, tenant)
    invoice = issue(database, tenant)
    with pytest.raises(RuntimeError, match="killed"):
        post_invoice(dying, tenant, invoice.id, "books")
    assert only_posting(database, tenant).state == "intended"
    assert state_of(database, tenant) == ("issued", "posting")
    post_invoice(books, tenant, invoice.id, "books")
    assert only_posting(database, tenant).state == "posted"
    assert [len(held) for held in erp.documents.values()] == [1]


def test_a_throttled_system_is_asked_again_when_it_said(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp, clock: SetClock
) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    work = Handlers.of(*handlers(Books(wired, books.connectors, books.settings)))
    connect_fake(database, tenant)
    erp.mode = "throttles"
    issue(wired, tenant)
    assert drain(wired, work, tenant_id=tenant.id) == 0
    with control_transaction(database, SYSTEM) as tx:
        job = tx.session.scalars(select(JobRow).where(JobRow.tenant_id == tenant.id)).one()
    assert (job.error_class, job.state, (job.run_at - clock.now()).total_seconds()) == ("throttled", "retry", 90)
    erp.mode = "good"
    clock.moment = job.run_at
    assert drain(wired, work, tenant_id=tenant.id) == 1
    assert state_of(database, tenant) == ("posted", "posted")


def test_a_throttled_attempt_is_recorded(database: Database, tenant: Tenant, books: Books, erp: FakeErp) -> None:
    connect_fake(database, tenant)
    erp.mode = "throttles"
    with pytest.raises(ThrottledError):
        post_invoice(books, tenant, issue(database, tenant).id, "books")
    assert only_posting(database, tenant).state == "failed"
    assert audited(database, tenant)[-1] == "posting.failed"


def test_a_refusal_stands_on_the_desk_until_a_retry_is_taken(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    connect_fake(database, tenant)
    invoice = issue(database, tenant)
    erp.mode = "refuses"
    for _ in range(2):
        post_invoice(books, tenant, invoice.id, "books")
    posting = only_posting(database, tenant)
    assert (posting.state, posting.attempts, posting.remedy) == ("rejected", 1, "Add the party.")
    (exception,) = desk(database, tenant)
    assert (exception.subject_kind, exception.subject_id, exception.code) == ("posting", posting.id, "posting_rejected")
    assert (exception.remedy, exception.amount_minor) == ("Add the party.", invoice.content.gross_minor)
    assert state_of(database, tenant) == ("issued", "posting_failed")

    erp.mode = "good"
    retry_posting(database, tenant, CLERK, posting.id)
    drain(database, Handlers.of(*handlers(books)), tenant_id=tenant.id)
    assert only_posting(database, tenant).state == "posted"
    assert desk(database, tenant) == []
    assert state_of(database, tenant) == ("posted", "posted")


def raised_by(books: Books, tenant: Tenant, invoice_id: UUID) -> str:
    """All that an attempt lets out, as the job would record it; empty when it raises nothing."""
    try:
        post_invoice(books, tenant, invoice_id, "books")
    except (TransientError, ConnectorBrokenError) as error:
        return f"{error} {getattr(error, 'request', '')} {getattr(error, 'response', '')}"
    return ""


def test_no_secret_is_kept_anywhere(database: Database, tenant: Tenant, books: Books, erp: FakeErp) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    connect_fake(database, tenant)
    issue(wired, tenant)
    for mode in ("away", "broken", "refuses"):
        erp.mode = mode
        with transaction(database, tenant, SYSTEM) as tx:
            tx.session.execute(update(PostingRow).values(state="failed"))
        (invoice,) = rows(database, tenant, InvoiceRow)
        raised = raised_by(books, tenant, invoice.id)
        assert (raised != "") == (mode != "refuses")
        assert PASSWORD not in raised
        posting = only_posting(database, tenant)
        kept = f"{posting.error} {posting.request} {posting.response} {posting.remedy}"
        assert PASSWORD not in kept
        assert PASSWORD not in "".join(exception.reason for exception in desk(database, tenant))
        assert kept.count("[removed]") >= 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gross_minor": 1}, "The total is 0.01 EUR, not"),
        ({"net_minor": 0}, "The net amount is 0.00 EUR, not"),
        ({"tax_minor": -1}, "The tax is -0.01 EUR, not"),
        ({"currency": "USD"}, "The currency is USD, not EUR."),
        ({"currency": "XBT"}, "The currency is XBT, not EUR."),
        ({"issued_on": date(2026, 4, 3)}, "The date is 2026-04-03, not 2026-04-02."),
        ({"party_key": "cus_2", "party": "Meier"}, "The customer is Meier (cus_2), not"),
        ({"state": "cancelled"}, "The document is cancelled there."),
    ],
)
def test_what_does_not_agree_is_told_in_words(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp, changes: dict[str, object], words: str
) -> None:
    connect_fake(database, tenant)
    invoice = issue(database, tenant)
    erp.changes = changes
    post_invoice(books, tenant, invoice.id, "books")
    posting = only_posting(database, tenant)
    assert posting.state == "mismatch"
    assert posting.external_id == "account.move/1.1"
    (exception,) = desk(database, tenant)
    assert exception.code == "posting_mismatch"
    assert words in exception.reason
    assert state_of(database, tenant) == ("issued", "posting_failed")

    erp.changes = {"party": "renamed there", "number": "other"}
    retry_posting(database, tenant, CLERK, posting.id)
    post_invoice(books, tenant, invoice.id, "books")
    assert only_posting(database, tenant).state == "posted"
    assert rows(database, tenant, InvoiceEventRow)[-1].text == "Found in books as other; it agrees."
    assert [len(held) for held in erp.documents.values()] == [1]
    assert desk(database, tenant) == []


def test_a_document_that_is_not_shown_is_no_success(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    connect_fake(database, tenant)
    erp.mode = "hides"
    post_invoice(books, tenant, issue(database, tenant).id, "books")
    posting = only_posting(database, tenant)
    assert (posting.state, posting.external_id) == ("mismatch", "account.move/1.1")
    assert "does not show it" in (posting.error or "")


def test_a_bug_in_a_connector_is_recorded_and_raised(
    database: Database, tenant: Tenant, books: Books, erp: FakeErp
) -> None:
    connect_fake(database, tenant)
    erp.mode = "broken"
    with pytest.raises(ConnectorBrokenError, match="in post"):
        post_invoice(books, tenant, issue(database, tenant).id, "books")
    assert only_posting(database, tenant).state == "failed"
    assert state_of(database, tenant) == ("issued", "posting_failed")


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
