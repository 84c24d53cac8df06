"""What drafts withhold at the moment of their issue, compared with what was approved, and as it is frozen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from billwright.billing.holdback import is_withheld
from billwright.billing.holdback_standing import Head, HoldbackReader, Work
from billwright.extension.terms_holdback import read_holdback_terms
from billwright.issuing.content import HoldbackContent
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx


def holdback_now(
    tx: Tx, drafts: Sequence[AnyRow], lines: Mapping[UUID, Sequence[AnyRow]]
) -> tuple[dict[UUID, list[dict[str, Any]]], set[UUID]]:
    """What the drafts would withhold if they were priced now, and those that would release more than is outstanding.

    No statement where nothing is withheld. The balances stand still until COMMIT. Credit notes withhold nothing.
    """
    invoices = [draft for draft in drafts if draft.InvoiceRow.document_type == "invoice"]
    heads = {
        draft.InvoiceRow.id: head
        for draft in sorted(invoices, key=lambda each: str(each.InvoiceRow.id))
        if (head := _head(draft, lines[draft.InvoiceRow.id])).terms or head.releases
    }
    reader = HoldbackReader(tx, list(heads.values()))
    found: dict[UUID, list[dict[str, Any]]] = {}
    exceeding = set()
    for invoice_id, head in heads.items():
        taken = reader.take(head, _works(lines[invoice_id]))
        found[invoice_id] = [each.stored() for each in taken]
        if any(each.exceeds for each in taken):
            exceeding.add(invoice_id)
    return found, exceeding


def _head(draft: AnyRow, rows: Sequence[AnyRow]) -> Head:
    stored = {row.InvoiceLineRow.contract_id: row.holdback for row in rows}
    return Head(
        invoice_id=draft.InvoiceRow.id,
        legal_entity_id=draft.LegalEntityRow.id,
        country=draft.LegalEntityRow.country,
        currency=draft.InvoiceRow.currency,
        terms={
            contract: terms for contract, each in stored.items() if (terms := read_holdback_terms(each)) is not None
        },
        releases=frozenset(row.InvoiceLineRow.contract_id for row in rows if _is_release(row)),
    )


def _is_release(row: AnyRow) -> bool:
    return bool(row.item_kind == "holdback" and not is_withheld(row.transaction_key))


def _works(rows: Sequence[AnyRow]) -> list[Work]:
    """One per line that is no holdback taken off; a line's items are of one kind."""
    first: dict[UUID, AnyRow] = {}
    for row in rows:
        if not is_withheld(row.transaction_key):
            first.setdefault(row.InvoiceLineRow.id, row)
    return [
        Work(
            contract_id=row.InvoiceLineRow.contract_id,
            kind=row.item_kind,
            net_minor=row.InvoiceLineRow.net_minor,
            tax=_tax(row.InvoiceLineRow),
            rate_basis_points=row.InvoiceLineRow.tax_rate_basis_points,
            release=row.transaction_key if _is_release(row) else "",
        )
        for row in first.values()
    ]


def _tax(line: Any) -> tuple[object, ...]:
    """What tells two taxes apart, as they stand on the lines."""
    parts = [(each["name"], each["rate_ppm"]) for each in line.tax_components or ()]
    return (
        line.tax_category,
        line.tax_rate_basis_points,
        line.tax_exemption_code,
        line.tax_reason_key,
        line.tax_reason,
        *parts,
    )


def frozen_holdback(stored: Iterable[Mapping[str, Any]] | None, rows: Sequence[AnyRow]) -> tuple[HoldbackContent, ...]:
    """What the draft kept, with the contracts' numbers; ``rows`` as of ``lines_of``."""
    numbers = {str(row.InvoiceLineRow.contract_id): row.contract_number for row in rows}
    return tuple(
        HoldbackContent(
            contract_number=numbers.get(each["contract_id"], ""),
            mode=each["mode"],
            percent=each["percent"],
            base_minor=each["base_minor"],
            withheld_minor=each["withheld_minor"],
            released_minor=each["released_minor"],
            clause=each["clause"],
        )
        for each in stored or ()
    )
