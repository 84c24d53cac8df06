"""Reads and the last statement of issuing. Raw SQL: taking numbers and writing them must be one statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text

from billwright.billing.tables import AllocationRow, BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import (
    AcceptanceRow,
    ChangeOrderRow,
    ContractRow,
    ContractVersionRow,
    CustomerRow,
    EvidenceRow,
    LegalEntityRow,
    MilestoneRow,
    ProjectRow,
)
from billwright.issuing.tables import NumberSeriesRow
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx

# The counter's row lock is held for this one statement and COMMIT; a rollback gives the numbers back, so none is missing.
_NUMBER: Final = text(
    r"""
    WITH taken AS (
        UPDATE number_series SET next_number = next_number + :count
         WHERE legal_entity_id = :entity AND document_type = :document_type AND year = :year
        RETURNING next_number - :count AS first, pattern,
                  coalesce((regexp_match(pattern, '\{number:0(\d+)d\}'))[1]::int, 1) AS width
    ), line AS (
        SELECT id, first + place - 1 AS number, pattern, width
          FROM taken, unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (id, place)
    )
    UPDATE invoice SET
        phase = 'issued', detail = 'issued', phase_since = :now, updated_at = :now, issued_at = :now, issued_on = :today,
        due_on = CAST(:today AS date) + payment_terms_days::int, number_year = :year, sequence_number = line.number,
        number = regexp_replace(
            replace(line.pattern, '{year}', CAST(:calendar_year AS text)), '\{number(\:0\d+d)?\}',
            lpad(line.number::text, greatest(line.width, length(line.number::text)), '0'))
      FROM line WHERE invoice.id = line.id
    RETURNING invoice.id, invoice.number
    """
)
_NEW_YEAR: Final = text(
    """
    INSERT INTO number_series (legal_entity_id, document_type, year, pattern, next_number)
    SELECT legal_entity_id, document_type, :year, pattern, 1 FROM number_series
     WHERE legal_entity_id = :entity AND document_type = :document_type AND year <> 0
     ORDER BY year DESC LIMIT 1
    ON CONFLICT DO NOTHING
    """
)


def lock_approved(tx: Tx, invoice_ids: Sequence[UUID]) -> list[AnyRow]:
    """Approved drafts with their parties, locked; those that are issued already are left out."""
    query = (
        select(InvoiceRow, CustomerRow, LegalEntityRow)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(
            InvoiceRow.id.in_(invoice_ids),
            InvoiceRow.issued_at.is_(None),
            InvoiceRow.phase == "finance_approved",
            InvoiceRow.detail == "approved",
        )
        .order_by(InvoiceRow.id)
        .with_for_update(of=InvoiceRow)
    )
    return list(tx.session.execute(query))


def drafts_of(tx: Tx, invoice_ids: Sequence[UUID]) -> list[AnyRow]:
    """Drafts in any state with their parties, as ``lock_approved`` gives them, but neither locked nor chosen."""
    query = (
        select(InvoiceRow, CustomerRow, LegalEntityRow)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .join(LegalEntityRow, LegalEntityRow.id == InvoiceRow.legal_entity_id)
        .where(InvoiceRow.id.in_(invoice_ids), InvoiceRow.issued_at.is_(None))
        .order_by(InvoiceRow.id)
    )
    return list(tx.session.execute(query))


def lines_of(tx: Tx, invoice_ids: Sequence[UUID]) -> list[AnyRow]:
    """Lines with all that is printed beside them, one row per line and billed item."""
    query = (
        select(
            InvoiceLineRow,
            BillableItemRow.id.label("item_id"),
            BillableItemRow.transaction_key,
            BillableItemRow.kind.label("item_kind"),
            ContractRow.number.label("contract_number"),
            ContractRow.clauses,
            ContractRow.holdback,
            ContractRow.po_number,
            ContractRow.payment_terms_days.label("contract_terms"),
            ContractVersionRow.number.label("version_number"),
            ProjectRow.name.label("project_name"),
            MilestoneRow.number.label("milestone_number"),
            MilestoneRow.name.label("milestone_name"),
            AcceptanceRow.decided_at,
            AcceptanceRow.decided_by,
            ChangeOrderRow.number.label("order_number"),
            ChangeOrderRow.signed_at,
        )
        .join(AllocationRow, AllocationRow.line_id == InvoiceLineRow.id)
        .join(BillableItemRow, BillableItemRow.id == AllocationRow.item_id)
        .join(ContractRow, ContractRow.id == InvoiceLineRow.contract_id)
        .join(ContractVersionRow, ContractVersionRow.id == AllocationRow.contract_version_id, isouter=True)
        .join(ProjectRow, ProjectRow.id == InvoiceLineRow.project_id, isouter=True)
        .join(MilestoneRow, MilestoneRow.id == InvoiceLineRow.milestone_id, isouter=True)
        .join(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id, isouter=True)
        .join(ChangeOrderRow, ChangeOrderRow.id == InvoiceLineRow.change_order_id, isouter=True)
        .where(InvoiceLineRow.invoice_id.in_(invoice_ids))
        .order_by(InvoiceLineRow.invoice_id, InvoiceLineRow.position, AllocationRow.id)
    )
    return list(tx.session.execute(query))


def evidence_titles(tx: Tx, evidence_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not evidence_ids:
        return {}
    query = select(EvidenceRow.id, EvidenceRow.title).where(EvidenceRow.id.in_(evidence_ids))
    return {row.id: row.title for row in tx.session.execute(query)}


def take_numbers(
    tx: Tx, invoice_ids: Sequence[UUID], *, entity_id: UUID, document_type: str, year: int, today: date
) -> dict[UUID, str]:
    """Number and issue the invoices, in the given order. The last statement of the transaction.

    Returns fewer than asked when the entity has no series for the type: the caller refuses then.
    """
    parameters: dict[str, Any] = {
        "count": len(invoice_ids),
        "entity": entity_id,
        "document_type": document_type,
        "year": year,
        "calendar_year": str(today.year),
        "ids": list(invoice_ids),
        "now": tx.now,
        "today": today,
    }
    return {row.id: row.number for row in tx.session.execute(_NUMBER, parameters)}


def series_years(tx: Tx, entity_ids: Sequence[UUID]) -> dict[tuple[UUID, str], set[int]]:
    """Years of the entities' series; 0 is a series that never restarts."""
    query = select(
        NumberSeriesRow.legal_entity_id, NumberSeriesRow.document_type, func.array_agg(NumberSeriesRow.year)
    ).where(NumberSeriesRow.legal_entity_id.in_(entity_ids))
    query = query.group_by(NumberSeriesRow.legal_entity_id, NumberSeriesRow.document_type)
    return {(entity, kind): set(years) for entity, kind, years in tx.session.execute(query)}


def open_year(tx: Tx, entity_id: UUID, document_type: str, year: int) -> None:
    """Start the series of a new year after the pattern of the last one. Two at once are fine."""
    tx.session.execute(_NEW_YEAR, {"entity": entity_id, "document_type": document_type, "year": year})


def moment_to_date(moment: datetime | None, time_zone: str) -> date | None:
    """The day of ``moment`` in the legal entity's zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date() if moment else None
