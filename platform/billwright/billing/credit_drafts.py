"""The draft of a credit note: what is left of an invoice to be credited, and the rows of what is taken back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from billwright.billing.content import content_hash, parties_content, seller_content, stored_line_content
from billwright.billing.credit_amounts import Left, Part, TaxKey, credit_tax, fitting_price
from billwright.billing.tables import (
    AllocationRow,
    BillableItemRow,
    CreditNoteRow,
    InvoiceLineRow,
    InvoiceRow,
)
from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import table_of
from billwright.tenancy.transaction import Tx

CREDIT_NOTE: Final = "credit_note"
Outcome = Literal["release", "rebill", "write_off"]


@dataclass(frozen=True, slots=True)
class LineLeft:
    """A line of an invoice and what credits left of its allocations, the latest service first."""

    line: InvoiceLineRow
    lefts: tuple[Left, ...]

    @property
    def quantity(self) -> Decimal:
        return sum((each.quantity for each in self.lefts), start=Decimal(0))

    @property
    def net_minor(self) -> int:
        return sum(each.amount_minor for each in self.lefts)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a credit takes of one line."""

    line: InvoiceLineRow
    parts: tuple[Part, ...]

    @property
    def quantity(self) -> Decimal:
        return sum((each.quantity for each in self.parts), start=Decimal(0))

    @property
    def net_minor(self) -> int:
        return sum(each.amount_minor for each in self.parts)


def lines_left(tx: Tx, invoice_id: UUID) -> list[LineLeft]:
    """The invoice's lines with what may still be credited; credit notes on their way count as taken. Two statements."""
    share, taken = table_of(AllocationRow), table_of(AllocationRow).alias("taken")
    credited = (
        select(taken.c.credits_id, func.sum(taken.c.quantity).label("q"), func.sum(taken.c.amount_minor).label("m"))
        .join(InvoiceRow, InvoiceRow.id == taken.c.invoice_id)
        .where(InvoiceRow.credits_invoice_id == invoice_id, InvoiceRow.phase != "void")
        .group_by(taken.c.credits_id)
        .subquery()
    )
    query = (
        select(
            share.c.id,
            share.c.line_id,
            share.c.item_id,
            (share.c.quantity + func.coalesce(credited.c.q, 0)).label("quantity"),
            (share.c.amount_minor + func.coalesce(credited.c.m, 0)).label("minor"),
        )
        .join(BillableItemRow, BillableItemRow.id == share.c.item_id)
        .outerjoin(credited, credited.c.credits_id == share.c.id)
        .where(share.c.invoice_id == invoice_id)
        .order_by(BillableItemRow.service_to.desc().nulls_last(), share.c.id.desc())
    )
    lefts: defaultdict[UUID, list[Left]] = defaultdict(list)
    for row in tx.session.execute(query):
        if row.quantity or row.minor:
            left = Left(allocation_id=row.id, item_id=row.item_id, quantity=row.quantity, amount_minor=int(row.minor))
            lefts[row.line_id].append(left)
    lines = select(InvoiceLineRow).where(InvoiceLineRow.invoice_id == invoice_id).order_by(InvoiceLineRow.position)
    return [LineLeft(line, tuple(lefts[line.id])) for line in tx.session.scalars(lines)]


def key_of(line: InvoiceLineRow) -> TaxKey:
    return line.tax_category, line.tax_rate_basis_points, line.tax_reason


def taxes_of(tx: Tx, invoice: InvoiceRow, lines: Sequence[LineLeft], taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """Tax rows of the credit, negative where the invoice's are positive. One statement."""
    notes = select(CreditNoteRow.taxes).join(InvoiceRow, InvoiceRow.id == CreditNoteRow.invoice_id)
    before: defaultdict[TaxKey, int] = defaultdict(int)
    for rows in tx.session.scalars(
        notes.where(InvoiceRow.credits_invoice_id == invoice.id, InvoiceRow.phase != "void")
    ):
        for row in rows:
            before[row["category"], row["rate_basis_points"], row["reason"]] -= row["tax_minor"]
    invoiced: defaultdict[TaxKey, int] = defaultdict(int)
    left: defaultdict[TaxKey, int] = defaultdict(int)
    now: defaultdict[TaxKey, int] = defaultdict(int)
    for each in lines:
        invoiced[key_of(each.line)] += each.line.net_minor
        left[key_of(each.line)] += each.net_minor
    for part in taken:
        now[key_of(part.line)] += part.net_minor
    return [
        {
            "category": key[0],
            "rate_basis_points": key[1],
            "reason": key[2],
            "tax_minor": -credit_tax(
                key,
                invoiced_minor=invoiced[key],
                before=Money(invoiced[key] - left[key], invoice.currency),
                before_tax_minor=before[key],
                now_minor=minor,
            ),
        }
        for key, minor in sorted(now.items())
    ]


def line_rows(note_id: UUID, currency: str, taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """Lines of the credit note: those of the invoice in all but quantity and amount, which have the other sign."""
    rows = []
    for position, each in enumerate(taken, start=1):
        same = {column.name: getattr(each.line, column.key) for column in table_of(InvoiceLineRow).columns}
        rows.append(
            same
            | {
                "id": new_id(),
                "invoice_id": note_id,
                "position": position,
                "quantity": -each.quantity,
                "unit_price": fitting_price(each.line.unit_price, each.quantity, each.net_minor, currency),
                "net_minor": -each.net_minor,
            }
        )
    return rows


def allocation_rows(
    tx: Tx, note_id: UUID, taken: Sequence[Taken], lines: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Allocations of the credit note, each pointing at the one that it takes back. One statement."""
    share = table_of(AllocationRow)
    ids = [part.left.allocation_id for each in taken for part in each.parts]
    credited = {row.id: row for row in tx.session.execute(select(*share.columns).where(share.c.id.in_(ids)))}
    return [
        dict(credited[part.left.allocation_id]._mapping)
        | {
            "id": new_id(),
            "line_id": row["id"],
            "invoice_id": note_id,
            "quantity": -part.quantity,
            "amount_minor": -part.amount_minor,
            "credits_id": part.left.allocation_id,
        }
        for each, row in zip(taken, lines, strict=True)
        for part in each.parts
    ]


def credit_facts(note: CreditNoteRow | AnyRow, number: str | None) -> list[object]:
    """What an approver of a credit note looks at besides parties and lines."""
    return [str(note.credits_invoice_id), number, note.reason_code, note.reason, note.outcome, note.taxes]


def credit_digest(
    customer: CustomerRow,
    entity: LegalEntityRow,
    currency: str,
    lines: Iterable[tuple[InvoiceLineRow, Sequence[UUID]]],
    orders: Iterable[tuple[UUID, str]],
    facts: Sequence[object],
    *,
    version: int,
) -> str:
    """The content hash of a credit note as it is stored. ``lines`` with the items that each takes back, in order."""
    return content_hash(
        version=version,
        entity=entity.id,
        customer=customer.id,
        parties=parties_content(
            name=customer.name,
            legal_name=customer.legal_name,
            tax_id=customer.tax_id,
            tax_category=customer.tax_category,
            address=customer.address,
            seller_country=entity.country,
            seller_profile=entity.profile,
        ),
        terms=0,
        lines=[stored_line_content(line, items, currency) for line, items in lines],
        seller=seller_content(entity.name, entity.profile, currency),
        orders=orders,
        credit=facts,
    )


def digests_of(tx: Tx, note_ids: Sequence[UUID], *, version: int) -> dict[UUID, str]:
    """The content hashes of drafts of credit notes as they would be made now. Three statements."""
    credited = table_of(InvoiceRow).alias("credited")
    query = (
        select(InvoiceRow.id, InvoiceRow.currency, CreditNoteRow, CustomerRow, LegalEntityRow, credited.c.number)
        .join(CreditNoteRow, CreditNoteRow.invoice_id == InvoiceRow.id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .join(credited, credited.c.id == CreditNoteRow.credits_invoice_id)
        .where(InvoiceRow.id.in_(note_ids))
    )
    notes = list(tx.session.execute(query))
    shares = (
        select(InvoiceLineRow, AllocationRow.item_id, ContractRow.po_number)
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .where(InvoiceLineRow.invoice_id.in_(note_ids))
        .order_by(InvoiceLineRow.invoice_id, InvoiceLineRow.position, AllocationRow.id)
        .execution_options(populate_existing=True)
    )
    lines: dict[UUID, dict[UUID, tuple[InvoiceLineRow, list[UUID]]]] = {note_id: {} for note_id in note_ids}
    orders: defaultdict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for row in tx.session.execute(shares):
        line = row.InvoiceLineRow
        lines[line.invoice_id].setdefault(line.id, (line, []))[1].append(row.item_id)
        orders[line.invoice_id].append((line.contract_id, row.po_number))
    return {
        row.id: credit_digest(
            row.CustomerRow,
            row.LegalEntityRow,
            row.currency,
            lines[row.id].values(),
            orders[row.id],
            credit_facts(row.CreditNoteRow, row.number),
            version=version,
        )
        for row in notes
    }


def counts_as_billed() -> ColumnElement[bool]:
    """Condition on ``InvoiceRow``: void ones do not count, and credit notes only once they are issued."""
    return (InvoiceRow.phase != "void") & (
        (InvoiceRow.document_type != CREDIT_NOTE) | InvoiceRow.issued_at.is_not(None)
    )
