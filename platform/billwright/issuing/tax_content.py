"""The tax part of frozen content: breakdown, reasons in the document's language, what is withheld. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.tables import InvoiceLineRow
from billwright.billing.tax import Component, parts_of, tax_of
from billwright.billing.tax.jurisdictions import reason_text
from billwright.billing.tax.of_rows import read_components
from billwright.issuing.content import TaxComponentContent, TaxContent, WithholdingContent
from billwright.kernel.money import Money, tax_amount

Key = tuple[str, int, str, str, tuple[Component, ...]]


def reason_of(line: InvoiceLineRow, language: str) -> str:
    """Why the line bears no tax: in the record's own words, else the sentence of its reason in ``language``."""
    return line.tax_reason or reason_text(line.tax_reason_key, language)


def tax_rows(lines: Sequence[InvoiceLineRow], currency: str, language: str) -> list[TaxContent]:
    """Tax per category and rate, rounded once per row and tax (EN 16931, BR-CO-17)."""
    taxable: dict[Key, int] = {}
    for line in lines:
        components = read_components(line.tax_components)
        reason = reason_of(line, language)
        key = (line.tax_category, line.tax_rate_basis_points, reason, line.tax_exemption_code, components)
        taxable[key] = taxable.get(key, 0) + line.net_minor
    return [_row(key, Money(taxable[key], currency)) for key in sorted(taxable, key=_order)]


def _order(key: Key) -> tuple[object, ...]:
    return (*key[:4], [(each.name, each.rate_ppm) for each in key[4]])


def _row(key: Key, taxable: Money) -> TaxContent:
    category, rate, reason, code, components = key
    return TaxContent(
        category=category,
        rate_basis_points=rate,
        taxable_minor=taxable.minor,
        tax_minor=tax_of(taxable, rate, components).minor,
        reason=reason,
        exemption_code=code,
        components=tuple(
            TaxComponentContent(name=each.name, rate_ppm=each.rate_ppm, tax_minor=minor)
            for each, minor in parts_of(taxable, components)
        ),
    )


def withheld(customer_tax: Mapping[str, Any] | None, net: Money) -> WithholdingContent | None:
    """What the customer will keep back of ``net``, as its record says; rounded once."""
    said = (customer_tax or {}).get("withholding")
    if not said:
        return None
    rate = int(Decimal(str(said["percent"])) * 100)
    amount = tax_amount(net, rate)
    return WithholdingContent(
        rate_basis_points=rate, base_minor=net.minor, amount_minor=amount.minor, reason=said["reason"]
    )
