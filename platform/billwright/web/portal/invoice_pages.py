"""Invoices: the list, one invoice with everything about it, its PDF and its audit entries."""

from urllib.parse import quote

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.approvals.pages import Waiting
from billwright.documents.einvoice_of import get_einvoice
from billwright.documents.queries import get_document
from billwright.documents.store import FileStore
from billwright.kernel.ids import read
from billwright.tenancy.transaction import transaction
from billwright.web.portal.approval_pages import consequence, label_of
from billwright.web.portal.invoice_page import InvoiceView, may_decide, read_invoice
from billwright.web.portal.listing_invoices import INVOICES
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.queries_invoice import audit_of
from billwright.web.portal.visit import Visit, provide_visit
from billwright.web.security import content_security_policy


class InvoiceController(Controller):
    path = "/t/{slug:str}/invoices"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/", sync_to_thread=True)
    def show_list(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, INVOICES)

    @get("/{invoice_id:str}", sync_to_thread=True)
    def show(self, visit: NamedDependency[Visit], invoice_id: FromPath[str]) -> Response[str]:
        visit.require("invoice:read")
        with visit.reading() as tx:
            view = read_invoice(tx, read("inv", invoice_id), visit.brand)
        chosen = _chosen(view) if may_decide(visit.actor, view) else None
        return visit.page(
            "invoice.html",
            room="invoices",
            title=view.title,
            view=view,
            chosen=chosen,
            consequence=consequence(chosen, view.configuration) if chosen else "",
            label=label_of(chosen, visit.locale) if chosen else "",
        )

    @get("/{invoice_id:str}/audit", sync_to_thread=True)
    def audit(self, visit: NamedDependency[Visit], invoice_id: FromPath[str]) -> Response[str]:
        """The invoice's audit entries, loaded when somebody opens them."""
        visit.require("invoice:read", "audit:read")
        with visit.reading() as tx:
            entries = audit_of(tx, read("inv", invoice_id))
        return visit.part("_audit.html", entries=entries)

    @get("/{invoice_id:str}/pdf", sync_to_thread=True)
    def pdf(
        self, visit: NamedDependency[Visit], invoice_id: FromPath[str], store: NamedDependency[FileStore]
    ) -> Response[bytes]:
        """The stored PDF: what the customer got, to the byte."""
        visit.require("invoice:read")
        with transaction(visit.database, visit.here, visit.actor, read_only=True) as tx:
            document = get_document(tx, read("inv", invoice_id))
        # Shown in a frame of our own page; browsers' viewers style themselves inline.
        policy = content_security_policy(
            {"frame-ancestors": "'self'", "style-src": "'unsafe-inline'", "object-src": "'self'"}
        )
        headers = {
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(document.name)}",
            "Content-Security-Policy": policy,
        }
        body = store.read(visit.here.id, document.sha256)
        return Response(body, media_type=document.media_type, headers=headers)

    @get("/{invoice_id:str}/einvoice", sync_to_thread=True)
    def einvoice(
        self, visit: NamedDependency[Visit], invoice_id: FromPath[str], store: NamedDependency[FileStore]
    ) -> Response[bytes]:
        """The stored e-invoice, to the byte."""
        visit.require("invoice:read")
        with transaction(visit.database, visit.here, visit.actor, read_only=True) as tx:
            document = get_einvoice(tx, read("inv", invoice_id))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name)}"}
        return Response(store.read(visit.here.id, document.sha256), media_type=document.media_type, headers=headers)


def _chosen(view: InvoiceView) -> Waiting:
    assert view.waiting is not None
    invoice, step = view.invoice, view.waiting
    return Waiting(
        invoice_id=invoice.id,
        content_sha256=invoice.content_sha256,
        customer=view.head.CustomerRow.name,
        customer_email=view.head.CustomerRow.billing_email,
        entity=view.head.LegalEntityRow.name,
        project=view.head.project,
        net_minor=invoice.net_minor,
        gross_minor=invoice.gross_minor,
        currency=invoice.currency,
        role=step.role,
        place=view.place,
        steps=view.places,
        rule=step.rule,
        opened_at=step.opened_at,
        due_at=step.due_at,
        hindrance="",
    )
