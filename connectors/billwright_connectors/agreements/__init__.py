"""Connector ``agreements``: the public record of milestone agreements.

In: a folder of JSON-lines files. Does: puts its facts in the order in which they happened, without more input or output
than reading them. Out: source messages, and canonical objects of each.
"""

from pathlib import Path

import msgspec

from billwright.extension.folders import Folder
from billwright_connectors.agreements.manifest import MANIFEST, Secrets, Settings
from billwright_connectors.agreements.mapping import map_message
from billwright_connectors.agreements.records import read_records

manifest = MANIFEST


def read_folder(folder: Path, settings: msgspec.Struct) -> Folder:
    """The record in ``folder``; see ``FolderSource`` in ``billwright.extension.folders``.

    Raises:
        RejectedError: there is no contracts.jsonl in it.
    """
    assert isinstance(settings, Settings), settings
    return read_records(folder)


__all__ = ["Secrets", "Settings", "manifest", "map_message", "read_folder"]
