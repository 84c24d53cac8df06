"""Invoice contents and brands of our own making, for tests and benches of documents."""

from datetime import date, timedelta
from decimal import Decimal

from billwright.issuing.content import BankAccount, InvoiceContent, LineContent, Party, TaxContent
from billwright.kernel.brand import Brand, sanitise_svg
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money, price_times_quantity, tax_amount

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 48"><path d="M4 40 22 6l18 34h-9L22 22z" fill="#0f4c5c"/></svg>'
ALDERGATE = Brand(
    name="Aldergate Consulting",
    slug="aldergate",
    logo_svg=sanitise_svg(LOGO),
    primary="#0f4c5c",
    font="serif",
    radius_px=2,
    document_footer="Aldergate Consulting LLP · Registered in England OC412345",
    mail_footer="Aldergate Consulting LLP, 14 Fenchurch Row, London",
    support_email="accounts@aldergate.example",
)
KESTREL = Brand(
    name="Kestrel Ingenieure",
    slug="kestrel",
    primary="#7a1f3d",
    font="sans",
    radius_px=10,
    document_footer="Kestrel Ingenieure GmbH · Hafenstraße 9 · 20457 Hamburg",
    mail_footer="Kestrel Ingenieure GmbH, Hamburg",
)
SELLER = Party(
    id="le_1", name="Northgate", legal_name="Northgate Works Ltd", street="1 Quay Street", postal_code="M3 3JE",
    city="Manchester", country="GB", tax_id="GB123456789", registration="OC1", email="billing@northgate.example",
)  # fmt: skip
BUYER = Party(
    id="cus_1", name="Müller & Söhne", legal_name="Müller & Söhne Anlagenbau GmbH", street="Industriestraße 48",
    postal_code="70565", city="Stuttgart", country="DE", tax_id="DE123456789", contact="Petra Kühn",
)  # fmt: skip
BANK = BankAccount(holder="Northgate Works Ltd", iban="DE89370400440532013000", bic="COBADEFFXXX", bank="Commerzbank")
DESCRIPTIONS = ("Site survey and foundation design", "Project management", "Structural review of the east wing")


def line(position: int, currency: str = "EUR", *, short: bool = False, **changes: object) -> LineContent:
    """A milestone, an hour line or a change-order line, by turns; the fourth is negative. ``short``: hours without a contract."""
    kind = position % 3
    decimals = MINOR_UNIT_DIGITS[currency]
    quantity = Decimal(1) if kind == 1 else Decimal(position % 40) / 2 + 1
    price = (Decimal(12_400) if kind == 1 else Decimal("145.5") if decimals else Decimal(145)) + position
    quantity = -quantity if position == 4 else quantity
    values: dict[str, object] = {
        "position": position,
        "description": DESCRIPTIONS[kind],
        "quantity": quantity,
        "unit": "C62" if kind == 1 else "HUR",
        "unit_price": price,
        "net_minor": price_times_quantity(price, quantity, currency).minor,
        "tax_category": "S",
        "tax_rate_basis_points": 1900,
        "service_from": date(2026, 3, 1),
        "service_to": date(2026, 3, 31),
    }
    if not short:
        values |= {
            "contract_number": "MSA-2026-014",
            "clause": f"{position}.2",
            "clause_title": "Fees",
            "project": "East Harbour",
        }
        values |= {"purchase_order": "4500017788", "contract_version": 2 if kind == 0 else 1}
        if kind == 1:
            accepted_on = date(2026, 3, 1) + timedelta(position % 28)
            values |= {"milestone_number": f"M{position}", "accepted_on": accepted_on, "accepted_by": "Ruth Hollander"}
        if kind == 0:
            values |= {"change_order": f"CO-{position}", "change_order_signed_on": date(2026, 2, 3)}
    return LineContent(**(values | changes))  # type: ignore[arg-type]  # keyword values by name, checked by msgspec's users


def content(
    count: int = 3, currency: str = "EUR", *, lines: tuple[LineContent, ...] = (), **changes: object
) -> InvoiceContent:
    """An invoice of ``count`` lines with right totals; ``changes`` replace fields."""
    lines = lines or tuple(line(position, currency) for position in range(1, count + 1))
    groups: dict[tuple[str, int], int] = {}
    for each in lines:
        key = (each.tax_category, each.tax_rate_basis_points)
        groups[key] = groups.get(key, 0) + each.net_minor
    taxes = tuple(
        TaxContent(
            category=category,
            rate_basis_points=rate,
            taxable_minor=net,
            tax_minor=tax_amount(Money(net, currency), rate).minor,
        )
        for (category, rate), net in groups.items()
    )
    net = sum(each.net_minor for each in lines)
    tax = sum(each.tax_minor for each in taxes)
    values: dict[str, object] = {
        "invoice_id": "inv_1", "document_type": "invoice", "seller": SELLER, "buyer": BUYER, "bank": BANK, "currency": currency,
        "language": "en", "issued_on": date(2026, 4, 2), "due_on": date(2026, 5, 2), "service_from": date(2026, 3, 1),
        "service_to": date(2026, 3, 31), "payment_terms_days": 30, "purchase_order": "4500017788", "lines": lines, "taxes": taxes,
        "net_minor": net, "tax_minor": tax, "gross_minor": net + tax, "notes": ("Thank you.",), "template_set": "classic",
        "template_version": "1",
    }  # fmt: skip
    return InvoiceContent(**(values | changes))  # type: ignore[arg-type]  # keyword values by name, as above
