"""Billable items and invoices as the API shows them."""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from billwright.canon.schemas import Named, named, named_or_none, shown_or_none
from billwright.extension.reasons import explain
from billwright.kernel.amount_out import AmountOut, DecimalText, amount_out, decimal_out
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow

SUBJECTS = {"milestone": "mil", "time": "tim", "expense": "exp"}


class ReasonOut(Struct, frozen=True):
    """Why something waits, or what is worth knowing about it: what is missing, how it is mended, and by whom."""

    code: str
    title: str
    sentence: str
    remedy: str
    owner_role: str


def reasons_out(codes: Sequence[str]) -> list[ReasonOut]:
    found = [explain(code) for code in codes]
    return [ReasonOut(each.code, each.title, each.sentence, each.remedy, each.owner_role) for each in found]


class ItemOut(Struct, frozen=True, kw_only=True):
    """One thing that may be billed once: ``transaction_key`` is the same for ever for the same fact.

    ``state`` is waiting, ready, drafted, billed, written_down (to nothing), written_off or cancelled; ``reasons`` say what a
    waiting item waits for, ``notes``
    what is worth knowing. ``subject`` is the milestone, time entry or expense; ``message`` brought the fact.
    """

    id: str
    transaction_key: str
    kind: str
    state: str
    reasons: list[ReasonOut]
    notes: list[ReasonOut]
    subject: str
    contract: Named
    customer: Named | None
    project: Named | None
    invoice: Named | None
    description: str
    quantity: DecimalText
    unit: str
    unit_price: DecimalText | None
    amount: AmountOut | None
    service_from: date | None
    service_to: date | None
    clause: str
    contract_version: str | None
    change_order: str | None
    rate: str | None
    acceptance: str | None
    evidence: list[str]
    message: str | None
    waiting_since: datetime | None
    updated_at: datetime
    worked: DecimalText | None = None
    """The source's quantity, where the terms bill another one."""
    standard: AmountOut | None = None
    """The price, where `amount` is another one: `adjusted_by` says whether a cap or a person made it so."""
    adjusted_by: str = ""
    caps: list[str] = []


def item_out(row: AnyRow) -> ItemOut:
    return ItemOut(
        id=show("bil", row.id),
        transaction_key=row.transaction_key,
        kind=row.kind,
        state=row.state,
        reasons=reasons_out(row.reasons),
        notes=reasons_out(row.notes),
        subject=show(SUBJECTS[row.kind], row.subject_id) if row.kind in SUBJECTS else str(row.subject_id),
        contract=named("ctr", row.contract_id, row.contract_number),
        customer=named_or_none("cus", row.customer_id, row.customer_name),
        project=named_or_none("prj", row.project_id, row.project_name),
        invoice=named_or_none("inv", row.invoice_id, row.invoice_number),
        description=row.description,
        quantity=decimal_out(row.quantity),
        unit=row.unit,
        unit_price=None if row.unit_price is None else decimal_out(row.unit_price),
        amount=None if row.amount_minor is None else amount_out(row.amount_minor, row.currency),
        service_from=row.service_from,
        service_to=row.service_to,
        clause=row.clause,
        contract_version=shown_or_none("cvn", row.contract_version_id),
        change_order=shown_or_none("chg", row.change_order_id),
        rate=shown_or_none("rat", row.rate_id),
        acceptance=shown_or_none("acc", row.acceptance_id),
        evidence=[show("evi", evidence_id) for evidence_id in row.evidence_ids],
        message=shown_or_none("msg", row.message_id),
        waiting_since=row.waiting_since,
        updated_at=row.updated_at,
        worked=None if row.worked is None else decimal_out(row.worked),
        standard=None if row.standard_minor is None else amount_out(row.standard_minor, row.currency),
        adjusted_by=row.adjusted_by,
        caps=list(row.caps or ()),
    )


class InvoiceOut(Struct, frozen=True, kw_only=True):
    """An invoice from draft on. ``phase`` is what people see, ``detail`` what is going on; a draft has no number.

    ``content_sha256`` is the hash of what an approver looks at: a decision names it.
    """

    id: str
    document_type: str
    number: str | None
    phase: str
    detail: str
    legal_entity: Named
    customer: Named
    project: Named | None
    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    payment_terms_days: int
    issued_on: date | None
    due_on: date | None
    content_sha256: str
    created_at: datetime
    updated_at: datetime
    phase_since: datetime
    issued_at: datetime | None
    credits: str | None = None
    """Of a credit note: the invoice that it credits."""
    replaces: str | None = None
    """Of an invoice that bills anew what was credited: the invoice that it replaces."""


def invoice_out(row: AnyRow) -> InvoiceOut:
    return InvoiceOut(
        id=show("inv", row.id),
        document_type=row.document_type,
        number=row.number,
        phase=row.phase,
        detail=row.detail,
        legal_entity=named("led", row.legal_entity_id, row.entity_code),
        customer=named("cus", row.customer_id, row.customer_name),
        project=named_or_none("prj", row.project_id, row.project_name),
        net=amount_out(row.net_minor, row.currency),
        tax=amount_out(row.tax_minor, row.currency),
        gross=amount_out(row.gross_minor, row.currency),
        payment_terms_days=row.payment_terms_days,
        issued_on=row.issued_on,
        due_on=row.due_on,
        content_sha256=row.content_sha256,
        created_at=row.created_at,
        updated_at=row.updated_at,
        phase_since=row.phase_since,
        issued_at=row.issued_at,
        credits=shown_or_none("inv", row.credits_invoice_id),
        replaces=shown_or_none("inv", row.replaces_invoice_id),
    )
