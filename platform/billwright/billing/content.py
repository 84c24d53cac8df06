"""The content hash of a draft: what approvals are bound to, made from fresh prices or from the stored lines alike."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from billwright.billing.lines import PricedLine
from billwright.billing.tables import InvoiceLineRow
from billwright.billing.tax.of_rows import stored_components
from billwright.billing.tax.problems import is_blocking
from billwright.kernel.canonical_json import sha256_hex

VERSION: Final = 3
"""The recipe of new hashes. The first one left out purchase orders, bank account and who sells, and took the payment terms
as they were when the draft was made; the second one, why a line bears no tax and of which taxes its rate is made. A stored
hash is compared by the recipe that made it (``InvoiceRow.content_version``): a draft that was approved under an earlier one
and is not touched again is issued under it."""
BANK_FIELDS: Final = ("holder", "iban", "bic", "bank", "account_number", "routing")


def content_hash(
    *,
    entity: UUID,
    customer: UUID,
    parties: object,
    terms: int,
    lines: Sequence[Sequence[object]],
    seller: object = None,
    orders: Iterable[tuple[UUID, str]] = (),
    einvoice: Sequence[object] = (),
    tax_problems: Sequence[Mapping[str, Any]] = (),
    holdback: Sequence[object] = (),
    version: int = VERSION,
) -> str:
    """Hash of all that an approver looks at: parties, terms, purchase orders, bank, every line with amount, tax and evidence.

    ``parties`` from ``parties_content``, ``seller`` from ``seller_content``, ``lines`` from ``line_content`` or
    ``stored_line_content``, in their order. ``orders`` are (contract, purchase order) of the lines. ``terms`` in days.
    ``einvoice``: what customer and seller say of e-invoices; where neither says anything the hash is as it was before.
    ``holdback``: what is withheld and released per contract (``Taken.stored``).
    ``tax_problems``: what is not certain about the tax (``InvoiceRow.tax_problems``); warnings about it may come and go.
    """
    content = {"entity": entity, "customer": customer, "parties": parties, "terms": terms, "lines": lines}
    if version > 1:
        content |= {"seller": seller, "orders": sorted((str(contract), order) for contract, order in {*orders})}
    if any(einvoice):
        content["einvoice"] = list(einvoice)
    if uncertain := [each for each in tax_problems if is_blocking(str(each["code"]))]:
        content["tax_problems"] = uncertain
    if holdback:
        content["holdback"] = list(holdback)
    return sha256_hex(content)


def terms_of(contract: int | None, customer: int | None, default: int) -> int:
    """Days to pay: as the contract of the first line says, else the customer, else the firm."""
    return next(days for days in (contract, customer, default) if days is not None)


def bank_content(banks: Any, currency: str) -> dict[str, str] | None:
    """What is printed of the seller's account: the one of this currency when several are kept, else the first."""
    if not banks:
        return None
    known = banks if isinstance(banks, list) else [banks]
    chosen = next((bank for bank in known if bank.get("currency") == currency), known[0])
    return {name: value for name, value in chosen.items() if name in BANK_FIELDS and value}


def seller_content(name: str, profile: Mapping[str, Any], currency: str) -> object:
    """Who sells, as it is printed, and where the money goes."""
    identity = [profile.get(field) for field in ("legal_name", "tax_id", "registration", "address")]
    return [name, *identity, bank_content(profile.get("bank"), currency)]


def parties_content(
    *,
    name: str,
    legal_name: str,
    tax_id: str,
    tax_category: str | None,
    address: Mapping[str, Any],
    seller_country: str,
    seller_profile: Mapping[str, Any],
    tax: Mapping[str, Any] | None = None,
) -> object:
    """What is printed of the buyer, and what decides the tax."""
    said = [name, legal_name, tax_id, tax_category, address, seller_country, seller_profile.get("standard_tax_rate")]
    return [*said, tax] if tax else said


def _adjusted(standard_minor: int | None, adjusted_by: str) -> list[object]:
    """Write-downs and write-ups; a line without them is hashed as before they were known."""
    return [[standard_minor, adjusted_by]] if standard_minor is not None or adjusted_by else []


def line_content(line: PricedLine) -> list[object]:
    """A line as it was just priced."""
    return [
        line.description,
        line.quantity.normalize(),
        line.unit_price.normalize(),
        line.net.minor,
        line.net.currency,
        line.tax.category,
        line.tax.rate_basis_points,
        line.contract_id,
        line.milestone_id,
        line.change_order_id,
        line.clause,
        line.service_from,
        line.service_to,
        list(line.evidence_ids),
        sorted(str(share.item_id) for share in line.shares),
        *_adjusted(line.standard.minor if line.standard else None, line.adjusted_by),
        [line.tax.reason, line.tax.exemption_code, line.tax.reason_key, stored_components(line.tax.components)],
    ]


def stored_line_content(
    line: InvoiceLineRow, item_ids: Sequence[UUID], currency: str, version: int = VERSION
) -> list[object]:
    """The same of a line as it is stored, by the recipe of ``version``."""
    content: list[object] = [
        line.description,
        line.quantity.normalize(),
        line.unit_price.normalize(),
        line.net_minor,
        currency,
        line.tax_category,
        line.tax_rate_basis_points,
        line.contract_id,
        line.milestone_id,
        line.change_order_id,
        line.clause,
        line.service_from,
        line.service_to,
        list(line.evidence_ids),
        sorted(str(item_id) for item_id in item_ids),
        *_adjusted(line.standard_minor, line.adjusted_by),
    ]
    if version > 2:
        content.append([line.tax_reason, line.tax_exemption_code, line.tax_reason_key, line.tax_components])
    return content
