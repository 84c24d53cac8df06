"""A connector that reads a whole folder of files: whose tenants it speaks of, and the source messages in their order.

The core finds such a connector by its entry point and feeds what comes back through the same intake as any other
message; the messages are then mapped by the same connector's ``map_message``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSeed:
    """A firm that the folder speaks of. ``slug`` is ``[a-z0-9-]{1,40}``, unique in the folder, stable from run to run."""

    slug: str
    name: str
    legal_entity: str
    country: str | None = None
    spellings: tuple[str, ...] = ()
    """Every name under which the folder knows the firm, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRecord:
    """One source message. ``data`` is plain JSON: amounts are integers or decimal strings, never floats.

    ``id`` is unique in the folder and the same in every run; ``occurred_at`` is UTC and names the moment at which the
    fact happened, not the one at which it was read.
    """

    tenant: str
    type: str
    id: str
    occurred_at: datetime
    subject: str
    data: Mapping[str, Any]
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRefusal:
    """A row that became no message. ``code`` groups refusals, ``reason`` and ``remedy`` are sentences for a person."""

    file: str
    line: int
    code: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """``messages`` in the order in which the facts happened; every row is in a message or in ``refused``."""

    tenants: tuple[TenantSeed, ...]
    messages: tuple[FolderRecord, ...]
    refused: tuple[FolderRefusal, ...]


@runtime_checkable
class FolderSource(Protocol):
    """A ``Source`` that can read a folder."""

    def read_folder(self, folder: Path, settings: msgspec.Struct) -> Folder:
        """Everything in ``folder``; a broken row is refused by itself and harms no other.

        Raises:
            RejectedError: the folder is not there or holds none of the files that this connector reads.
        """
        ...
