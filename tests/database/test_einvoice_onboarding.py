"""What a legal entity says of e-invoices in its blueprint stands in its profile, and a misspelt part is refused with its path."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from billwright.canon.tables import LegalEntityRow
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.database import Database
from billwright_tenants.apply import Applied
from support.onboarding import apply, raw, read, slug

__all__ = ["apply", "raw", "slug"]


def test_a_legal_entity_says_what_its_einvoices_say(
    database: Database, raw: dict[str, Any], apply: Callable[..., Applied]
) -> None:
    said = {
        "format": "facturx",
        "electronic_address": {"scheme": "9930", "id": "DE123456788"},
        "contact": "Accounts receivable",
        "registration_scheme": "",
    }
    raw["legal_entities"][0]["einvoice"] = said

    tenant = apply(raw).tenant

    profiles = read(database, tenant, select(LegalEntityRow.profile).order_by(LegalEntityRow.code))
    assert said in [profile.get("einvoice") for profile in profiles]


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"format": "pdf"}, "format"),
        ({"electronic_address": {"scheme": "e-mail", "id": "x"}}, "electronic_address.scheme"),
    ],
)
def test_what_is_no_format_or_scheme_is_refused_with_its_path(
    raw: dict[str, Any], apply: Callable[..., Applied], part: dict[str, Any], path: str
) -> None:
    raw["legal_entities"][0]["einvoice"] = part

    with pytest.raises(InputInvalidError, match=path.replace(".", r"\.")):
        apply(raw)
