"""What drafts would say if they were issued now: for whoever must look at the document before anybody approves it."""

from collections.abc import Sequence
from uuid import UUID

from billwright.issuing.content import InvoiceContent
from billwright.issuing.issue_invoices import frozen_of, rows_of
from billwright.issuing.queries import drafts_of
from billwright.tenancy.transaction import Tx


def would_be(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, InvoiceContent]:
    """The content of each draft as of now, in a constant number of statements; issued ones and those gone are left out."""
    drafts = drafts_of(tx, invoice_ids)
    return {each.invoice_id: each.content for each in frozen_of(tx, drafts, rows_of(tx, drafts))} if drafts else {}
