"""Posting: once per connection whatever the ERP does; compared to the cent; what a person must mend stands on the desk."""

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select, update

from billwright.billing.tables import InvoiceEventRow, InvoiceRow
from billwright.extension.connectors import ThrottledError, TransientError
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.events import Subscriptions
from billwright.posting.events import InvoicePosted
from billwright.posting.jobs import SUBSCRIBED_INLINE, handlers
from billwright.posting.post_invoice import Books, ConnectorBrokenError, post_invoice
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.fake_erp import PASSWORD, FakeErp
from support.issued import audited, desk, following, issue, rows, state_of, told
from support.posting_books import CLERK, books, connect_fake, erp, only_posting, tenant

__all__ = ["books", "erp", "tenant"]


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
