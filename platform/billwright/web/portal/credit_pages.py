"""Crediting an invoice: what is left of each line, the credit notes so far, giving a draft up, and voids."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy import select

from billwright.billing.credit_drafts import CREDIT_NOTE, Outcome, lines_left
from billwright.billing.tables import InvoiceRow, VoidRequestRow
from billwright.canon.reads import one
from billwright.issuing.credit_invoice import OUTCOMES, REASONS, CreditLine, CreditRequest, credit_invoice
from billwright.issuing.drop_credit_note import drop_credit_note
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read, show
from billwright.kernel.money import parse_amount
from billwright.receivables.void_invoice import ask_void, decide_void
from billwright.web.portal.forms import Form, field
from billwright.web.portal.visit import Visit, provide_visit

LABELS: Final[Mapping[str, str]] = {
    "release": "Wait for a decision",
    "rebill": "Bill it again",
    "write_off": "Never bill it again",
}


class CreditController(Controller):
    path = "/t/{slug:str}/invoices/{invoice_id:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/credit", sync_to_thread=True)
    def form(self, visit: NamedDependency[Visit], invoice_id: FromPath[str]) -> Response[str]:
        """Five statements, however many lines and credit notes there are."""
        visit.require("invoice:read")
        identifier = read("inv", invoice_id)
        with visit.reading() as tx:
            invoice = one(tx, select(InvoiceRow).where(InvoiceRow.id == identifier), f"invoice {invoice_id}")[0]
            lines = lines_left(tx, identifier)
            notes = tx.session.scalars(
                select(InvoiceRow)
                .where((InvoiceRow.credits_invoice_id == identifier) | (InvoiceRow.replaces_invoice_id == identifier))
                .order_by(InvoiceRow.id)
            ).all()
            asked = tx.session.scalars(
                select(VoidRequestRow).where(VoidRequestRow.invoice_id == identifier, VoidRequestRow.state == "asked")
            ).one_or_none()
        return visit.page(
            "credit.html",
            room="invoices",
            title=f"Credit {invoice.number or 'draft'}",
            invoice=invoice,
            lines=lines,
            left=any(each.lefts for each in lines) and invoice.issued_at is not None and invoice.phase != "void",
            notes=notes,
            asked=asked,
            reasons=REASONS,
            outcomes={key: (label, OUTCOMES[key]) for key, label in LABELS.items()},
            is_note=invoice.document_type == CREDIT_NOTE,
        )

    @post("/credit", sync_to_thread=True)
    def credit(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        identifier = read("inv", invoice_id)
        outcome = field(data, "outcome")
        lines = _lines(data)
        if outcome not in get_args(Outcome):
            raise InputInvalidError("Say what becomes of what is credited.", field="outcome")
        if field(data, "scope") != "everything" and not lines:
            raise InputInvalidError("Give an amount for a line, or choose to credit everything.", field="lines")
        request = CreditRequest(
            reason_code=field(data, "reason_code"),
            reason=field(data, "reason"),
            outcome=outcome,  # type: ignore[arg-type] # one of its words, as was just looked at
            lines=() if field(data, "scope") == "everything" else lines,
        )
        note_id = credit_invoice(visit.database, visit.here, visit.actor, identifier, request, trace_id=visit.trace_id)
        path = visit.url(f"invoices/{show('inv', note_id)}")
        return visit.go(path, "The credit note is drafted; somebody else approves it.")

    @post("/drop", sync_to_thread=True)
    def drop(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        reason = field(data, "reason")
        drop_credit_note(
            visit.database, visit.here, visit.actor, read("inv", invoice_id), reason=reason, trace_id=visit.trace_id
        )
        return visit.go(visit.url(f"invoices/{invoice_id}"), "The credit note is given up.")

    @post("/void", sync_to_thread=True)
    def void(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        reason = field(data, "reason")
        ask_void(
            visit.database, visit.here, visit.actor, read("inv", invoice_id), reason=reason, trace_id=visit.trace_id
        )
        return visit.go(visit.url(f"invoices/{invoice_id}/credit"), "Asked; somebody else decides.")

    @post("/void/decide", sync_to_thread=True)
    def decide(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        granted = field(data, "decision") == "void"
        decide_void(
            visit.database,
            visit.here,
            visit.actor,
            read("inv", invoice_id),
            decision="void" if granted else "refuse",
            trace_id=visit.trace_id,
        )
        said = "The invoice is void; its number stays used." if granted else "The invoice is not voided."
        return visit.go(visit.url(f"invoices/{invoice_id}"), said)


def _lines(data: dict[str, Any]) -> tuple[CreditLine, ...]:
    """The lines for which an amount was typed."""
    currency = field(data, "currency")
    positions = [name.removeprefix("amount-") for name in data if name.startswith("amount-")]
    wanted = {place: field(data, f"amount-{place}").strip() for place in positions if place.isdigit()}
    return tuple(
        CreditLine(position=int(place), amount=parse_amount(text, currency)) for place, text in wanted.items() if text
    )
