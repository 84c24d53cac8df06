"""What is billable on a contract now: ask the triggers, keep the answers under their transaction keys."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from billwright.billing import queries
from billwright.billing.changes import Changes
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.events import DraftsChanged
from billwright.billing.grouping import entity_of, group_ready
from billwright.canon.queries import contract_views
from billwright.extension.connectors import TransientError
from billwright.extension.loading import callers, load_triggers
from billwright.extension.views import ContractView, ItemProposal
from billwright.jobs.enqueue import publish
from billwright.kernel.errors import ConflictError
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx


def evaluate_contracts(tx: Tx, contract_ids: Sequence[UUID]) -> None:
    """Bring the contracts' billable items up to date and group what is ready into drafts.

    A constant number of statements for any number of contracts. What was billed stays as it was billed; a drafted item
    whose facts changed is priced again in its draft, or leaves it. Two answers with one transaction key are refused.
    A contract that a fact moved away from is looked at together with the one that has it now.

    Raises:
        TransientError: a fact moved to one of the contracts in this very moment; the next attempt looks at both.
    """
    locked = queries.lock_billing(tx, contract_ids)
    views = contract_views(tx, locked.contract_ids)
    if queries.former_contracts(tx, locked.contract_ids):
        raise TransientError("A fact moved from another contract in this moment.")
    known = queries.items_of_contracts(tx, locked.contract_ids)
    codes = queries.legal_entity_codes(tx, locked.contract_ids)
    entities = queries.entities(tx)
    triggers = callers(load_triggers(read_configuration(tx).triggers), "propose_items")
    changes = Changes(tx, known)
    for contract_id, view in views.items():
        entity = entity_of(entities, codes.get(contract_id, ""))
        for proposal in _ask(triggers, view).values():
            changes.take(contract_id, view, proposal, entity.id if entity else None)
    changes.withdraw_the_rest()
    changes.write()
    # All open drafts of these contracts: who sent the facts may have changed where the content did not.
    rebuild_drafts(tx, sorted(changes.drafts | set(locked.drafts)))
    group_ready(tx, locked.contract_ids)
    blocked = [invoice_id for invoice_id, detail in locked.drafts.items() if detail == "blocked"]
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
