"""The watched folder ``drop/{tenant}/{connection}/``: CSV and JSON-lines files in, a result per row beside them.

A file is moved only after all its rows are stored, so a crash means that it is taken again, and then its rows are
duplicates. Nothing half-written is touched.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy import insert, select

from billwright.audit.record import record
from billwright.intake.csv_rows import KIND_OF_PREFIX, kind_of, rows_of
from billwright.intake.csv_text import FileRefusedError, open_sheet, write_sheet
from billwright.intake.envelope import CloudEventIn, RefusedError
from billwright.intake.store_messages import BATCH_MAX, Connection, MessageResult, store_messages
from billwright.intake.tables import ConnectionRow, DropFileRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.ids import new_id, show
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction

SUFFIXES: Final = (".csv", ".jsonl")
SETTLED_S: Final = 2.0
FILE_BYTES_MAX: Final = 50 * 1024 * 1024
_HEADER: Final = ("row", "status", "id", "field", "detail")
log: Final = structlog.get_logger("billwright.intake")

Row = tuple[int, CloudEventIn | msgspec.Raw | RefusedError]


class RowResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row; ``row`` is its line in the file."""

    row: int
    status: str
    id: str = ""
    field: str = ""
    detail: str = ""


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``problem`` is set when nothing of it could be taken."""

    connection: str
    name: str
    moved_to: Path
    rows: list[RowResult]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    raw: bytes
    modified_at: datetime
    sha256: str
    stamp: tuple[int, int]

    def check_unchanged(self) -> None:
        """Raises OSError when somebody wrote to the file since it was read; it is taken whole the next time."""
        if _stamp(self.path.stat()) != self.stamp:
            raise OSError("the file is still being written")


def take_drops(database: Database, tenant: Tenant, folder: Path) -> list[FileResult]:
    """Take every finished file of ``tenant`` below ``folder``, oldest first.

    A file is finished when its name ends in ``.csv`` or ``.jsonl`` and it has not changed for two seconds. It goes to
    ``done/``, or to ``failed/`` when no row could be taken, with ``<name>.result.csv`` beside it. Folders that are named
    after no enabled connection are left alone.
    """
    home = folder / tenant.slug
    if not home.is_dir():
        return []
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        rows = tx.session.scalars(select(ConnectionRow).where(ConnectionRow.enabled).order_by(ConnectionRow.name))
        connections = [Connection.of(row) for row in rows]
    results = []
    for connection in connections:
        for path in _finished(home / connection.name):
            try:
                file = _read(path)
                results.append(_take(database, tenant, connection, file))
            except OSError as error:  # one file that cannot be read or moved must not keep others from being taken
                log.warning("drop file left", file=path.name, connection=connection.name, error=str(error))
    return results


def tenants_with_drops(folder: Path) -> list[str]:
    """Slugs of tenants that have a file waiting: what a timer asks before it writes any job."""
    if not folder.is_dir():
        return []
    return sorted(
        home.name
        for home in folder.iterdir()
        if home.is_dir() and any(_finished(each) for each in home.iterdir() if each.is_dir())
    )


def _finished(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            stat = path.stat()
            # The machine's clock on purpose: it is the one that stamped the file.
            if time.time() - stat.st_mtime >= SETTLED_S:
                found.append((stat.st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _read(path: Path) -> _File:
    with path.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
        stat = os.fstat(stream.fileno())
    modified_at = datetime.fromtimestamp(stat.st_mtime, tz=UTC)
    file = _File(path, raw, modified_at, hashlib.sha256(raw).hexdigest(), _stamp(stat))
    file.check_unchanged()
    return file


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return (stat.st_size, stat.st_mtime_ns)


def _take(database: Database, tenant: Tenant, connection: Connection, file: _File) -> FileResult:
    actor = Actor(
        kind="token",
        name=f"drop folder {connection.name}",
        id=connection.id,
        person_id=connection.person_id,
        permissions=frozenset({"message:write"}),
    )
    delimiter, problem, rows = ",", None, []
    try:
        if len(file.raw) > FILE_BYTES_MAX:
            raise FileRefusedError(f"The file is larger than {FILE_BYTES_MAX // 2**20} MB; split it.")
        delimiter, found = _rows(file, connection)
        rows = _store(database, tenant, actor, connection, found)
    except FileRefusedError as error:
        problem = str(error)
    counts = Counter(row.status for row in rows)
    good = problem is None and (not rows or counts["refused"] < len(rows))
    with transaction(database, tenant, actor) as tx:
        identifier = new_id()
        values = {
            "id": identifier,
            "connection_id": connection.id,
            "name": file.path.name,
            "sha256": file.sha256,
            "rows_accepted": counts["accepted"],
            "rows_refused": counts["refused"] + counts["conflict"],
            "rows_known": counts["duplicate"],
            "taken_at": tx.now,
        }
        tx.session.execute(insert(DropFileRow), [values])
        after = {"name": file.path.name, "sha256": file.sha256, "problem": problem, "rows": dict(counts)}
        record(tx, "file.taken" if good else "file.refused", "file", identifier, after=after)
    target = _put_away(file, "done" if good else "failed", delimiter, rows, problem)
    return FileResult(connection=connection.name, name=file.path.name, moved_to=target, rows=rows, problem=problem)


def _rows(file: _File, connection: Connection) -> tuple[str, list[Row]]:
    """The delimiter for the answer, and all rows as events.

    Raises:
        FileRefusedError: the file as a whole cannot be read.
    """
    kind = kind_of(file.path.name)
    if file.path.suffix.lower() == ".jsonl":
        return ",", [(line, _line(raw, line, kind, file, connection)) for line, raw in _json_lines(file.raw)]
    if kind is None:
        known = ", ".join(sorted(set(KIND_OF_PREFIX)))
        raise FileRefusedError(
            f"The name does not say what is in the file: begin it with one of {known}, then a hyphen."
        )
    sheet = open_sheet(file.raw)
    return sheet.delimiter, [
        (
            line,
            each
            if isinstance(each, RefusedError)
            else _event(each.kind, _ENCODER.encode(each), line, file, connection),
        )
        for line, each in rows_of(sheet, kind)
    ]


_ENCODER: Final[msgspec.json.Encoder] = msgspec.json.Encoder()


def _json_lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _line(
    raw: bytes, line: int, kind: str | None, file: _File, connection: Connection
) -> CloudEventIn | msgspec.Raw | RefusedError:
    """With a kind in the file's name a line is the object itself; else it is a CloudEvent."""
    return msgspec.Raw(raw) if kind is None else _event(kind, raw, line, file, connection)


def _event(kind: str, data: bytes, line: int, file: _File, connection: Connection) -> CloudEventIn:
    """The id is made of what the row says: the same row in any file is the same message. A later row is newer."""
    digest = hashlib.sha256(f"{kind}\n".encode() + data.strip()).hexdigest()
    return CloudEventIn(
        specversion="1.0",
        id=digest,
        source=connection.source,
        type=f"billwright.{kind}.v1",
        time=file.modified_at + timedelta(microseconds=line),
        subject=file.path.name[:200],
        data=msgspec.Raw(data.strip()),
    )


def _store(
    database: Database, tenant: Tenant, actor: Actor, connection: Connection, rows: Sequence[Row]
) -> list[RowResult]:
    """Store in batches; results in the order of the rows."""
    results = [
        RowResult(row=line, status="refused", field=each.field or "", detail=str(each))
        for line, each in rows
        if isinstance(each, RefusedError)
    ]
    events = [(line, each) for line, each in rows if not isinstance(each, RefusedError)]
    for start in range(0, len(events), BATCH_MAX):
        batch = events[start : start + BATCH_MAX]
        stored = store_messages(
            database, tenant, actor, [event for _, event in batch], channel="file", connection=connection
        )
        results.extend(_row_result(line, each) for (line, _), each in zip(batch, stored, strict=True))
    return sorted(results, key=lambda each: each.row)


def _row_result(line: int, result: MessageResult) -> RowResult:
    return RowResult(
        row=line,
        status=result.status,
        id=show("msg", result.message_id) if result.message_id else "",
        field=(result.field or "").removeprefix("data."),
        detail=result.detail or "",
    )


def _put_away(file: _File, where: str, delimiter: str, rows: Sequence[RowResult], problem: str | None) -> Path:
    """Write the answer, then move the file: a name that was used before gets the content's hash into it."""
    folder = file.path.parent / where
    folder.mkdir(exist_ok=True)
    target = folder / file.path.name
    if target.exists():
        target = folder / f"{file.path.stem}.{file.sha256[:8]}{file.path.suffix}"
    table = [_HEADER, *((str(row.row), row.status, row.id, row.field, row.detail) for row in rows)]
    if problem is not None:
        table.append(("0", "refused", "", "", problem))
    answer = target.with_name(f"{target.name}.result.csv")
    fresh = answer.with_name(f".{answer.name}.part")
    fresh.write_bytes(write_sheet(delimiter, table))
    file.check_unchanged()
    fresh.replace(answer)
    file.path.replace(target)
    return target
