"""What issuing a credit note, or an invoice that replaces one, needs besides what issuing an invoice does."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import select

from billwright.billing.credit_drafts import CREDIT_NOTE, Note, notes_of
from billwright.billing.queries import lock_billing
from billwright.billing.tables import InvoiceLineRow, InvoiceRow
from billwright.issuing.content import CreditContent, Preceding, TaxContent
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


def lock_credited(tx: Tx, invoice_ids: Sequence[UUID]) -> None:
    """Let the contracts stand still whose items the credit notes among the drafts take back. One statement without any.

    Before any draft is locked: billing takes its locks in this order, too.
    """
    query = (
        select(InvoiceLineRow.contract_id)
        .join(InvoiceRow, InvoiceRow.id == InvoiceLineRow.invoice_id)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.document_type == CREDIT_NOTE)
        .distinct()
    )
    contracts = list(tx.session.scalars(query))
    if contracts:
        lock_billing(tx, contracts, also=invoice_ids)


def notes_of_drafts(tx: Tx, drafts: Sequence[AnyRow]) -> dict[UUID, Note]:
    """The credit notes among the drafts; no statement without any."""
    return notes_of(tx, [each.InvoiceRow.id for each in drafts if each.InvoiceRow.document_type == CREDIT_NOTE])


def credit_content(note: Note | None) -> CreditContent | None:
    if note is None:
        return None
    preceding = Preceding(
        invoice_id=show("inv", note.row.credits_invoice_id), number=note.credited_number, issued_on=note.credited_on
    )
    return CreditContent(preceding=preceding, reason_code=note.row.reason_code, reason=note.row.reason)


def credit_taxes(taxes: Sequence[TaxContent], note: Note | None) -> list[TaxContent]:
    """The breakdown with the tax that the credit note takes back: the last one of an invoice takes what rounding left."""
    if note is None:
        return list(taxes)
    left = list(note.row.taxes)
    mended = []
    for tax in taxes:
        key = (tax.category, tax.rate_basis_points, tax.taxable_minor)
        row = next(row for row in left if (row["category"], row["rate_basis_points"], row["taxable_minor"]) == key)
        left.remove(row)
        mended.append(msgspec.structs.replace(tax, tax_minor=row["tax_minor"]))
    return mended


def replaced_of(tx: Tx, drafts: Sequence[AnyRow]) -> Mapping[UUID, Preceding]:
    """The credited invoices that drafts replace, by draft. No statement where none does."""
    replaced = {draft.InvoiceRow.id: draft.InvoiceRow.replaces_invoice_id for draft in drafts}
    ids = {each for each in replaced.values() if each is not None}
    if not ids:
        return {}
    query = select(InvoiceRow.id, InvoiceRow.number, InvoiceRow.issued_on).where(InvoiceRow.id.in_(ids))
    known = {
        row.id: Preceding(invoice_id=show("inv", row.id), number=row.number, issued_on=row.issued_on)
        for row in tx.session.execute(query)
    }
    return {draft: known[old] for draft, old in replaced.items() if old is not None}
