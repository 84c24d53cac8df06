"""What decides the tax of a line, and what was decided. Pure values; the rules are in ``decide.py``."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal

from billwright.kernel.money import Money, round_half_up, tax_amount

Status = Literal["business", "public_body", "private_person", "unknown"]
Scheme = Literal["standard", "small_business", "not_registered"]
PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Component:
    """One of several taxes on the same base. ``rate_ppm`` are millionths: 9.975 % is 99750."""

    name: str
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class Tax:
    """Category (UNTDID 5305), rate and reason: lines with an equal one share a row of the tax breakdown.

    ``rate_basis_points``: 19 % is 1900; of several ``components`` it is their sum, rounded down. ``reason``: words that the
    customer's or the entity's record gives; else ``reason_key`` names the sentence in the document's language (reasons.yaml).
    """

    category: str
    rate_basis_points: int
    reason: str = ""
    exemption_code: str = ""
    reason_key: str = ""
    components: tuple[Component, ...] = ()

    def of(self, taxable: Money) -> Money:
        """Tax on the sum of all lines of this row, rounded once per tax (EN 16931, BR-CO-17)."""
        return tax_of(taxable, self.rate_basis_points, self.components)


def tax_of(taxable: Money, rate_basis_points: int, components: tuple[Component, ...] = ()) -> Money:
    """Tax on one row of the breakdown; several taxes are rounded each, as their authorities ask."""
    if not components:
        return tax_amount(taxable, rate_basis_points)
    return Money(sum(minor for _, minor in parts_of(taxable, components)), taxable.currency)


def parts_of(taxable: Money, components: tuple[Component, ...]) -> list[tuple[Component, int]]:
    """Each of several taxes with its amount in minor units."""
    return [(each, round_half_up(Fraction(taxable.minor * each.rate_ppm, PPM))) for each in components]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxFacts:
    """All that the tax of one line depends on. Countries are ISO 3166-1, regions the part of ISO 3166-2 behind the dash.

    ``stated_rate`` is the percentage that the legal entity's record gives for supplies at home; ``stated_category`` what the
    customer's record says of all its invoices. ``provincial`` holds rates in percent that the entity states for sales
    taxes of provinces and states. ``on`` is the day of supply. ``registry`` is the last certain answer of a register about the
    buyer's VAT id, ``pending`` where one is asked and has not answered.
    """

    seller_country: str
    on: date
    seller_region: str = ""
    scheme: Scheme = "standard"
    scheme_reason: str = ""
    stated_rate: Decimal | None = None
    oss: bool = False
    provincial: tuple[tuple[str, Decimal], ...] = ()
    buyer_country: str = ""
    buyer_region: str = ""
    buyer_postal_code: str = ""
    buyer_status: Status = "unknown"
    buyer_tax_id: str = ""
    registry: Literal["", "valid", "invalid", "pending"] = ""
    stated_category: str = ""
    stated_code: str = ""
    stated_reason: str = ""
    service: str = "professional"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the tax is not certain: ``code`` of ``problems.py`` and the facts that its sentence names."""

    code: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TaxDecision:
    """``rule`` decided; ``evidence`` says from what: source, dates and facts, for the line's row."""

    tax: Tax
    rule: str
    evidence: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    problems: tuple[Problem, ...] = ()
