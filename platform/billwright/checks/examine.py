"""Asking the tenant's rules about drafts: what each one says, and which could not answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from billwright.extension.loading import callers, load_rules, plugin_settings
from billwright.extension.views import DraftView, Finding
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

log = structlog.get_logger("billwright.checks")
Said = tuple[str, Finding]


@dataclass(frozen=True, slots=True)
class Examined:
    """What the rules said about one draft, by rule; ``failed`` are those that could not answer."""

    said: Sequence[Said]
    failed: frozenset[str]


def examine_drafts(tx: Tx, drafts: Sequence[AnyRow], views: Mapping[UUID, DraftView]) -> dict[UUID, Examined]:
    """Ask every enabled rule about every draft. A rule that could not answer blocks the draft under its own name."""
    rules = _rules(tx)
    return {row.id: _examine(rules, row, views[row.id]) for row in drafts}


def _rules(tx: Tx) -> list[tuple[str, Any, Any]]:
    """(name, hook, settings) of the enabled rules, in the tenant's order."""
    enabled = read_configuration(tx).rules
    hooks = dict(callers(load_rules([rule.name for rule in enabled]), "examine_draft"))
    return [(rule.name, hooks[rule.name], plugin_settings(rule.name, rule.settings)) for rule in enabled]


def _examine(rules: Sequence[tuple[str, Any, Any]], row: AnyRow, view: DraftView) -> Examined:
    said: list[Said] = []
    failed: set[str] = set()
    for name, hook, settings in rules:
        try:
            said.extend((name, finding) for finding in hook(draft=view, settings=settings))
        except Exception as error:
            log.exception("rule failed", rule=name, draft=view.id)
            failed.add(name)
            said.append((name, _failed(name, error)))
    return Examined([*said, *_own_findings(row)], frozenset(failed))


def _own_findings(row: AnyRow) -> list[Said]:
    """What the platform itself guessed about the draft: billing/tax.py treats a buyer without a country as domestic."""
    if row.address.get("country") or row.tax_category:
        return []
    finding = Finding(
        code="customer_country_missing",
        severity="warning",
        subject="draft",
        message=f"The country of {row.name} is not known, so the invoice is taxed as one to a customer at home.",
        remedy="Send the customer with the country in its address, or with a tax category; the draft is priced again.",
    )
    return [("tax", finding)]


def _failed(name: str, error: Exception) -> Finding:
    return Finding(
        code="rule_failed",
        severity="blocking",
        subject="draft",
        message=f"The check {name} could not run: {type(error).__name__}.",
        remedy="Tell the integration administrator; correct the rule or its settings, then check the draft again.",
        owner_role="integration_administrator",
        technical=True,
        evidence={"error": str(error)[:500]},
    )
