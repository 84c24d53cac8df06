"""What the CSV journal says of itself."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from billwright.extension.manifest import Manifest


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The accounts that the entries name. Tax keys are ``category:rate in basis points``, as in ``S:1900`` for 19 %."""

    receivable_account: Annotated[str, Meta(min_length=1, description="Account that the customer owes on")] = "1400"
    revenue_account: Annotated[str, Meta(min_length=1, description="For lines that name no revenue account")] = "4400"
    tax_account: Annotated[str, Meta(min_length=1, description="For taxes that tax_accounts does not name")] = "3806"
    tax_accounts: Annotated[dict[str, str], Meta(description="Tax account per tax, for example S:1900")] = {}


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder needs none."""


MANIFEST: Final = Manifest(
    name="csv_journal",
    vendor="Billwright",
    version="1.0.0",
    api_version="RFC 4180",
    capabilities=frozenset({"erp"}),
    authentication="none",
    settings_model=Settings,
    secrets_model=Secrets,
    idempotency="Column entry_key holds the idempotency key; an entry whose key is in any file is not written again.",
    reads={"journal row": "PostedDocument"},
    writes={"journal entry": "PostingInvoice"},
    proved_against="the files themselves, read back with Python's csv module",
)
