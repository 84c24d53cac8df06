"""The folder as source messages in the order in which the facts happened. Pure but for reading the files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from billwright.extension.connectors import RejectedError
from billwright.extension.folders import Folder, FolderRecord
from billwright_connectors.agreements.decisions import Decision, decisions_of, mark_overtaken
from billwright_connectors.agreements.lines import (
    Line,
    Reader,
    Row,
    RowRefusedError,
    moment_of,
    plain,
    text_of,
    texts_of,
)
from billwright_connectors.agreements.suppliers import group_suppliers
from billwright_connectors.agreements.terms import History, known_terms, run_back

RANKS: Final = (
    "contract", "milestone", "amendment", "delivery", "evaluation", "status_event", "invoice_event", "document",
)  # fmt: skip
END_OF_DAY: Final = "T23:59:59+00:00"
"""Invoice events know their day only: what was said about an invoice follows what happened on that day."""


@dataclass(slots=True)
class Agreement:
    """What must be known of an agreement before its rows can become messages."""

    line: Line
    signed_at: datetime
    milestones: list[Line] = field(default_factory=list)
    amendments: list[tuple[Line, datetime]] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """The state of one reading: what is known so far, and the messages."""

    reader: Reader
    agreements: dict[str, Agreement] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict)
    messages: list[FolderRecord] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def each(self, name: str, id_field: str | None, use: Callable[[Line], None]) -> None:
        """Call ``use`` with every good row of a file; what it refuses is noted, the next row goes on."""
        for line in self.reader.lines(name, id_field):
            self.attempt(line, use)

    def attempt(self, line: Line, use: Callable[[Line], None]) -> None:
        try:
            use(line)
        except RowRefusedError as refusal:
            self.reader.refuse(line.file, line.number, refusal)

    def agreement(self, row: Row) -> Agreement:
        """The agreement that ``row`` belongs to.

        Raises:
            RowRefusedError: the row names none, or one that the folder lacks.
        """
        contract_id = row.get("contract_id")
        found = self.agreements.get(contract_id) if isinstance(contract_id, str) else None
        if found is None:
            raise RowRefusedError(
                "agreement-unknown",
                f"The row belongs to agreement {contract_id!r}, which is not in contracts.jsonl."
                if contract_id
                else "The row names no agreement.",
                "Add the agreement to contracts.jsonl or write its contract_id into the row; then import again.",
            )
        return found

    def add(self, kind: str, line: Line, key: str, at: datetime, **extra: Any) -> None:
        """A message made of the row and what the reader found out about it. ``key`` names it among its kind.

        Raises:
            RowRefusedError: the same thing was read before.
        """
        contract_id = line.row["contract_id"]
        message_id = f"{kind}:{key}"
        if message_id in self.ids:
            raise RowRefusedError(
                "duplicate-row",
                f"{message_id} was read before.",
                "Nothing to do if it is a repetition; else give the row an identifier of its own.",
            )
        self.ids.add(message_id)
        self.messages.append(
            FolderRecord(
                tenant=self.tenants[contract_id],
                type=f"agreements.{kind}.v1",
                id=message_id,
                occurred_at=at,
                subject=contract_id,
                data=plain({**line.row, **extra}),
                file=line.file,
                line=line.number,
            )
        )


def read_records(folder: Path) -> Folder:
    """Every row of the folder as a message or a refusal; messages in the order in which the facts happened.

    At the same moment a contract comes before its milestones, those before amendments, deliveries and evaluations.

    Raises:
        RejectedError: there is no contracts.jsonl.
    """
    if not (folder / "contracts.jsonl").is_file():
        raise RejectedError(
            f"{folder} holds no contracts.jsonl.", remedy="Give the folder that holds the record's .jsonl files."
        )
    reading = Reading(Reader(folder))
    reading.each("contracts", "contract_id", lambda line: take_contract(reading, line))
    signed = sorted(reading.agreements.values(), key=lambda agreement: agreement.signed_at)
    seeds, reading.tenants = group_suppliers([agreement.line.row for agreement in signed])
    reading.each("milestones", "milestone_id", lambda line: take_milestone(reading, line))
    reading.each("amendments", "amendment_id", lambda line: take_amendment(reading, line))
    for agreement in signed:
        add_agreement(reading, agreement)
    deliveries = add_deliveries(reading)
    evaluations = add_evaluations(reading)
    reading.each("status_events", None, lambda line: add_status_event(reading, line))
    reading.each("invoice_events", "event_id", lambda line: add_invoice_event(reading, line))
    reading.each("documents", None, lambda line: add_document(reading, line, {**deliveries, **evaluations}))
    messages = sorted(reading.messages, key=lambda message: (message.occurred_at, rank(message)))
    refused = sorted(reading.reader.refused, key=lambda refusal: (refusal.file, refusal.line))
    return Folder(tenants=seeds, messages=tuple(messages), refused=tuple(refused))


def rank(message: FolderRecord) -> int:
    return RANKS.index(message.type.split(".")[1])


def take_contract(reading: Reading, line: Line) -> None:
    reading.agreements[line.row["contract_id"]] = Agreement(line, moment_of(line.row, "signed_at"))


def take_milestone(reading: Reading, line: Line) -> None:
    agreement = reading.agreement(line.row)
    number = text_of(line.row, "number")
    if any(other.row["number"] == number for other in agreement.milestones):
        raise RowRefusedError(
            "duplicate-row",
            f"The agreement already has a milestone {number}.",
            "Give each milestone of an agreement its own number.",
        )
    agreement.milestones.append(line)


def take_amendment(reading: Reading, line: Line) -> None:
    reading.agreement(line.row).amendments.append((line, moment_of(line.row, "date")))


def in_force(agreement: Agreement) -> list[tuple[Line, datetime]]:
    """Amendments in their own order, each with the moment from which it is in force.

    Several may bear the moment of one commit, even that of the signature; then each comes a microsecond after the one
    before, so that their order is never lost.
    """
    ordered = sorted(agreement.amendments, key=lambda item: (item[1], str(item[0].row.get("number")).zfill(6)))
    result: list[tuple[Line, datetime]] = []
    earliest = agreement.signed_at
    for line, date in ordered:
        moment = max(date, earliest + timedelta(microseconds=1))
        result.append((line, moment))
        earliest = moment
    return result


def add_agreement(reading: Reading, agreement: Agreement) -> None:
    """Messages of the agreement itself, of its milestones as first agreed, and of its amendments."""
    contract_id = agreement.line.row["contract_id"]
    reading.add("contract", agreement.line, contract_id, agreement.signed_at)
    amendments = in_force(agreement)
    moments = {line.row["amendment_id"]: moment for line, moment in amendments}
    rows = {line.row["number"]: line for line in agreement.milestones}
    history = run_back(
        {number: known_terms(line.row) for number, line in rows.items()}, [line.row for line, _ in amendments]
    )
    for number in sorted(history.first):
        first = first_agreed(number, rows.get(number), history)
        came_with = history.added_by.get(number)
        at = moments[came_with] if came_with else agreement.signed_at
        add = partial(reading.add, "milestone", key=f"{contract_id}/M{number}", at=at, as_first_agreed=first)
        reading.attempt(rows.get(number) or bare_milestone(contract_id, number, history, amendments), add)
    for line, moment in amendments:
        amendment_id = line.row["amendment_id"]
        existence = history.removed.get(amendment_id, {})
        reading.add(
            "amendment",
            line,
            amendment_id,
            moment,
            in_force_at=moment.isoformat(),
            prices_after=history.prices_after.get(amendment_id, {}),
            milestones_removed={
                number: {**first_agreed(number, rows.get(number), history), "removed": removed}
                for number, removed in sorted(existence.items())
            },
            before_differs=history.oddities.get(amendment_id, []),
        )


def first_agreed(number: str, line: Line | None, history: History) -> Row:
    """Terms at signing, or with which the milestone came; the price's wording only if it never changed."""
    unchanged = line is not None and number not in history.repriced
    return {
        **history.first[number],
        "cost_raw": line.row.get("cost_raw") if line is not None and unchanged else None,
        "change_order": history.added_by.get(number),
    }


def bare_milestone(
    contract_id: str, number: str, history: History, amendments: Sequence[tuple[Line, datetime]]
) -> Line:
    """A milestone that the last version lacks, as the amendment that removed it describes it."""
    lines = [line for line, _ in amendments]
    source = next((line for line in lines if number in history.removed.get(line.row["amendment_id"], {})), lines[0])
    return Line(source.file, source.number, {"contract_id": contract_id, "number": number, "in_last_version": False})


def add_deliveries(reading: Reading) -> dict[str, Line]:
    """Deliveries at the moment of submission; where history kept only the merge, that is the moment known."""
    taken: dict[str, Line] = {}

    def add(line: Line) -> None:
        reading.agreement(line.row)
        delivery_id = line.row["delivery_id"]
        reading.add("delivery", line, delivery_id, moment_of(line.row, "submitted_at"))
        taken[source_path(delivery_id)] = line

    reading.each("deliveries", "delivery_id", add)
    return taken


def add_evaluations(reading: Reading) -> dict[str, Line]:
    """One message per decision; what was found item by item belongs to the last one."""
    taken: dict[str, Line] = {}
    decisions: list[Decision] = []

    def take(line: Line) -> None:
        reading.agreement(line.row)
        decisions.extend(decisions_of(line))
        taken[source_path(line.row["evaluation_id"])] = line

    reading.each("evaluations", "evaluation_id", take)
    for each in mark_overtaken(decisions):
        line = each.evaluation
        row = line.row if each.last else {**line.row, "items": [], "text": ""}
        reading.add(
            "evaluation",
            Line(line.file, line.number, row),
            f"{line.row['evaluation_id']}#{each.number}",
            each.at,
            decision=each.decision,
            decision_number=each.number,
            decided_at=each.at.isoformat(),
            decided_by=each.by,
            overtaken_by=each.overtaken_by,
        )
    return taken


def source_path(identifier: str) -> str:
    """The path of the source file in an identifier such as ``d:deliveries/name``."""
    return identifier.partition(":")[2]


def add_status_event(reading: Reading, line: Line) -> None:
    reading.agreement(line.row)
    parts = [text_of(line.row, name) for name in ("contract_id", "event", "date")]
    key = "/".join([*parts, str(line.row.get("commit", ""))])
    reading.add("status_event", line, key, moment_of(line.row, "date"))


def add_invoice_event(reading: Reading, line: Line) -> None:
    buyer = reading.agreement(line.row).line.row.get("buyer")
    day = text_of(line.row, "date")
    at = moment_of({"date": day + END_OF_DAY if len(day) == 10 else day}, "date")
    reading.add("invoice_event", line, line.row["event_id"], at, occurred_at=at.isoformat(), buyer=buyer)


def add_document(reading: Reading, line: Line, sources: dict[str, Line]) -> None:
    """A fuller wording at the moment of what it words: the signature, the last amendment, a delivery, an evaluation."""
    agreement = reading.agreement(line.row)
    kind, path = text_of(line.row, "kind"), text_of(line.row, "path")
    source = sources.get(path.rpartition(".")[0])
    at = agreement.signed_at
    if source is not None:
        known = ("merged_at", "submitted_at", "evaluated_at")
        at = moment_of(source.row, next((name for name in known if name in source.row), known[0]))
    elif kind == "agreement" and agreement.amendments:
        at = in_force(agreement)[-1][1]
    milestones = texts_of(source.row, "milestone_numbers") if source is not None else ()
    key = f"{line.row['contract_id']}/{kind}/{path}@{line.row.get('commit', '')}"
    reading.add("document", line, key, at, milestone_numbers=milestones, occurred_at=at.isoformat())
