"""The lists of what is billed: invoices and drafts, and items that are in none yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.billing.credit_drafts import CREDIT_NOTE
from billwright.billing.pages import GROUPS, invoice_counts, unbilled_sums
from billwright.billing.tables import BillableItemRow, InvoiceRow
from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow, ProjectRow
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.listing import ALL, AnySelect, Column, Filter, Listing, Sort

DOCUMENTS: Final = {"invoice": "Invoice", "credit_note": "Credit note"}
WAITING: Final = ("waiting", "ready")


def _invoices(_tx: Tx) -> AnySelect:
    return (
        select(
            InvoiceRow,
            CustomerRow.name.label("customer"),
            ProjectRow.name.label("project"),
            LegalEntityRow.name.label("entity"),
        )
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .outerjoin(ProjectRow, ProjectRow.id == InvoiceRow.project_id)
    )


def _invoice_counts(tx: Tx) -> Mapping[str, int]:
    return {group: count for group, _, count in invoice_counts(tx)}


def customer_name(tx: Tx, customer_id: UUID) -> str:
    return tx.session.scalar(select(CustomerRow.name).where(CustomerRow.id == customer_id)) or "unknown"


def _contract_number(tx: Tx, contract_id: UUID) -> str:
    return tx.session.scalar(select(ContractRow.number).where(ContractRow.id == contract_id)) or "unknown"


def _document(row: Any) -> str:
    kind = row.InvoiceRow.document_type
    return DOCUMENTS.get(kind) or kind.replace("_", " ").capitalize()


def _draft(row: Any) -> str:
    return "Draft credit note" if row.InvoiceRow.document_type == CREDIT_NOTE else "Draft"


INVOICES: Final = Listing(
    name="invoices",
    room="invoices",
    path="invoices",
    title="Invoices",
    rows="invoices",
    needs=("invoice:read",),
    template="invoices.html",
    query=_invoices,
    identifier=InvoiceRow.id,
    order="-changed",
    counts=_invoice_counts,
    opens=lambda row: f"invoices/{show('inv', row.InvoiceRow.id)}",
    columns=(
        Column(
            key="number", label="Invoice", fixed=True, wide=False, sort=Sort(InvoiceRow.number, str),
            value=lambda row: row.InvoiceRow.number or _draft(row),
        ),
        Column(key="project", label="Project", within=True, value=lambda row: row.project),
        Column(key="customer", label="Customer", under=True, value=lambda row: row.customer),
        Column(key="entity", label="Issued by", default=False, value=lambda row: row.entity),
        Column(key="document", label="Document", default=False, value=_document),
        Column(
            key="state", label="Where it stands", kind="status", under=True,
            value=lambda row: words.phase(row.InvoiceRow.phase, row.InvoiceRow.detail),
        ),
        Column(
            key="changed", label="Since", kind="moment", sort=Sort(InvoiceRow.updated_at, datetime),
            value=lambda row: row.InvoiceRow.updated_at,
        ),
        Column(
            key="created", label="First drafted", kind="moment", default=False, sort=Sort(InvoiceRow.id, UUID),
            value=lambda row: row.InvoiceRow.created_at,
        ),
        Column(key="issued", label="Issued", kind="day", default=False, value=lambda row: row.InvoiceRow.issued_on),
        Column(key="due", label="Due", kind="day", value=lambda row: row.InvoiceRow.due_on),
        Column(
            key="net", label="Net", kind="money", default=False,
            value=lambda row: (row.InvoiceRow.net_minor, row.InvoiceRow.currency),
        ),
        Column(
            key="tax", label="Tax", kind="money", default=False,
            value=lambda row: (row.InvoiceRow.tax_minor, row.InvoiceRow.currency),
        ),
        Column(
            key="gross", label="Amount", kind="money", wide=False,
            value=lambda row: (row.InvoiceRow.gross_minor, row.InvoiceRow.currency),
        ),
    ),
    filters=(
        Filter(
            key="group", label="Where it stands", choices=tuple((name, text) for name, (text, _) in GROUPS.items()),
            where=lambda _tx, group: GROUPS[group][1],
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(
            key="currency", label="Currency", kind="text",
            where=lambda _tx, text: InvoiceRow.currency == text.upper(),
        ),
        Filter(key="issued_from", label="Issued from", kind="day", where=lambda _tx, day: InvoiceRow.issued_on >= day),
        Filter(key="issued_to", label="Issued to", kind="day", where=lambda _tx, day: InvoiceRow.issued_on <= day),
        Filter(key="due_from", label="Due from", kind="day", where=lambda _tx, day: InvoiceRow.due_on >= day),
        Filter(key="due_to", label="Due to", kind="day", where=lambda _tx, day: InvoiceRow.due_on <= day),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: InvoiceRow.customer_id == identifier,
        ),
    ),
)  # fmt: skip


def _unbilled(_tx: Tx) -> AnySelect:
    return (
        select(
            BillableItemRow,
            CustomerRow.name.label("customer"),
            ContractRow.number.label("contract"),
            ProjectRow.name.label("project"),
        )
        .outerjoin(ContractRow, ContractRow.id == BillableItemRow.contract_id)
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == BillableItemRow.project_id)
        .where(BillableItemRow.state.in_(WAITING))
    )


def _unbilled_counts(tx: Tx) -> Mapping[str, int]:
    """By first reason, over all currencies; what is ready has none."""
    counts = {ALL: 0}
    for row in unbilled_sums(tx):
        counts[ALL] += row.items
        if row.reason:
            counts[row.reason] = counts.get(row.reason, 0) + row.items
    return counts


def _why(row: Any) -> str:
    reasons = row.BillableItemRow.reasons
    return " ".join(f"{words.explain(code).title}. {words.explain(code).sentence}" for code in reasons) or "Ready."


def _owner(row: Any) -> str | None:
    reasons = row.BillableItemRow.reasons
    return words.role(words.explain(reasons[0]).owner_role) if reasons else None


UNBILLED: Final = Listing(
    name="unbilled",
    room="unbilled",
    path="unbilled",
    title="Unbilled",
    rows="items",
    needs=("item:read",),
    template="unbilled.html",
    query=_unbilled,
    identifier=BillableItemRow.id,
    order="item",
    counts=_unbilled_counts,
    columns=(
        Column(
            key="item", label="Item", fixed=True, wide=False, sort=Sort(BillableItemRow.id, UUID),
            value=lambda row: row.BillableItemRow.description,
        ),
        Column(key="customer", label="Customer", within=True, value=lambda row: row.customer or "no customer"),
        Column(key="contract", label="Contract", within=True, value=lambda row: row.contract or "no contract"),
        Column(key="project", label="Project", within=True, default=False, value=lambda row: row.project),
        Column(
            key="kind", label="Kind", default=False,
            value=lambda row: words.ITEM_KINDS.get(row.BillableItemRow.kind, row.BillableItemRow.kind),
        ),
        Column(key="why", label="Why it waits", under=True, value=_why),
        Column(key="owner", label="Owner", value=_owner),
        Column(
            key="since", label="Waits since", kind="moment", value=lambda row: row.BillableItemRow.waiting_since,
        ),
        Column(
            key="amount", label="Amount", kind="money", wide=False,
            value=lambda row: (row.BillableItemRow.amount_minor, row.BillableItemRow.currency),
        ),
    ),
    filters=(
        Filter(
            key="reason", label="Reason", kind="counted", words=lambda code: words.explain(code).title,
            where=lambda _tx, code: BillableItemRow.reasons.contains([code]),
        ),
        Filter(
            key="state", label="State", choices=(("waiting", "Waits"), ("ready", "Ready")),
            where=lambda _tx, state: BillableItemRow.state == state,
        ),
        Filter(
            key="kind", label="Kind", choices=tuple(words.ITEM_KINDS.items()),
            where=lambda _tx, kind: BillableItemRow.kind == kind,
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(
            key="contract", label="Contract", kind="id", prefix="ctr", name=_contract_number,
            where=lambda _tx, identifier: BillableItemRow.contract_id == identifier,
        ),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: ContractRow.customer_id == identifier,
        ),
    ),
)  # fmt: skip
