"""Asking the tenant's rules about drafts: what each one says, and which could not answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

import structlog

from billwright.billing.credit_drafts import CREDIT_NOTE
from billwright.billing.tax.problems import finding_of
from billwright.extension.loading import callers, load_rules, plugin_settings
from billwright.extension.running import Call, Failure, PluginRunner
from billwright.extension.views import DraftView, Finding, LineView
from billwright.kernel.canonical_json import plain
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.money import Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import RuleSetting, TenantConfiguration, read_configuration
from billwright.tenancy.transaction import Tx

log = structlog.get_logger("billwright.checks")
Said = tuple[str, Finding]
SEVERITIES: Final = ("info", "warning", "blocking")


@dataclass(frozen=True, slots=True)
class Examined:
    """What the rules said about one draft, by rule; ``failed`` are those that could not answer."""

    said: Sequence[Said]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Rule:
    """An enabled rule, ready to be asked; ``broken`` says why it cannot be."""

    name: str
    hook: Callable[..., Any]
    settings: Mapping[str, Any]
    limit_s: float
    broken: Failure | None = None


def examine_drafts(
    tx: Tx,
    drafts: Sequence[AnyRow],
    views: Mapping[UUID, DraftView],
    doubted: Mapping[UUID, Sequence[LineView]],
    plugins: PluginRunner,
) -> dict[UUID, Examined]:
    """Ask every enabled rule about every draft. A rule that could not answer blocks the draft under its own name.

    ``doubted`` are lines whose trigger could not say whether they are still to be billed.
    """
    configuration = read_configuration(tx)
    rules = [_rule(rule, configuration, plugins) for rule in configuration.rules]
    calls = [
        Call(f"rule {rule.name}", partial(_answer, rule.hook, views[row.id], rule.settings), rule.limit_s)
        for row in drafts
        for rule in _asked(rules, row)
        if rule.broken is None
    ]
    answers = iter(plugins.run(calls))
    examined: dict[UUID, Examined] = {}
    for row in drafts:
        said: list[Said] = [*_own_findings(row), *_below_zero(row), *_doubts(doubted.get(row.id, ()))]
        failed: set[str] = set()
        for rule in _asked(rules, row):
            answer = rule.broken or next(answers)
            if isinstance(answer, Failure):
                _log(rule.name, row.id, answer)
                failed.add(rule.name)
                said.append((rule.name, _failed(rule.name, answer)))
            else:
                said += [(rule.name, finding) for finding in answer]
        examined[row.id] = Examined(said, frozenset(failed))
    return examined


def _asked(rules: Sequence[_Rule], draft: AnyRow) -> Sequence[_Rule]:
    """Rules are about what is to be billed; a credit note takes back what they let pass, and has people to approve it."""
    return () if draft.document_type == CREDIT_NOTE else rules


def _rule(rule: RuleSetting, configuration: TenantConfiguration, plugins: PluginRunner) -> _Rule:
    limits = {each.name: each.limit_ms for each in configuration.plugin_limits}
    limit_s = plugins.call_limit_s(limits.get(rule.name))
    try:
        ((_, hook),) = callers(load_rules([rule.name]), "examine_draft")
        return _Rule(rule.name, hook, plugin_settings(rule.name, rule.settings), limit_s)
    except SettingsInvalidError as error:
        broken = Failure(f"rule {rule.name}", "refused", "SettingsInvalid", str(error))
        return _Rule(rule.name, dict, {}, limit_s, broken)


def _answer(hook: Callable[..., Any], view: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """Runs in the plugin's thread: a lazy answer is made there, and what is no finding is the rule's failure."""
    findings = tuple(hook(draft=view, settings=settings))
    for each in findings:
        if type(each) is not Finding:
            raise TypeError(f"examine_draft gave a {type(each).__name__}, not a Finding")
        if each.severity not in SEVERITIES:
            raise ValueError(f"examine_draft gave the severity {each.severity!r}, not one of {', '.join(SEVERITIES)}")
    return tuple(replace(each, evidence=plain(each.evidence)) for each in findings)


def _log(name: str, draft_id: UUID, failure: Failure) -> None:
    log.error(
        "rule failed", rule=name, draft=str(draft_id), reason=failure.reason, kind=failure.kind, error=failure.error,
        trace=failure.trace,
    )  # fmt: skip


def _own_findings(row: AnyRow) -> list[Said]:
    """What is not certain about the tax of the draft (``billing/tax``)."""
    return [("tax", finding_of(problem, row.name)) for problem in row.tax_problems]


def _below_zero(row: AnyRow) -> list[Said]:
    """More is drawn from advances, or taken back, than the draft bills: an invoice cannot ask for less than nothing."""
    if row.net_minor >= 0 or row.document_type == CREDIT_NOTE:
        return []
    finding = Finding(
        code="net_below_zero",
        severity="blocking",
        subject="draft",
        message=f"The lines of this draft come to {Money(row.net_minor, row.currency)}, and an invoice cannot be below zero.",
        remedy="Wait until more is on the draft; if nothing more comes, credit the earlier invoice by that amount instead.",
    )
    return [("billing", finding)]


def _doubts(lines: Sequence[LineView]) -> list[Said]:
    return [("triggers", _doubt(line)) for line in lines]


def _doubt(line: LineView) -> Finding:
    return Finding(
        code="trigger_failed",
        severity="blocking",
        subject=f"lines/{line.id}",
        message=f"Whether “{line.description}” ({line.net}) is still to be billed could not be looked at: a trigger of "
        f"contract {line.contract_number} could not run.",
        remedy="Tell the integration administrator; the contract is looked at again by itself, and the draft goes on.",
        owner_role="integration_administrator",
        technical=True,
        evidence={"contract": line.contract_number, "transaction_key": line.transaction_key},
    )


def _failed(name: str, failure: Failure) -> Finding:
    why = failure.kind if failure.reason == "raised" else failure.error.rstrip(".")
    return Finding(
        code="rule_failed",
        severity="blocking",
        subject="draft",
        message=f"The check {name} could not run: {why}.",
        remedy="Tell the integration administrator; correct the rule or its settings, then check the draft again.",
        owner_role="integration_administrator",
        technical=True,
        evidence={"reason": failure.reason, "error": failure.error},
    )
