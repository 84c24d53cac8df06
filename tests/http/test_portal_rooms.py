"""Customers, contracts, work and settings: what they show, whom they refuse, and how many queries they take."""

import re
from collections.abc import Callable

import pytest

from billwright.tenancy.configuration import TenantConfiguration
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, log_in_to, text_of

__all__ = ["log_in_to"]


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One issued invoice of C1, one milestone that waits; C2 owes nothing."""
    made = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    made.customer()
    made.customer("C2", name="Zero Ltd", po_required=True)
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol of the design")
    made.accept()
    made.milestone("M2", name="Build", amount="2500.50")
    return made


def ids_of(page: str, prefix: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf"{prefix}_[0-9a-f]{{32}}", page)))


def test_customers_show_what_they_owe_and_how_they_are_billed(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    status, page = clerk.get("customers")
    assert status == 200
    assert "Client SA EUR 10,000.00" in text_of(page)
    customer = ids_of(page, "cus")[0]
    status, page = clerk.get(f"customers/{customer}")
    said = text_of(page)
    assert status == 200
    for expected in (
        "Not due 1–30 days 31–60 days 61–90 days Over 90 days Open EUR EUR 10,000.00",
        "30 days, the firm's usual from the settings",
        "Came last with message m-1 from psa:test",
        "K1 EUR 30,000.00 EUR 10,000.00",
    ):
        assert expected in said, expected


def test_a_contract_says_what_is_billed_and_what_each_milestone_waits_for(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    status, page = clerk.get("contracts")
    assert status == 200
    assert "K1 Client SA Client SA EUR 30,000.00 EUR 10,000.00 – none EUR 2,500.50 1 item Active" in text_of(page)
    (contract,) = ids_of(page, "ctr")
    status, page = clerk.get(f"contracts/{contract}")
    said = text_of(page)
    assert status == 200
    for expected in (
        "Accepted 2 Mar 2026 by Client PM",
        "Evidence: Protocol of the design Billed EUR 10,000.00 · ACME-2026-00001, line 1: why this price",
        "Waits EUR 2,500.50 No acceptance. The customer has not accepted the milestone yet.",
        "Project operations · See the message it came with",
        "Version 1 In force As first agreed EUR 30,000.00",
    ):
        assert expected in said, expected
