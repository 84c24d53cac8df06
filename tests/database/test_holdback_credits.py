"""Credit notes take holdback back: the line that withheld, or the part of a retained receivable, to the cent."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billwright.billing.holdback_ledger import share_of_credit
from billwright.billing.tables import HoldbackBalanceRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import transaction
from support.crediting import credit, offenders, part, with_series
from support.pipeline import Firm


def an_invoice(firm: Firm, mode: str) -> Any:
    with_series(firm)
    terms = {"percent": "10", "mode": mode, "releases": [{"name": "end", "on": "completion"}]}
    firm.customer(address={"country": "DE"})
    firm.contract(holdback=terms)
    firm.milestone()
    firm.accept()
    return firm.invoice()


def balance(firm: Firm) -> tuple[int, int, int, int]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        row = tx.session.scalars(select(HoldbackBalanceRow)).one()
        return row.billed_minor, row.withheld_minor, row.released_minor, row.outstanding_minor


def test_a_whole_credit_takes_the_line_that_withheld_with_it(firm: Firm) -> None:
    credit(firm, an_invoice(firm, "line"))
    assert balance(firm) == (0, 0, 0, 0)
    assert {key.rpartition(":")[2]: item.state for key, item in firm.items().items() if "holdback" in key} == {
        "end": "cancelled",
        str(firm.invoices()[0].id): "written_off",
    }
    assert offenders(firm) == []


def test_a_part_takes_its_share_of_what_the_receivable_retains(firm: Firm) -> None:
    invoice = an_invoice(firm, "receivable")
    assert balance(firm) == (10_000_00, 1_190_00, 0, 1_190_00)
    credit(firm, invoice, part(amount="2500.00"))
    assert balance(firm) == (7_500_00, 892_50, 0, 892_50)
    assert offenders(firm) == []


@given(st.integers(1, 10**9), st.integers(0, 10**8), st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
def test_several_credits_take_back_exactly_what_was_withheld(base: int, withheld: int, cuts: list[int]) -> None:
    def entry(kind: str, minor: int, work: int) -> Any:
        return SimpleNamespace(kind=kind, amount_minor=minor, base_minor=work)

    known = [entry("withheld", withheld, base)]
    left = base
    for cut in [*cuts, base]:
        work = min(cut, left)
        taken = share_of_credit(known, work)
        assert taken >= 0
        known.append(entry("withheld_reversed", taken, work))
        left -= work
    assert sum(each.amount_minor for each in known[1:]) == withheld
