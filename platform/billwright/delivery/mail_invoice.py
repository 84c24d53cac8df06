"""Use case of a job: bring an issued invoice to its customer, document attached."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.canon.tables import CustomerRow
from billwright.delivery.events import InvoiceDelivered
from billwright.delivery.message import Attachment, MailToSend
from billwright.delivery.send_mail import Outcome, Post, send_mail
from billwright.documents.after_issue import Detail, set_detail, tell
from billwright.documents.einvoice_of import EINVOICE, find_einvoices
from billwright.documents.mail import MailRenderer, mail_page
from billwright.documents.queries import FrozenInvoice, frozen_invoice, get_document, read_brand
from billwright.documents.sets import MAIL_SETS
from billwright.documents.tables import DocumentRow
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tenant, Tx, transaction

_DETAILS: Final[dict[str, Detail]] = {
    "sent": "delivered",
    "refused": "delivery_failed",
    "failed": "delivery_failed",
    "intended": "delivery_failed",
}


def invoice_mail_key(invoice_id: UUID) -> str:
    """What makes the mail of an invoice once."""
    return f"invoice:{invoice_id}:email"


def mail_invoice(
    post: Post, renderer: MailRenderer, tenant: Tenant, invoice_id: UUID, *, trace_id: str | None = None
) -> None:
    """Send the invoice to the customer's billing e-mail as it is now, if the tenant delivers by mail.

    Raises:
        NotFoundError: no such issued invoice, or its document is not made yet.
        TransientError: the mail server does not take it now; the attempt is recorded.
    """
    with transaction(post.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        if not read_configuration(tx).deliver_by_mail:
            return
        invoice = frozen_invoice(tx, invoice_id)
        documents = [get_document(tx, invoice_id)]
        einvoice = find_einvoices(tx, [invoice_id]).get(invoice_id)
        if einvoice is not None and einvoice.kind == EINVOICE:
            documents.append(einvoice)
        query = select(CustomerRow.billing_email).where(CustomerRow.id == invoice.customer_id)
        recipient = tx.session.scalars(query).one_or_none() or ""
    mail = invoice_mail(renderer, invoice, documents, read_brand(post.database, tenant), recipient)

    def afterwards(tx: Tx, outcome: Outcome) -> None:
        set_detail(tx, invoice_id, _DETAILS[outcome.state])
        tell(tx, invoice_id, *_told(outcome), delivery_id=outcome.delivery_id, outcome=outcome.text)
        if outcome.state == "sent":
            publish(tx, InvoiceDelivered(invoice_id=invoice_id, delivery_id=outcome.delivery_id))

    send_mail(post, tenant, mail, afterwards=afterwards, trace_id=trace_id)


def invoice_mail(
    renderer: MailRenderer, invoice: FrozenInvoice, documents: Sequence[DocumentRow], brand: Brand, recipient: str
) -> MailToSend:
    """The mail in the customer's language and the firm's brand. Pure. An e-invoice that is not in the PDF goes beside it."""
    template_set = invoice.content.template_set if invoice.content.template_set in MAIL_SETS else MAIL_SETS[0]
    page = mail_page(invoice.content, number=invoice.number, brand=brand)
    rendered = renderer.render_mail(page, template_set=template_set)
    return MailToSend(
        key=invoice_mail_key(invoice.id),
        subject_kind="invoice",
        subject_id=invoice.id,
        recipient=recipient,
        sender_name=brand.name,
        sender_email=brand.support_email or invoice.content.seller.email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        attachments=tuple(
            Attachment(name=each.name, media_type=each.media_type, sha256=each.sha256) for each in documents
        ),
    )


def _told(outcome: Outcome) -> tuple[str, str]:
    """Event and sentence for the time line."""
    if outcome.state == "sent":
        return "delivery.sent", f"E-mailed to {outcome.recipient}."
    if outcome.state == "refused":
        return "delivery.refused", f"Not delivered: {outcome.text} {outcome.remedy}"
    return "delivery.failed", f"The e-mail to {outcome.recipient} could not be handed over; it is tried again."
