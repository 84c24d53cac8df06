"""Contents of invoices with the real record's texts, for the bench of documents: no database, the connector's mapping alone."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bench._record_input import MARK, RecordInput, canonical_of
from billwright.extension.canonical import Acceptance, Canonical, Contract, Customer, Milestone
from billwright.extension.folders import TenantSeed
from billwright.issuing.content import InvoiceContent, LineContent, Party
from billwright.kernel.money import parse_amount
from support.invoice_contents import content


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A milestone as it is billed, with the firm that bills it and the one that pays."""

    seller: TenantSeed
    buyer: str
    currency: str
    line: LineContent


def billed_lines(record: RecordInput) -> list[BilledLine]:
    """Every milestone that is billed, by agreement in the order of the record."""
    seeds = {seed.slug: seed for seed in record.folder.tenants}
    by_contract: dict[str, list[Canonical]] = defaultdict(list)
    tenants: dict[str, str] = {}
    for message in record.folder.messages:
        by_contract[message.subject] += canonical_of(message)
        tenants[message.subject] = message.tenant
    return [line for name, items in by_contract.items() for line in _lines(record, seeds[tenants[name]], items)]


def _lines(record: RecordInput, seller: TenantSeed, items: Sequence[Canonical]) -> Iterator[BilledLine]:
    contract = next(each for each in items if isinstance(each, Contract))
    buyer = next(each.name for each in items if isinstance(each, Customer))
    deciders = {
        (ref, each.decided_at): each.decided_by
        for each in items
        if isinstance(each, Acceptance)
        for ref in each.milestones
    }
    for milestone in {each.ref: each for each in items if isinstance(each, Milestone)}.values():
        outcome = record.outcomes[milestone.ref.replace(MARK, "")]
        if outcome.state != "billed" or outcome.amount is None or outcome.accepted_at is None:
            continue
        price = parse_amount(outcome.amount, str(outcome.currency))
        named = f" — {milestone.name}" if milestone.name else ""
        line = LineContent(
            position=1,
            description=f"Milestone {milestone.number}{named}",
            quantity=price.decimal / price.decimal,
            unit="C62",
            unit_price=price.decimal,
            net_minor=price.minor,
            tax_category="O",
            tax_rate_basis_points=0,
            contract_number=contract.number.replace(MARK, ""),
            clause=milestone.clause,
            project=contract.title,
            milestone_number=milestone.number,
            milestone_name=milestone.name,
            accepted_on=outcome.accepted_at.date(),
            accepted_by=deciders.get((milestone.ref, outcome.accepted_at), ""),
            service_to=outcome.accepted_at.date(),
        )
        yield BilledLine(seller, buyer, price.currency, line)


def invoice_of(lines: Sequence[BilledLine]) -> InvoiceContent:
    """One invoice of ``lines``, issued by the seller of the first one to its buyer on the day of the last acceptance."""
    first = lines[0]
    numbered = tuple(_at(position, each.line) for position, each in enumerate(lines, start=1))
    days = sorted(line.accepted_on for line in numbered if line.accepted_on is not None)
    return content(
        currency=first.currency,
        lines=numbered,
        seller=Party(id="le_1", name=first.seller.name, legal_name=first.seller.legal_entity, country="CH"),
        buyer=Party(id="cus_1", name=first.buyer, legal_name=first.buyer),
        bank=None,
        issued_on=days[-1],
        due_on=days[-1] + timedelta(days=30),
        service_from=days[0],
        service_to=days[-1],
        purchase_order="",
        notes=(),
    )


def _at(position: int, line: LineContent) -> LineContent:
    fields = {name: getattr(line, name) for name in line.__struct_fields__}
    return LineContent(**{**fields, "position": position})
