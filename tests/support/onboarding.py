"""Fixtures of the tests that apply the example blueprint, as plain data that a test may change."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec
import pytest

from billwright.identity.act import operator
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from billwright_tenants.apply import Applied, apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.reading import convert, read_yaml
from support.http import People

MASTER_KEY = "a master key for tests, long enough"
EXAMPLE = files("billwright_tenants").joinpath("blueprints/example.yaml").read_text(encoding="utf-8")


@pytest.fixture
def slug(partner_id: UUID) -> str:
    return f"t-{partner_id.hex[-12:]}"


@pytest.fixture
def raw(slug: str) -> dict[str, Any]:
    """The example as plain data under a slug of this test, with numbers still as text."""
    loaded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(read_yaml(EXAMPLE, Blueprint)))
    loaded["tenant"]["slug"] = slug
    return loaded


@pytest.fixture
def apply(database: Database, people: People) -> Callable[..., Applied]:
    def run(raw: dict[str, Any], **options: Any) -> Applied:
        options.setdefault("actor", operator())
        options.setdefault("master_key", MASTER_KEY)
        return apply_blueprint(database, people.partner_slug, convert(raw, Blueprint), **options)

    return run


def read(database: Database, tenant: Tenant, statement: Any) -> list[Any]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(statement))
