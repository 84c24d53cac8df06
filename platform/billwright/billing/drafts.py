"""Pricing a draft anew from its items: lines, allocations, tax, totals, content hash, contributors."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as upsert

from billwright.audit.record import entry_values, record_many
from billwright.billing import queries
from billwright.billing.content import (
    VERSION,
    terms_of,
)
from billwright.billing.credit_drafts import CREDIT_NOTE, refresh_credits
from billwright.billing.draft_rows import draft_digest, facts_of, lock_drafts, priced_item, tax_facts
from billwright.billing.events import DraftsChanged, DraftsEmptied
from billwright.billing.holdback import is_withheld
from billwright.billing.holdback_drafts import DraftHoldbacks
from billwright.billing.lines import PricedLine, Totals, price_lines, total
from billwright.billing.tables import (
    AllocationRow,
    ContributorRow,
    InvoiceEventRow,
    InvoiceLineRow,
    InvoiceRow,
)
from billwright.billing.tax.of_rows import stored_components, stored_problems, tax_of_items
from billwright.jobs.enqueue import publish
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

CONTRIBUTOR: Final = "Somebody else sent facts of this draft; it is checked again."
DOUBTED: Final = "A trigger could not say whether this draft still bills the right things; it is held until it can."


def rebuild_drafts(
    tx: Tx,
    invoice_ids: Sequence[UUID],
    *,
    made: frozenset[UUID] = frozenset(),
    doubted: Collection[UUID] = frozenset(),
) -> list[UUID]:
    """Price drafts anew from their items, in a constant number of statements; say, and return, which changed.

    A draft whose last item left it is void: it never had a number, so nothing is missing. Drafts in ``doubted`` go back
    to the checks, whatever their content.
    """
    if not invoice_ids:
        return []
    locked = lock_drafts(tx, invoice_ids)
    credits_ = [row.id for row in locked.values() if row.document_type == CREDIT_NOTE]
    refreshed = refresh_credits(tx, credits_)
    drafts = {invoice_id: row for invoice_id, row in locked.items() if row.document_type != CREDIT_NOTE}
    items = queries.items_of_invoices(tx, list(drafts))
    ids = _take_lines_away(tx, list(drafts)) if len(made) < len(drafts) else {}
    writer = _DraftWriter(tx, ids, DraftHoldbacks(tx, drafts, items))
    for invoice_id, row in drafts.items():
        writer.add(row, items.get(invoice_id, []), made=invoice_id in made)
    writer.write({invoice_id: items.get(invoice_id, []) for invoice_id in drafts}, doubted)
    changed = [*writer.changed, *refreshed]
    if changed:
        publish(tx, DraftsChanged(invoice_ids=tuple(changed)))
    if writer.emptied:
        publish(tx, DraftsEmptied(invoice_ids=tuple(writer.emptied)))
    return changed


def _take_lines_away(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[tuple[UUID, int], UUID]:
    """Delete lines and allocations; return the lines' identifiers by invoice and position."""
    tx.session.execute(delete(AllocationRow).where(AllocationRow.invoice_id.in_(invoice_ids)))
    statement = delete(InvoiceLineRow).where(InvoiceLineRow.invoice_id.in_(invoice_ids))
    gone = statement.returning(InvoiceLineRow.invoice_id, InvoiceLineRow.position, InvoiceLineRow.id)
    return {(invoice_id, position): line_id for invoice_id, position, line_id in tx.session.execute(gone)}


class _DraftWriter:
    """Rows of all drafts of one call, written in a few statements."""

    def __init__(self, tx: Tx, ids: Mapping[tuple[UUID, int], UUID], holdbacks: DraftHoldbacks) -> None:
        self.tx = tx
        self._holdbacks = holdbacks
        self._ids = ids
        self._default_terms = read_configuration(tx).payment_terms_days
        self.changed: list[UUID] = []
        self.emptied: list[UUID] = []
        self._lines: list[dict[str, Any]] = []
        self._allocations: list[dict[str, Any]] = []
        self._invoices: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._standing: dict[UUID, AnyRow] = {}
        self._warnings: list[dict[str, Any]] = []

    def add(self, row: AnyRow, items: Sequence[AnyRow], *, made: bool) -> None:
        if not made:
            self._standing[row.id] = row
        items = [item for item in items if not is_withheld(item.BillableItemRow.transaction_key)]
        if not items:
            self.emptied.append(row.id)
            nothing = {"net_minor": 0, "tax_minor": 0, "gross_minor": 0, "holdback": None}
            self._state(row, {"phase": "void", "detail": "emptied", **nothing})
            self._said(row.id, "draft.void", "Everything on this draft was withdrawn at the source.")
            return
        facts = tax_facts(self.tx, row)
        lines = price_lines([priced_item(item) for item in items], tax_of_items(facts, row.profile))
        lines, holdback = self._holdbacks.take(row, items, lines)
        problems = stored_problems([line.taxed_by for line in lines])
        totals = total(lines)
        first = next(item for item in items if item.BillableItemRow.contract_id == lines[0].contract_id)
        terms = terms_of(first.contract_terms, row.customer_terms, self._default_terms)
        digest = draft_digest(row, items, lines, terms, problems, holdback)
        self._add_lines(row.id, lines, same=digest == row.content_sha256)
        if digest == row.content_sha256 and problems != row.tax_problems:
            self._warnings.append({"b_id": row.id, "b_problems": problems})
        if digest != row.content_sha256:
            self.changed.append(row.id)
            state = {"payment_terms_days": terms, "content_version": VERSION, "tax_problems": problems}
            self._state(row, {**_totals(totals, digest), **state, "holdback": holdback})
            things = f"{len(items)} billable item{'s' if len(items) != 1 else ''}"
            text = f"Draft of {totals.gross} made from {things}."
            if not made:
                text = f"Content changed: now {totals.gross} from {things}."
            self._said(row.id, "draft.made" if made else "draft.changed", text)

    def _add_lines(self, invoice_id: UUID, lines: Sequence[PricedLine], *, same: bool) -> None:
        """Lines of the ``same`` content keep their identifiers: what was said and decided about them stands."""
        for line in lines:
            kept = self._ids.get((invoice_id, line.position)) if same else None
            line_id = kept or new_id()
            self._lines.append(
                {
                    "id": line_id,
                    "invoice_id": invoice_id,
                    "position": line.position,
                    "description": line.description,
                    "quantity": line.quantity,
                    "unit": line.unit,
                    "unit_price": line.unit_price,
                    "net_minor": line.net.minor,
                    "tax_category": line.tax.category,
                    "tax_rate_basis_points": line.tax.rate_basis_points,
                    "tax_reason": line.tax.reason,
                    "tax_exemption_code": line.tax.exemption_code,
                    "tax_reason_key": line.tax.reason_key,
                    "tax_components": stored_components(line.tax.components),
                    "tax_rule": line.taxed_by.rule,
                    "tax_evidence": line.taxed_by.evidence,
                    "contract_id": line.contract_id,
                    "project_id": line.project_id,
                    "milestone_id": line.milestone_id,
                    "change_order_id": line.change_order_id,
                    "clause": line.clause,
                    "service_from": line.service_from,
                    "service_to": line.service_to,
                    "evidence_ids": list(line.evidence_ids),
                    "service_line": line.service_line,
                    "standard_minor": line.standard.minor if line.standard else None,
                    "adjusted_by": line.adjusted_by,
                }
            )
            self._allocations.extend(
                {
                    "id": new_id(),
                    "line_id": line_id,
                    "invoice_id": invoice_id,
                    "item_id": share.item_id,
                    "contract_version_id": share.contract_version_id,
                    "rate_id": share.rate_id,
                    "quantity": share.quantity,
                    "amount_minor": share.amount.minor,
                }
                for share in line.shares
            )

    def _state(self, row: AnyRow, values: dict[str, Any]) -> None:
        moved = values.get("phase", "validation_pending") != row.phase
        self._invoices.append(
            {
                "b_id": row.id,
                "phase": "validation_pending",
                "detail": "submitted",
                "content_sha256": row.content_sha256,
                "content_version": row.content_version,
                "payment_terms_days": row.payment_terms_days,
                "holdback": row.holdback,
                "tax_problems": row.tax_problems,
                **values,
                "updated_at": self.tx.now,
                "b_moved": moved,
            }
        )
        after = {name: value for name, value in values.items() if name != "b_id"}
        self._entries.append(
            entry_values(
                self.tx,
                f"invoice.{values.get('phase', 'submitted')}",
                "invoice",
                row.id,
                before={"phase": row.phase, "content_sha256": row.content_sha256},
                after=after,
            )
        )

    def _said(self, invoice_id: UUID, event: str, text: str) -> None:
        self._events.append(
            {
                "id": new_id(),
                "invoice_id": invoice_id,
                "at": self.tx.now,
                "event": event,
                "text": text,
                "actor_name": self.tx.actor.name,
                "facts": {},
            }
        )

    def write(self, items: Mapping[UUID, Sequence[AnyRow]], doubted: Collection[UUID]) -> None:
        session = self.tx.session
        self._holdbacks.write()
        if self._lines:
            insert_many(session, InvoiceLineRow, self._lines)
            insert_many(session, AllocationRow, self._allocations)
        for invoice_id in self._write_contributors(items) - {*self.changed}:
            self._ask_again(invoice_id, "draft.contributor", CONTRIBUTOR)
        for invoice_id in {*doubted} - {*self.changed, *self.emptied}:
            self._ask_again(invoice_id, "draft.doubted", DOUBTED)
        if self._invoices:
            names = [name for name in self._invoices[0] if not name.startswith("b_")]
            statement = update(InvoiceRow).where(InvoiceRow.id == bindparam("b_id"))
            values: dict[str, Any] = {name: bindparam(name) for name in names}
            values["phase_since"] = self.tx.now
            rows = [{name: value for name, value in row.items() if name != "b_moved"} for row in self._invoices]
            session.connection().execute(statement.values(values), rows)
        if self._warnings:
            warned = update(InvoiceRow).where(InvoiceRow.id == bindparam("b_id"))
            session.connection().execute(warned.values(tax_problems=bindparam("b_problems")), self._warnings)
        if self._events:
            insert_many(session, InvoiceEventRow, self._events)
        record_many(self.tx, self._entries)

    def _ask_again(self, invoice_id: UUID, event: str, text: str) -> None:
        """Same content, but checks and approvals run again: somebody new had a hand in it, who may have approved it
        before, or nobody knows any more whether its items hold."""
        row = self._standing.get(invoice_id)
        if row is not None and row.detail != "submitted":
            self.changed.append(invoice_id)
            self._state(row, {name: getattr(row, name) for name in ("net_minor", "tax_minor", "gross_minor")})
            self._said(invoice_id, event, text)

    def _write_contributors(self, items: Mapping[UUID, Sequence[AnyRow]]) -> set[UUID]:
        """Who made the facts that these drafts bill; kept so that none of them approves. Return drafts with a new name."""
        billed = [row.BillableItemRow for rows in items.values() for row in rows]
        if not billed:
            return set()
        makers = queries.makers(self.tx, billed)
        found = {
            (invoice_id, identity): why
            for invoice_id, rows in items.items()
            for row in rows
            for fact_id in facts_of(row.BillableItemRow)
            for identity, why in makers.get(fact_id, ())
        }
        if not found:
            return set()
        values = [{"invoice_id": key[0], "identity": key[1], "why": why} for key, why in found.items()]
        statement = upsert(ContributorRow).values(values).on_conflict_do_nothing().returning(ContributorRow.invoice_id)
        return set(self.tx.session.scalars(statement))


def _totals(totals: Totals, digest: str) -> dict[str, Any]:
    return {
        "net_minor": totals.net.minor,
        "tax_minor": totals.tax.minor,
        "gross_minor": totals.gross.minor,
        "content_sha256": digest,
    }
