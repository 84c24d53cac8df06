"""A firm that may issue credit notes, and short ways to ask for them."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.insight.invariants import check_invariants
from billwright.issuing.credit_invoice import CreditLine, CreditRequest, credit_invoice
from billwright.issuing.tables import NumberSeriesRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.money import Money
from billwright.receivables.tables import ReceivableRow
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person

CLERK = person("Cleo Clerk", "invoice:write", "payment:write")


def with_series(firm: Firm) -> Firm:
    """``firm`` with a number series for credit notes."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        row = {
            "legal_entity_id": firm.entity_id,
            "document_type": "credit_note",
            "year": 2026,
            "pattern": "ACME-CN-{year}-{number:05d}",
            "next_number": 1,
        }
        tx.session.execute(insert(NumberSeriesRow), [row])
    return firm


def an_invoice(firm: Firm, amount: str = "10000.00") -> InvoiceRow:
    """One issued invoice over one accepted milestone."""
    firm.customer()
    firm.contract()
    firm.milestone(amount=amount)
    firm.accept()
    (invoice,) = firm.invoices()
    assert invoice.number is not None
    return invoice


def credit(
    firm: Firm,
    invoice: InvoiceRow,
    *lines: CreditLine,
    outcome: Any = "release",
    actor: Actor = CLERK,
    drain: bool = True,
) -> InvoiceRow:
    """The credit note, worked off."""
    request = CreditRequest(reason_code="disputed", reason="Not as agreed.", outcome=outcome, lines=lines)
    note_id = credit_invoice(firm.database, firm.tenant, actor, invoice.id, request)
    if drain:
        firm.drain()
    return by_id(firm, note_id)


def part(position: int = 1, *, quantity: str | None = None, amount: str | None = None, item: UUID | None = None,
         currency: str = "EUR") -> CreditLine:  # fmt: skip
    minor = None if amount is None else Money(int(Decimal(amount) * 100), currency)
    return CreditLine(
        position=position, item_id=item, amount=minor, quantity=None if quantity is None else Decimal(quantity)
    )


def by_id(firm: Firm, invoice_id: UUID) -> InvoiceRow:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.get_one(InvoiceRow, invoice_id)


def receivable(firm: Firm, invoice_id: UUID) -> ReceivableRow:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return tx.session.scalars(select(ReceivableRow).where(ReceivableRow.invoice_id == invoice_id)).one()


def lines_of(firm: Firm, invoice_id: UUID) -> list[InvoiceLineRow]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        query = select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice_id).order_by(InvoiceLineRow.position)
        return list(tx.session.scalars(query))


def offenders(firm: Firm) -> list[tuple[str, str, str]]:
    return [
        (verdict.invariant.name, each.subject, each.sentence)
        for verdict in check_invariants(firm.database, firm.tenant)
        for each in verdict.offenders
    ]


def unaccounted(firm: Firm) -> list[tuple[str, Decimal, Decimal]]:
    """Items whose billed, open and written off quantities do not come to their own: key, quantity, and what is found."""
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        issued = (
            select(AllocationRow.item_id, AllocationRow.quantity)
            .join(InvoiceRow, InvoiceRow.id == AllocationRow.invoice_id)
            .where(InvoiceRow.issued_at.is_not(None), InvoiceRow.phase != "void")
        )
        billed: dict[UUID, Decimal] = {}
        for item_id, quantity in tx.session.execute(issued):
            billed[item_id] = billed.get(item_id, Decimal(0)) + quantity
        wrong = []
        for item in tx.session.scalars(select(BillableItemRow)):
            open_ = item.quantity - item.kept_quantity - item.written_off_quantity
            found = billed.get(item.id, Decimal(0)) + item.written_off_quantity
            found += Decimal(0) if item.state in ("billed", "written_off") else open_
            if found != item.quantity:
                wrong.append((item.transaction_key, item.quantity, found))
        return wrong
