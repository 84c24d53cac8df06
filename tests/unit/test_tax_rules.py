"""The decision table: who pays which tax, on which day, with which reason, and what is never guessed."""

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.tax import Tax, TaxFacts, decide_tax
from billwright.billing.tax.jurisdictions import rate_on, rates, reason_text, reasons, rules, source_of, territory_of
from billwright.billing.tax.problems import CODES, finding_of, is_blocking
from billwright.billing.tax.vat_ids import prefix_of, verdict

DAY = date(2026, 3, 2)
REVERSE = Tax("AE", 0, "", "VATEX-EU-AE", "reverse_charge")
OUTSIDE = Tax("O", 0, "", "VATEX-EU-O", "outside_eu")
UNTAXED = Tax("O", 0, "", "", "no_sales_tax")
EU = sorted(code for code, each in rates().jurisdictions.items() if each.area == "eu")
VAT_RATES = Path(__file__).resolve().parents[3] / "shared" / "material" / "tax" / "vat-rates.json"
IDS = {"FR": "FR40303265045", "DE": "DE129274202", "BE": "BE0999001119"}


def facts(seller: str = "DE", buyer: str = "FR", **more: Any) -> TaxFacts:
    return TaxFacts(**{"seller_country": seller, "buyer_country": buyer, "on": DAY, **more})


def codes(known: TaxFacts) -> list[str]:
    return [problem.code for problem in decide_tax(known).problems]


@pytest.mark.parametrize(
    ("known", "rule", "tax"),
    [
        (facts(buyer="DE"), "eu-domestic", Tax("S", 1900)),
        (facts(buyer="DE", on=date(2020, 8, 1)), "eu-domestic", Tax("S", 1600)),
        (facts(seller="FI", buyer="FI"), "eu-domestic", Tax("S", 2550)),
        (facts(buyer_tax_id=IDS["FR"]), "eu-reverse-charge", REVERSE),
        (facts(buyer_tax_id=IDS["FR"], buyer_status="public_body"), "eu-reverse-charge", REVERSE),
        (facts(buyer_status="private_person"), "eu-without-vat-id", Tax("S", 1900)),
        (facts(buyer_status="private_person", service="electronic", oss=True), "eu-electronic-oss", Tax("S", 2000)),
        (facts(buyer="US"), "eu-abroad", OUTSIDE),
        (facts(buyer="CH", buyer_status="business", service="general"), "eu-abroad-business", OUTSIDE),
        (facts(buyer="CH", buyer_status="private_person", service="general"), "eu-abroad-consumer", Tax("S", 1900)),
        (facts(buyer="DE", service="education"), "eu-education", Tax("E", 0, "", "VATEX-EU-132-1I", "VATEX-EU-132-1I")),
        (facts(buyer="DE", service="financial"), "eu-financial", Tax("E", 0, "", "VATEX-EU-135-1", "VATEX-EU-135-1")),
        (facts(seller="FR", buyer="MC"), "eu-domestic", Tax("S", 2000)),
        (facts(buyer="ES", buyer_postal_code="35001"), "eu-abroad", OUTSIDE),
        (facts("GB", "GB"), "gb-domestic", Tax("S", 2000)),
        (facts("GB", "DE"), "gb-abroad", Tax("O", 0, "", "", "outside_gb")),
        (facts("CH", "CH"), "ch-domestic", Tax("S", 810)),
        (facts("CH", "LI", on=date(2023, 12, 31)), "ch-domestic", Tax("S", 770)),
        (facts("CH", "DE"), "ch-abroad", Tax("O", 0, "", "", "outside_ch")),
        (facts("NO", "NO"), "no-domestic", Tax("S", 2500)),
        (facts("NO", "SE"), "no-abroad", Tax("G", 0, "", "", "zero_rated_export")),
        (facts("AU", "AU"), "au-domestic", Tax("S", 1000)),
        (facts("SG", "SG", on=date(2023, 5, 1)), "sg-domestic", Tax("S", 800)),
        (facts("JP", "US"), "jp-abroad", Tax("G", 0, "", "", "zero_rated_export")),
        (facts("US", "DE"), "us-abroad", UNTAXED),
        (facts("US", "US", buyer_region="OR"), "us-domestic", UNTAXED),
        (facts("US", "US", buyer_region="OH", provincial=(("OH", Decimal(0)),)), "us-domestic", UNTAXED),
        (facts("HK", "HK"), "hk", Tax("O", 0, "", "", "no_tax_at_home")),
    ],
)  # fmt: skip
def test_services_bear_the_tax_that_the_rules_say(known: TaxFacts, rule: str, tax: Tax) -> None:
    decided = decide_tax(known)

    assert (decided.rule, decided.tax) == (rule, tax)
    assert all(not is_blocking(problem.code) for problem in decided.problems)
    assert decided.evidence["source"]["url"].startswith("https://")
    assert decided.evidence["on"] == known.on.isoformat()


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (facts(buyer=""), "customer_country_missing"),
        (facts(buyer="QX"), "tax_jurisdiction_unknown"),
        (facts("BR", "BR"), "tax_jurisdiction_unknown"),
        (facts(buyer_tax_id="FR99303265045"), "vat_id_wrong"),
        (facts(buyer_tax_id=IDS["DE"], buyer="FR"), "vat_id_country_differs"),
        (facts(buyer_tax_id=IDS["FR"], registry="invalid"), "vat_id_refused"),
        (facts(buyer_status="business"), "vat_id_missing"),
        (facts(buyer="DE", buyer_postal_code="27498"), "customer_territory"),
        (facts(buyer="CH", service="general"), "tax_rule_missing"),
        (facts(service="land"), "service_place_unknown"),
        (facts(service="electronic", buyer_status="private_person"), "oss_missing"),
        (facts(stated_category="E"), "exemption_reason_missing"),
        (facts("US", "US"), "customer_region_missing"),
        (facts("US", "US", buyer_region="TX"), "provincial_tax_unstated"),
        (facts("CA", "CA"), "customer_region_missing"),
        (facts("CA", "CA", buyer_region="BC"), "provincial_tax_unstated"),
        (facts("SG", "SG", scheme="small_business"), "seller_reason_missing"),
        (facts("DE", "DE", on=date(2001, 1, 1)), "tax_rate_missing"),
    ],
)
def test_what_is_not_certain_holds_the_draft_with_a_remedy(known: TaxFacts, code: str) -> None:
    (problem,) = [each for each in decide_tax(known).problems if is_blocking(each.code)]

    finding = finding_of({"code": problem.code, "facts": dict(problem.facts)}, "Client SA")
    assert (problem.code, finding.severity) == (code, "blocking")
    assert "{" not in finding.message
    assert finding.remedy.endswith(".")


def test_a_buyer_without_vat_id_is_taxed_as_a_consumer_and_people_are_told() -> None:
    decided = decide_tax(facts())

    assert (decided.tax, codes(facts())) == (Tax("S", 1900), ["customer_without_vat_id"])
    assert finding_of({"code": "customer_without_vat_id", "facts": {}}, "Client SA").severity == "warning"


def test_the_entitys_own_rate_wins_at_home_and_is_named() -> None:
    decided = decide_tax(facts(buyer="DE", stated_rate=Decimal("17.5")))

    assert (decided.tax, decided.rule) == (Tax("S", 1750), "seller-stated-rate")
    assert decided.evidence["rate"] == {"percent": "17.5", "stated": "by the legal entity's record"}
    assert decide_tax(facts(buyer="DE", stated_rate=Decimal(0))).tax == Tax("O", 0)


@pytest.mark.parametrize(
    ("more", "tax"),
    [
        ({"stated_category": "E", "stated_code": "VATEX-EU-79-C"}, Tax("E", 0, "", "VATEX-EU-79-C")),
        ({"stated_category": "E", "stated_reason": "Charity."}, Tax("E", 0, "Charity.")),
        ({"stated_category": "AE"}, REVERSE),
        ({"stated_category": "O"}, Tax("O", 0, "", "VATEX-EU-O", "VATEX-EU-O")),
        ({"stated_category": "S"}, Tax("S", 1900)),
        ({"stated_category": "Z"}, Tax("Z", 0)),
    ],
)
def test_what_the_customers_record_states_is_taken_and_kept_as_evidence(more: dict[str, str], tax: Tax) -> None:
    decided = decide_tax(facts(buyer="", **more))

    assert (decided.tax, decided.rule, decided.problems) == (tax, "customer-stated", ())
    assert decided.evidence["stated"] == "by the customer's record"


def test_small_businesses_and_sellers_without_registration_show_no_tax() -> None:
    small = decide_tax(facts(buyer="DE", scheme="small_business"))
    abroad = decide_tax(facts(buyer_tax_id=IDS["FR"], scheme="small_business"))
    french = decide_tax(facts("FR", "FR", scheme="small_business"))
    nobody = decide_tax(facts("CH", "", scheme="not_registered"))

    assert small.tax == Tax("E", 0, "", "", "small_business_DE")
    assert (
        reason_text("small_business_DE", "de") == "Kein Ausweis von Umsatzsteuer, da Kleinunternehmer gemäß § 19 UStG."
    )
    assert abroad.tax.category == "AE"
    assert french.tax.exemption_code == "VATEX-FR-FRANCHISE"
    assert (nobody.tax, nobody.problems) == (Tax("O", 0, "", "", "not_registered"), ())


@pytest.mark.parametrize("code", EU)
def test_rates_of_the_union_agree_with_the_published_table(code: str) -> None:
    if not VAT_RATES.is_file():
        pytest.skip("the table of rates is not beside the repository")
    rows = json.loads(VAT_RATES.read_text())["items"][code]
    for day in (date(2017, 6, 1), date(2020, 8, 1), date(2020, 12, 1), date(2021, 2, 1), date(2023, 7, 1),
                date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1), date(2025, 7, 1), date(2025, 8, 1), DAY):  # fmt: skip
        row = max(
            (each for each in rows if each["effective_from"] <= day.isoformat()),
            key=lambda each: each["effective_from"],
        )
        known = rate_on(code, day)
        assert known is not None
        assert known.percent == Decimal(str(row["rates"]["standard"])), (code, day)


@pytest.mark.parametrize("code", sorted({each.country for each in rates().territories} - {"FI"}))
def test_territories_agree_with_the_published_table(code: str) -> None:
    if not VAT_RATES.is_file():
        pytest.skip("the table of rates is not beside the repository")
    for row in json.loads(VAT_RATES.read_text())["items"][code]:
        for each in row.get("exceptions", ()):
            digits = {"AT": 4}.get(code, 5)
            first = next(
                f"{n:0{digits}d}" for n in range(10**digits) if re.fullmatch(each["postcode"], f"{n:0{digits}d}")
            )
            found = territory_of(code, first if code != "PT" else f"{first[:4]}-001")
            assert found is not None, (code, each["name"])


def test_every_rule_and_reason_is_complete() -> None:
    for rule in rules().rules:
        assert source_of(rule.source)["url"]
        assert rule.category == "S" or rule.rate == "regional" or rule.code or rule.reason, rule.id
        assert rule.category != "E" or rule.code or rule.reason in reasons(), rule.id
        assert not rule.reason or rule.reason in reasons()
    assert len({rule.id for rule in rules().rules}) == len(rules().rules)
    for key in ("reverse_charge", "outside_eu"):
        assert set(reasons()[key]) == {"en", "de", "fr", "es", "it", "nl", "pl", "el", "bg", "ar", "ja"}


sellers = st.sampled_from([*EU, "GB", "CH", "NO", "AU", "NZ", "SG", "JP", "IN", "CA", "US", "HK", "BR", "ZZ"])
buyers = st.sampled_from([*EU, "GB", "CH", "LI", "MC", "US", "CA", "IN", "CN", "BR", "", "QX", "Ä"])


@given(
    sellers, buyers, st.sampled_from(["business", "public_body", "private_person", "unknown"]),
    st.sampled_from(["", *IDS.values(), "FR1", "EL094259216", "??"]),
    st.sampled_from(["professional", "electronic", "general", "financial", "education", "land", "odd"]),
    st.sampled_from(["standard", "small_business", "not_registered"]), st.dates(), st.sampled_from(["", "QC", "27", "OH"]),
    st.sampled_from(["", "valid", "invalid"]),
)  # fmt: skip
def test_every_pair_gives_a_decision_or_a_reason_to_wait(
    seller: str, buyer: str, status: Any, tax_id: str, service: str, scheme: Any, day: date, region: str, registry: Any
) -> None:
    known = TaxFacts(
        seller_country=seller, buyer_country=buyer, buyer_status=status, buyer_tax_id=tax_id, service=service, scheme=scheme,
        on=day, buyer_region=region, seller_region=region, registry=registry,
    )  # fmt: skip
    decided = decide_tax(known)

    assert {problem.code for problem in decided.problems} <= CODES
    assert decided.tax.category in {"S", "E", "AE", "G", "O"}
    assert (decided.tax.category == "S") == (decided.tax.rate_basis_points > 0)
    assert decided.rule != "undecided" or any(is_blocking(problem.code) for problem in decided.problems)
    if decided.tax.category in {"E", "AE", "G"}:
        why = decided.tax.reason or decided.tax.exemption_code or reason_text(decided.tax.reason_key, "de")
        assert why or any(is_blocking(problem.code) for problem in decided.problems)
    assert decide_tax(replace(known)) == decided


def test_every_pair_of_the_union_is_decided_for_businesses_and_consumers() -> None:
    for seller, buyer in product(EU, EU):
        consumer = decide_tax(facts(seller, buyer, buyer_status="private_person"))
        assert (consumer.tax.category, consumer.problems) == ("S", ())
        known = rate_on(seller, DAY)
        assert known is not None
        assert consumer.tax.rate_basis_points == known.percent * 100


def test_vat_ids_are_told_right_from_wrong() -> None:
    assert verdict(" fr 40-303 265 045", "FR") == "right"
    assert verdict("FR99303265045", "FR") == "wrong"
    assert verdict("EL094259216", "GR") == "right"
    assert verdict("", "FR") == "missing"
    assert verdict("12-3456789", "US") == "unknown"
    assert (prefix_of("EL094259216"), prefix_of("XI123456789"), prefix_of("40303265045")) == ("GR", "GB", "")
