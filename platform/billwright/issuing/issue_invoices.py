"""Issuing: content frozen, receivable opened, number taken last; all of it or nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import entry_values, record_many
from billwright.billing.content import (
    content_hash,
    parties_content,
    seller_content,
    stored_line_content,
    terms_of,
)
from billwright.billing.credit_drafts import CREDIT_NOTE
from billwright.billing.credit_release import release_credited
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.holdback_ledger import Issued, book_issued
from billwright.billing.tables import BillableItemRow, InvoiceEventRow
from billwright.billing.tax.of_rows import rate_stands
from billwright.issuing import queries
from billwright.issuing.content import InvoiceContent
from billwright.issuing.errors import NumberTakenError, SeriesMissingError
from billwright.issuing.events import InvoicesIssued, IssuedInvoice
from billwright.issuing.freeze import freeze
from billwright.issuing.holdback import holdback_now
from billwright.issuing.issue_credits import lock_credited, notes_of_drafts, replaced_of
from billwright.issuing.tables import SnapshotRow
from billwright.jobs.enqueue import publish
from billwright.kernel.canonical_json import plain
from billwright.kernel.ids import new_id
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

UNIQUE_VIOLATION: Final = "23505"


def issue_invoices(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Issue approved drafts and return their numbers, in a constant number of statements.

    Drafts that are issued already, or no longer approved, are left alone: safe to call twice. So is one whose parties
    changed since it was approved: it is priced again and goes back to the checks. Numbers follow the order in which the
    drafts were made.

    Raises:
        SeriesMissingError: a legal entity has no number series; nothing of the batch is issued.
        NumberTakenError: another series made this number already; the transaction cannot go on.
    """
    lock_credited(tx, invoice_ids)
    approved = queries.lock_approved(tx, invoice_ids)
    if not approved:
        return {}
    lines = rows_of(tx, approved)
    notes = notes_of_drafts(tx, approved)
    default_terms = read_configuration(tx).payment_terms_days
    held, exceeding = holdback_now(tx, approved, lines)
    stale = [
        draft.InvoiceRow.id
        for draft in approved
        if draft.InvoiceRow.id in exceeding
        or not (
            notes[draft.InvoiceRow.id].stands
            if draft.InvoiceRow.id in notes
            else _as_approved(tx, draft, lines[draft.InvoiceRow.id], default_terms, held.get(draft.InvoiceRow.id, ()))
        )
    ]
    changed = rebuild_drafts(tx, stale, doubted=exceeding)
    assert set(changed) == set(stale), f"stored and priced content differ: {stale}"
    drafts = [draft for draft in approved if draft.InvoiceRow.id not in changed]
    if not drafts:
        return {}
    issued = frozen_of(tx, drafts, lines)
    _store(tx, issued, drafts)
    release_credited(tx, [draft.InvoiceRow.id for draft in drafts if draft.InvoiceRow.id in notes])
    series = _series(tx, drafts)
    publish(tx, InvoicesIssued(invoices=tuple(issued)))
    numbers: dict[UUID, str] = {}
    for (entity_id, document_type, year, today), ids in series.items():
        try:
            taken = queries.take_numbers(
                tx, ids, entity_id=entity_id, document_type=document_type, year=year, today=today
            )
        except IntegrityError as error:
            if not _is_taken(error):
                raise
            raise NumberTakenError(
                "Another number series of this firm made the same number already; give each series a pattern of its own."
            ) from error
        if len(taken) != len(ids):
            kind = "credit notes" if document_type == CREDIT_NOTE else "invoices"
            raise SeriesMissingError(f"The legal entity has no number series for {kind}; add one to its blueprint.")
        numbers |= taken
    return numbers


def _today(tx: Tx, row: AnyRow) -> date:
    return tx.now.astimezone(ZoneInfo(row.LegalEntityRow.time_zone)).date()


def _is_taken(error: IntegrityError) -> bool:
    violation = error.orig
    name = getattr(getattr(violation, "diag", None), "constraint_name", None)
    return getattr(violation, "sqlstate", None) == UNIQUE_VIOLATION and name == "uq_invoice_number"


def rows_of(tx: Tx, drafts: Sequence[AnyRow]) -> dict[UUID, list[AnyRow]]:
    """Rows of each draft: one per line and billed item."""
    lines: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in queries.lines_of(tx, [draft.InvoiceRow.id for draft in drafts]):
        lines[row.InvoiceLineRow.invoice_id].append(row)
    return lines


def _as_approved(tx: Tx, draft: AnyRow, rows: Sequence[AnyRow], default_terms: int, holdback: Sequence[object]) -> bool:
    """Whether what would be frozen now is what was approved. Customer, contract or the firm's own account may change before
    its drafts are priced again. A hash of an earlier recipe is compared by that recipe."""
    invoice, customer, entity = draft.InvoiceRow, draft.CustomerRow, draft.LegalEntityRow
    items: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        items[row.InvoiceLineRow.id].append(row.item_id)
    lines = {row.InvoiceLineRow.id: row.InvoiceLineRow for row in rows}
    if not all(rate_stands(line.service_to, line.tax_evidence, _today(tx, draft)) for line in lines.values()):
        return False
    version = invoice.content_version
    terms = terms_of(rows[0].contract_terms, customer.payment_terms_days, default_terms)
    digest = content_hash(
        version=version,
        entity=entity.id,
        customer=customer.id,
        parties=parties_content(
            name=customer.name,
            legal_name=customer.legal_name,
            tax_id=customer.tax_id,
            tax_category=customer.tax_category,
            address=customer.address,
            seller_country=entity.country,
            seller_profile=entity.profile,
            tax=customer.tax,
        ),
        terms=invoice.payment_terms_days if version == 1 else terms,
        lines=[stored_line_content(line, items[line.id], invoice.currency, version) for line in lines.values()],
        seller=seller_content(entity.name, entity.profile, invoice.currency),
        orders=((row.InvoiceLineRow.contract_id, row.po_number) for row in rows),
        einvoice=(customer.einvoice, entity.profile.get("einvoice")),
        tax_problems=invoice.tax_problems,
        holdback=holdback,
    )
    return bool(digest == invoice.content_sha256)


def frozen_of(tx: Tx, drafts: Sequence[AnyRow], lines: Mapping[UUID, list[AnyRow]]) -> list[IssuedInvoice]:
    """What would be frozen of the drafts now, in a constant number of statements; ``lines`` from ``rows_of``."""
    wanted = {e for rows in lines.values() for row in rows for e in row.InvoiceLineRow.evidence_ids}
    evidence = queries.evidence_titles(tx, sorted(wanted))
    documents = read_configuration(tx).documents
    notes, replaced = notes_of_drafts(tx, drafts), replaced_of(tx, drafts)
    issued = []
    for draft in drafts:
        content = freeze(
            draft.InvoiceRow,
            draft.CustomerRow,
            draft.LegalEntityRow,
            lines[draft.InvoiceRow.id],
            evidence=evidence,
            documents=documents,
            today=_today(tx, draft),
            note=notes.get(draft.InvoiceRow.id),
            replaces=replaced.get(draft.InvoiceRow.id),
        )
        issued.append(
            IssuedInvoice(
                invoice_id=draft.InvoiceRow.id,
                legal_entity_id=draft.LegalEntityRow.id,
                customer_id=draft.CustomerRow.id,
                content=content,
            )
        )
    return issued


def _held(drafts: Sequence[AnyRow]) -> list[Issued]:
    return [
        Issued(
            invoice_id=draft.InvoiceRow.id,
            legal_entity_id=draft.LegalEntityRow.id,
            currency=draft.InvoiceRow.currency,
            holdback=draft.InvoiceRow.holdback or (),
        )
        for draft in drafts
    ]


def _store(tx: Tx, issued: Sequence[IssuedInvoice], drafts: Sequence[AnyRow]) -> None:
    snapshots, entries, events = [], [], []
    for each in issued:
        digest = each.content.sha256()
        snapshots.append(
            {
                "invoice_id": each.invoice_id,
                "content": to_json(each.content),
                "sha256": digest,
                "frozen_at": tx.now,
            }
        )
        entries.append(
            entry_values(
                tx, "invoice.issued", "invoice", each.invoice_id,
                before={"phase": "finance_approved"}, after={"phase": "issued", "content_sha256": digest},
            )
        )  # fmt: skip
        events.append(_event(tx, each))
    insert_many(tx.session, SnapshotRow, snapshots)
    insert_many(tx.session, InvoiceEventRow, events)
    record_many(tx, entries)
    book_issued(tx, _held(drafts))
    billed = update(BillableItemRow).where(
        BillableItemRow.invoice_id.in_([each.invoice_id for each in issued]), BillableItemRow.state == "drafted"
    )
    tx.session.execute(billed.values(state="billed", updated_at=tx.now))


def to_json(content: InvoiceContent) -> dict[str, Any]:
    """The content as it is stored: JSON types only, with the hash of ``content.sha256()``.

    ``msgspec.convert(..., strict=False)`` reads it back; fields that came after it was frozen have their defaults then.
    """
    value = plain(msgspec.to_builtins(content, builtin_types=(Decimal, date)))
    assert isinstance(value, dict)
    return value


def _event(tx: Tx, issued: IssuedInvoice) -> dict[str, Any]:
    content = issued.content
    gross = Money(content.gross_minor, content.currency)
    return {
        "id": new_id(),
        "invoice_id": issued.invoice_id,
        "at": tx.now,
        "event": "invoice.issued",
        "text": f"Issued to {content.buyer.name}: {gross}, due on {content.due_on.isoformat()}.",
        "actor_name": tx.actor.name,
        "facts": {},
    }


def _series(tx: Tx, drafts: Sequence[AnyRow]) -> dict[tuple[UUID, str, int, date], list[UUID]]:
    """Drafts by the series that numbers them; a series that restarts each year gets its new year here."""
    known = queries.series_years(tx, sorted({draft.LegalEntityRow.id for draft in drafts}))
    groups: dict[tuple[UUID, str, int, date], list[UUID]] = defaultdict(list)
    # By legal entity, so that two issuers that open a new year queue; drafts of one series keep their order.
    for draft in sorted(drafts, key=lambda each: str(each.LegalEntityRow.id)):
        entity_id, document_type = draft.LegalEntityRow.id, draft.InvoiceRow.document_type
        today = _today(tx, draft)
        years = known.get((entity_id, document_type), set())
        year = 0 if 0 in years else today.year
        if year not in years:
            queries.open_year(tx, entity_id, document_type, year)
            known.setdefault((entity_id, document_type), set()).add(year)
        groups[entity_id, document_type, year, today].append(draft.InvoiceRow.id)
    return dict(sorted(groups.items(), key=lambda pair: (str(pair[0][0]), pair[0][1], pair[0][2])))
