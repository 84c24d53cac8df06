"""The ways by which the demo's firms send: the API, signed webhooks, files in the watched folder. As any sender would."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

import click
import httpx
from standardwebhooks.webhooks import Webhook

from billwright.kernel.canonical_json import encode
from billwright.kernel.clock import Clock

BATCH: Final = 200
TABLES: Final = ("time_entry", "expense")
"""What comes as a table through the watched folder; all else as CloudEvents, one a line."""

FORGED_SECRET: Final = "whsec_bm90LXRoZS1zZWNyZXQtb2YtdGhlLXJlYWwtc2VuZGVy"  # noqa: S105 - it fits no connection


class DemoFailedError(click.ClickException):
    """The demo did not go as written; the sentence says where. The command shows it and ends with status 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message ready to be sent: nothing relative left in it."""

    id: str
    kind: str
    time: datetime
    data: Mapping[str, Any]
    broken: bool = False

    def event(self, source: str) -> dict[str, Any]:
        """As a CloudEvent."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": f"billwright.{self.kind}.v1",
            "time": self.time.isoformat(),
            "data": self.data,
        }


class Door(Protocol):
    """Sends messages of one firm and sees that they were taken."""

    def send(self, messages: Sequence[Message], moment: datetime) -> None:
        """All of ``messages``; ``moment`` is the firm's time.

        Raises:
            DemoFailedError: something was not taken that had to be, or the other way round.
        """
        ...


@dataclass(frozen=True, slots=True)
class ApiDoor:
    """``POST /v1/messages`` in batches, with a token."""

    client: httpx.Client
    token: str
    source: str

    def send(self, messages: Sequence[Message], moment: datetime) -> None:  # noqa: ARG002 - the platform's clock counts
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for start in range(0, len(messages), BATCH):
            events = [each.event(self.source) for each in messages[start : start + BATCH]]
            _check(self.client.post("/v1/messages", content=encode(events), headers=headers))


@dataclass(frozen=True, slots=True)
class HookDoor:
    """``POST /v1/hooks/{tenant}.{connection}``, each message signed by the sender's secret."""

    client: httpx.Client
    address: str
    secret: str
    source: str
    clock: Clock

    def send(self, messages: Sequence[Message], moment: datetime) -> None:  # noqa: ARG002 - signatures carry real time
        for message in messages:
            _check(self._post(message, self.secret))

    def forge(self, message: Message) -> None:
        """Somebody without the secret tries.

        Raises:
            DemoFailedError: it was not refused.
        """
        answer = self._post(message, FORGED_SECRET)
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            raise DemoFailedError(f"A webhook with a wrong signature was answered with {answer.status_code}.")

    def _post(self, message: Message, secret: str) -> httpx.Response:
        body = encode(message.event(self.source)).decode()
        now = self.clock.now()
        headers = {
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message.id, now, body),
            "content-type": "application/cloudevents+json",
        }
        return self.client.post(f"/v1/hooks/{self.address}", content=body.encode(), headers=headers)


@dataclass(frozen=True, slots=True)
class DropDoor:
    """Files in the folder ``drop/{tenant}/{connection}``: a table per kind, the rest as CloudEvents."""

    folder: Path
    source: str
    take: Callable[[Sequence[Path]], None]
    """Waits until the platform has taken these files."""

    def send(self, messages: Sequence[Message], moment: datetime) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tables: defaultdict[str, list[Message]] = defaultdict(list)
        for message in messages:
            tables[message.kind if message.kind in TABLES else ""].append(message)
        written = []
        for kind, rows in tables.items():
            name = f"{kind}-{moment:%Y-%m-%d}.csv" if kind else f"meldungen-{moment:%Y-%m-%d}.jsonl"
            text = _table(rows) if kind else b"\n".join(encode(each.event(self.source)) for each in rows)
            written.append(self._write(name, text, moment))
        if written:
            self.take(written)
        for path, rows in zip(written, tables.values(), strict=True):
            _check_file(path, [row for row in rows if row.broken])

    def _write(self, name: str, content: bytes, moment: datetime) -> Path:
        """In one piece, with the time at which the firm's system wrote it: the rows' own time."""
        path = self.folder / name
        part = self.folder / f".{name}.{uuid4().hex}.part"
        part.write_bytes(content)
        os.utime(part, (moment.timestamp(), moment.timestamp()))
        part.replace(path)
        return path


def _table(rows: Sequence[Message]) -> bytes:
    """As German office software writes it: semicolons, CRLF, Latin-1."""
    names = list(dict.fromkeys(name for row in rows for name in row.data))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(row.data for row in rows)
    return text.getvalue().encode("latin-1")


def _check(answer: httpx.Response) -> None:
    if answer.is_error:
        raise DemoFailedError(f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:300]}")
    for result in answer.json()["results"]:
        if result["status"] not in ("accepted", "duplicate"):
            raise DemoFailedError(f"Message {result['id']} was {result['status']}: {result['detail']}")


def _check_file(path: Path, broken: Sequence[Message]) -> None:
    """The answer beside the taken file names exactly the rows that are broken on purpose."""
    done = path.parent / "done"
    answers = sorted(done.glob(f"{path.stem}*{path.suffix}.result.csv"), key=lambda each: each.stat().st_mtime_ns)
    if not answers:
        raise DemoFailedError(f"{path.name} was not taken as a whole; see the folder {path.parent / 'failed'}.")
    text = answers[-1].read_bytes().decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text), delimiter=_delimiter(text))
    refused = [row for row in rows if row["status"] in ("refused", "conflict")]
    if len(refused) != len(broken):
        raise DemoFailedError(f"{path.name}: {len(refused)} rows refused, {len(broken)} expected; see {answers[-1]}.")


def _delimiter(text: str) -> str:
    return ";" if ";" in text.partition("\n")[0] else ","
