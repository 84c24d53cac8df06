"""The tax of a service between two parties on a day: category, rate, reason and evidence. Pure, by the tables in ``data``."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

from babel import Locale

from billwright.billing.tax.facts import Component, Problem, Tax, TaxDecision, TaxFacts
from billwright.billing.tax.jurisdictions import (
    SERVICES,
    Rate,
    Relation,
    Rule,
    jurisdiction,
    province_on,
    rate_on,
    rates,
    reasons,
    rules,
    source_of,
    territory_of,
)
from billwright.billing.tax.vat_ids import prefix_of, verdict

NEEDS_REASON: Final = "E"
USUAL_CODES: Final = {"AE": "VATEX-EU-AE", "O": "VATEX-EU-O", "G": "VATEX-EU-G", "K": "VATEX-EU-IC"}
"""What the categories that the customer's record states mean in the EU; elsewhere they stand without a code."""
REASON_OF_CODE: Final = {"VATEX-EU-AE": "reverse_charge"}
SMALL_BUSINESS_CODES: Final = {"FR": "VATEX-FR-FRANCHISE"}


@dataclass(slots=True)
class _Case:
    """One decision in the making."""

    facts: TaxFacts
    seller: str
    buyer: str
    relation: Relation
    problems: list[Problem]
    evidence: dict[str, Any]

    def problem(self, code: str, **named: str) -> None:
        self.problems.append(Problem(code, tuple(sorted(named.items()))))

    def decided(self, tax: Tax, rule: str, source: str = "") -> TaxDecision:
        if source:
            self.evidence["source"] = source_of(source)
        return TaxDecision(tax, rule, self.evidence, tuple(self.problems))


@lru_cache(maxsize=16_384)
def decide_tax(facts: TaxFacts) -> TaxDecision:
    """The tax of one line. Never raises for facts that a record can hold: what is not certain comes as a ``Problem``,
    beside a provisional tax for the eye, and the draft waits (``problems.py``).

    In order: a seller that is not registered charges nothing; what the customer's record states; the rules by place of
    supply, at the rate that the legal entity's record gives for its country, else the table's on the day of supply.
    """
    case = _case(facts)
    if facts.scheme == "not_registered":
        key = "" if facts.scheme_reason else "not_registered"
        return case.decided(Tax("O", 0, facts.scheme_reason, "", key), "seller-not-registered")
    if facts.stated_category:
        return _stated(case)
    if not facts.buyer_country:
        case.problem("customer_country_missing")
        return case.decided(_at_home(case), "undecided")
    if not _is_country(facts.buyer_country):
        case.problem("tax_jurisdiction_unknown", country=facts.buyer_country, party="customer")
        return case.decided(_at_home(case), "undecided")
    if case.relation == "domestic" and facts.stated_rate is not None:
        _own_territory(case)
        return case.decided(_small(case, _at_home(case)), "seller-stated-rate")
    if jurisdiction(case.seller) is None:
        case.problem("tax_jurisdiction_unknown", country=facts.seller_country, party="legal entity")
        return case.decided(_at_home(case), "undecided")
    return _by_rule(case)


def _case(facts: TaxFacts) -> _Case:
    same = rates().same_as
    seller, buyer = (same.get(each, each) for each in (facts.seller_country, facts.buyer_country))
    evidence: dict[str, Any] = {
        "on": facts.on.isoformat(),
        "seller": "-".join(filter(None, (facts.seller_country, facts.seller_region))),
        "buyer": "-".join(filter(None, (facts.buyer_country, facts.buyer_region))),
        "status": facts.buyer_status,
        "service": facts.service,
    }
    return _Case(facts, seller, buyer, _relation(facts, seller, buyer), [], evidence)


def _relation(facts: TaxFacts, seller: str, buyer: str) -> Relation:
    if seller == buyer:
        return "domestic"
    areas = [known.area if (known := jurisdiction(country)) else "" for country in (seller, buyer)]
    territory = territory_of(facts.buyer_country, facts.buyer_postal_code)
    outside = territory is not None and territory.outside
    return "union" if areas == ["eu", "eu"] and not outside else "abroad"


@cache
def _countries() -> frozenset[str]:
    return frozenset(str(code) for code in Locale("en").territories if len(str(code)) == 2)


def _is_country(code: str) -> bool:
    return code in _countries()


def _stated(case: _Case) -> TaxDecision:
    """What the customer's record says of its invoices, with its reason."""
    facts = case.facts
    case.evidence["stated"] = "by the customer's record"
    if facts.stated_category == "S":
        return case.decided(_small(case, _at_home(case)), "customer-stated")
    known = jurisdiction(case.seller)
    usual = USUAL_CODES.get(facts.stated_category, "") if known and known.area == "eu" else ""
    code = facts.stated_code or usual
    if facts.stated_category == NEEDS_REASON and not code and not facts.stated_reason:
        case.problem("exemption_reason_missing")
    key = "" if facts.stated_reason else REASON_OF_CODE.get(code, code if code in reasons() else "")
    return case.decided(Tax(facts.stated_category, 0, facts.stated_reason, code, key), "customer-stated")


def _at_home(case: _Case) -> Tax:
    """The seller's standard rate: as its record gives it, else the table's. Of 0 %, nothing is taxable."""
    stated = case.facts.stated_rate
    if stated is not None:
        case.evidence["rate"] = {"percent": str(stated), "stated": "by the legal entity's record"}
        return _standard(stated)
    known = rate_on(case.seller, case.facts.on)
    if known is None:
        area = jurisdiction(case.seller)
        if area is not None and area.area != "none":
            case.problem("tax_rate_missing", country=case.seller, day=case.facts.on.isoformat())
        return Tax("O", 0)
    return _rated(case, case.seller, known)


def _rated(case: _Case, country: str, rate: Rate) -> Tax:
    known = jurisdiction(country)
    assert known is not None
    source = source_of(rate.source or known.source)
    case.evidence["rate"] = {
        "country": country,
        "percent": str(rate.percent),
        "from": rate.begins.isoformat(),
        **source,
    }
    return _standard(rate.percent)


def _standard(percent: Decimal) -> Tax:
    points = int(percent * 100)
    return Tax("S", points) if points else Tax("O", 0)


def _small(case: _Case, tax: Tax) -> Tax:
    """A small enterprise shows no tax where others would charge their own."""
    facts = case.facts
    if facts.scheme != "small_business" or tax.category != "S":
        return tax
    known = jurisdiction(case.seller)
    key = f"small_business_{case.seller}"
    if key not in reasons():
        key = "small_business" if known is not None and known.area == "eu" else ""
    if not key and not facts.scheme_reason:
        case.problem("seller_reason_missing", country=facts.seller_country)
    code = SMALL_BUSINESS_CODES.get(case.seller, "")
    return Tax("E", 0, facts.scheme_reason, code, "" if facts.scheme_reason else key)


def _own_territory(case: _Case) -> None:
    """A buyer in a part of the seller's own country that has a tax of its own."""
    territory = territory_of(case.facts.buyer_country, case.facts.buyer_postal_code)
    if territory is not None and case.relation != "abroad":
        case.problem("customer_territory", territory=territory.name)


def _by_rule(case: _Case) -> TaxDecision:
    _own_territory(case)
    facts = case.facts
    has_id = _vat_id(case)
    if any(each.code == "vat_id_missing" for each in case.problems):
        return case.decided(_at_home(case), "undecided")
    if facts.service not in SERVICES or facts.service == "land":
        case.problem("service_place_unknown", service=facts.service)
        return case.decided(_at_home(case), "undecided")
    rule = next((each for each in rules().rules if _holds(each, case, has_id=has_id)), None)
    if rule is None:
        case.problem("tax_rule_missing", seller=case.seller, buyer=case.buyer, service=facts.service)
        return case.decided(_at_home(case), "undecided")
    if rule.id == "eu-without-vat-id" and facts.buyer_status == "unknown":
        case.problem("customer_without_vat_id")
    return case.decided(_taxed(case, rule), rule.id, rule.source)


def _holds(rule: Rule, case: _Case, *, has_id: bool) -> bool:
    facts = case.facts
    known = jurisdiction(case.seller)
    if (rule.country and rule.country != case.seller) or (rule.area and (known is None or rule.area != known.area)):
        return False
    if (rule.begins and facts.on < rule.begins) or (rule.ends and facts.on > rule.ends):
        return False
    return (
        case.relation in rule.relation
        and (not rule.service or facts.service in rule.service)
        and (not rule.status or facts.buyer_status in rule.status)
        and (rule.vat_id is None or rule.vat_id == has_id)
    )


def _vat_id(case: _Case) -> bool:
    """Whether the buyer counts as one with a VAT id; what is wrong with the id is said where the tax rests on it."""
    facts = case.facts
    found = verdict(facts.buyer_tax_id, facts.buyer_country)
    case.evidence["vat_id"] = found
    if facts.registry:
        case.evidence["registry"] = facts.registry
    if case.relation != "union":
        if found == "wrong":
            case.problem("vat_id_doubtful", tax_id=facts.buyer_tax_id)
        return found == "right"
    if facts.buyer_status == "private_person":
        return False
    if found == "missing":
        if facts.buyer_status == "business":
            case.problem("vat_id_missing")
        return False
    owner = prefix_of(facts.buyer_tax_id)
    if owner and owner != case.buyer:
        case.problem("vat_id_country_differs", tax_id=facts.buyer_tax_id, country=facts.buyer_country)
    elif found == "wrong":
        case.problem("vat_id_wrong", tax_id=facts.buyer_tax_id)
    elif facts.registry == "invalid":
        case.problem("vat_id_refused", tax_id=facts.buyer_tax_id)
    elif facts.registry == "pending":
        case.problem("vat_id_unverified", tax_id=facts.buyer_tax_id)
    return True


def _taxed(case: _Case, rule: Rule) -> Tax:
    if rule.rate == "seller":
        return _small(case, _at_home(case))
    if rule.rate == "buyer":
        return _in_buyers_country(case, rule)
    if rule.rate == "regional":
        return _small(case, _REGIONAL[case.seller](case, rule))
    key = rule.reason or (rule.code if rule.code in reasons() else "")
    return Tax(rule.category, 0, "", rule.code, key)


def _in_buyers_country(case: _Case, rule: Rule) -> Tax:
    if rule.needs == "oss" and not case.facts.oss:
        case.problem("oss_missing", country=case.buyer)
    known = rate_on(case.buyer, case.facts.on)
    if known is None:
        case.problem("tax_rate_missing", country=case.buyer, day=case.facts.on.isoformat())
        return Tax("O", 0)
    return _rated(case, case.buyer, known)


def _india(case: _Case, rule: Rule) -> Tax:
    """Inside one state half is the state's and half the union's; between states all is integrated."""
    assert rule.category == "S"
    tax = _at_home(case)
    facts = case.facts
    if not facts.buyer_region or not facts.seller_region:
        case.problem("customer_region_missing", country=case.seller)
    if facts.buyer_region != facts.seller_region or not tax.rate_basis_points:
        return tax
    half = tax.rate_basis_points * 50
    return replace(tax, components=(Component("CGST", half), Component("SGST", half)))


def _canada(case: _Case, rule: Rule) -> Tax:
    assert rule.category == "S"
    facts = case.facts
    tax = _at_home(case)
    if facts.buyer_region not in rates().provinces:
        case.problem("customer_region_missing", country=case.seller)
        return tax
    province = province_on(facts.buyer_region, facts.on)
    if province is None:
        return tax
    if province.hst is not None:
        case.evidence["province"] = {"percent": str(province.hst), "from": province.begins.isoformat()}
        return _standard(province.hst)
    percent = dict(facts.provincial).get(facts.buyer_region) if province.stated else province.percent
    if percent is None:
        case.problem("provincial_tax_unstated", region=facts.buyer_region, tax=province.name)
        return tax
    stated = {"stated": "by the legal entity's record"} if province.stated else source_of(province.source)
    case.evidence["province"] = {"name": province.name, "percent": str(percent), **stated}
    if not percent:
        return tax
    components = (Component("GST", tax.rate_basis_points * 100), Component(province.name, int(percent * 10_000)))
    points = sum(each.rate_ppm for each in components) // 100
    return Tax("S", points, components=components)


def _united_states(case: _Case, rule: Rule) -> Tax:
    facts = case.facts
    untaxed = Tax("O", 0, "", rule.code, rule.reason)
    if facts.buyer_region in rates().states_without_tax.codes:
        source = rates().states_without_tax.source
        case.evidence["state"] = {"name": facts.buyer_region, "title": source.title, "url": source.url}
        return untaxed
    percent = dict(facts.provincial).get(facts.buyer_region)
    if not facts.buyer_region:
        case.problem("customer_region_missing", country=case.seller)
    elif percent is None:
        case.problem("provincial_tax_unstated", region=facts.buyer_region, tax="sales tax")
    else:
        case.evidence["state"] = {"name": facts.buyer_region, "stated": "by the legal entity's record"}
    return _standard(percent) if percent else untaxed


_REGIONAL: Final = {"CA": _canada, "IN": _india, "US": _united_states}
