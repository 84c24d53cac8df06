"""A real Tryton for the connector's tests, the connector's context, and somebody who looks into Tryton by hand."""

from collections.abc import Iterator

import httpx
import pytest

from billwright.extension.connectors import Context
from billwright_connectors.tryton import client
from billwright_connectors.tryton.client import Session
from billwright_connectors.tryton.manifest import Secrets, Settings
from support.trytond import TrytonServer
from support.trytond_fixture import trytond, trytond_template

__all__ = ["trytond", "trytond_template"]

TAXES = {"S:1900": "VAT 19 %", "S:2000": "VAT 20 %", "Z:0": "VAT 0 %", "O:0": ""}


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as opened:
        yield opened


@pytest.fixture
def tryton_context(trytond: TrytonServer, http: httpx.Client) -> Context:
    settings = Settings(
        base_url=trytond.base_url,
        database=trytond.database,
        company=trytond.company,
        taxes=TAXES,
        revenue_account="4.1.2",
        country="DE",
    )
    secrets = Secrets(user=trytond.user, password=trytond.password)
    return Context(settings=settings, secrets=secrets, http=http, tenant="demo", folder="")


@pytest.fixture(scope="session")
def accountant(trytond: TrytonServer, http: httpx.Client) -> Iterator[Session]:
    """Somebody who looks into Tryton and changes things there by hand."""
    login = {"user": trytond.user, "password": trytond.password}
    with client.session(http, base_url=trytond.base_url, database=trytond.database, **login) as session:
        (company,) = session.search("company.company", [["party.name", "=", trytond.company]], ["id"])
        session.context["company"] = company["id"]
        yield session
