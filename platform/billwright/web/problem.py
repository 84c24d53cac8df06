"""A problem document (RFC 9457): what went wrong, where, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

CODE_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """``code`` is stable; ``detail`` is for people; ``facts`` and ``errors`` are for programs.

    ``errors`` names each wrong field: ``{"field": "lines[0].amount", "problem": "..."}``.
    """

    code: str
    status: int
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.code.replace("-", " ").capitalize()

    def document(self, *, instance: str, trace_id: str | None) -> dict[str, object]:
        """The body. Facts become extension members (RFC 9457, section 3.2) and never hide a standard one."""
        standard: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "trace_id": trace_id,
        }
        errors = {"errors": list(self.errors)} if self.errors else {}
        return {**self.facts, **errors, **standard}


def _folder() -> Traversable:
    """The pages: inside the installed package, or in the repository's docs."""
    packaged = files("billwright.web").joinpath("problem_pages")
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "docs" / "problems"


def problem_text(code: str) -> str | None:
    """The page of ``docs/problems`` about ``code``; None if there is none."""
    if not code or not CODE_CHARS.issuperset(code):
        return None
    page = _folder().joinpath(f"{code}.md")
    return page.read_text(encoding="utf-8") if page.is_file() else None
