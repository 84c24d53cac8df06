"""Browsers without a browser: people who are logged in to the whole portal, and how many statements a page takes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import event

from billwright.documents.store import FileStore
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from billwright.web.app import make_app
from billwright.web.portal.app import CONTROLLERS, problem_page
from billwright.web.services import Services
from support.http import PASSWORD, People, client_of, settings_for
from support.pipeline import Firm


@dataclass
class Person:
    """A browser's view of the portal: cookies are kept, forms carry the token."""

    client: TestClient[Litestar]
    base: str
    csrf: str = ""

    def get(self, path: str) -> tuple[int, str]:
        """A page of the tenant."""
        answer = self.client.get(f"{self.base}/{path}", headers={"accept": "text/html"})
        return answer.status_code, answer.text

    def post(self, path: str, **fields: Any) -> tuple[int, str]:
        """A form of the tenant: status, and where it leads or what it says."""
        data = {"csrf": self.csrf, **fields}
        answer = self.client.post(f"{self.base}/{path}", data=data, headers={"accept": "text/html"})
        return answer.status_code, answer.headers.get("location", "") or answer.text


LogIn = Callable[..., Person]


def text_of(page: str) -> str:
    """What a reader sees of the page's main part, in one line, with plain spaces and without entities."""
    main = re.sub(r"^[^>]*>", "", page.partition("<main")[2].partition("</main>")[0])
    seen = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", main, flags=re.DOTALL)
    return " ".join(unescape(seen).replace("\u00a0", " ").split())


@pytest.fixture
def log_in_to(people: People, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogIn]:
    """``log_in_to(firm, email, *roles, tenant=...)``: a person of the firm, or with ``tenant`` of another one."""
    settings = settings_for(tmp_path_factory.mktemp("portal"))
    opened = []

    def make(
        firm: Firm, email: str, *roles: str, tenant: Tenant | None = None, store: FileStore | None = None
    ) -> Person:
        services = Services(
            settings=settings,
            database=firm.database,
            problem_page=problem_page,
            dependencies={"store": store or FileStore(settings.files)},
        )
        context = client_of(make_app(services, CONTROLLERS))
        client = context.__enter__()
        opened.append(context)
        home = tenant or firm.tenant
        people.person(email, *roles, tenant=home)
        door = f"/p/{people.partner_slug}/login"
        entered = client.post(door, data={"email": email, "password": PASSWORD}, headers={"accept": "text/html"})
        assert entered.status_code == 303, entered.text
        page = client.get(f"/t/{home.slug}/", headers={"accept": "text/html"})
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found, page.text
        return Person(client, f"/t/{firm.tenant.slug}", found.group(1))

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


@contextmanager
def counted_statements(database: Database) -> Iterator[list[str]]:
    """The statements that the application's pool executes within the block."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
