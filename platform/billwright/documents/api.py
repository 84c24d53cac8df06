"""The stored PDF of an invoice."""

from typing import Final
from urllib.parse import quote

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from billwright.documents.einvoice_of import get_einvoice
from billwright.documents.queries import get_document
from billwright.documents.store import FileStore
from billwright.documents.tables import DocumentRow
from billwright.kernel.actor import Actor
from billwright.kernel.ids import read
from billwright.tenancy.answers import refusals
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


class DocumentsController(Controller):
    path = "/v1/invoices"
    tags = ("Documents",)

    @get(
        "/{invoice_id:str}/document",
        operation_id="getInvoiceDocument",
        summary="Fetch an invoice's PDF",
        sync_to_thread=True,
        media_type="application/pdf",
        responses=refusals(404),
    )
    def get_invoice_document(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        store: NamedDependency[FileStore],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Response[bytes]:
        """The PDF as it was stored when the invoice was issued."""
        actor.require("invoice:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            document = get_document(tx, read("inv", invoice_id))
        return _file(document, store.read(tenant.id, document.sha256), "inline")

    @get(
        "/{invoice_id:str}/einvoice",
        operation_id="getInvoiceEinvoice",
        summary="Fetch an invoice's e-invoice",
        sync_to_thread=True,
        media_type="application/xml",
        responses=refusals(404),
    )
    def get_invoice_einvoice(
        self,
        invoice_id: FromPath[str],
        database: NamedDependency[Database],
        store: NamedDependency[FileStore],
        tenant: NamedDependency[Tenant],
        actor: NamedDependency[Actor],
    ) -> Response[bytes]:
        """The XML as it was stored when the invoice was issued, also where the PDF carries it (Factur-X)."""
        actor.require("invoice:read")
        with transaction(database, tenant, actor, read_only=True) as tx:
            document = get_einvoice(tx, read("inv", invoice_id))
        return _file(document, store.read(tenant.id, document.sha256), "attachment")


def _file(document: DocumentRow, body: bytes, disposition: str) -> Response[bytes]:
    headers = {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(document.name)}",
        "ETag": f'"{document.sha256}"',
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, media_type=document.media_type, headers=headers)


CONTROLLERS: Final[tuple[type[Controller], ...]] = (DocumentsController,)
