"""The folder of journal files: one per month and legal entity, replaced as a whole so that a crash leaves old or new.

Writers of one folder take turns through a lock file; readers need none, since a file changes only by rename.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

from billwright_connectors.csv_journal import mapping

_LOCK: Final = ".journal.lock"
_TEMPORARY: Final = ".journal-"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


def file_name(legal_entity: str, issued_on: date) -> str:
    """``journal-{legal entity}-{year}-{month}.csv``. A name that had to be changed carries a digest of the original."""
    safe = _UNSAFE.sub("-", legal_entity)[:40].strip("-")
    if safe != legal_entity:
        digest = hashlib.sha256(legal_entity.encode()).hexdigest()[:8]
        safe = f"{safe}-{digest}".lstrip("-")
    return f"journal-{safe}-{issued_on:%Y-%m}.csv"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other writers, in this process and in others. Freed by the kernel if the holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in folder.glob(f"{_TEMPORARY}*"):  # of a writer that died
            left_over.unlink()
        yield


def find_entry(folder: Path, key: str) -> tuple[str, list[mapping.Row]] | None:
    """File name and rows of the entry with ``key``, or ``None``.

    Raises:
        RejectedError: a file that may hold the entry is not in our shape any more.
    """
    cell = mapping.guard(key)
    for file in sorted(folder.glob("journal-*.csv")):
        data = file.read_bytes()
        if key.replace('"', '""').encode() not in data:  # cheap first look; the parsed cell decides
            continue
        rows = [row for row in mapping.from_csv(data, file=file.name) if row["entry_key"] == cell]
        if rows:
            return file.name, rows
    return None


def append_entry(folder: Path, name: str, rows: list[mapping.Row]) -> None:
    """Add the rows to ``name``: all or none, on disk when this returns. Call it inside ``locked``."""
    target = folder / name
    before = target.read_bytes() if target.exists() else b""
    if before:
        mapping.from_csv(before, file=name)  # never add our columns below somebody else's header
        before += b"" if before.endswith(b"\n") else b"\r\n"
    _replace(target, before + mapping.to_csv(rows, header=not before))


def _replace(target: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o640)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
