"""A line of our own in the standard's terms. Pure."""

from decimal import Decimal
from typing import Final

from billwright.einvoice.model import AllowanceCharge, Amount, Attribute, Item, Line, Period, Price
from billwright.issuing.content import LineContent
from billwright.kernel.money import MINOR_UNIT_DIGITS

_ADJUSTED: Final = {
    "en": ("Written down", "Written up"),
    "de": ("Abschlag", "Zuschlag"),
    "fr": ("Remise", "Majoration"),
}
SLACK: Final = Decimal("0.02")
"""What PEPPOL-EN16931-R120 allows between a line's amount and its quantity times price."""
_NAMES: Final = {
    "en": ("Contract", "Clause", "Project", "Milestone", "Accepted", "Change order", "Purchase order"),
    "de": ("Vertrag", "Klausel", "Projekt", "Meilenstein", "Abgenommen", "Nachtrag", "Bestellung"),
    "fr": ("Contrat", "Clause", "Projet", "Jalon", "Accepté", "Avenant", "Commande"),
}


def line_of(line: LineContent, currency: str, language: str, sign: int, rate: Decimal | None) -> Line:
    """``sign``: -1 in a credit note, whose amounts are positive. What is negative then has a negative quantity (BR-27).

    ``rate``: of the line's row of the breakdown, in percent; None where nothing is subject to VAT.
    """
    quantity, unit_price = sign * line.quantity, line.unit_price
    if unit_price < 0:
        quantity, unit_price = -quantity, -unit_price
    digits = MINOR_UNIT_DIGITS[currency]
    net = Decimal(sign * line.net_minor).scaleb(-digits)
    standard = net if line.standard_minor is None else Decimal(sign * line.standard_minor).scaleb(-digits)
    allowances, charges = _adjusted(standard - net, currency, language)
    return Line(
        id=str(line.position),
        quantity=quantity,
        unit=line.unit,
        net=Amount(amount=net, currency=currency),
        period=_period(line),
        allowances=allowances,
        charges=charges,
        price=_price(unit_price, quantity, standard, line.unit),
        vat_category=line.tax_category,
        vat_rate=rate,
        item=Item(name=line.description, attributes=_attributes(line, language)),
    )


def _adjusted(
    down: Decimal, currency: str, language: str
) -> tuple[tuple[AllowanceCharge, ...], tuple[AllowanceCharge, ...]]:
    """What a line was written down by as its allowance (BG-27), or written up by as its charge (BG-28)."""
    if not down:
        return (), ()
    words = _ADJUSTED.get(language, _ADJUSTED["en"])
    part = AllowanceCharge(amount=Amount(amount=abs(down), currency=currency), reason=words[down < 0])
    return ((part,), ()) if down > 0 else ((), (part,))


def _price(unit_price: Decimal, quantity: Decimal, net: Decimal, unit: str) -> Price:
    """The price of one; where it does not multiply out to the amount within ``SLACK`` (a share of a line, yen rounded to
    whole ones), the price of the whole quantity."""
    if abs(unit_price * quantity - net) <= SLACK or not quantity:
        return Price(net=unit_price)
    return Price(net=abs(net), base_quantity=abs(quantity), base_unit=unit)


def _period(line: LineContent) -> Period | None:
    if line.service_from is None and line.service_to is None:
        return None
    return Period(start=line.service_from, end=line.service_to)


def _attributes(line: LineContent, language: str) -> tuple[Attribute, ...]:
    """Why the line is here: what the customer's clerk looks for, in their language."""
    version = f" v{line.contract_version}" if line.contract_version > 1 else ""
    accepted = [line.accepted_on.isoformat() if line.accepted_on else "", line.accepted_by]
    signed = f" ({line.change_order_signed_on.isoformat()})" if line.change_order_signed_on else ""
    values = (
        f"{line.contract_number}{version}" if line.contract_number else "",
        f"{line.clause} {line.clause_title}".strip(),
        line.project,
        f"{line.milestone_number} {line.milestone_name}".strip(),
        ", ".join(part for part in accepted if part),
        f"{line.change_order}{signed}" if line.change_order else "",
        line.purchase_order,
    )
    names = _NAMES.get(language, _NAMES["en"])
    return tuple(Attribute(name=name, value=value) for name, value in zip(names, values, strict=True) if value)
