"""What is stored of an issued invoice has the hash that was kept, whatever fields later releases know."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from billwright.issuing.content import InvoiceContent, LineContent, Party
from billwright.issuing.issue_invoices import to_json
from billwright.kernel.canonical_json import sha256_hex

PARTY = Party(id="p", name="Name", legal_name="Name AG")


def content(quantity: Decimal) -> InvoiceContent:
    line = LineContent(
        position=1, description="Work", quantity=quantity, unit="HUR", unit_price=Decimal("1E+2"), net_minor=10_000,
        tax_category="S", tax_rate_basis_points=1900, accepted_on=date(2026, 1, 31),
    )  # fmt: skip
    return InvoiceContent(
        invoice_id="inv", document_type="invoice", seller=PARTY, buyer=PARTY, bank=None, currency="EUR", language="en",
        issued_on=date(2026, 2, 1), due_on=date(2026, 3, 3), service_from=None, service_to=None, payment_terms_days=30,
        purchase_order="", lines=(line,), taxes=(), net_minor=10_000, tax_minor=0, gross_minor=10_000, notes=(),
        template_set="classic", template_version="1",
    )  # fmt: skip


@pytest.mark.parametrize("quantity", ["1", "1.00", "1E+3", "-2.50", "0.000001", "0E-7"])
def test_what_is_stored_has_the_hash_that_is_kept(quantity: str) -> None:
    frozen = content(Decimal(quantity))
    assert sha256_hex(to_json(frozen)) == frozen.sha256()


def test_what_is_read_back_is_what_was_frozen() -> None:
    frozen = content(Decimal("7.25"))
    assert msgspec.convert(to_json(frozen), InvoiceContent, strict=False) == frozen
