"""What the Tryton connector says of itself."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from billwright.extension.manifest import Manifest

Name = Annotated[str, Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Tryton is and what our terms are called there.

    ``taxes`` maps our tax, written ``category:rate in basis points`` (``S:1900`` is 19 %), to the name of Tryton's tax; an
    empty name means a line without tax. ``accounts`` maps our revenue accounts to codes of Tryton's chart; one that is not
    listed is looked up as it is.
    """

    base_url: Annotated[str, Meta(pattern=r"^https?://[^/]+(/.*)?$", description="Without the database's name")]
    database: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$")]
    company: Annotated[str, Meta(min_length=1, description="Code or name of the company's party in Tryton")]
    taxes: Annotated[dict[str, str], Meta(description="Tryton's tax per tax of ours, for example S:1900")]
    revenue_account: Annotated[str, Meta(min_length=1, description="Code, for lines that name no account")]
    accounts: Annotated[dict[str, Name], Meta(description="Tryton's account code per revenue account of ours")] = {}
    receivable_account: Annotated[str, Meta(description="Code; empty: the customer's, then the company's default")] = ""
    journal: Annotated[str, Meta(description="Code; empty: the first revenue journal")] = ""
    payment_term: Annotated[str, Meta(description="Name; empty: due on our due date exactly")] = ""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?$", description="Country of the address of a new customer")] = ""
    party_code_prefix: Annotated[str, Meta(description="Before our customer key in the code of Tryton's party")] = "BW-"


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: Name
    password: Name


MANIFEST: Final = Manifest(
    name="tryton",
    vendor="Tryton Foundation",
    version="1.0.0",
    api_version="JSON-RPC, series 8.2 with account_invoice",
    capabilities=frozenset({"erp"}),
    authentication="basic",
    settings_model=Settings,
    secrets_model=Secrets,
    hosts_setting="base_url",
    idempotency=(
        "The invoice's reference ends with the idempotency key and is searched before anything is made. Only a draft "
        "that was alone under its key is posted."
    ),
    reads={"account.invoice": "PostedDocument"},
    writes={"account.invoice": "PostingInvoice", "party.party": "PostingInvoice.customer_key, customer_name"},
    proved_against="trytond 8.2 with account_invoice 8.2, a real server in the tests",
)
