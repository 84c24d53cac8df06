"""What is billable on a contract now: ask the triggers, keep the answers under their transaction keys."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import bindparam, update

from billwright.audit.record import entry_values, record_many
from billwright.billing import queries
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.events import DraftsChanged
from billwright.billing.grouping import group_ready
from billwright.billing.tables import BillableItemRow
from billwright.canon.queries import contract_views
from billwright.extension.loading import callers, load_triggers
from billwright.extension.views import ContractView, ItemProposal
from billwright.jobs.enqueue import enqueue, publish
from billwright.kernel.canonical_json import sha256_hex
from billwright.kernel.errors import ConflictError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tx

log = structlog.get_logger("billwright.billing")
# What a draft has one of: an item for which one of these changes belongs on another draft.
DRAFT_IS_FOR: Final = ("contract_id", "customer_id", "project_id", "currency")
AUDITED: Final = frozenset({"state", "reasons", "notes", "amount_minor", "currency"})


def evaluate_contracts(tx: Tx, contract_ids: Sequence[UUID]) -> None:
    """Bring the contracts' billable items up to date and group what is ready into drafts.

    A constant number of statements for any number of contracts. What was billed stays as it was billed; a drafted item
    whose facts changed is priced again in its draft, or leaves it. Two answers with one transaction key are refused.
    """
    queries.lock_contracts(tx, contract_ids)
    # Before the items are read: a draft that is being issued at this moment is waited for, and its items are billed then.
    drafts = queries.lock_drafts_of_contracts(tx, contract_ids)
    views = contract_views(tx, contract_ids)
    triggers = callers(load_triggers(read_configuration(tx).triggers), "propose_items")
    proposals = {contract_id: _ask(triggers, view) for contract_id, view in views.items()}
    known = queries.items_of_contracts(tx, contract_ids, [key for asked in proposals.values() for key in asked])
    changes = _Changes(tx)
    for contract_id, view in views.items():
        for proposal in proposals[contract_id].values():
            changes.take(contract_id, view, proposal, known.get(proposal.transaction_key))
    for key, row in known.items():
        if key not in changes.seen:
            changes.withdraw(row)
    changes.write()
    # All open drafts of these contracts: who sent the facts may have changed where the content did not.
    rebuild_drafts(tx, sorted(changes.drafts | set(drafts)))
    group_ready(tx, contract_ids)
    blocked = [invoice_id for invoice_id, detail in drafts.items() if detail == "blocked"]
    if blocked:
        publish(tx, DraftsChanged(invoice_ids=tuple(blocked)))  # the new fact may be what they wait for


def _ask(triggers: Sequence[tuple[str, Callable[..., Any]]], view: ContractView) -> dict[str, ItemProposal]:
    proposals: dict[str, ItemProposal] = {}
    for name, propose in triggers:
        for proposal in propose(contract=view):
            if proposal.transaction_key in proposals:
                raise ConflictError(
                    f"The trigger {name} proposes {proposal.transaction_key} a second time; disable one of the triggers "
                    "that claim this fact.",
                    transaction_key=proposal.transaction_key,
                )
            proposals[proposal.transaction_key] = proposal
    return proposals


