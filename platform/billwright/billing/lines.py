"""From billable items to priced lines. Pure: the same items give the same lines, allocations and totals."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from billwright.billing.credit_amounts import fitting_price
from billwright.billing.tax import Tax, TaxDecision
from billwright.billing.tax.of_rows import TaxOf
from billwright.kernel.money import Money, price_times_quantity

ORDER: Final = {
    "milestone": 0, "progress": 1, "retainer": 2, "subscription": 3, "usage": 4, "time": 5, "expense": 6, "drawdown": 7,
}  # fmt: skip
HOUR_SCALE: Final = 10**6  # weights of a split are whole numbers: hours in millionths


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedItem:
    """What a line needs of a billable item. ``who`` groups time: one line per person, role and rate."""

    id: UUID
    kind: str
    subject_id: UUID
    contract_id: UUID
    project_id: UUID | None
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Money
    service_from: date | None
    service_to: date | None
    clause: str
    contract_version_id: UUID | None
    change_order_id: UUID | None
    rate_id: UUID | None
    evidence_ids: tuple[UUID, ...]
    who: str = ""
    service_line: str = ""
    standard: Money | None = None
    adjusted_by: str = ""
    exact: bool = False
    """Its line bills the sum of its items, each rounded by itself: caps and write-downs count to the cent."""
    part: bool = False
    """Earlier invoices bill the rest of it: a price that comes to this amount exactly may differ in its last decimals."""
    share: bool = False
    """One customer's part of what several share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a line bills of one item."""

    item_id: UUID
    contract_version_id: UUID | None
    rate_id: UUID | None
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    position: int
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Money
    tax: Tax
    taxed_by: TaxDecision
    contract_id: UUID
    project_id: UUID | None
    milestone_id: UUID | None
    change_order_id: UUID | None
    clause: str
    service_from: date | None
    service_to: date | None
    evidence_ids: tuple[UUID, ...]
    shares: tuple[Share, ...]
    service_line: str = ""
    standard: Money | None = None
    """Quantity times price, where another amount is billed; ``adjusted_by`` says why."""
    adjusted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    tax: Tax
    taxable: Money
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    net: Money
    tax: Money
    gross: Money
    rows: tuple[TaxRow, ...]


def price_lines(items: Sequence[PricedItem], tax_of: TaxOf) -> tuple[PricedLine, ...]:
    """Lines in a stable order: milestones, schedules, time by person and rate, expenses, what is drawn. Time entries of one person,
    role and rate on one contract share a line where the tax is the same, too; its amount is rounded once and split over the entries
    without losing a cent."""
    groups: dict[tuple[object, ...], list[PricedItem]] = defaultdict(list)
    for item in sorted(items, key=lambda i: (ORDER.get(i.kind, 9), i.service_to or date.min, i.id)):
        if item.kind == "time":
            key: tuple[object, ...] = (
                item.who, item.unit_price, item.contract_id, item.rate_id, item.change_order_id, *_apart(item), tax_of(item).tax,
            )  # fmt: skip
        elif item.kind == "drawdown" and item.unit == "HUR":  # hours are drawn as they are charged: rounded together
            key = (
                item.description, item.unit_price, item.contract_id, item.rate_id, item.change_order_id, tax_of(item).tax,
            )  # fmt: skip
        else:
            key = (item.id,)
        groups[key].append(item)
    lines = [line for group in groups.values() for line in _exact_shares(group)]
    return tuple(_line(position, group, tax_of(group[-1])) for position, group in enumerate(lines, start=1))


def _exact_shares(group: list[PricedItem]) -> list[list[PricedItem]]:
    """Parts of a bill that several customers share stand together only where that rounds to their sum: it is exact over all
    customers."""
    first = group[0]
    if not first.share or len(group) == 1:
        return [group]
    quantity = sum((item.quantity for item in group), start=Decimal(0))
    sums = sum((item.amount for item in group), start=Money(0, first.amount.currency))
    fits = price_times_quantity(first.unit_price, quantity, first.amount.currency) == sums
    return [group] if fits else [[item] for item in group]


def line_of(position: int, item: PricedItem, taxed_by: TaxDecision) -> PricedLine:
    """A line of its own for what comes after the work: a holdback."""
    return _line(position, [item], taxed_by)


def _apart(item: PricedItem) -> tuple[object, ...]:
    """What does not share a line with other time: hours that are taken back, and what bills another amount than its price."""
    return (item.quantity < 0, item.adjusted_by, item.exact)


def _line(position: int, group: Sequence[PricedItem], taxed_by: TaxDecision) -> PricedLine:
    first = group[0]
    currency = first.amount.currency
    quantity = sum((item.quantity for item in group), start=Decimal(0))
    standard = price_times_quantity(first.unit_price, quantity, currency)
    net = standard if len(group) > 1 else first.amount
    weights = [abs(int(item.quantity * HOUR_SCALE)) for item in group]
    parts = net.split(weights) if len(group) > 1 else [net]
    if first.exact or first.share:
        parts = [item.amount for item in group]
        net = sum(parts, start=Money(0, currency))
    starts = [moment for item in group if (moment := item.service_from or item.service_to)]
    ends = [item.service_to for item in group if item.service_to]
    return PricedLine(
        position=position,
        description=first.who if first.kind == "time" and first.who else first.description,
        quantity=quantity,
        unit=first.unit,
        unit_price=fitting_price(first.unit_price, quantity, net.minor, currency) if first.part else first.unit_price,
        net=net,
        tax=taxed_by.tax,
        taxed_by=taxed_by,
        contract_id=first.contract_id,
        project_id=first.project_id,
        milestone_id=first.subject_id if first.kind == "milestone" else None,
        change_order_id=first.change_order_id,
        clause=first.clause,
        service_from=min(starts) if first.kind == "time" else first.service_from,
        service_to=max(ends) if ends else None,
        evidence_ids=tuple(sorted({e for item in group for e in item.evidence_ids})),
        shares=tuple(
            Share(
                item_id=item.id,
                contract_version_id=item.contract_version_id,
                rate_id=item.rate_id,
                quantity=item.quantity,
                amount=part,
            )
            for item, part in zip(group, parts, strict=True)
        ),
        service_line=first.service_line,
        standard=standard if first.exact and standard != net else None,
        adjusted_by=first.adjusted_by,
    )


def total(lines: Sequence[PricedLine]) -> Totals:
    """Totals in EN 16931's order: per line, then per tax category and rate, then the document."""
    currency = lines[0].net.currency
    taxable: dict[Tax, Money] = {}
    for line in lines:
        taxable[line.tax] = taxable.get(line.tax, Money(0, currency)) + line.net
    rows = tuple(
        TaxRow(tax=tax, taxable=amount, amount=tax.of(amount))
        for tax, amount in sorted(taxable.items(), key=lambda pair: (pair[0].category, pair[0].rate_basis_points))
    )
    net = sum((line.net for line in lines), start=Money(0, currency))
    tax = sum((row.amount for row in rows), start=Money(0, currency))
    return Totals(net=net, tax=tax, gross=net + tax, rows=rows)
