"""Why a line is on an invoice, at this price: line to item to contract version, rate, acceptance, evidence and message."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from msgspec import Struct

from billwright.billing import reads
from billwright.billing.schemas import SUBJECTS, ReasonOut, reasons_out
from billwright.billing.tax import tax_of
from billwright.billing.tax.jurisdictions import reason_text
from billwright.billing.tax.of_rows import read_components
from billwright.canon.schemas import Named, named, named_or_none
from billwright.kernel.amount_out import AmountOut, DecimalText, amount_out, decimal_out
from billwright.kernel.ids import show
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


class VersionOut(Struct, frozen=True):
    """The version of the contract whose terms made the price; ``effective_at`` as it was when the version was made."""

    id: str
    number: int
    effective_at: datetime | None


class OrderOut(Struct, frozen=True):
    id: str
    number: str
    signed_at: datetime | None


class AcceptanceOut(Struct, frozen=True):
    id: str
    decision: str
    decided_at: datetime
    decided_by: str


class RateOut(Struct, frozen=True):
    """The hourly rate that was applied. A rate that is off its card by now has no ``effective_from`` any more."""

    id: str
    role: str
    person_email: str | None
    hourly: DecimalText
    currency: str
    effective_from: date | None


class EvidenceOut(Struct, frozen=True):
    id: str
    title: str
    uri: str
    sha256: str | None
    media_type: str
    submitted_at: datetime | None
    submitted_by: str


class SourceOut(Struct, frozen=True):
    """The message that brought the fact."""

    id: str
    source: str
    source_id: str
    type: str
    time: datetime


class ShareOut(Struct, frozen=True, kw_only=True):
    """What a line bills of one item. ``subject`` is the milestone, time entry or expense."""

    item: str
    transaction_key: str
    subject: str
    quantity: DecimalText
    amount: AmountOut
    contract_version: VersionOut | None
    rate: RateOut | None
    acceptance: AcceptanceOut | None
    notes: list[ReasonOut]
    message: SourceOut | None


class TaxOut(Struct, frozen=True):
    """``category`` by UNCL 5305 (S, AE, Z, E, O ...), ``percent`` such as "19"; ``exemption_code`` is of the VATEX list.

    ``rule`` decided it, from what ``evidence`` says; both are empty for lines of earlier releases.
    """

    category: str
    percent: DecimalText
    reason: str
    exemption_code: str = ""
    rule: str = ""
    evidence: dict[str, Any] = {}


class LineOut(Struct, frozen=True, kw_only=True):
    """A line with everything it rests on."""

    id: str
    position: int
    description: str
    quantity: DecimalText
    unit: str
    unit_price: DecimalText
    net: AmountOut
    tax: TaxOut
    contract: Named
    project: Named | None
    milestone: Named | None
    change_order: OrderOut | None
    clause: str
    service_from: date | None
    service_to: date | None
    evidence: list[EvidenceOut]
    allocations: list[ShareOut]


class TaxTotalOut(Struct, frozen=True):
    """One row of the tax breakdown, rounded once."""

    tax: TaxOut
    taxable: AmountOut
    amount: AmountOut


class Provenance(Struct, frozen=True):
    """All lines of one invoice, still without their messages: those belong to another room."""

    rows: list[AnyRow]
    evidence: dict[UUID, AnyRow]
    rates: dict[UUID, tuple[str, dict[str, Any]]]

    @property
    def message_ids(self) -> list[UUID]:
        return [row.message_id for row in self.rows if row.message_id is not None]


def read_provenance(tx: Tx, invoice_id: UUID) -> Provenance:
    """Three statements, whatever the number of lines."""
    rows = reads.line_shares(tx, invoice_id)
    evidence_ids = {evidence_id for row in rows for evidence_id in row.evidence_ids}
    evidence = reads.evidence_of(tx, sorted(evidence_ids))
    return Provenance(rows, evidence, reads.rates_of(tx, sorted({row.contract_id for row in rows})))


def lines_out(found: Provenance, currency: str, messages: Mapping[UUID, SourceOut]) -> list[LineOut]:
    """Lines in their order."""
    return [
        _line(found, list(shares), currency, messages)
        for _, shares in groupby(found.rows, key=lambda row: row.position)
    ]


def _line(found: Provenance, shares: Sequence[AnyRow], currency: str, messages: Mapping[UUID, SourceOut]) -> LineOut:
    row = shares[0]
    return LineOut(
        id=show("lin", row.id),
        position=row.position,
        description=row.description,
        quantity=decimal_out(row.quantity),
        unit=row.unit,
        unit_price=decimal_out(row.unit_price),
        net=amount_out(row.net_minor, currency),
        tax=_tax(row),
        contract=named("ctr", row.contract_id, row.contract_number),
        project=named_or_none("prj", row.project_id, row.project_name),
        milestone=named_or_none("mil", row.milestone_id, row.milestone_name),
        change_order=_order(row),
        clause=row.clause,
        service_from=row.service_from,
        service_to=row.service_to,
        evidence=[_evidence(found.evidence[each]) for each in row.evidence_ids if each in found.evidence],
        allocations=[_share(share, currency, found, messages) for share in shares],
    )


def _share(row: AnyRow, currency: str, found: Provenance, messages: Mapping[UUID, SourceOut]) -> ShareOut:
    return ShareOut(
        item=show("bil", row.item_id),
        transaction_key=row.transaction_key,
        subject=show(SUBJECTS[row.kind], row.subject_id) if row.kind in SUBJECTS else str(row.subject_id),
        quantity=decimal_out(row.share_quantity),
        amount=amount_out(row.share_minor, currency),
        contract_version=_version(row),
        rate=_rate(row, currency, found.rates),
        acceptance=_acceptance(row),
        notes=reasons_out(row.notes),
        message=messages.get(row.message_id),
    )


def _version(row: AnyRow) -> VersionOut | None:
    if row.version_id is None:
        return None
    return VersionOut(show("cvn", row.version_id), row.version_number, row.version_effective_at)


def _order(row: AnyRow) -> OrderOut | None:
    if row.change_order_id is None:
        return None
    return OrderOut(show("chg", row.change_order_id), row.order_number or "", row.order_signed_at)


def _acceptance(row: AnyRow) -> AcceptanceOut | None:
    if row.acceptance_id is None:
        return None
    return AcceptanceOut(show("acc", row.acceptance_id), row.decision, row.decided_at, row.decided_by)


def _rate(row: AnyRow, currency: str, rates: Mapping[UUID, tuple[str, dict[str, Any]]]) -> RateOut | None:
    if row.rate_id is None:
        return None
    if row.rate_id not in rates:
        return RateOut(show("rat", row.rate_id), "", None, decimal_out(row.unit_price), currency, None)
    card_currency, rate = rates[row.rate_id]
    return RateOut(
        show("rat", row.rate_id),
        rate["role"],
        rate["person_email"],
        decimal_out(Decimal(rate["hourly"])),
        card_currency,
        date.fromisoformat(rate["effective_from"]),
    )


def _evidence(row: AnyRow) -> EvidenceOut:
    return EvidenceOut(
        show("evi", row.id), row.title, row.uri, row.sha256, row.media_type, row.submitted_at, row.submitted_by
    )


def _tax(row: AnyRow) -> TaxOut:
    percent = Decimal(row.tax_rate_basis_points).scaleb(-2)
    if row.tax_components:
        percent = Decimal(sum(each["rate_ppm"] for each in row.tax_components)).scaleb(-4)
    reason = row.tax_reason or reason_text(row.tax_reason_key, "en")
    return TaxOut(
        row.tax_category, decimal_out(percent), reason, row.tax_exemption_code, row.tax_rule, row.tax_evidence
    )


def taxes_out(rows: Sequence[AnyRow], currency: str) -> list[TaxTotalOut]:
    """Tax per category and rate, as it is totalled on the invoice."""
    lines = {row.id: row for row in rows}
    taxable: dict[tuple[str, int, str, str], tuple[AnyRow, Money]] = {}
    for row in lines.values():
        key = (row.tax_category, row.tax_rate_basis_points, row.tax_reason, str(row.tax_components))
        _, before = taxable.get(key, (row, Money(0, currency)))
        taxable[key] = (row, before + Money(row.net_minor, currency))
    return [
        TaxTotalOut(
            _tax(row),
            amount_out(net.minor, currency),
            amount_out(tax_of(net, row.tax_rate_basis_points, read_components(row.tax_components)).minor, currency),
        )
        for _, (row, net) in sorted(taxable.items(), key=lambda pair: pair[0])
    ]
