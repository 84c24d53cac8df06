"""Asking the tenant's triggers what is billable on contracts, each under its time limit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from uuid import UUID

import structlog

from billwright.billing.events import TriggerFailed
from billwright.extension.loading import callers, load_triggers
from billwright.extension.running import Call, Failure, PluginRunner
from billwright.extension.views import ContractView, ItemProposal
from billwright.kernel.errors import ConflictError, SettingsInvalidError
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

log = structlog.get_logger("billwright.billing")
Propose = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the triggers proposed, by contract and transaction key, and which of them could not answer about which contract."""

    proposals: Mapping[UUID, Mapping[str, ItemProposal]]
    failed: tuple[TriggerFailed, ...]

    @property
    def unsure(self) -> frozenset[UUID]:
        return frozenset(each.contract_id for each in self.failed)


def ask_triggers(tx: Tx, views: Mapping[UUID, ContractView], plugins: PluginRunner) -> Asked:
    """Ask every enabled trigger about every contract. One that cannot answer about a contract keeps the others from nothing.

    Raises:
        ConflictError: two triggers propose one transaction key.
    """
    triggers, broken = _triggers(tx)
    limits = {each.name: each.limit_ms for each in read_configuration(tx).plugin_limits}
    asked = [(contract_id, name) for contract_id in views for name in triggers]
    answers = plugins.run(
        [
            Call(
                f"trigger {name}",
                partial(_answer, triggers[name], views[contract_id]),
                plugins.call_limit_s(limits.get(name)),
            )
            for contract_id, name in asked
        ]
    )
    proposals: dict[UUID, dict[str, ItemProposal]] = {contract_id: {} for contract_id in views}
    failed = [_failed(views, contract_id, name, error) for contract_id in views for name, error in broken.items()]
    for (contract_id, name), answer in zip(asked, answers, strict=True):
        if isinstance(answer, Failure):
            _log(name, contract_id, answer)
            failed.append(_failed(views, contract_id, name, answer.kind if answer.reason == "raised" else answer.error))
            continue
        for proposal in answer:
            _keep(proposals[contract_id], name, proposal)
    return Asked(proposals, tuple(failed))


def ask_settlements(tx: Tx, views: Mapping[UUID, ContractView], asked: Asked, plugins: PluginRunner) -> Asked:
    """Let triggers settle what all of them proposed, at the prices that are billed: each sees the settlements before its own.

    Where a trigger could not answer, nobody knows what there is to settle; what was proposed before is held.

    Raises:
        ConflictError: as ``ask_triggers``.
    """
    settling = {each: view for each, view in views.items() if view.settles and each not in asked.unsure}
    if not settling:
        return asked
    proposals = {contract_id: dict(known) for contract_id, known in asked.proposals.items()}
    return Asked(proposals, (*asked.failed, *_settle(tx, settling, proposals, plugins)))


def _settle(
    tx: Tx, views: Mapping[UUID, ContractView], proposals: Mapping[UUID, dict[str, ItemProposal]], plugins: PluginRunner
) -> list[TriggerFailed]:
    limits = {each.name: each.limit_ms for each in read_configuration(tx).plugin_limits}
    failed: dict[UUID, TriggerFailed] = {}
    for name, hook in _settlers(tx).items():
        asked = [contract_id for contract_id in views if contract_id not in failed]
        limit_s = plugins.call_limit_s(limits.get(name))
        questions = [
            Call(f"trigger {name}", partial(_settlements, hook, views[each], tuple(proposals[each].values())), limit_s)
            for each in asked
        ]
        for contract_id, answer in zip(asked, plugins.run(questions), strict=True):
            if isinstance(answer, Failure):
                _log(name, contract_id, answer)
                why = answer.kind if answer.reason == "raised" else answer.error
                failed[contract_id] = _failed(views, contract_id, name, why)
                continue
            for proposal in answer:
                _keep(proposals[contract_id], name, proposal)
    return list(failed.values())


def _settlers(tx: Tx) -> dict[str, Propose]:
    """The enabled triggers that settle. One that cannot be loaded has failed already."""
    found: dict[str, Propose] = {}
    for name in read_configuration(tx).triggers:
        with suppress(SettingsInvalidError):
            found |= dict(callers(load_triggers([name]), "propose_settlements"))
    return found


def _settlements(hook: Propose, view: ContractView, items: Sequence[ItemProposal]) -> Sequence[ItemProposal]:
    """Runs in the plugin's thread, as ``_answer``."""
    return _checked(hook(contract=view, items=items), "propose_settlements")


def _triggers(tx: Tx) -> tuple[dict[str, Propose], dict[str, str]]:
    """The enabled triggers in the tenant's order, and those that cannot be loaded with the reason."""
    triggers: dict[str, Propose] = {}
    broken: dict[str, str] = {}
    for name in read_configuration(tx).triggers:
        try:
            triggers |= dict(callers(load_triggers([name]), "propose_items"))
        except SettingsInvalidError as error:
            log.warning("trigger cannot be loaded", trigger=name, error=str(error))
            broken[name] = str(error)
    return triggers, broken


def _answer(propose: Propose, view: ContractView) -> Sequence[ItemProposal]:
    """Runs in the plugin's thread: a lazy answer is made there, and what is no proposal is its failure."""
    return _checked(propose(contract=view), "propose_items")


def _checked(answer: Iterable[object], hook: str) -> Sequence[ItemProposal]:
    proposals = tuple(answer)
    for each in proposals:
        if type(each) is not ItemProposal:
            raise TypeError(f"{hook} gave a {type(each).__name__}, not an ItemProposal")
    return cast("tuple[ItemProposal, ...]", proposals)


def _keep(proposals: dict[str, ItemProposal], name: str, proposal: ItemProposal) -> None:
    if proposal.transaction_key in proposals:
        raise ConflictError(
            f"The trigger {name} proposes {proposal.transaction_key} a second time; disable one of the triggers "
            "that claim this fact.",
            transaction_key=proposal.transaction_key,
        )
    proposals[proposal.transaction_key] = proposal


def _failed(views: Mapping[UUID, ContractView], contract_id: UUID, name: str, why: str) -> TriggerFailed:
    customer_id = views[contract_id].customer_id
    return TriggerFailed(
        contract_id=contract_id,
        customer_id=UUID(customer_id) if customer_id else None,
        sentence=f"The trigger {name} could not look at contract {views[contract_id].number}: {why.rstrip('.')}.",
    )


def _log(name: str, contract_id: UUID, failure: Failure) -> None:
    log.error(
        "trigger failed", trigger=name, contract=str(contract_id), reason=failure.reason, kind=failure.kind,
        error=failure.error, trace=failure.trace,
    )  # fmt: skip
