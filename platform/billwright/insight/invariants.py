"""The invariants of the model, checked against what is stored: who breaks which, in words.

Each check is one statement over the whole tenant and gives the offenders; a clean tenant gives none. Nothing is changed
and nothing is locked, so it may run beside the workers, as a timer and at the console.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import TextClause

from billwright.documents.store import FileStore
from billwright.insight import queries
from billwright.insight.agreement import einvoices_elsewhere
from billwright.insight.billed import queries as billed
from billwright.insight.invariants_approvals import (
    approved_own_work,
    issued_past_findings,
    steps_left_out,
    waived_own_work,
)
from billwright.insight.invariants_audit import unrecorded_changes
from billwright.insight.invariants_base import Offender, Scope
from billwright.insight.invariants_content import changed_content, damaged_files
from billwright.insight.invariants_isolation import growing_tables, isolation
from billwright.insight.invariants_ledger import entries_off_in_base, values_left_behind
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.kernel.money import MINOR_UNIT_DIGITS, Money
from billwright.tenancy.base import AnyRow
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

Check = Callable[[Scope], Iterable[Offender]]
# Prefixes of identifiers in columns of these names; ``subject`` has the prefix of its probe.
_PREFIXES: Final = {"invoice": "inv"}


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement that gives offenders, and the sentence about each.

    ``prefix`` is that of the subject's identifier; a column ``prefix`` wins where subjects are of several kinds.
    """

    statement: TextClause
    prefix: str
    sentence: str

    def __call__(self, scope: Scope) -> Iterable[Offender]:
        parameters = {"digits": msgspec.json.encode(MINOR_UNIT_DIGITS).decode()}
        wanted = {name: parameters[name] for name in parameters if name in self.statement.compile().params}
        for row in scope.tx.session.execute(self.statement, wanted):
            words = _words(row, self.prefix)
            yield Offender(words["subject"], self.sentence.format_map(words))


def _words(row: AnyRow, prefix: str) -> dict[str, str]:
    """The row's values as people read them: shown identifiers, amounts with their currency, plain quantities."""
    values: dict[str, Any] = dict(row._mapping)
    prefixes = {**_PREFIXES, "subject": values.get("prefix", prefix)}
    return {name: _word(name, value, prefixes, values.get("currency")) for name, value in values.items()}


def _word(name: str, value: object, prefixes: dict[str, str], currency: object) -> str:
    if isinstance(value, UUID):
        return show(prefixes[name], value)
    if name.endswith("_minor") and isinstance(value, int | Decimal):
        known = isinstance(currency, str) and currency in MINOR_UNIT_DIGITS
        return str(Money(int(value), str(currency))) if known else f"{value} (minor units)"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


@dataclass(frozen=True, slots=True)
class Invariant:
    """``promise`` is the sentence that holds; ``note`` says what is not looked at, or why there is nothing to look at."""

    number: int
    name: str
    promise: str
    checks: tuple[Check, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    invariant: Invariant
    offenders: tuple[Offender, ...]


INVARIANTS: Final = (
    Invariant(
        1,
        "billed_once",
        "A transaction key is billed at most once, net of credits; what is credited is never more than what was billed.",
        (
            Probe(billed.KEYS_TWICE, "bil", "{items} billable items have this transaction key."),
            Probe(
                billed.QUANTITIES,
                "bil",
                "Is {state} with a quantity of {quantity}, {kept_quantity} of it on earlier invoices and "
                "{written_off_quantity} written off; invoices bill {allocated}.",
            ),
            Probe(
                billed.PLACES,
                "bil",
                "{invoice} bills it, but it is {state}, on another invoice, or of another customer.",
            ),
            Probe(
                billed.AMOUNTS,
                "bil",
                "Is {state} and worth {amount_minor}, {kept_minor} of it on earlier invoices and {written_off_minor} written "
                "off; documents bill {billed_minor}.",
            ),
            Probe(
                billed.CREDITS,
                "inv",
                "Line {position} bills {quantity} for {amount_minor}; credited are {credited_quantity} for {credited_minor}.",
            ),
            Probe(
                billed.CREDITED_TAX, "inv", "Is credited in full with {tax_minor} tax; credited are {credited_minor}."
            ),
        ),
    ),
    Invariant(
        2,
        "numbers_contiguous",
        "The numbers of a series are contiguous, none missing, none used twice; drafts have none.",
        (
            Probe(queries.NUMBERS_MISSING, "led", "Numbers {first} to {last} of this series are missing."),
            Probe(queries.NUMBERS_TWICE, "inv", "{invoices} invoices have this number."),
            Probe(queries.NUMBERS_OUTSIDE, "inv", "Its number {number} was never given out by its series."),
            Probe(queries.NUMBERS_AND_PHASES, "inv", "Is {phase} and has {number}."),
        ),
    ),
    Invariant(
        3,
        "totals_agree",
        "Line sums, tax breakdown and totals agree to the cent, in the rows, in the frozen content and in the e-invoice.",
        (
            Probe(
                queries.TOTALS,
                "inv",
                "Says {net_minor} + {tax_minor} = {gross_minor}; its lines come to {lines_minor} + {computed_tax_minor}.",
            ),
            Probe(
                queries.LINES,
                "lin",
                "Line {position} of {invoice}: {net_minor} for {quantity} does not follow from its price, or from its "
                "allocations ({shares_minor} for {shares_quantity}).",
            ),
            Probe(
                queries.SNAPSHOT_TOTALS,
                "inv",
                "Comes to {gross_minor}; the frozen content says {frozen_minor}, or its tax does not add up to that.",
            ),
            Probe(queries.SNAPSHOT_LINES, "inv", "Line {position} is not the line that was frozen."),
            einvoices_elsewhere,
        ),
        note="The PDF's own figures are compared in tests, not here.",
    ),
    Invariant(
        4,
        "content_frozen",
        "An issued invoice's content and its hash never change; the document is of that content.",
        (
            Probe(queries.SNAPSHOTS_MISSING, "inv", "Is {problem}."),
            Probe(queries.HASHES_ELSEWHERE, "inv", "Has the content hash {frozen_sha256}; its {place} says {sha256}."),
            changed_content,
            damaged_files,
        ),
    ),
    Invariant(
        5,
        "journal_balances",
        "Every journal entry balances; a receivable's balance is what is owed, and what the ledger says.",
        (
            Probe(queries.ENTRIES, "jrn", "The {kind} entry is off by {balance_minor}."),
            Probe(
                queries.BALANCES,
                "rcv",
                "Says {open_minor} open of {invoice}; owed after payments {owed_minor}, by the ledger {ledger_minor}.",
            ),
            Probe(queries.RECEIVABLES, "inv", "The invoice {problem}."),
            Probe(
                queries.PAYMENTS,
                "pay",
                "Of {amount_minor} received, {applied_minor} is applied and {unapplied_minor} said to be left.",
            ),
            entries_off_in_base,
            values_left_behind,
        ),
    ),
    Invariant(
        6,
        "duties_segregated",
        "Nobody approved what they made or changed; distinct steps have distinct people; no step was left out.",
        (
            approved_own_work,
            Probe(queries.SAME_PERSON, "inv", "{decided_by_name} approved {steps} steps."),
            Probe(
                queries.STEPS,
                "stp",
                "The {role} step of {invoice} is {state}, but not by a person for what was issued.",
            ),
            steps_left_out,
            waived_own_work,
            issued_past_findings,
        ),
    ),
    Invariant(
        7,
        "provenance",
        "Every billed line reaches a contract version, an acceptance or approval, and a source message.",
        (Probe(queries.PROVENANCE, "lin", "Line {position} of {number} has no {missing}."),),
    ),
    Invariant(
        8,
        "holdback",
        "Holdback withheld = holdback released + holdback outstanding.",
        (
            Probe(
                queries.HOLDBACK,
                "ctr",
                "Holdback {what}: the balance says {said_minor}, what it rests on {found_minor}.",
            ),
            Probe(queries.HOLDBACK_ITEMS, "bil", "{invoice} bills it as holdback, and no ledger has it."),
        ),
    ),
    Invariant(
        9,
        "posted_agrees",
        "Posted here = posted in the ERP, as it was read back.",
        (Probe(queries.POSTINGS, "pst", "Posting of {invoice}: {differing}."),),
        note="The ERP is not asked again here; what was read back after posting is compared.",
    ),
    Invariant(10, "isolation", "No row of one tenant is reachable from a transaction of another.", (isolation,)),
    Invariant(
        11,
        "audited",
        "Every state change has an audit entry, and entries can only be added.",
        (
            Probe(queries.AUDIT_MISSING, "inv", "There is no audit entry of {change} of it."),
            unrecorded_changes,
            Probe(queries.AUDIT_OF_ITEMS, "bil", "Is {state}, but its last audit entry says {last_entry}."),
            growing_tables,
        ),
        note="Audit blocks do not exist yet, so none is verified.",
    ),
)


def check_invariants(database: Database, tenant: Tenant, store: FileStore | None = None) -> list[Verdict]:
    """All invariants of one tenant, in order. ``store``: stored files are read and compared when it is given."""
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return check_scope(Scope(tx=tx, database=database, tenant=tenant, store=store))


def check_scope(scope: Scope) -> list[Verdict]:
    """All invariants, in order, as seen from the scope's transaction."""
    return [Verdict(each, _offenders(each.checks, scope)) for each in INVARIANTS]


def _offenders(checks: Sequence[Check], scope: Scope) -> tuple[Offender, ...]:
    found = {offender for check in checks for offender in check(scope)}
    return tuple(sorted(found, key=lambda offender: (offender.subject, offender.sentence)))
