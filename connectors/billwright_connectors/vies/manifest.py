"""What the VIES connector says of itself."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from billwright.extension.manifest import Manifest

SERVICE: Final = "https://ec.europa.eu/taxation_customs/vies/services/checkVatService"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the service is and who asks. Only with a ``requester`` the answer has a consultation number, the evidence."""

    base_url: Annotated[str, Meta(pattern=r"^https?://[^/]+/.+$", description="Address of checkVatService")] = SERVICE
    requester: Annotated[
        str, Meta(pattern=r"^([A-Z]{2}[A-Z0-9+*]{2,12})?$", description="Your own VAT id, with its prefix")
    ] = ""


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None: the service is open to all."""


MANIFEST: Final = Manifest(
    name="vies",
    vendor="European Commission",
    version="1.0.0",
    api_version="checkVatService, SOAP, document/literal (checkVatApprox)",
    capabilities=frozenset({"tax"}),
    authentication="none",
    settings_model=Settings,
    secrets_model=Secrets,
    hosts_setting="base_url",
    idempotency="Only asks; each answer is kept with its date and consultation number.",
    reads={"checkVatApproxResponse": "RegisterAnswer"},
    proved_against=(
        "a server of the tests that answers as the published WSDL and its test service describe, with all their faults; "
        "never against the Commission's own service"
    ),
)
