"""The content hash of a draft: what approvals are bound to, made from fresh prices or from the stored lines alike."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from billwright.billing.lines import PricedLine
from billwright.billing.tables import InvoiceLineRow
from billwright.kernel.canonical_json import sha256_hex


def content_hash(
    *, entity: UUID, customer: UUID, parties: object, terms: int, lines: Sequence[Sequence[object]]
) -> str:
    """Hash of all that an approver looks at: parties, terms, every line with amount, tax and evidence.

    ``parties`` from ``parties_content``, ``lines`` from ``line_content`` or ``stored_line_content``, in their order.
    """
    return sha256_hex({"entity": entity, "customer": customer, "parties": parties, "terms": terms, "lines": lines})


def parties_content(
    *,
    name: str,
    legal_name: str,
    tax_id: str,
    tax_category: str | None,
    address: Mapping[str, Any],
    seller_country: str,
    seller_profile: Mapping[str, Any],
) -> object:
    """What of buyer and seller is printed, and what decides the tax."""
    return [name, legal_name, tax_id, tax_category, address, seller_country, seller_profile.get("standard_tax_rate")]


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
    ]


def stored_line_content(line: InvoiceLineRow, item_ids: Sequence[UUID], currency: str) -> list[object]:
    """The same of a line as it is stored."""
    return [
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
    ]
