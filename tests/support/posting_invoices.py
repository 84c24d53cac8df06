"""Issued invoices as connectors get them: one to vary by hand, and any that adds up, for Hypothesis."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billwright.extension.connectors import PostingInvoice, PostingLine, PostingTax
from billwright.kernel.money import Money, tax_amount


def posting_line(description: str, net_minor: int, *, rate: int = 1900, **changes: Any) -> PostingLine:
    line = PostingLine(
        description=description,
        quantity=Decimal(1),
        unit_price=Decimal(net_minor).scaleb(-2),
        net_minor=net_minor,
        tax_category="S" if rate else "Z",
        tax_rate_basis_points=rate,
        revenue_account="",
    )
    return replace(line, **changes)


def posting_invoice(*lines: PostingLine, currency: str = "EUR", digits: int = 2, **changes: Any) -> PostingInvoice:
    """An invoice whose taxes and totals follow from ``lines``, as the platform computes them."""
    lines = lines or (posting_line("Milestone M1: concept accepted", 10_000_00),)
    groups: dict[tuple[str, int], int] = {}
    for line in lines:
        group = (line.tax_category, line.tax_rate_basis_points)
        groups[group] = groups.get(group, 0) + line.net_minor
    taxes = tuple(
        PostingTax(
            category=category,
            rate_basis_points=rate,
            taxable_minor=taxable,
            tax_minor=tax_amount(Money(taxable, currency), rate).minor,
        )
        for (category, rate), taxable in groups.items()
    )
    net_minor = sum(line.net_minor for line in lines)
    tax_minor = sum(tax.tax_minor for tax in taxes)
    invoice = PostingInvoice(
        key="0197a1b0-0000-7000-8000-000000000001",
        number="RE-2026-0001",
        customer_name="Northwind Engineering GmbH",
        customer_key="C-1001",
        customer_tax_id="DE123456789",
        issued_on=date(2026, 3, 2),
        due_on=date(2026, 4, 1),
        currency=currency,
        currency_digits=digits,
        lines=lines,
        taxes=taxes,
        net_minor=net_minor,
        tax_minor=tax_minor,
        gross_minor=net_minor + tax_minor,
        purchase_order="PO-77",
        legal_entity="demo-gmbh",
    )
    return replace(invoice, **changes)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
identifiers = st.uuids().map(str)
currencies = st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)])


@st.composite
def posting_invoices(draw: st.DrawFn) -> PostingInvoice:
    """Invoices and credit notes in currencies of 0, 2 and 3 digits, with hostile texts and mixed tax rates."""
    currency, digits = draw(currencies)
    lines = [
        posting_line(
            draw(texts),
            draw(st.integers(-(10**9), 10**9)),
            rate=draw(st.sampled_from([0, 700, 1900, 2000])),
            revenue_account=draw(st.sampled_from(["", "4400", "8400"])),
        )
        for _ in range(draw(st.integers(1, 5)))
    ]
    return posting_invoice(
        *lines,
        currency=currency,
        digits=digits,
        key=draw(identifiers),
        number=draw(texts),
        customer_name=draw(texts),
        customer_key=draw(texts),
        legal_entity=draw(texts),
        issued_on=draw(st.dates(date(2000, 1, 1), date(2099, 12, 31))),
    )
