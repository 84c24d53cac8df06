"""What a customer's page says of its tax."""

from typing import Any

import pytest

from billwright.canon.tables import CustomerRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.web.portal.customer_pages import profile

BY_RULES = "By the countries of both sides and the tax number"


@pytest.mark.parametrize(
    ("more", "text", "origin"),
    [
        ({}, BY_RULES, "derived"),
        ({"tax": {"status": "public_body"}}, f"{BY_RULES}; it is a public body", "derived"),
        ({"tax_id": "FR99"}, f"{BY_RULES}; the form or check digits of FR99 are wrong", "derived"),
        ({"tax_category": "E", "tax": {"exemption_reason": "Charity."}}, "Exempt: Charity.", "message"),
        ({"tax_category": "AE"}, "Reverse charge", "message"),
    ],
)
def test_a_customers_page_says_what_decides_its_tax(more: dict[str, Any], text: str, origin: str) -> None:
    row = {
        "tax": None, "tax_category": None, "tax_id": "FR40303265045", "address": {"country": "FR"}, "language": "en",
        "currency": None, "payment_terms_days": None, "billing_email": None, "po_required": False,
    }  # fmt: skip
    (fact,) = [each for each in profile(CustomerRow(**(row | more)), TenantConfiguration()) if each.label == "Tax"]

    assert (fact.value, fact.origin) == (text, origin)
