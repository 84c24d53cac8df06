"""Files of tenants, addressed by the hash of their content: written whole or not at all, proved when read."""

import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final
from uuid import UUID

from billwright.documents.errors import DocumentDamagedError
from billwright.extension.connectors import TransientError

SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TEMPORARY: Final = ".new-"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileStore:
    """``root/{tenant id}/{first two digits}/{sha256}``. A tenant's files lie under its own folder and nowhere else."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path_of(self, tenant_id: UUID, sha256: str) -> Path:
        """Where the content lies or would lie; both parts are checked, so no path leads out of the folder."""
        if not SHA256.fullmatch(sha256):  # security: not an assert
            raise ValueError(f"not a SHA-256: {sha256[:80]!r}")
        return self._root / UUID(str(tenant_id)).hex / sha256[:2] / sha256

    def put(self, tenant_id: UUID, body: bytes) -> str:
        """Store ``body`` and return its SHA-256; on disk when this returns. Storing it again changes nothing.

        Raises:
            TransientError: the disk is full or cannot be written now.
        """
        sha256 = hashlib.sha256(body).hexdigest()
        path = self.path_of(tenant_id, sha256)
        try:
            if not _holds(path, sha256):
                _write(path, body)
        except OSError as error:
            full = error.errno in _FULL
            reason = "The disk for documents is full" if full else "The folder for documents cannot be written"
            raise TransientError(f"{reason} ({error.strerror}); the document is made as soon as it can be.") from error
        return sha256

    def read(self, tenant_id: UUID, sha256: str) -> bytes:
        """The content with that hash.

        Raises:
            DocumentDamagedError: there is no such file, or it holds something else.
            TransientError: the disk does not answer now.
        """
        try:
            body = self.path_of(tenant_id, sha256).read_bytes()
        except FileNotFoundError:
            body = None
        except OSError as error:
            raise TransientError(f"The folder for documents cannot be read ({error.strerror}).") from error
        if body is None or hashlib.sha256(body).hexdigest() != sha256:
            state = "missing" if body is None else "damaged"
            raise DocumentDamagedError(
                f"The stored file {sha256[:12]} is {state}; restore it from the backup of the files folder.",
                sha256=sha256,
            )
        return body


def _holds(path: Path, sha256: str) -> bool:
    """Whether ``path`` has that content already; a damaged file is written anew."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except FileNotFoundError:
        return False


def _write(path: Path, body: bytes) -> None:
    """Beside it, to disk, then in its place: a crash leaves nothing or all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
