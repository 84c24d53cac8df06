"""What is billable on a contract now: ask the triggers, keep the answers under their transaction keys."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from billwright.billing import queries
from billwright.billing.ask_triggers import Asked, ask_settlements, ask_triggers
from billwright.billing.changes import Changes
from billwright.billing.drafts import rebuild_drafts
from billwright.billing.events import DraftsChanged, TriggersAsked
from billwright.billing.grouping import entity_of, group_ready
from billwright.billing.holdback_release import Releases
from billwright.billing.remember import remember
from billwright.billing.split import Shares
from billwright.billing.under_terms import under_terms
from billwright.canon.queries import contract_views
from billwright.extension.connectors import TransientError
from billwright.extension.running import IN_PROCESS, PluginRunner
from billwright.jobs.enqueue import enqueue, publish
from billwright.kernel.events import JobSpec
from billwright.tenancy.transaction import Tx

AGAIN_AFTER: Final = timedelta(minutes=15)


def evaluate_contracts(tx: Tx, contract_ids: Sequence[UUID], *, plugins: PluginRunner = IN_PROCESS) -> None:
    """Bring the contracts' billable items up to date and group what is ready into drafts.

    A constant number of statements for any number of contracts. What was billed stays as it was billed; a drafted item
    whose facts changed is priced again in its draft, or leaves it. Two answers with one transaction key are refused.
    A contract that a fact moved away from is looked at together with the one that has it now. A trigger that cannot run
    holds what it said before of that contract and nothing else; the contract is looked at again after a while.

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
    views = remember(views, known)
    asked = ask_triggers(tx, views, plugins)
    priced = under_terms(tx, views, asked.proposals, known)
    asked = ask_settlements(tx, views, Asked(priced, asked.failed), plugins)
    changes = Changes(tx, known)
    releases, shares = Releases(tx, views), Shares(known)
    for contract_id, view in views.items():
        entity = entity_of(entities, codes.get(contract_id, ""))
        released, settled = releases.propose(contract_id, known, entity)
        changes.keep(settled)
        for proposal in (*asked.proposals[contract_id].values(), *released):
            divided, billed = shares.divide(view, proposal)
            changes.keep(billed)
            for seen, part in divided:
                changes.take(contract_id, seen, part, entity.id if entity else None)
    changes.withdraw_the_rest(asked.unsure)
    changes.write()
    publish(tx, TriggersAsked(contract_ids=tuple(views), failed=asked.failed))
    enqueue(tx, [_again(tx, contract_id) for contract_id in asked.unsure])
    # All open drafts of these contracts: who sent the facts may have changed where the content did not.
    rebuild_drafts(tx, sorted(changes.drafts | set(locked.drafts)), doubted=changes.doubted)
    group_ready(tx, locked.contract_ids, minimum=locked.minimum)
    blocked = [invoice_id for invoice_id, detail in locked.drafts.items() if detail == "blocked"]
    if blocked:
        publish(tx, DraftsChanged(invoice_ids=tuple(blocked)))  # the new fact may be what they wait for


def _again(tx: Tx, contract_id: UUID) -> JobSpec:
    return JobSpec(
        kind="billing.evaluate",
        key=f"again:{contract_id}",
        payload={"contract_id": contract_id},
        run_at=tx.now + AGAIN_AFTER,
    )
