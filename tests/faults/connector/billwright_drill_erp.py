"""A connector as a third party ships it: to the drill's accounting system, over HTTP. Found by its entry point alone."""

from datetime import date
from typing import Any

import httpx
import msgspec

from billwright.extension.connectors import (
    Context,
    PostedDocument,
    PostingInvoice,
    RejectedError,
    ThrottledError,
    TransientError,
)
from billwright.extension.manifest import Manifest

TIMEOUT_S = 1.0
"""Shorter than the system's worst answers: so an answer may be lost after it has posted."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None."""


manifest = Manifest(
    name="drill_erp",
    vendor="Drill",
    version="1.0",
    api_version="1",
    capabilities=frozenset({"erp"}),
    authentication="none",
    settings_model=Settings,
    secrets_model=Secrets,
    hosts_setting="url",
    idempotency="The document carries our key; it is looked up by that key before each post.",
)


def find(context: Context, key: str) -> PostedDocument | None:
    answer = _ask(context, "GET", {"key": key}, None)
    found = answer.json()["documents"]
    return _document(found[0]) if found else None


def post(context: Context, invoice: PostingInvoice) -> str:
    body = {
        "key": invoice.key,
        "number": invoice.number,
        "party": invoice.customer_name,
        "party_key": invoice.customer_key,
        "issued_on": invoice.issued_on.isoformat(),
        "currency": invoice.currency,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "gross_minor": invoice.gross_minor,
    }
    return str(_ask(context, "POST", {}, body).json()["id"])


def _ask(context: Context, method: str, query: dict[str, str], body: dict[str, Any] | None) -> httpx.Response:
    assert isinstance(context.settings, Settings)
    try:
        answer = context.http.request(method, context.settings.url, params=query, json=body, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        raise TransientError(f"The accounting system does not answer: {error!r}") from error
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise ThrottledError("It asked to slow down.", retry_after_s=float(answer.headers["retry-after"]))
    if answer.is_server_error:
        raise TransientError(f"The accounting system fails: {answer.status_code}.")
    if answer.is_error:
        raise RejectedError(f"It refused: {answer.text[:200]}", remedy="Look at the document.")
    return answer


def _document(found: dict[str, Any]) -> PostedDocument:
    return PostedDocument(
        external_id=found["id"],
        number=found["number"],
        state="posted",
        party=found["party"],
        party_key=found["party_key"],
        issued_on=date.fromisoformat(found["issued_on"]),
        currency=found["currency"],
        net_minor=found["net_minor"],
        tax_minor=found["tax_minor"],
        gross_minor=found["gross_minor"],
    )
