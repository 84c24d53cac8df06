"""Tax in what is frozen and printed: exact sums in EN 16931's order, reasons in the document's language, several taxes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.lines import PricedItem, price_lines, total
from billwright.billing.tables import InvoiceLineRow
from billwright.billing.tax import Component, Tax, TaxDecision, TaxFacts, decide_tax, tax_of
from billwright.billing.tax.of_rows import stored_components, tax_of_items
from billwright.documents.format import NO_BREAK
from billwright.documents.page import invoice_page
from billwright.issuing.content import TaxComponentContent, TaxContent, WithholdingContent
from billwright.issuing.tax_content import reason_of, tax_rows, withheld
from billwright.kernel.money import Money, round_half_up
from support.invoice_contents import ALDERGATE, content, line

QUEBEC = TaxFacts(seller_country="CA", seller_region="QC", buyer_country="CA", buyer_region="QC", on=date(2026, 3, 2))
RATES = st.sampled_from(
    [("S", 1900, ()), ("S", 2550, ()), ("AE", 0, ()), ("E", 0, ()), ("S", 1497, (("GST", 50_000), ("QST", 99_750)))]
)


def stored(position: int, minor: int, tax: Tax) -> InvoiceLineRow:
    values: dict[str, Any] = {
        "position": position, "net_minor": minor, "tax_category": tax.category, "tax_rate_basis_points": tax.rate_basis_points,
        "tax_reason": tax.reason, "tax_reason_key": tax.reason_key, "tax_exemption_code": tax.exemption_code,
        "tax_components": stored_components(tax.components),
    }  # fmt: skip
    return InvoiceLineRow(**values)


def item(minor: int, currency: str, day: date, **more: Any) -> PricedItem:
    amount = Money(minor, currency)
    values: dict[str, Any] = {
        "id": uuid4(), "kind": "time", "subject_id": uuid4(), "contract_id": uuid4(), "project_id": None, "description": "Work",
        "quantity": Decimal(1), "unit": "HUR", "unit_price": amount.decimal, "amount": amount, "service_from": None,
        "service_to": day, "clause": "", "contract_version_id": None, "change_order_id": None, "rate_id": None,
        "evidence_ids": (), "who": "Ann",
    }  # fmt: skip
    return PricedItem(**(values | more))


@given(
    st.lists(st.tuples(st.integers(-(10**9), 10**9), RATES), min_size=1, max_size=30),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_breakdown_covers_all_lines_and_rounds_once_per_row_and_tax(
    given_lines: Sequence[tuple[int, Any]], currency: str
) -> None:
    lines = [
        stored(position, minor, Tax(category, rate, components=tuple(Component(*each) for each in components)))
        for position, (minor, (category, rate, components)) in enumerate(given_lines)
    ]
    rows = tax_rows(lines, currency, "en")

    assert sum(row.taxable_minor for row in rows) == sum(minor for minor, _ in given_lines)
    for row in rows:
        parts = [Fraction(each.rate_ppm, 10**6) for each in row.components] or [Fraction(row.rate_basis_points, 10_000)]
        assert row.tax_minor == sum(round_half_up(row.taxable_minor * part) for part in parts)
        assert sum(each.tax_minor for each in row.components) == (row.tax_minor if row.components else 0)


@given(st.integers(-(10**9), 10**9), RATES)
def test_a_credit_mirrors_its_tax_to_the_minor_unit(minor: int, rate: Any) -> None:
    components = tuple(Component(*each) for each in rate[2])
    assert tax_of(Money(-minor, "KWD"), rate[1], components) == -tax_of(Money(minor, "KWD"), rate[1], components)


def test_time_of_two_rates_stands_on_two_lines_of_its_own_day() -> None:
    decide = tax_of_items(TaxFacts(seller_country="DE", buyer_country="DE", on=date(2021, 1, 15)), {})
    contract = uuid4()
    days = (date(2020, 12, 30), date(2020, 12, 31), date(2021, 1, 1))
    lines = price_lines([item(100_00, "EUR", day, contract_id=contract) for day in days], decide)

    assert [(each.net.minor, each.tax.rate_basis_points) for each in lines] == [(200_00, 1600), (100_00, 1900)]
    assert [each.taxed_by.evidence["rate"]["from"] for each in lines] == ["2020-07-01", "2021-01-01"]
    assert [(row.taxable.minor, row.amount.minor) for row in total(lines).rows] == [(200_00, 32_00), (100_00, 19_00)]


def test_the_kind_of_item_names_the_service() -> None:
    profile = {"tax": {"services": {"expense": "education"}}}
    decide = tax_of_items(TaxFacts(seller_country="DE", buyer_country="DE", on=date(2026, 3, 2)), profile)
    lines = price_lines([item(1, "EUR", date(2026, 3, 1)), item(1, "EUR", date(2026, 3, 1), kind="expense")], decide)

    assert [each.tax.category for each in lines] == ["S", "E"]


@pytest.mark.parametrize(
    ("region", "day", "tax"),
    [
        ("QC", date(2026, 3, 2), Tax("S", 1497, components=(Component("GST", 50_000), Component("QST", 99_750)))),
        ("ON", date(2026, 3, 2), Tax("S", 1300)),
        ("NS", date(2025, 3, 31), Tax("S", 1500)),
        ("NS", date(2025, 4, 1), Tax("S", 1400)),
        ("AB", date(2026, 3, 2), Tax("S", 500)),
        ("SK", date(2026, 3, 2), Tax("S", 1100, components=(Component("GST", 50_000), Component("PST", 60_000)))),
        ("BC", date(2026, 3, 2), Tax("S", 500)),
    ],
)
def test_canadian_taxes_are_those_of_the_buyers_province(region: str, day: date, tax: Tax) -> None:
    stated = (("BC", Decimal(0)), ("SK", Decimal(6)))
    decided = decide_tax(replace(QUEBEC, buyer_region=region, on=day, provincial=stated))

    assert (decided.tax, decided.problems) == (tax, ())


def test_quebec_prints_both_taxes_on_one_base_and_the_rate_in_full() -> None:
    tax = decide_tax(QUEBEC).tax
    assert tax.of(Money(10_000_01, "CAD")) == Money(500_00 + 997_50, "CAD")
    components = tuple(
        TaxComponentContent(name=name, rate_ppm=ppm, tax_minor=minor)
        for name, ppm, minor in (("GST", 50_000, 50_00), ("QST", 99_750, 99_75))
    )
    row = TaxContent(
        category="S", rate_basis_points=1497, taxable_minor=1000_00, tax_minor=149_75, components=components
    )
    lines = (line(2, "CAD", tax_rate_basis_points=1497),)

    page = invoice_page(
        content(lines=lines, currency="CAD", taxes=(row,)), number="N-1", brand=ALDERGATE, language="en"
    )

    assert [(each.label, each.amount) for each in page.taxes] == [("GST 5%", "50.00"), ("QST 9.975%", "99.75")]
    assert page.lines[0].tax_rate == "14.975%"


def test_half_of_a_tax_inside_an_indian_state_is_the_states() -> None:
    known = TaxFacts(
        seller_country="IN", seller_region="KA", buyer_country="IN", buyer_region="KA", on=date(2026, 3, 2)
    )

    assert decide_tax(known).tax == Tax("S", 1800, components=(Component("CGST", 90_000), Component("SGST", 90_000)))
    assert decide_tax(replace(known, buyer_region="MH")).tax == Tax("S", 1800)


def test_reasons_are_in_the_documents_language_and_the_records_own_words_win() -> None:
    reverse = decide_tax(
        TaxFacts(seller_country="DE", buyer_country="FR", buyer_tax_id="FR40303265045", on=date(2026, 3, 2))
    )
    row = stored(1, 100, reverse.tax)

    assert reason_of(row, "fr").startswith("Autoliquidation")
    assert reason_of(row, "ja").startswith("リバースチャージ")
    assert tax_rows([row], "EUR", "de")[0].exemption_code == "VATEX-EU-AE"
    assert reason_of(stored(1, 100, Tax("E", 0, "Charity.", "VATEX-EU-132-1G")), "de") == "Charity."


def test_what_is_withheld_is_said_and_changes_no_total() -> None:
    kept = withheld({"withholding": {"percent": "7.5", "reason": "Section 194J"}}, Money(1000_01, "EUR"))
    assert kept == WithholdingContent(
        rate_basis_points=750, base_minor=1000_01, amount_minor=75_00, reason="Section 194J"
    )
    frozen = content(2, withholding=kept)

    page = invoice_page(frozen, number="N-1", brand=ALDERGATE, language="en")

    assert (
        page.tax_notes[-1].replace(NO_BREAK, " ")
        == "To be withheld by the customer: 7.5% of EUR 1,000.01, that is EUR 75.00 (Section 194J)."
    )
    assert frozen.gross_minor == frozen.net_minor + frozen.tax_minor
    assert withheld(None, Money(1, "EUR")) is None


def test_a_decision_names_its_table_row() -> None:
    decided: TaxDecision = decide_tax(TaxFacts(seller_country="EE", buyer_country="EE", on=date(2025, 7, 1)))

    assert decided.evidence["rate"]["percent"] == "24"
    assert (decided.evidence["rate"]["from"], decided.evidence["seller"]) == ("2025-07-01", "EE")
