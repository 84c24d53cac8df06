"""Pure: an issued invoice as values for Tryton, and Tryton's records as the platform's document."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from billwright.extension.connectors import PostedDocument, PostingInvoice, PostingLine, RejectedError
from billwright.kernel.money import MINOR_UNIT_DIGITS

_KEY: Final = re.compile(r"[A-Za-z0-9:.-]+")  # nothing that a LIKE pattern would take for a wildcard
PRICE_DIGITS: Final = 4  # decimals of a unit price, Tryton's default (product.price_decimal)
_QUANTITY_DIGITS: Final = 15  # significant digits that survive the binary float in which Tryton keeps quantities

Record = Mapping[str, Any]
INVOICE_FIELDS: Final = (
    "number",
    "reference",
    "state",
    "party",
    "party.code",
    "party.name",
    "currency",
    "currency.code",
    "invoice_date",
    "accounting_date",
    "untaxed_amount",
    "tax_amount",
    "total_amount",
    "taxes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Tryton's ids of what an invoice refers to. A tax that is none means: a line without tax."""

    company: int
    currency: int
    party: int
    address: int
    receivable: int
    journal: int
    payment_term: int | None
    taxes: Mapping[str, int | None]
    accounts: Mapping[str, int]


def tax_key(category: str, rate_basis_points: int) -> str:
    return f"{category}:{rate_basis_points}"


def tax_keys(invoice: PostingInvoice) -> list[str]:
    """The taxes of ``invoice``, each once, in order of appearance."""
    lines = (tax_key(line.tax_category, line.tax_rate_basis_points) for line in invoice.lines)
    totals = (tax_key(tax.category, tax.rate_basis_points) for tax in invoice.taxes)
    return list(dict.fromkeys([*lines, *totals]))


def reference(invoice: PostingInvoice) -> str:
    """Our number, for people, and the idempotency key, for ``find``."""
    return f"{invoice.number} {invoice.key}".strip()


def carries(record: Record, key: str) -> bool:
    """Whether the reference of ``record`` ends with ``key``. The search alone is too generous on some databases."""
    stored = str(record["reference"] or "")
    return stored == key or stored.endswith(f" {key}")


def under_key(company: int, key: str) -> list[object]:
    """The domain of all invoices that live under ``key``: not those that were cancelled before they had a number."""
    assert _KEY.fullmatch(key), f"no idempotency key: {key!r}"
    return [
        ["company", "=", company],
        ["type", "=", "out"],
        ["reference", "like", f"%{key}"],
        ["OR", ["state", "!=", "cancelled"], ["number", "!=", None]],
    ]


def major(minor: int, digits: int) -> Decimal:
    """Minor units as an amount: ``(123450, 2)`` is 1234.50."""
    return Decimal(minor).scaleb(-digits)


def line_amount(line: PostingLine, digits: int) -> tuple[Decimal, Decimal]:
    """Quantity and unit price whose product is the line's net amount exactly.

    Tryton multiplies by itself and sums the taxable amounts unrounded; where its limits do not let our quantity and
    price come to our net, the line becomes one piece at the net amount.
    """
    net = major(line.net_minor, digits)
    quantity, price = line.quantity.normalize(), line.unit_price.normalize()
    exact = Fraction(quantity) * Fraction(price) == Fraction(net)
    if exact and len(quantity.as_tuple().digits) <= _QUANTITY_DIGITS and _decimals(price) <= PRICE_DIGITS:
        return quantity, price
    return Decimal(1), net


def invoice_values(invoice: PostingInvoice, known: Known) -> dict[str, Any]:
    """Values of ``account.invoice.create``. Without a payment term, our due date is the date of payment."""
    order = f"PO {invoice.purchase_order}" if invoice.purchase_order else ""
    return {
        "type": "out",
        "company": known.company,
        "currency": known.currency,
        "party": known.party,
        "invoice_address": known.address,
        "account": known.receivable,
        "journal": known.journal,
        "invoice_date": invoice.issued_on,
        "accounting_date": invoice.issued_on,
        "payment_term": known.payment_term,
        "payment_term_date": invoice.issued_on if known.payment_term else invoice.due_on,
        "reference": reference(invoice),
        "description": order or None,
        "lines": [["create", [_line_values(invoice, line, known) for line in invoice.lines]]],
    }


def _line_values(invoice: PostingInvoice, line: PostingLine, known: Known) -> dict[str, Any]:
    quantity, price = line_amount(line, invoice.currency_digits)
    as_sold = (quantity, price) == (line.quantity, line.unit_price)
    note = "" if as_sold else f" ({line.quantity.normalize():f} x {line.unit_price.normalize():f})"
    tax = known.taxes[tax_key(line.tax_category, line.tax_rate_basis_points)]
    return {
        "type": "line",
        "company": known.company,
        "currency": known.currency,
        "account": known.accounts[line.revenue_account],
        "description": f"{line.description}{note}",
        "quantity": quantity,
        "unit_price": price,
        "taxes": [["add", [tax]]] if tax is not None else [],
    }


def party_values(invoice: PostingInvoice, *, code: str, country: int | None) -> dict[str, Any]:
    """Values of ``party.party.create``. Tryton's own checks of tax numbers begin when a person gives it a type."""
    identifiers = [["create", [{"code": invoice.customer_tax_id}]]] if invoice.customer_tax_id else []
    return {
        "name": invoice.customer_name,
        "code": code,
        "addresses": [["create", [{"country": country}]]],
        "identifiers": identifiers,
    }


def rounding_corrections(
    invoice: PostingInvoice, taxes: Mapping[str, int | None], rows: Sequence[Record]
) -> list[tuple[int, Decimal]]:
    """(tax row, amount) for each row of Tryton's that differs from ours by rounding only.

    Tryton rounds halves to even (and per line, if so configured), EN 16931 away from zero: 19 % of 1.50 is 0.28 there
    and 0.29 on the invoice that the customer holds. One minor unit per line of a tax is rounding; more is a mismatch.
    """
    lines = Counter(taxes[tax_key(line.tax_category, line.tax_rate_basis_points)] for line in invoice.lines)
    ours: Counter[int | None] = Counter()
    for total in invoice.taxes:
        ours[taxes[tax_key(total.category, total.rate_basis_points)]] += total.tax_minor
    corrections = []
    for tax, minor in ours.items():
        mine = [row for row in rows if row["tax"] == tax]
        missing = major(minor, invoice.currency_digits) - sum((row["amount"] for row in mine), Decimal(0))
        if mine and missing and abs(missing) <= major(lines[tax], invoice.currency_digits):
            corrections.append((int(mine[0]["id"]), mine[0]["amount"] + missing))
    return corrections


def differences(invoice: PostingInvoice, record: Record, known: Known) -> list[str]:
    """Where ``record`` is not ``invoice``, one phrase each: what Tryton has, what we have. Empty when they agree."""
    digits = invoice.currency_digits
    pairs = [
        ("customer", record["party"], known.party),
        ("currency", record["currency"], known.currency),
        ("accounting date", record["accounting_date"], invoice.issued_on),
        ("net", record["untaxed_amount"], major(invoice.net_minor, digits)),
        ("tax", record["tax_amount"], major(invoice.tax_minor, digits)),
        ("total", record["total_amount"], major(invoice.gross_minor, digits)),
    ]
    return [f"{name} {theirs} instead of {ours}" for name, theirs, ours in pairs if theirs != ours]


def posted_document(record: Record, *, codes: Sequence[str], prefix: str) -> PostedDocument:
    """What Tryton holds. ``codes`` are the party's code and identifiers; the one with our prefix is our customer key.

    Raises:
        RejectedError: Tryton's currency has more decimals than ISO 4217 gives it.
    """
    currency = record["currency."]["code"]
    on: date = record["accounting_date"] or record["invoice_date"]
    ours = [code.removeprefix(prefix) for code in codes if code.startswith(prefix)]
    return PostedDocument(
        external_id=str(record["id"]),
        number=record["number"],
        state=record["state"],
        party=record["party."]["name"] or "",
        party_key=ours[0] if ours else "",
        issued_on=on,
        currency=currency,
        net_minor=minor(record["untaxed_amount"], currency),
        tax_minor=minor(record["tax_amount"], currency),
        gross_minor=minor(record["total_amount"], currency),
    )


def minor(amount: Decimal, currency: str) -> int:
    """``amount`` in minor units of ``currency``, exactly.

    Raises:
        RejectedError: it has more decimals than the currency.
    """
    scaled = amount.scaleb(MINOR_UNIT_DIGITS[currency])
    if scaled != scaled.to_integral_value():
        raise RejectedError(
            f"Tryton holds {amount} {currency}, which is finer than {currency} is.",
            remedy=f"Set the decimals of {currency} in Tryton to {MINOR_UNIT_DIGITS[currency]}.",
        )
    return int(scaled)


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), value
    return max(0, -exponent)
