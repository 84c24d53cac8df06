"""E-invoices for tests: the collected ones where they lie beside the repository, and one of our own."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billwright.einvoice import model as m

MATERIAL = Path(__file__).parents[2].parent / "shared" / "material" / "einvoicing"
needs_material = pytest.mark.skipif(
    not MATERIAL.is_dir(), reason="the collected e-invoices are not beside the repository"
)


def verdicts() -> dict[str, dict[str, Any]]:
    """File to its verdicts; empty without the collection."""
    listed = MATERIAL / "VERDICTS.json"
    return json.loads(listed.read_text(encoding="utf-8"))["verdicts"] if listed.is_file() else {}


def material(name: str) -> bytes:
    return (MATERIAL / name).read_bytes()


def euro(amount: str) -> m.Amount:
    return m.Amount(amount=Decimal(amount), currency="EUR")


def an_address(city: str, country: str) -> m.Address:
    return m.Address(street="1 Quay", city=city, postcode="1000", country=country)


def an_invoice(**changed: Any) -> m.Invoice:
    """A valid one: 10 hours at 120.00 with 19 % VAT. ``changed`` replaces terms of the invoice."""
    seller = m.Party(
        name="Meridian GmbH",
        vat_id="DE123456788",
        electronic_address=m.Identifier(value="DE123456788", scheme="9930"),
        address=an_address("Berlin", "DE"),
        contact=m.Contact(name="Ada Byron", telephone="+49 30 1", email="ada@meridian.example"),
    )
    buyer = m.Party(
        name="Harbour AG",
        electronic_address=m.Identifier(value="DE987654321", scheme="9930"),
        address=an_address("Hamburg", "DE"),
    )
    line = m.Line(
        id="1",
        quantity=Decimal(10),
        unit="HUR",
        net=euro("1200.00"),
        price=m.Price(net=Decimal("120.00")),
        vat_category="S",
        vat_rate=Decimal(19),
        item=m.Item(name="Design, week 12", description="Ünïcode & <markup>"),
    )
    terms: dict[str, Any] = {
        "specification": "urn:cen.eu:en16931:2017",
        "number": "BW-2026-001",
        "issued_on": date(2026, 3, 31),
        "due_on": date(2026, 4, 30),
        "type_code": "380",
        "currency": "EUR",
        "buyer_reference": "PO-7",
        "notes": (m.Note(subject="AAI", text="Thank you."), m.Note(text="Two lines\nof text")),
        "seller": seller,
        "buyer": buyer,
        "payment": m.Payment(
            means=(m.PaymentMeans(code="58", account="DE89370400440532013000", account_name="Meridian"),),
            remittance_information="BW-2026-001",
        ),
        "totals": m.Totals(
            lines_net=euro("1200.00"),
            net=euro("1200.00"),
            vat=euro("228.00"),
            gross=euro("1428.00"),
            due=euro("1428.00"),
        ),
        "vat": (m.VatBreakdown(taxable=euro("1200.00"), vat=euro("228.00"), category="S", rate=Decimal(19)),),
        "lines": (line,),
    }
    return m.Invoice(**{**terms, **changed})
