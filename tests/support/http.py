"""A client on the real app, and quick ways to people, tokens and sessions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select

from billwright.identity.act import operator
from billwright.identity.add_person import ensure_person
from billwright.identity.api import CONTROLLERS as IDENTITY
from billwright.identity.assign_role import give_role
from billwright.identity.log_in import NewSession, log_in
from billwright.identity.make_token import make_token
from billwright.identity.passwords import hash_password
from billwright.identity.permissions import PARTNER_ROLES, TENANT_ROLES
from billwright.kernel.settings import Settings, read_settings
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright.web.app import make_app
from billwright.web.logging import configure_logging
from billwright.web.services import Services
from billwright_tenants.api import CONTROLLERS as ONBOARDING

configure_logging(read_settings({}))  # as in production: no local variables in tracebacks
MASTER_KEY = "a master key of at least thirty-two characters"
PASSWORD = "correct horse battery"
PASSWORD_HASH = hash_password(PASSWORD)


@dataclass(frozen=True, slots=True)
class People:
    """Makes people of one partner with real passwords, roles, tokens and sessions."""

    database: Database
    partner_id: UUID

    @property
    def partner_slug(self) -> str:
        with control_transaction(self.database, operator()) as tx:
            return tx.session.scalars(select(PartnerRow.slug).where(PartnerRow.id == self.partner_id)).one()

    def person(self, email: str, *roles: str, tenant: Tenant | None = None) -> UUID:
        """A person with ``roles`` in ``tenant`` (or at the partner)."""
        with control_transaction(self.database, operator()) as tx:
            name = email.partition("@")[0].title()
            row, _ = ensure_person(tx, self.partner_id, email=email, name=name, password_hash=PASSWORD_HASH)
            for role in roles:
                give_role(tx, row.id, role, partner_id=self.partner_id, tenant_id=tenant.id if tenant else None)
        return row.id

    def token(self, email: str, *roles: str, tenant: Tenant | None = None, scopes: frozenset[str] | None = None) -> str:
        """An API token of such a person, with all that the roles may do unless ``scopes`` says less."""
        person_id = self.person(email, *roles, tenant=tenant)
        table = TENANT_ROLES if tenant else PARTNER_ROLES
        made = make_token(
            self.database,
            operator(),
            partner_id=self.partner_id,
            tenant=tenant,
            name="test",
            scopes=frozenset().union(*(table[role] for role in roles)) if scopes is None else scopes,
            days=30,
            person_id=person_id,
        )
        return made.secret

    def session(self, email: str) -> NewSession:
        """A portal session of a person made before."""
        return log_in(self.database, email=email, password=PASSWORD, partner_slug=self.partner_slug)


def bearer(token: str, **headers: str) -> dict[str, str]:
    """Headers of an API call: ``bearer(token, billwright_tenant="acme")``."""
    return {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}


def settings_for(folder: Path, **environment: str) -> Settings:
    defaults = {"BILLWRIGHT_HOME": str(folder), "BILLWRIGHT_MASTER_KEY": MASTER_KEY}
    return read_settings(defaults | environment)


@contextmanager
def client_of(app: Litestar) -> Iterator[TestClient[Litestar]]:
    """A client that shows a 500 as a caller would see it, and follows no redirect."""
    with TestClient(app, raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def people(database: Database, partner_id: UUID) -> People:
    return People(database, partner_id)


@pytest.fixture
def make_client(database: Database, tmp_path: Path) -> Iterator[Callable[..., TestClient[Litestar]]]:
    """``make_client(*controllers, dependencies={...}, **environment)``: the app with these controllers besides ours."""
    opened: list[Any] = []

    def make(
        *controllers: Any, dependencies: Mapping[str, object] | None = None, **environment: str
    ) -> TestClient[Litestar]:
        services = Services(
            settings=settings_for(tmp_path, **environment),
            database=database,
            dependencies=dependencies or {},
        )
        context = client_of(make_app(services, [*IDENTITY, *ONBOARDING, *controllers]))
        opened.append(context)
        return context.__enter__()

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient[Litestar]]) -> TestClient[Litestar]:
    return make_client()
