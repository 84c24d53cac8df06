"""The public record of milestone agreements: a folder of JSON-lines files in, source messages in the order in which the
facts happened and canonical objects out. Pure but for reading the files.
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
