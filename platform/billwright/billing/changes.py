"""The differences between what triggers say and what is kept, written in a few statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, update

from billwright.audit.record import entry_values, record_many
from billwright.billing.holdback import is_withheld
from billwright.billing.placing import BELOW_MINIMUM
from billwright.billing.split import whole_of
from billwright.billing.tables import BillableItemRow
from billwright.extension.views import ContractView, ItemProposal
from billwright.jobs.enqueue import enqueue
from billwright.kernel.canonical_json import sha256_hex
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.base import AnyRow
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

# Of what a person released by a credit, and of what facts of now are worth less than earlier invoices bill.
BEYOND: Final = "billed_beyond_worth"
# What billing itself has to say about an item, besides the triggers. ``extension/reasons.py`` has the words.
REASONS: Final = (
    "legal_entity_unknown", "billed_on_another_contract", "withdrawn", "trigger_failed", "released_by_credit", BEYOND,
    BELOW_MINIMUM, "holdback_not_due",
)  # fmt: skip
NOTES: Final = ("changed_after_billing", "withdrawn_after_billing")
AUDITED: Final = frozenset({"state", "reasons", "notes", "amount_minor", "currency", "standard_minor", "adjusted_by"})


class Changes:
    """Gathered over all contracts of one evaluation; ``known`` are their items as they stand, by transaction key."""

    def __init__(self, tx: Tx, known: Mapping[str, AnyRow]) -> None:
        self.tx = tx
        self.drafts: set[UUID] = set()
        self.doubted: set[UUID] = set()
        self._known = known
        self._billed = {
            (row.kind, row.subject_id): row for row in known.values() if row.state == "billed" or row.kept_quantity
        }
        self._seen: set[str] = set()
        self._new: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []
        self._timers: dict[UUID, datetime] = {}

    def take(self, contract_id: UUID, view: ContractView, proposal: ItemProposal, entity_id: UUID | None) -> None:
        """Keep what a trigger says about one fact. ``entity_id``: the legal entity that would bill it, if there is one."""
        self._seen.add(proposal.transaction_key)
        row = self._known.get(proposal.transaction_key)
        if proposal.look_again_at is not None:
            soonest = self._timers.get(contract_id, proposal.look_again_at)
            self._timers[contract_id] = min(soonest, proposal.look_again_at)
        values = _values(self.tx, contract_id, view, self._judged(contract_id, view, proposal, entity_id))
        if row is None:
            self._add(values)
        elif row.state in ("billed", "written_off"):
            self._note(row, values)
        else:
            judge_open_part(row, values)
            stays = values["state"] == "ready" and row.state == "drafted" and _fits(row, values, view, entity_id)
            moves = row.state == "drafted" and not stays
            if row.proposal_sha256 == values["proposal_sha256"] and row.state != "cancelled" and not moves:
                return
            if row.state == "drafted":
                self.drafts.add(row.invoice_id)
            self._update(row, {**values, "state": "drafted"} if stays else values)

    def keep(self, transaction_keys: Collection[str]) -> None:
        """These stay as they were billed; no trigger speaks of them."""
        self._seen.update(transaction_keys)

    def withdraw_the_rest(self, unsure: Collection[UUID] = ()) -> None:
        """The source no longer has these facts: unbilled items are cancelled, billed ones are noted for people.

        For contracts in ``unsure`` a trigger could not answer, so nobody knows: their items wait, and those on a draft
        hold it, until the trigger answers again. ``doubted`` are those drafts.
        """
        for key, row in self._known.items():
            if key in self._seen or row.state in ("cancelled", "written_off") or is_withheld(key):
                continue
            if row.contract_id in unsure:
                self._doubt(row)
                continue
            if row.state == "billed":
                if "withdrawn_after_billing" not in row.notes:
                    self._write_notes(row, [*row.notes, "withdrawn_after_billing"], "")
                continue
            if row.state == "drafted":
                self.drafts.add(row.invoice_id)
            values = {"state": "cancelled", "reasons": ["withdrawn"], "invoice_id": None, "updated_at": self.tx.now}
            if row.kept_quantity:
                values["notes"] = [*row.notes, "withdrawn_after_billing"]
            self._updates.append({"b_id": row.id, **values})
            self._entry(row.id, row.state, values)

    def _doubt(self, row: AnyRow) -> None:
        if row.state not in ("ready", "drafted"):
            return
        if row.state == "drafted":
            self.drafts.add(row.invoice_id)
            self.doubted.add(row.invoice_id)
        if "trigger_failed" in row.reasons:
            return
        state = "waiting" if row.state == "ready" else "drafted"
        # No hash: whatever the trigger says next time is news.
        change = {"state": state, "reasons": ["trigger_failed"], "proposal_sha256": "", "updated_at": self.tx.now}
        self._updates.append({"b_id": row.id, **change, "waiting_since": self.tx.now if state == "waiting" else None})
        self._entry(row.id, row.state, change)

    def _judged(
        self, contract_id: UUID, view: ContractView, proposal: ItemProposal, entity_id: UUID | None
    ) -> ItemProposal:
        """The proposal with billing's own reasons against it."""
        billed = self._billed.get((proposal.kind, UUID(proposal.subject_id)))
        elsewhere = (
            billed is not None
            and billed.contract_id != contract_id
            and billed.transaction_key != proposal.transaction_key
        )
        codes = {"legal_entity_unknown": view.known and entity_id is None, "billed_on_another_contract": elsewhere}
        own = tuple(code for code, holds in codes.items() if holds)
        return replace(proposal, ready=False, reasons=(*proposal.reasons, *own)) if own else proposal

    def _add(self, values: dict[str, Any]) -> None:
        identifier = new_id()
        since = self.tx.now if values["state"] == "waiting" else None
        self._new.append({**values, "id": identifier, "waiting_since": since, "invoice_id": None})
        self._entry(identifier, None, values)

    def _note(self, row: AnyRow, values: dict[str, Any]) -> None:
        """What was billed stays; only what people should know about it is kept up to date."""
        if row.proposal_sha256 == values["proposal_sha256"]:
            return
        billed = (row.amount_minor, row.currency, row.quantity)
        if values["state"] != "ready" or billed != (values["amount_minor"], values["currency"], values["quantity"]):
            values["notes"] = [*values["notes"], "changed_after_billing"]
        self._write_notes(row, values["notes"], values["proposal_sha256"])

    def _write_notes(self, row: AnyRow, notes: list[str], proposal_sha256: str) -> None:
        change = {"notes": notes, "proposal_sha256": proposal_sha256, "updated_at": self.tx.now}
        self._updates.append({"b_id": row.id, **change})
        self._entry(row.id, row.state, {"state": row.state, "notes": notes})

    def _update(self, row: AnyRow, values: dict[str, Any]) -> None:
        state = values["state"]
        place = {
            "invoice_id": row.invoice_id if state == "drafted" else None,
            "waiting_since": (row.waiting_since or self.tx.now) if state == "waiting" else None,
        }
        self._updates.append({"b_id": row.id, **values, **place})
        self._entry(row.id, row.state, values)

    def _entry(self, item_id: UUID, before: str | None, values: dict[str, Any]) -> None:
        after: dict[str, Any] = {name: value for name, value in values.items() if name in AUDITED}
        self._entries.append(
            entry_values(
                self.tx,
                f"item.{values['state']}",
                "billable_item",
                item_id,
                before={"state": before} if before else None,
                after=after,
            )
        )

    def write(self) -> None:
        """A few statements, whatever the number of changes."""
        session = self.tx.session
        if self._new:
            insert_many(session, BillableItemRow, self._new)
        by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for change in self._updates:
            by_columns[tuple(sorted(change))].append(change)
        for columns, changes in by_columns.items():
            statement = update(BillableItemRow).where(BillableItemRow.id == bindparam("b_id"))
            names = [name for name in columns if name != "b_id"]
            session.connection().execute(statement.values({name: bindparam(name) for name in names}), changes)
        record_many(self.tx, self._entries)
        enqueue(self.tx, [_look_again(contract_id, moment) for contract_id, moment in self._timers.items()])


def _fits(row: AnyRow, values: Mapping[str, Any], view: ContractView, entity_id: UUID | None) -> bool:
    """Whether a drafted item still belongs on its draft; if not it leaves it and is grouped anew."""
    draft = (row.draft_entity, row.draft_customer, row.draft_project, row.draft_currency)
    policy = view.billing_policy
    project = None if policy is not None and policy.consolidated else values["project_id"]
    return draft == (entity_id, values["customer_id"], project, values["currency"]) and (
        row.contract_id == values["contract_id"]
    )


def judge_open_part(row: AnyRow, values: dict[str, Any]) -> None:
    """Of an item that earlier invoices bill in part, only the rest may be billed: it is billed when there is none, and
    waits when its facts of now are worth less than what those invoices bill."""
    kept, off = row.kept_quantity, row.written_off_quantity
    if not (kept or off) or values["state"] != "ready":
        return
    if kept and row.currency != values["currency"]:
        values["state"], values["reasons"] = "waiting", [BEYOND]
        return
    quantity = values["quantity"] - kept - off
    minor = values["amount_minor"] - row.kept_minor - row.written_off_minor
    if not quantity and not minor:
        values["state"] = "billed"
    elif quantity * values["quantity"] <= 0 or (values["amount_minor"] and minor * values["amount_minor"] <= 0):
        values["state"], values["reasons"] = "waiting", [BEYOND]


def _look_again(contract_id: UUID, moment: datetime) -> JobSpec:
    return JobSpec(
        kind="billing.evaluate", key=f"look:{contract_id}", payload={"contract_id": contract_id}, run_at=moment
    )


def _values(tx: Tx, contract_id: UUID, view: ContractView, proposal: ItemProposal) -> dict[str, Any]:
    values: dict[str, Any] = {
        "transaction_key": proposal.transaction_key,
        "kind": proposal.kind,
        "subject_id": UUID(proposal.subject_id),
        "contract_id": contract_id,
        "customer_id": _uuid(view.customer_id),
        "project_id": _uuid(view.project_id),
        "state": "ready" if proposal.ready else ("written_down" if proposal.written_down else "waiting"),
        "reasons": list(proposal.reasons),
        "notes": list(proposal.notes),
        "description": proposal.description,
        "quantity": proposal.quantity,
        "unit": proposal.unit,
        "unit_price": proposal.unit_price,
        "amount_minor": proposal.amount.minor if proposal.amount is not None else None,
        "currency": proposal.amount.currency if proposal.amount is not None else None,
        "service_from": proposal.service_from,
        "service_to": proposal.service_to,
        "clause": proposal.clause,
        "contract_version_id": _uuid(proposal.contract_version_id),
        "change_order_id": _uuid(proposal.change_order_id),
        "rate_id": _uuid(proposal.rate_id),
        "acceptance_id": _uuid(proposal.acceptance_id),
        "evidence_ids": [UUID(evidence) for evidence in proposal.evidence_ids],
        "message_id": _uuid(proposal.message_id),
    }
    more = {
        "share_of": whole_of(proposal.transaction_key),
        "follows": proposal.follows,
        "service_line": proposal.service_line,
        **_under_terms(proposal),
    }
    values["proposal_sha256"] = sha256_hex(values | {name: value for name, value in more.items() if value})
    values |= more
    values["updated_at"] = tx.now
    return values


def _under_terms(proposal: ItemProposal) -> dict[str, Any]:
    """What rounding, caps and write-downs made of it. Where they made nothing, its hash is as it was before they were known."""
    return {
        "worked": proposal.worked,
        "standard_minor": proposal.standard.minor if proposal.standard else None,
        "adjusted_by": proposal.adjusted_by,
        "caps": list(proposal.caps) or None,
    }


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
