"""The whole app over a firm that bills: people with tokens, and short ways to ask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from billwright.tenancy.configuration import TenantConfiguration
from billwright.web.app import make_app
from billwright.web.composition import controllers, dependencies
from billwright.web.services import Services
from support.http import People, bearer, client_of, settings_for
from support.pipeline import Firm


@dataclass(frozen=True, slots=True)
class Api:
    """One firm's API. ``token`` is of somebody who may read, and submit; others are made with ``person``."""

    firm: Firm
    people: People
    client: TestClient[Litestar]
    token: str

    def person(self, name: str, *roles: str, scopes: frozenset[str] | None = None) -> str:
        """A token of a person with ``roles`` here."""
        return self.people.token(f"{name}@acme.example", *roles, tenant=self.firm.tenant, scopes=scopes)

    def get(self, path: str, /, token: str | None = None, expect: int = 200, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters, headers=bearer(token or self.token))
        assert answer.status_code == expect, (path, answer.status_code, answer.text)
        return answer.json()

    def post(
        self, path: str, body: Any = None, /, token: str | None = None, expect: int = 202, key: str | None = None
    ) -> Any:
        headers = bearer(token or self.token) | ({"Idempotency-Key": key} if key else {})
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == expect, (path, answer.status_code, answer.text)
        return answer.json()

    def walk(self, path: str, /, between: Callable[[], object] = lambda: None, **parameters: Any) -> list[Any]:
        """All items of a list, page by page; ``between`` runs after each page."""
        items: list[Any] = []
        cursor: dict[str, Any] = {}
        while True:
            page = self.get(path, **parameters, **cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}
            between()


@pytest.fixture
def open_api(people: People, tmp_path: Path) -> Iterator[Callable[[Firm], Api]]:
    """``open_api(firm)``: the app with all rooms' controllers."""
    opened: list[Any] = []

    def make(firm: Firm) -> Api:
        settings = settings_for(tmp_path)
        services = Services(settings=settings, database=firm.database, dependencies=dependencies(settings))
        context = client_of(make_app(services, controllers()))
        opened.append(context)
        clerk = people.token("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
        return Api(firm, people, context.__enter__(), clerk)

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


@pytest.fixture
def api(open_api: Callable[[Firm], Api], firm: Firm) -> Api:
    """A firm in which everything is approved automatically."""
    return open_api(firm)


@pytest.fixture
def make_api(
    open_api: Callable[[Firm], Api], make_firm: Callable[[TenantConfiguration], Firm]
) -> Callable[[TenantConfiguration], Api]:
    return lambda configuration: open_api(make_firm(configuration))
