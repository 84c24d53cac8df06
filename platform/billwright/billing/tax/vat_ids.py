"""VAT identification numbers: whose they are, and whether their form and check digits can be right (python-stdnum)."""

from functools import lru_cache
from typing import Literal

from stdnum import get_cc_module

from billwright.billing.tax.jurisdictions import rates

Verdict = Literal["missing", "right", "wrong", "unknown"]
NORTHERN_IRELAND = "XI"


def compact(tax_id: str) -> str:
    return "".join(sign for sign in tax_id.upper() if sign.isalnum())


@lru_cache(maxsize=4_096)
def prefix_of(tax_id: str) -> str:
    """ISO country of a VAT id's prefix (EL is GR); empty when it has none that we know."""
    prefix = compact(tax_id)[:2]
    if prefix == NORTHERN_IRELAND:
        return "GB"
    known = rates().jurisdictions
    greek = {each.vat_prefix: country for country, each in known.items() if each.vat_prefix}
    return greek.get(prefix) or (prefix if prefix in known and prefix.isalpha() else "")


@lru_cache(maxsize=65_536)
def verdict(tax_id: str, country: str) -> Verdict:
    """Whether ``tax_id`` can be a VAT id of ``country``: its form and check digits, not whether it is registered.

    ``unknown`` where no rule of that country's numbers is known.
    """
    number = compact(tax_id)
    if not number:
        return "missing"
    module = get_cc_module(country.lower(), "vat")
    if module is None:
        return "unknown"
    if number[:2] == NORTHERN_IRELAND:
        number = number[2:]
    return "right" if module.is_valid(number) else "wrong"
