"""What was issued is sent as its e-invoice: made once, with the real number, beside the PDF or inside it, all saying the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pypdfium2
import pytest
from lxml import etree

from billwright.delivery.jobs import open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.documents.einvoice_of import get_einvoice
from billwright.documents.errors import EinvoiceInvalidError
from billwright.documents.hybrid import embedded_einvoice
from billwright.documents.mail import MailRenderer
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.einvoice.checker import Checker
from billwright.einvoice.make_einvoice import maker_of
from billwright.einvoice.read import read_invoice
from billwright.extension.connectors import TransientError
from billwright.extension.einvoicing import Format
from billwright.insight.agreement import disagreements, einvoices_elsewhere
from billwright.insight.invariants_base import Scope
from billwright.issuing.content import InvoiceContent
from billwright.issuing.einvoices import EinvoiceMaker, MadeEinvoice
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.einvoicing import asking_for
from support.issued import Issued, audited, desk, issue, rows, set_brand, state_of
from support.mail_server import mail_server

NUMBER = "NW-2026-0042"
FORMATS: tuple[Format, ...] = ("ubl", "cii", "facturx", "xrechnung_ubl", "xrechnung_cii", "peppol")


@dataclass(frozen=True)
class House:
    """A tenant with a printer whose e-invoices are real."""

    database: Database
    tenant: Tenant
    printer: Printer

    def render(self, maker: EinvoiceMaker | None = None, **changes: Any) -> Issued:
        invoice = issue(self.database, self.tenant, **changes)
        self.again(invoice, maker)
        return invoice

    def again(self, invoice: Issued, maker: EinvoiceMaker | None = None) -> None:
        printer = (
            self.printer if maker is None else Printer(self.database, self.printer.store, self.printer.renderer, maker)
        )
        render_invoice(printer, self.tenant, invoice.id)

    def documents(self) -> dict[str, DocumentRow]:
        return {row.kind: row for row in rows(self.database, self.tenant, DocumentRow)}

    def read(self, document: DocumentRow) -> bytes:
        return self.printer.store.read(self.tenant.id, document.sha256)

    def offenders(self) -> list[str]:
        with transaction(self.database, self.tenant, SYSTEM, read_only=True) as tx:
            scope = Scope(tx, self.database, self.tenant, self.printer.store)
            return [each.sentence for each in einvoices_elsewhere(scope)]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.stop()


@pytest.fixture
def house(database: Database, tenant: Tenant, tmp_path: Path, renderer: Renderer, checker: Checker) -> House:
    printer = Printer(database, FileStore(tmp_path / "files"), renderer, maker_of(database, checker))
    return House(database, tenant, printer)


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


@pytest.mark.parametrize("written", FORMATS)
def test_database_einvoice_and_pdf_say_the_same(house: House, written: Format) -> None:
    invoice = house.render(**asking_for(written))

    documents = house.documents()
    kind = "einvoice_in_pdf" if written == "facturx" else "einvoice"
    assert set(documents) == {"invoice_pdf", kind}
    xml, pdf = house.read(documents[kind]), house.read(documents["invoice_pdf"])
    read = read_invoice(etree.fromstring(xml)).invoice
    assert read.number == NUMBER
    assert disagreements(invoice.content, NUMBER, einvoice=read, pdf_text=text_of(pdf)) == []
    assert embedded_einvoice(pdf) == (xml if written == "facturx" else None)
    assert house.offenders() == []
    with transaction(house.database, house.tenant, SYSTEM, read_only=True) as tx:
        assert get_einvoice(tx, invoice.id).sha256 == documents[kind].sha256


def test_the_comparison_finds_what_differs(house: House) -> None:
    invoice = house.render(**asking_for("ubl"))
    read = read_invoice(etree.fromstring(house.read(house.documents()["einvoice"]))).invoice
    text = text_of(house.read(house.documents()["invoice_pdf"]))
    first, *rest = invoice.content.lines
    moved = msgspec.structs.replace(
        invoice.content,
        gross_minor=invoice.content.gross_minor + 1,
        lines=(msgspec.structs.replace(first, net_minor=first.net_minor - 1), *rest),
    )

    sentences = disagreements(moved, "NW-2026-0043", einvoice=read, pdf_text=text)

    assert [sentence.split(" is ")[0].split(" does not show ")[0] for sentence in sentences] == [
        "The e-invoice's number", "The e-invoice's total", "The e-invoice's lines", "The PDF", "The PDF", "The PDF",
    ]  # fmt: skip


def test_a_stored_einvoice_of_another_amount_is_an_offender(house: House) -> None:
    house.render(**asking_for("ubl"))
    document = house.documents()["einvoice"]
    body = house.read(document).replace(NUMBER.encode(), b"NW-2026-0099")
    sha256 = house.printer.store.put(house.tenant.id, body)
    with transaction(house.database, house.tenant, SYSTEM) as tx:
        stored = tx.session.get(DocumentRow, document.id)
        assert stored is not None
        stored.sha256 = sha256

    (sentence,) = house.offenders()
    assert sentence == "The e-invoice's number is NW-2026-0099; frozen is NW-2026-0042."


def test_made_once_whatever_is_asked_later(house: House) -> None:
    invoice = house.render(**asking_for("cii"))
    before = house.documents()["einvoice"]

    house.again(invoice)

    assert house.documents()["einvoice"].id == before.id
    assert len(rows(house.database, house.tenant, DocumentRow)) == 2


def test_who_wants_none_has_none(house: House) -> None:
    invoice = house.render()

    assert set(house.documents()) == {"invoice_pdf"}
    with (
        transaction(house.database, house.tenant, SYSTEM, read_only=True) as tx,
        pytest.raises(NotFoundError, match="no e-invoice"),
    ):
        get_einvoice(tx, invoice.id)


@pytest.mark.parametrize(("written", "attached"), [("ubl", [".pdf", ".xml"]), ("facturx", [".pdf"])])
def test_the_mail_brings_it_beside_the_pdf_or_in_it(house: House, written: Format, attached: list[str]) -> None:
    set_brand(house.database, house.tenant, name="Northgate", support_email="billing@northgate.example")
    invoice = house.render(**asking_for(written))
    with mail_server() as server:
        post = open_post(house.database, house.printer.store, server.url)
        mail_invoice(post, MailRenderer(), house.tenant, invoice.id)
        (message,) = server.taken

    files = {str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert sorted(files) == [f"{NUMBER}{suffix}" for suffix in attached]
    if written == "ubl":
        assert files[f"{NUMBER}.xml"] == house.read(house.documents()["einvoice"])


def test_one_that_breaks_the_rules_is_not_sent_and_stands_on_the_desk(house: House) -> None:
    asked = asking_for("xrechnung_ubl", buyer_reference="")
    invoice = issue(house.database, house.tenant, **asked)

    with pytest.raises(EinvoiceInvalidError, match="BR-DE-15"):
        house.again(invoice)

    assert house.documents() == {}
    assert state_of(house.database, house.tenant) == ("issued", "document_failed")
    assert [row.code for row in desk(house.database, house.tenant)] == ["einvoice_invalid"]
    assert "document.failed" in audited(house.database, house.tenant)

    def mended(content: InvoiceContent, number: str, /) -> MadeEinvoice | None:
        return MadeEinvoice(format="ubl", title="EN 16931 (UBL)", xml=b"<Invoice/>", hybrid=False)

    house.again(invoice, mended)
    assert state_of(house.database, house.tenant) == ("issued", "document_ready")
    assert desk(house.database, house.tenant) == []


def test_one_that_cannot_be_checked_now_is_tried_again(house: House) -> None:
    def unlucky(content: InvoiceContent, number: str, /) -> MadeEinvoice | None:
        return MadeEinvoice(format="ubl", title="EN 16931 (UBL)", xml=b"<Invoice/>", hybrid=False, unchecked=True)

    with pytest.raises(TransientError, match="tried again"):
        house.render(unlucky, **asking_for("ubl"))

    assert house.documents() == {}
