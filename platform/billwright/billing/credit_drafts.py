"""The draft of a credit note: what is left of an invoice to be credited, and the rows of what is taken back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from billwright.audit.record import entry_values, record_many
from billwright.billing.content import seller_content
from billwright.billing.credit_amounts import Left, Part, TaxKey, credit_tax, fitting_price
from billwright.billing.tables import (
    AllocationRow,
    BillableItemRow,
    CreditNoteRow,
    InvoiceEventRow,
    InvoiceLineRow,
    InvoiceRow,
)
from billwright.canon.tables import CustomerRow, LegalEntityRow
from billwright.kernel.canonical_json import sha256_hex
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.recordset import insert_many, table_of
from billwright.tenancy.transaction import Tx

CREDIT_NOTE: Final = "credit_note"
Outcome = Literal["release", "rebill", "write_off"]
OPEN_MINOR: Final = BillableItemRow.amount_minor - BillableItemRow.kept_minor - BillableItemRow.written_off_minor
"""What of an item is still to be billed, as SQL: the whole, but for those that earlier invoices keep in part."""


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
    parts = tuple(each["rate_ppm"] for each in line.tax_components or ())
    exemption = f"{line.tax_exemption_code} {line.tax_reason_key}".strip()
    return TaxKey(line.tax_category, line.tax_rate_basis_points, line.tax_reason, exemption, parts)


def taxes_of(tx: Tx, invoice: InvoiceRow, lines: Sequence[LineLeft], taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """Tax rows of the credit, negative where the invoice's are positive. One statement."""
    notes = select(CreditNoteRow.taxes).join(InvoiceRow, InvoiceRow.id == CreditNoteRow.invoice_id)
    before: defaultdict[TaxKey, int] = defaultdict(int)
    for rows in tx.session.scalars(
        notes.where(InvoiceRow.credits_invoice_id == invoice.id, InvoiceRow.phase != "void")
    ):
        for row in rows:
            before[_read_key(row)] -= row["tax_minor"]
    credited: defaultdict[TaxKey, int] = defaultdict(int)
    now: defaultdict[TaxKey, int] = defaultdict(int)
    for each in lines:
        credited[key_of(each.line)] += each.line.net_minor - each.net_minor
    for part in taken:
        now[key_of(part.line)] += part.net_minor
    rows = []
    for key, minor in sorted(now.items(), key=lambda pair: astuple(pair[0])):
        so_far = Money(credited[key], invoice.currency)
        tax = credit_tax(key, before=so_far, before_tax_minor=before[key], now_minor=minor)
        rows.append({**asdict(key), "taxable_minor": -minor, "tax_minor": -tax})
    return rows


def _read_key(row: Mapping[str, Any]) -> TaxKey:
    parts = tuple(row["parts_ppm"])
    return TaxKey(row["category"], row["rate_basis_points"], row["reason"], row["exemption"], parts)


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
                "standard_minor": None,
                "adjusted_by": "",
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


@dataclass(frozen=True, slots=True)
class Note:
    """A credit note with its parties and lines, as they are now. ``items`` are what each line takes back."""

    row: CreditNoteRow
    invoice: InvoiceRow
    customer: CustomerRow
    entity: LegalEntityRow
    credited_number: str
    credited_on: date
    lines: Sequence[tuple[InvoiceLineRow, Sequence[UUID]]]

    @property
    def stands(self) -> bool:
        """Whether it is what its draft's hash was made of: what it takes back cannot change, its parties can."""
        return self.digest == self.invoice.content_sha256

    @property
    def digest(self) -> str:
        """Hash of all that an approver looks at: parties, what is credited and why, each line with amount, tax and items."""
        customer, entity, currency = self.customer, self.entity, self.invoice.currency
        note = self.row
        return sha256_hex(
            {
                "credits": [note.credits_invoice_id, self.credited_number],
                "why": [note.reason_code, note.reason, note.outcome],
                "taxes": note.taxes,
                "customer": [customer.id, customer.name, customer.legal_name, customer.tax_id, customer.address],
                "einvoice": [customer.einvoice, entity.profile.get("einvoice")],
                "seller": [entity.id, seller_content(entity.name, entity.profile, currency)],
                "lines": [_line_content(line, items, currency) for line, items in self.lines],
            }
        )


def _line_content(line: InvoiceLineRow, items: Sequence[UUID], currency: str) -> list[object]:
    return [
        line.description,
        line.quantity.normalize(),
        line.unit,
        line.unit_price.normalize(),
        line.net_minor,
        currency,
        astuple(key_of(line)),
        line.contract_id,
        line.milestone_id,
        line.change_order_id,
        line.clause,
        line.service_from,
        line.service_to,
        sorted(str(item) for item in items),
    ]


def notes_of(tx: Tx, note_ids: Sequence[UUID]) -> dict[UUID, Note]:
    """Credit notes as they stand now. Two statements; none without any."""
    if not note_ids:
        return {}
    credited = table_of(InvoiceRow).alias("credited")
    query = (
        select(InvoiceRow, CreditNoteRow, CustomerRow, LegalEntityRow, credited.c.number, credited.c.issued_on)
        .join(CreditNoteRow, CreditNoteRow.invoice_id == InvoiceRow.id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .join(credited, credited.c.id == CreditNoteRow.credits_invoice_id)
        .where(InvoiceRow.id.in_(note_ids))
        .order_by(InvoiceRow.id)
    )
    found = list(tx.session.execute(query))
    shares = (
        select(InvoiceLineRow, AllocationRow.item_id)
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .where(InvoiceLineRow.invoice_id.in_(note_ids))
        .order_by(InvoiceLineRow.invoice_id, InvoiceLineRow.position, AllocationRow.id)
    )
    lines: dict[UUID, dict[UUID, tuple[InvoiceLineRow, list[UUID]]]] = {note_id: {} for note_id in note_ids}
    for share in tx.session.execute(shares):
        line = share.InvoiceLineRow
        lines[line.invoice_id].setdefault(line.id, (line, []))[1].append(share.item_id)
    return {
        row.InvoiceRow.id: Note(
            row=row.CreditNoteRow,
            invoice=row.InvoiceRow,
            customer=row.CustomerRow,
            entity=row.LegalEntityRow,
            credited_number=row.number,
            credited_on=row.issued_on,
            lines=tuple(lines[row.InvoiceRow.id].values()),
        )
        for row in found
    }


def refresh_credits(tx: Tx, note_ids: Sequence[UUID]) -> list[UUID]:
    """Drafts of credit notes whose parties changed go back to the checks; return them. Locked by the caller.

    What a credit note takes back never changes: its lines stay as they were asked for.
    """
    changed = [(each, each.digest) for each in notes_of(tx, note_ids).values()]
    changed = [(each, digest) for each, digest in changed if digest != each.invoice.content_sha256]
    entries, events = [], []
    for each, digest in changed:
        invoice = each.invoice
        before = {"phase": invoice.phase, "content_sha256": invoice.content_sha256}
        if invoice.phase != "validation_pending":
            invoice.phase_since = tx.now
        invoice.phase, invoice.detail, invoice.content_sha256 = "validation_pending", "submitted", digest
        invoice.updated_at = tx.now
        after = {"content_sha256": digest}
        entries.append(entry_values(tx, "invoice.submitted", "invoice", invoice.id, before=before, after=after))
        events.append(
            {
                "id": new_id(), "invoice_id": invoice.id, "at": tx.now, "event": "draft.changed",
                "text": "Content changed: a party of the credit note did.", "actor_name": tx.actor.name, "facts": {},
            }
        )  # fmt: skip
    tx.session.flush()
    insert_many(tx.session, InvoiceEventRow, events)
    record_many(tx, entries)
    return [each.invoice.id for each, _ in changed]


def counts_as_billed() -> ColumnElement[bool]:
    """Condition on ``InvoiceRow``: void ones do not count, and credit notes only once they are issued."""
    return (InvoiceRow.phase != "void") & (
        (InvoiceRow.document_type != CREDIT_NOTE) | InvoiceRow.issued_at.is_not(None)
    )


def is_credited() -> ColumnElement[bool]:
    """Condition on ``AllocationRow``: issued credit notes took some of it back."""
    taken = aliased(AllocationRow)
    query = select(taken.id).join(InvoiceRow, InvoiceRow.id == taken.invoice_id)
    credited = (taken.credits_id == AllocationRow.id) & InvoiceRow.issued_at.is_not(None)
    return query.where(credited).correlate(AllocationRow).exists()
