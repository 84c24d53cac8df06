"""Tax of a line: category, rate and reason, from seller and buyer. Rules with validity dates and more countries come as data.

Source of the categories: UNTDID 5305 as EN 16931 uses it (S standard, AE reverse charge, O outside scope, ...).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

EU: Final = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
EXEMPT: Final = {"Z", "E", "AE", "K", "G", "O"}


@dataclass(frozen=True, slots=True)
class Tax:
    """``rate_basis_points``: 19 % is 1900."""

    category: str
    rate_basis_points: int
    reason: str = ""


def decide_tax(
    *, seller_country: str, profile: dict[str, Any], buyer_country: str | None, buyer_tax_id: str, override: str | None
) -> Tax:
    """Tax category of services between two parties.

    An override on the customer wins. Same country: the seller's standard rate. Both in the EU and the buyer has a VAT
    id: reverse charge. Everything else is outside the scope of the seller's tax. A buyer without a country is treated
    as domestic, which never loses tax; a check tells people that the country is missing.
    """
    rate = _basis_points(profile.get("standard_tax_rate"))
    standard = Tax("S", rate) if rate else Tax("O", 0)
    if override in EXEMPT:
        return Tax(override, 0)
    if override == "S" or not buyer_country or buyer_country == seller_country:
        return standard
    if seller_country in EU and buyer_country in EU:
        return Tax("AE", 0) if buyer_tax_id else standard
    return Tax("O", 0)


def _basis_points(percent: object) -> int:
    return int(Decimal(str(percent)) * 100) if percent not in (None, "") else 0
