"""Fixtures and helpers of the tests that post: an ERP that does what it is told, and a firm connected to it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billwright.extension.loading import available_connectors
from billwright.kernel.actor import Actor
from billwright.kernel.settings import read_settings
from billwright.posting.post_invoice import Books
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant
from support.fake_erp import PASSWORD, FakeErp
from support.issued import connect, rows

MASTER_KEY = "a master key of the tests, long enough"
CLERK = Actor(kind="person", name="Clerk", permissions=frozenset({"posting:retry"}))
MakeTenant = Callable[..., Tenant]


@pytest.fixture
def erp() -> FakeErp:
    return FakeErp()


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant("Acme", TenantConfiguration(erp_connections=("books",)))


@pytest.fixture
def books(database: Database, erp: FakeErp, tmp_path: Path) -> Books:
    settings = read_settings({"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": MASTER_KEY})
    return Books(database, {"fake": erp, "source_only": object(), **available_connectors()}, settings)


def connect_fake(database: Database, tenant: Tenant, **columns: Any) -> None:
    secrets = seal(MASTER_KEY, tenant.id, json.dumps({"password": PASSWORD}))
    connect(database, tenant, "fake", **({"secrets": secrets} | columns))


def only_posting(database: Database, tenant: Tenant) -> PostingRow:
    (row,) = rows(database, tenant, PostingRow)
    assert isinstance(row, PostingRow)
    return row
