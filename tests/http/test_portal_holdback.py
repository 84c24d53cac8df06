"""What customers withhold, on the pages of contract and customer."""

from typing import Any

import pytest

from support.pipeline import Firm
from support.visitors import LogIn, log_in_to, text_of

__all__ = ["log_in_to"]
TERMS: dict[str, Any] = {"percent": "10", "releases": [{"name": "end", "on": "completion"}]}


@pytest.fixture
def withholding(firm: Firm) -> Firm:
    firm.customer(address={"country": "DE"})
    firm.contract("K1", holdback={**TERMS, "mode": "receivable"})
    firm.contract("K2", holdback={**TERMS, "mode": "line"})
    for place, contract in enumerate(("K1", "K2"), 1):
        firm.milestone(f"M{place}", contract)
        firm.accept(f"M{place}", contract)
    return firm


def test_contract_and_customer_show_what_is_outstanding_and_how_long(withholding: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(withholding, "clerk@acme.example", "billing_clerk")
    status, page = clerk.get("contracts")
    assert status == 200
    links = [part.partition('"')[0] for part in page.split(f"/t/{withholding.tenant.slug}/contracts/ctr_")[1:]]
    said = " ".join(text_of(clerk.get(f"contracts/ctr_{each}")[1]) for each in dict.fromkeys(links))
    assert "ACME-2026-00001 retained in the receivable, with tax 0 days EUR 1,190.00" in said
    assert "ACME-2026-00002 taken off by a line, without tax 0 days EUR 1,000.00" in said

    customer = clerk.get("customers")[1].split("/customers/cus_")[1].partition('"')[0]
    said = text_of(clerk.get(f"customers/cus_{customer}")[1])
    assert "Holdback outstanding not asked for before its release" in said
    assert "with tax K1 0 days EUR 1,190.00" in said
    assert "EUR EUR 21,420.00" in said  # 11,900 - 1,190 and 10,710: what is retained is in no column of the ageing


def test_a_contract_that_withholds_nothing_does_not_speak_of_it(firm: Firm, log_in_to: LogIn) -> None:
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    contract = clerk.get("contracts")[1].split("/contracts/ctr_")[1].partition('"')[0]
    status, page = clerk.get(f"contracts/ctr_{contract}")
    assert status == 200
    assert "Holdback outstanding" not in page
