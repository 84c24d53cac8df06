"""The trial balance in the portal: the page, the entries of one account, the file, and whom it refuses."""

import csv
from collections.abc import Callable
from io import StringIO

import pytest

from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant
from support.pipeline import AUTOMATIC, Firm
from support.visitors import LogIn, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
STATEMENTS = 5
"""Session and all that is read with it (1), role and schema (1), counts (1), entities (1), balances (1)."""


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One invoice of EUR 10,000.00."""
    made = make_firm(TenantConfiguration(approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False))
    made.customer()
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    made.accept()
    return made


def test_balances_entries_and_file(firm: Firm, log_in_to: LogIn) -> None:
    visitor = log_in_to(firm, "audra@acme.example", "auditor")

    with counted_statements(firm.database) as asked:
        status, page = visitor.get("ledger/")
    assert (status, len(asked)) == (200, STATEMENTS)
    said = text_of(page)
    assert "1200 Receivables" in said
    assert "EUR in sum: EUR 0.00" in said
    assert ": entries" not in said
    opened = text_of(visitor.get("ledger/?entity=DE01&account=1200")[1])
    assert "1200 of DE01: entries" in opened
    assert "Invoice 1200 Receivables EUR 10,000.00" in opened
    assert "Nothing is booked yet" in text_of(visitor.get("ledger/?last=2026-01-01")[1])
    answer = visitor.client.get(f"{visitor.base}/ledger/csv")
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["Account"], row["Debit"], row["Closing"]) for row in rows] == [
        ("1200", "10000.00", "10000.00"),
        ("4000", "0.00", "-10000.00"),
    ]


def test_it_is_for_those_who_read_reports_in_their_own_tenant(
    firm: Firm, log_in_to: LogIn, make_tenant: Callable[..., Tenant]
) -> None:
    stranger = log_in_to(firm, "far@other.example", "auditor", tenant=make_tenant("Other Firm"))

    for path in ("ledger/", "ledger/csv"):
        status, page = stranger.get(path)
        assert status in (403, 404)
        assert "1200" not in page
    assert 'ledger/">Trial balance' in log_in_to(firm, "audra@acme.example", "auditor").get("reports/")[1]
