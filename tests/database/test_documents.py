"""Documents: made once, stored by content, proved when read, never made again differently."""

import io
import os
import re
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pikepdf
import pypdfium2
import pytest

from billwright.documents.errors import DocumentDamagedError, DocumentNotReadyError
from billwright.documents.events import InvoiceRendered
from billwright.documents.jobs import SUBSCRIBED_INLINE, handlers
from billwright.documents.queries import brand_of, get_document
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.extension.connectors import TransientError
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.events import Subscriptions
from billwright.tenancy.configuration import DocumentSettings, TenantConfiguration, store_configuration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.issued import audited, desk, following, issue, rows, set_brand, state_of, told

TENANT = UUID("0197a1b0-0000-7000-8000-000000000001")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def printer(database: Database, store: FileStore, renderer: Renderer) -> Printer:
    return Printer(database, store, renderer)


def files_in(store: FileStore, tenant_id: UUID) -> list[Path]:
    root = store.path_of(tenant_id, "0" * 64).parent.parent
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def test_what_is_stored_is_read_back_and_stored_once(store: FileStore) -> None:
    sha256 = store.put(TENANT, b"one")
    assert store.put(TENANT, b"one") == sha256
    assert store.read(TENANT, sha256) == b"one"
    assert files_in(store, TENANT) == [store.path_of(TENANT, sha256)]


def test_many_writers_of_one_content_leave_one_whole_file(store: FileStore) -> None:
    body = os.urandom(300_000)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _n: store.put(TENANT, body), range(32)))
    assert [path.name for path in files_in(store, TENANT)] == list(names)
    assert store.read(TENANT, names.pop()) == body


def test_a_tenant_reaches_its_own_files_only(store: FileStore) -> None:
    sha256 = store.put(TENANT, b"mine")
    with pytest.raises(DocumentDamagedError):
        store.read(uuid4(), sha256)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "0" * 64 + "\n", "", "/" * 64])
def test_no_name_leads_out_of_the_folder(store: FileStore, name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        store.read(TENANT, name)


def test_a_changed_file_is_never_handed_out_and_is_mended_by_the_same_content(store: FileStore) -> None:
    sha256 = store.put(TENANT, b"truth")
    store.path_of(TENANT, sha256).write_bytes(b"lie")
    with pytest.raises(DocumentDamagedError, match="damaged"):
        store.read(TENANT, sha256)
    store.put(TENANT, b"truth")
    assert store.read(TENANT, sha256) == b"truth"
    store.path_of(TENANT, sha256).unlink()
    with pytest.raises(DocumentDamagedError, match="missing"):
        store.read(TENANT, sha256)


def test_a_disk_that_takes_nothing_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(TransientError, match="as soon as it can be"):
        FileStore(tmp_path / "files").put(TENANT, b"x")


def test_a_write_that_breaks_off_leaves_nothing_behind(store: FileStore) -> None:
    store.put(TENANT, b"first")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TransientError):
            store.put(TENANT, os.urandom(300_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(files_in(store, TENANT)) == 1


def test_an_issued_invoice_gets_its_document_once(database: Database, tenant: Tenant, printer: Printer) -> None:
    events: list[InvoiceRendered] = []
    following_database = following(database, events, InvoiceRendered)
    printer = Printer(following_database, printer.store, printer.renderer)
    invoice = issue(database, tenant)
    render_invoice(printer, tenant, invoice.id)
    (document,) = rows(database, tenant, DocumentRow)
    pdf = printer.store.read(tenant.id, document.sha256)
    assert (document.name, document.media_type, document.pages) == ("NW-2026-0042.pdf", "application/pdf", 1)
    assert (document.size_bytes, document.content_sha256) == (len(pdf), invoice.content.sha256())
    assert [(event.invoice_id, event.document_id) for event in events] == [(invoice.id, document.id)]
    assert state_of(database, tenant) == ("issued", "document_ready")
    assert "document.made" in audited(database, tenant)

    set_brand(database, tenant, name="Renamed Ltd", slug="renamed", primary="#7a1f3d")
    render_invoice(printer, tenant, invoice.id)
    assert [row.sha256 for row in rows(database, tenant, DocumentRow)] == [document.sha256]
    assert told(database, tenant) == ["document.made"]
    assert len(events) == 1


def test_equal_input_gives_equal_bytes(database: Database, tenant: Tenant, printer: Printer) -> None:
    """A crash between storing and recording: the second run stores the same content again, and one row follows."""
    invoice = issue(database, tenant)

    def crash(_tx: object, _event: object) -> None:
        raise RuntimeError("killed")

    dying = printer.database.with_subscriptions(Subscriptions(inline={InvoiceRendered: (crash,)}))
    with pytest.raises(RuntimeError, match="killed"):
        render_invoice(Printer(dying, printer.store, printer.renderer), tenant, invoice.id)
    assert rows(database, tenant, DocumentRow) == []
    (orphan,) = files_in(printer.store, tenant.id)
    render_invoice(printer, tenant, invoice.id)
    assert [row.sha256 for row in rows(database, tenant, DocumentRow)] == [orphan.name]
    assert files_in(printer.store, tenant.id) == [orphan]


def test_two_workers_at_once_leave_one_document(database: Database, tenant: Tenant, printer: Printer) -> None:
    invoice = issue(database, tenant)
    start = threading.Barrier(3)

    def work(_n: int) -> None:
        start.wait()
        render_invoice(printer, tenant, invoice.id)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert len(rows(database, tenant, DocumentRow)) == 1
    assert told(database, tenant) == ["document.made"]


def test_the_document_shows_the_firms_brand_and_nobody_elses(
    database: Database, tenant: Tenant, printer: Printer
) -> None:
    set_brand(database, tenant, name="Aldergate Consulting", document_footer="Aldergate Consulting LLP")
    invoice = issue(database, tenant)
    render_invoice(printer, tenant, invoice.id)
    (document,) = rows(database, tenant, DocumentRow)
    pdf = printer.store.read(tenant.id, document.sha256)
    with pypdfium2.PdfDocument(pdf) as opened:
        text = re.sub(r"\s+", " ", "".join(page.get_textpage().get_text_bounded() for page in opened))
    assert "Aldergate Consulting" in text
    assert "NW-2026-0042" in text
    with pikepdf.open(io.BytesIO(pdf)) as opened_pdf:
        written = str(opened_pdf.docinfo) + str(opened_pdf.open_metadata())
    for place in (text, written, document.name, pdf.decode("latin-1")):
        assert "billwright" not in place.lower()


def test_looks_come_from_the_partner_and_identity_never_does(tenant: Tenant) -> None:
    partner = {"name": "Partner AG", "slug": "partner", "primary": "#123456", "support_email": "help@partner.example"}
    brand = brand_of(tenant, partner, {"accent": "#7a1f3d"})
    assert (brand.name, brand.slug, brand.primary, brand.accent) == (tenant.name, tenant.slug, "#123456", "#7a1f3d")
    assert brand.support_email == ""


def test_rendering_is_planned_with_the_issue_if_the_tenant_wants_it(
    database: Database, make_tenant: Callable[..., Tenant], store: FileStore, renderer: Renderer
) -> None:
    wired = database.with_subscriptions(Subscriptions(inline=SUBSCRIBED_INLINE))
    wanted = make_tenant("Wanted")
    unwanted = make_tenant("Unwanted", TenantConfiguration(render_documents=False))
    for each in (wanted, unwanted):
        issue(wired, each)
        drain(database, Handlers.of(*handlers(database, store, renderer)), tenant_id=each.id)
    assert len(rows(database, wanted, DocumentRow)) == 1
    assert rows(database, unwanted, DocumentRow) == []


def test_a_wrong_template_stands_on_the_desk_until_it_is_mended(
    database: Database, make_tenant: Callable[..., Tenant], printer: Printer
) -> None:
    tenant = make_tenant("Own", TenantConfiguration(documents=DocumentSettings(template_html="{{ nonsense.x }}")))
    invoice = issue(database, tenant)
    for _ in range(2):
        with pytest.raises(InputInvalidError):
            render_invoice(printer, tenant, invoice.id)
    (exception,) = desk(database, tenant)
    assert (exception.code, exception.amount_minor) == ("document_refused", invoice.content.gross_minor)
    assert "retry" in exception.remedy
    assert state_of(database, tenant) == ("issued", "document_failed")
    with transaction(database, tenant, SYSTEM) as tx:
        store_configuration(tx, TenantConfiguration())
    render_invoice(printer, tenant, invoice.id)
    assert desk(database, tenant) == []
    assert state_of(database, tenant) == ("issued", "document_ready")


def test_asking_for_a_document(
    database: Database, tenant: Tenant, make_tenant: Callable[..., Tenant], printer: Printer
) -> None:
    invoice = issue(database, tenant)
    with transaction(database, tenant, SYSTEM, read_only=True) as tx, pytest.raises(DocumentNotReadyError):
        get_document(tx, invoice.id)
    render_invoice(printer, tenant, invoice.id)
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        assert get_document(tx, invoice.id).name == "NW-2026-0042.pdf"
    other = make_tenant("Other")
    with transaction(database, other, SYSTEM, read_only=True) as tx, pytest.raises(NotFoundError) as refused:
        get_document(tx, invoice.id)
    assert type(refused.value) is NotFoundError
    with pytest.raises(NotFoundError):
        render_invoice(printer, other, invoice.id)
