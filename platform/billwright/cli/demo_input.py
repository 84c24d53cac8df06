"""The demo's partners, firms and twelve weeks of their work, as packaged files; days in them are relative.

Day ``-1`` is the last working day before the demo was first started, ``-60`` twelve weeks before. In data ``"@-12"`` is a
date and ``"@-12T07:30"`` a moment (UTC). Identifiers do not depend on the day, so a second start sends nothing new.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec

from billwright_tenants.blueprint import Blueprint, PartnerBlueprint
from billwright_tenants.reading import read_yaml

Channel = Literal["api", "webhook", "drop"]

FIRST_DAY: Final = -60
LAST_DAY: Final = -1
WEEK: Final = 5  # working days
EVENING: Final = time(16, 0)
_FOLDER: Final = files("billwright_tenants") / "blueprints" / "demo"
_RELATIVE: Final = re.compile(r"@(-\d+)(?:T(\d\d:\d\d))?")


@dataclass(frozen=True, slots=True)
class DemoFirm:
    """A tenant of the demo: how its systems send, and the weekday (0..4) on which its week is worked off."""

    slug: str
    partner: str
    channel: Channel
    connection: str
    weekday: int


PARTNERS: Final = ("northwind", "alpenrand")
FIRMS: Final = (
    DemoFirm("harbour-vale", "northwind", "api", "psa", 0),
    DemoFirm("brightloom", "northwind", "webhook", "psa", 1),
    DemoFirm("kessler-rohde", "alpenrand", "drop", "projektablage", 3),
    DemoFirm("clerval", "alpenrand", "api", "dossiers", 4),
)


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of an input file: a message (``kind`` and ``data``), or something that somebody does (``do``).

    ``time`` is the message's own time where it is not that of its arrival. ``do``: ``repeat`` sends message ``of`` again,
    ``forge`` sends a message with a wrong signature, ``pay`` is the bank's message about an invoice (``part``: full or an
    amount; ``says``: how the payer names it) or about anything else (``amount``), ``dispute`` contests the line that bills
    ``subject``, ``leave`` lets drafts of ``contract`` wait at ``at_step`` from then on.
    """

    day: int
    at: str
    kind: str = ""
    data: dict[str, Any] = {}
    time: str | None = None
    broken: bool = False
    do: Literal["", "repeat", "forge", "pay", "dispute", "leave"] = ""
    of: str = ""
    contract: str = ""
    invoice: int = 0
    part: str = ""
    says: Literal["", "number", "remittance", "amount"] = ""
    customer: str = ""
    milestones: tuple[str, ...] = ()
    amount: str = ""
    currency: str = ""
    remittance: str = ""
    subject: str = ""
    reason: str = ""
    at_step: Literal["", "manager", "finance"] = ""
    id: str = ""
    """Made of kind, the object's key and how often it came before; payments are counted."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days (Monday to Friday) counted back from ``today``, the day on which the demo was first started."""

    today: date

    def date(self, day: int) -> date:
        """The day ``day`` (-1 and below)."""
        assert day < 0, day
        moment = self.today
        for _ in range(-day):
            moment -= timedelta(days=1)
            while moment.weekday() >= WEEK:
                moment -= timedelta(days=1)
        return moment

    def moment(self, day: int, at: str) -> datetime:
        return datetime.combine(self.date(day), time.fromisoformat(at), tzinfo=UTC)

    def evening(self, day: int) -> datetime:
        """When a day's work is over: messages of the day are there by then."""
        return datetime.combine(self.date(day), EVENING, tzinfo=UTC)

    def resolved_moment(self, text: str) -> datetime:
        """``"@-45T09:00"`` as a moment."""
        return datetime.fromisoformat(self.resolve(text))

    def resolve(self, value: Any) -> Any:
        """``value`` with all relative days in it made absolute."""
        if isinstance(value, Mapping):
            return {name: self.resolve(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve(each) for each in value]
        if isinstance(value, str) and (match := _RELATIVE.fullmatch(value)):
            day, at = int(match[1]), match[2]
            return self.moment(day, at).isoformat() if at else self.date(day).isoformat()
        return value


def read_partner(slug: str) -> PartnerBlueprint:
    return read_yaml(_text(f"partner-{slug}.yaml"), PartnerBlueprint)


def read_firm(firm: DemoFirm) -> Blueprint:
    return read_yaml(_text(f"tenant-{firm.slug}.yaml"), Blueprint)


def read_records(firm: DemoFirm) -> list[Record]:
    """The firm's records in the order in which they happen, each with its identifier."""
    decoder = msgspec.json.Decoder(Record)
    counts: Counter[str] = Counter()
    records = []
    for line in _text(f"input-{firm.slug}.jsonl").splitlines():
        record = decoder.decode(line)
        name = f"{record.kind}/{record.data['ref']}" if record.kind else record.do
        counts[name] += 1
        records.append(msgspec.structs.replace(record, id=f"{name}/{counts[name]}"))
    return records


def weeks_of(firm: DemoFirm, records: Sequence[Record]) -> Iterator[tuple[int, list[Record]]]:
    """(day, records up to its evening) week by week; the last week ends with the last day."""
    ends = [*range(FIRST_DAY + firm.weekday, LAST_DAY, WEEK), LAST_DAY]
    for before, end in zip([FIRST_DAY - 1, *ends], ends, strict=False):
        yield end, [record for record in records if before < record.day <= end]


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
