"""Where the templates lie, and the version that an issued invoice freezes."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

ROOT: Final = Path(str(files("billwright_templates")))


@cache
def template_version(template_set: str, override: str | None = None) -> str:
    """16 hex digits over all that decides how a document of the set looks: its files, the fonts, the partner's text."""
    digest = hashlib.sha256()
    for folder in (ROOT / "invoice" / template_set, ROOT / "fonts"):
        for path in sorted(folder.glob("*")):
            if path.suffix in {".html", ".css", ".ttf"}:
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update((override or "").encode())
    return digest.hexdigest()[:16]
