"""The formats that we write: syntax, what the document says it follows, and whether it goes into the PDF."""

from dataclasses import dataclass
from typing import Final, Literal

from billwright.einvoice.rule_sets import EN16931

XRECHNUNG: Final = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
PEPPOL: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROCESS: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
"""BT-23, which Peppol and XRechnung both ask for."""
Family = Literal["en16931", "xrechnung", "peppol"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One format. ``hybrid``: the document is embedded in the PDF; ``family``: whose further rules it follows."""

    format: str
    title: str
    syntax: Literal["ubl", "cii"]
    specification: str = EN16931
    process: str | None = None
    family: Family = "en16931"
    hybrid: bool = False


PROFILES: Final[dict[str, Profile]] = {
    profile.format: profile
    for profile in (
        Profile(format="ubl", title="EN 16931 (UBL)", syntax="ubl"),
        Profile(format="cii", title="EN 16931 (CII)", syntax="cii"),
        Profile(format="facturx", title="Factur-X / ZUGFeRD EN 16931", syntax="cii", hybrid=True),
        Profile(
            format="xrechnung_ubl",
            title="XRechnung 3 (UBL)",
            syntax="ubl",
            specification=XRECHNUNG,
            process=PROCESS,
            family="xrechnung",
        ),
        Profile(
            format="xrechnung_cii",
            title="XRechnung 3 (CII)",
            syntax="cii",
            specification=XRECHNUNG,
            process=PROCESS,
            family="xrechnung",
        ),
        Profile(
            format="peppol",
            title="Peppol BIS Billing 3",
            syntax="ubl",
            specification=PEPPOL,
            process=PROCESS,
            family="peppol",
        ),
    )
}
