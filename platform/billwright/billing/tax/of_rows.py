"""From the rows of a legal entity and a customer to what decides the tax of each line of a draft between them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from billwright.billing.tax.decide import decide_tax
from billwright.billing.tax.facts import Component, Problem, TaxDecision, TaxFacts
from billwright.billing.tax.jurisdictions import rate_on


class Item(Protocol):
    """What of a billable item the tax depends on."""

    @property
    def kind(self) -> str: ...

    @property
    def service_to(self) -> date | None: ...


TaxOf = Callable[[Item], TaxDecision]


def base_facts(
    *,
    country: str,
    profile: Mapping[str, Any],
    tax_id: str,
    tax_category: str | None,
    address: Mapping[str, Any],
    tax: Mapping[str, Any] | None,
    registry: str | None,
    asked: bool,
    today: date,
) -> TaxFacts:
    """The facts of both parties; ``country`` and ``profile`` are the legal entity's, the rest is the customer's record.

    ``registry`` is the answer that stands about its VAT id; ``asked``: the tenant asks a register at all.
    """
    regime: Mapping[str, Any] = profile.get("tax") or {}
    customer: Mapping[str, Any] = tax or {}
    return TaxFacts(
        seller_country=country,
        seller_region=regime.get("region", ""),
        scheme=regime.get("scheme", "standard"),
        scheme_reason=regime.get("scheme_reason", ""),
        stated_rate=_percent(profile.get("standard_tax_rate")),
        oss=bool(regime.get("oss")),
        provincial=tuple(sorted((name, Decimal(str(rate))) for name, rate in (regime.get("provincial") or {}).items())),
        buyer_country=address.get("country") or "",
        buyer_region=customer.get("region") or "",
        buyer_postal_code=address.get("postal_code") or "",
        buyer_status=customer.get("status") or "unknown",
        buyer_tax_id=tax_id,
        registry="valid" if registry == "valid" else "invalid" if registry == "invalid" else "pending" if asked else "",
        stated_category=tax_category or "",
        stated_code=customer.get("exemption_code") or "",
        stated_reason=customer.get("exemption_reason") or "",
        service=regime.get("service") or "professional",
        on=today,
    )


def tax_of_items(base: TaxFacts, profile: Mapping[str, Any]) -> TaxOf:
    """Asks for each item on its own day of supply; without one, on the day of ``base``. Its kind names the service.

    Each day and service is decided once: a draft of many time entries costs a look into a dictionary for each.
    """
    services: Mapping[str, str] = (profile.get("tax") or {}).get("services") or {}
    known: dict[tuple[date, str], TaxDecision] = {}

    def decide(item: Item) -> TaxDecision:
        day, service = item.service_to or base.on, services.get(item.kind, base.service)
        if (day, service) not in known:
            known[day, service] = decide_tax(replace(base, on=day, service=service))
        return known[day, service]

    return decide


def rate_stands(service_to: date | None, evidence: Mapping[str, Any], today: date) -> bool:
    """Whether the rate of a stored line is still the one of its day of supply: a line without a day is supplied when it is
    issued, and its rate may have ended since it was priced."""
    rate = evidence.get("rate") or {}
    if service_to is not None or "country" not in rate:
        return True
    now = rate_on(rate["country"], today)
    return now is not None and str(now.percent) == rate["percent"]


def stored_components(components: tuple[Component, ...]) -> list[dict[str, Any]]:
    return [{"name": each.name, "rate_ppm": each.rate_ppm} for each in components]


def read_components(stored: Any) -> tuple[Component, ...]:
    return tuple(Component(each["name"], each["rate_ppm"]) for each in stored or ())


def stored_problems(decisions: list[TaxDecision]) -> list[dict[str, Any]]:
    """What is not certain about a draft, each once, in a stable order."""
    found: set[Problem] = {problem for decision in decisions for problem in decision.problems}
    ordered = sorted(found, key=lambda each: (each.code, each.facts))
    return [{"code": each.code, "facts": dict(each.facts)} for each in ordered]


def _percent(stated: object) -> Decimal | None:
    """None where the record leaves the rate to the table."""
    if stated in (None, ""):
        return None
    try:
        return Decimal(str(stated))
    except InvalidOperation:
        return None
