"""What the web app is made of; the composition root builds one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request, Response

from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.web.problem import Problem

ProblemPage = Callable[[Request[Any, Any, Any], Problem], Response[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """``dependencies`` are further values that controllers ask for by name (a renderer, a mail sender, ...).

    ``problem_page`` shows a problem to a person in a browser; without it everyone gets the problem document.
    ``login_path`` is where a browser without a session is sent. ``api_title`` is the only name that the API's pages show.
    """

    settings: Settings
    database: Database
    api_title: str = "Invoice automation API"
    api_version: str = "1.0.0"
    login_path: str = "/login"
    problem_page: ProblemPage | None = None
    dependencies: Mapping[str, object] = field(default_factory=dict)

    @property
    def https(self) -> bool:
        """Whether people reach this install by HTTPS (``BILLWRIGHT_BASE_URL``)."""
        return (self.settings.base_url or "").startswith("https://")
