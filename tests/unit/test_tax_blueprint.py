"""What a blueprint says of tax: checked with the path of what is wrong, and kept so that rules can read it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from billwright.billing.tax import Tax, TaxFacts, decide_tax
from billwright.billing.tax.of_rows import base_facts, rate_stands
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.checks import check_blueprint

ENTITY = {"code": "A", "name": "A Ltd", "country": "CA", "currency": "CAD", "time_zone": "America/Toronto"}
DAY = date(2026, 3, 2)


def blueprint(connections: list[dict[str, Any]] | None = None, **entity: Any) -> Blueprint:
    tenant = {"slug": "acme-ltd", "name": "Acme"}
    return msgspec.convert(
        {"tenant": tenant, "legal_entities": [ENTITY | entity], "connections": connections or []}, Blueprint
    )


def test_a_regime_of_tax_is_taken() -> None:
    regime = {"region": "SK", "provincial": {"SK": "6", "BC": "0"}, "services": {"expense": "general"}, "oss": True}
    connections = [{"name": "register", "connector": "vies", "tax": True, "settings": {"requester": "DE129274202"}}]
    given = blueprint(connections, tax=regime)

    assert check_blueprint(given) == []
    assert given.legal_entities[0].standard_tax_rate is None
    assert given.configuration.tax_connection == "register"


@pytest.mark.parametrize(
    ("connections", "entity", "problem"),
    [
        ([], {"tax": {"provincial": {"SK": "101"}}}, "legal_entities[0].tax.provincial.SK: 101 is no percentage"),
        ([], {"standard_tax_rate": "-1"}, "legal_entities[0].standard_tax_rate: -1 is no percentage"),
        ([{"name": "x", "connector": "csv_journal", "tax": True, "settings": {}}], {}, "connections[0].tax: csv_journal asks"),
        ([{"name": name, "connector": "vies", "tax": True} for name in "xy"], {}, "connections: only one may be asked"),
        ([{"name": "x", "connector": "vies", "settings": {"requester": "?"}}], {}, "connections[0].settings: "),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_path(
    connections: list[dict[str, Any]], entity: dict[str, Any], problem: str
) -> None:
    assert any(each.startswith(problem) for each in check_blueprint(blueprint(connections, **entity)))


@pytest.mark.parametrize("wrong", [{"scheme": "none"}, {"region": "quebec"}, {"service": "magic"}, {"vat": "x"}])
def test_what_is_misspelt_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"legal_entities\[0\]\.tax|legal_entities\[...\]\.tax"):
        blueprint(tax=wrong)


def facts(**more: Any) -> TaxFacts:
    given: dict[str, Any] = {
        "country": "CA", "profile": {}, "tax_id": "", "tax_category": None, "address": {"country": "CA"}, "tax": None,
        "registry": None, "asked": False, "today": DAY,
    }  # fmt: skip
    return base_facts(**(given | more))


def test_records_become_facts() -> None:
    profile = {"standard_tax_rate": None, "tax": {"region": "SK", "provincial": {"SK": "6"}, "scheme": "standard"}}
    customer = {"status": "business", "region": "SK", "exemption_code": "VATEX-EU-79-C", "exemption_reason": "Outlay."}

    known = facts(profile=profile, tax=customer, registry="valid")

    assert (known.seller_region, known.provincial, known.stated_rate) == ("SK", (("SK", Decimal(6)),), None)
    assert (known.buyer_status, known.stated_code, known.registry) == ("business", "VATEX-EU-79-C", "valid")
    assert decide_tax(known).tax.rate_basis_points == 1100
    assert facts(asked=True).registry == "pending"
    assert facts(profile={"standard_tax_rate": "0"}).stated_rate == Decimal(0)
    assert facts(address={}).buyer_country == ""
    assert decide_tax(replace(facts(address={}), stated_category="O")).tax == Tax("O", 0)


@pytest.mark.parametrize(
    ("service_to", "rate", "today", "stands"),
    [
        (None, {"country": "EE", "percent": "22"}, date(2025, 6, 30), True),
        (None, {"country": "EE", "percent": "22"}, date(2025, 7, 1), False),
        (date(2025, 6, 30), {"country": "EE", "percent": "22"}, date(2025, 7, 1), True),
        (None, {"percent": "22", "stated": "by the legal entity's record"}, date(2025, 7, 1), True),
        (None, {}, date(2025, 7, 1), True),
    ],
)
def test_a_rate_stands_on_its_day_of_supply(
    service_to: date | None, rate: dict[str, str], today: date, stands: bool
) -> None:
    assert rate_stands(service_to, {"rate": rate}, today) is stands
