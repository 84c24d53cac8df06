"""The input of the benches: the real record of milestone agreements, through the first-party connector's own reading.

Where the record does not lie beside the project, an input of our own in the same shape takes its place, and the benches'
lines say ``"input": "synthetic"``. Copies have identifiers of their own; texts, amounts and moments stay as they are.
"""

import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from decimal import Decimal
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from bench._synthetic_record import write_record
from billwright.extension.canonical import Acceptance, Canonical, SourceMessage
from billwright.extension.folders import Folder, FolderRecord
from billwright.extension.loading import available_connectors
from billwright.intake.envelope import RefusedError
from billwright.intake.native import decode_native
from billwright.kernel.canonical_json import encode
from billwright.kernel.money import Money, parse_amount
from connectors.expected import Outcome, expected_outcome

RECORD: Final = Path(__file__).parents[2].parent / "shared" / "material" / "agreements"
CONNECTOR: Final = "agreements"
SOURCE: Final = f"record:{CONNECTOR}"
MARK: Final = "~~copy~~"
IDENTIFIERS: Final = frozenset(
    ("contract_id", "milestone_id", "amendment_id", "delivery_id", "evaluation_id", "event_id", "change_order")
)
BILLING_FACTS: Final = ("contract", "milestone", "amendment", "delivery", "evaluation")


@dataclass(frozen=True, slots=True)
class Template:
    """A CloudEvent whose identifiers hold a mark; ``event`` gives a copy with identifiers of its own."""

    record: FolderRecord
    body: bytes

    def event(self, copy: str) -> msgspec.Raw:
        return msgspec.Raw(self.body.replace(MARK.encode(), copy.encode()))


@dataclass(frozen=True, slots=True)
class Decision:
    """An acceptance, and the price of each milestone that it makes billable."""

    message: Template
    prices: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """An agreement: everything that is known of it but the acceptances, and those."""

    supplier: str
    facts: tuple[Template, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class RecordInput:
    """``kind``: ``record`` or ``synthetic``. ``outcomes``: what the oracle says must become of each milestone."""

    kind: str
    folder: Folder
    outcomes: Mapping[str, Outcome]

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """Every source message, in the order of the record."""
        return tuple(template_of(record) for record in self.folder.messages)

    @cached_property
    def native(self) -> tuple[Template, ...]:
        """The same facts in our own types; what the API would refuse (a price in bitcoin) is left out."""
        return tuple(found for record in self.folder.messages for found in native_of(record))

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Agreements with something to bill: everything accepted, priced and in an ISO currency, at the oracle's price."""
        by_contract: dict[str, list[Template]] = {}
        for each in self.templates:
            by_contract.setdefault(each.record.subject, []).append(each)
        found = (case_of(templates, self.outcomes) for templates in by_contract.values())
        return tuple(case for case in found if case.decisions)


def read_input(*, synthetic: bool) -> RecordInput:
    """The record where it lies beside the project; else, or if ``synthetic``, one of our own."""
    with record_folder(synthetic=synthetic) as (folder, kind):
        return read_folder(folder, kind)


@contextmanager
def record_folder(*, synthetic: bool) -> Iterator[tuple[Path, str]]:
    """The folder and what it is, ``record`` or ``synthetic``; the latter goes away afterwards."""
    if RECORD.is_dir() and not synthetic:
        yield RECORD, "record"
        return
    with tempfile.TemporaryDirectory(prefix="billwright-bench-record-") as made:
        write_record(Path(made))
        yield Path(made), "synthetic"


def read_folder(folder: Path, kind: str) -> RecordInput:
    connector = available_connectors()[CONNECTOR]
    return RecordInput(
        kind, connector.read_folder(folder, connector.manifest.settings_model()), expected_outcome(folder)
    )


def template_of(record: FolderRecord) -> Template:
    return Template(record, encode(event_of(record, record.id + MARK, record.type, marked(record.data))))


def event_of(record: FolderRecord, identifier: str, kind: str, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identifier,
        "source": SOURCE,
        "type": kind,
        "time": record.occurred_at.astimezone(UTC),
        "subject": record.subject + MARK,
        "data": data,
    }


def marked(value: Any, name: str = "") -> Any:
    """``value`` with the mark behind each identifier in it."""
    if isinstance(value, Mapping):
        return {key: marked(inner, key) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [marked(inner) for inner in value]
    return value + MARK if name in IDENTIFIERS and isinstance(value, str) else value


def canonical_of(record: FolderRecord) -> list[Canonical]:
    """What the connector makes of a record whose identifiers are marked."""
    connector = available_connectors()[CONNECTOR]
    message = SourceMessage(
        type=record.type, source=SOURCE, id=record.id, time=record.occurred_at, sequence=None, subject=record.subject,
        data=msgspec.Raw(encode(marked(record.data))),
    )  # fmt: skip
    return list(connector.map_message(message, connector.manifest.settings_model()))


def native_of(record: FolderRecord) -> Iterator[Template]:
    for position, item in enumerate(canonical_of(record)):
        kind = f"billwright.{item.kind}.v1"
        data = msgspec.json.encode(item)
        try:
            _, units = decode_native(kind, data)
        except RefusedError:
            continue
        if not units:
            identifier = f"{record.id}/{position}{MARK}"
            yield Template(record, encode(event_of(record, identifier, kind, msgspec.json.decode(data))))


def case_of(templates: list[Template], outcomes: Mapping[str, Outcome]) -> Case:
    """The acceptance that counts (as the oracle dates it) is a decision; all else that billing looks at are facts.

    An acceptance that another one had overtaken, or that somebody took back, bills nothing and is left out. So are
    payments, signals and documents, which bill nothing either.
    """
    facts: list[Template] = []
    decisions: list[Decision] = []
    counted: set[str] = set()  # two evaluations may accept the same thing at the same moment
    for template in templates:
        record = template.record
        if record.type.split(".")[1] not in BILLING_FACTS:
            continue
        accepted = [
            each for each in canonical_of(record) if isinstance(each, Acceptance) and each.decision == "accepted"
        ]
        if not accepted:
            facts.append(template)
            continue
        at = accepted[0].decided_at
        refs = {ref.replace(MARK, "") for each in accepted for ref in each.milestones} - counted
        billed = [ref for ref in sorted(refs) if outcomes[ref].state == "billed" and outcomes[ref].accepted_at == at]
        if billed:
            counted.update(billed)
            decisions.append(Decision(template, tuple(price_of(outcomes[ref]) for ref in billed)))
    return Case(templates[0].record.tenant, tuple(facts), tuple(decisions))


def price_of(outcome: Outcome) -> Money:
    assert outcome.amount is not None
    assert outcome.currency is not None
    return parse_amount(outcome.amount, outcome.currency)


@dataclass(frozen=True, slots=True)
class Work:
    """Facts to be known before, and the acceptances that are measured; together they make ``totals`` in ``invoices``."""

    facts: tuple[msgspec.Raw, ...]
    acceptances: tuple[msgspec.Raw, ...]
    prices: tuple[tuple[Money, ...], ...]
    """By acceptance: the price of each invoice that it brings."""

    @property
    def invoices(self) -> int:
        return sum(map(len, self.prices))

    @property
    def totals(self) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = {}
        for price in (price for prices in self.prices for price in prices):
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.decimal
        return sums


def work_of(cases: tuple[Case, ...], invoices: int, *, run: str) -> Work:
    """Copies of ``cases`` until they bring ``invoices`` (or one or two more), the acceptances in the order of the record.

    ``run`` sets the identifiers apart from those of other runs in the same tenant.
    """
    facts: list[msgspec.Raw] = []
    decisions: list[tuple[Decision, str]] = []
    brought = 0
    for copy in count():
        mark = f"~{run}.{copy}"
        ordered: list[Decision] = []
        for case in random.Random(copy).sample(cases, len(cases)):
            if brought >= invoices:
                break
            facts += [template.event(mark) for template in case.facts]
            for decision in case.decisions:
                if brought < invoices:
                    ordered.append(decision)
                    brought += len(decision.prices)
        decisions += [(each, mark) for each in sorted(ordered, key=lambda each: each.message.record.occurred_at)]
        if brought >= invoices:
            break
    return Work(
        tuple(facts),
        tuple(decision.message.event(mark) for decision, mark in decisions),
        tuple(decision.prices for decision, _ in decisions),
    )


def limited(record: RecordInput, suppliers: int) -> RecordInput:
    """The first ``suppliers`` of the record alone."""
    seeds = record.folder.tenants[:suppliers]
    kept = {seed.slug for seed in seeds}
    messages = tuple(each for each in record.folder.messages if each.tenant in kept)
    contracts = {each.subject for each in messages}
    return RecordInput(
        record.kind,
        replace(record.folder, tenants=seeds, messages=messages),
        {ref: outcome for ref, outcome in record.outcomes.items() if ref.rpartition("/M")[0] in contracts},
    )
