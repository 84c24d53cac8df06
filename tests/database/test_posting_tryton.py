"""From an issued invoice to a real Tryton server: the saga, the sealed secrets and the closed client together."""

import json
from collections.abc import Callable
from pathlib import Path

from billwright.extension.loading import available_connectors
from billwright.kernel.actor import Actor
from billwright.kernel.settings import read_settings
from billwright.posting.post_invoice import Books, post_invoice
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant
from support.issued import connect, desk, issue, rows, state_of
from support.trytond import TrytonServer
from support.trytond_fixture import trytond, trytond_template

__all__ = ["trytond", "trytond_template"]
CLERK = Actor(kind="person", name="Clerk", permissions=frozenset({"posting:retry"}))
MASTER_KEY = "a master key of the tests, long enough"


def test_an_invoice_reaches_tryton_once(
    database: Database, make_tenant: Callable[..., Tenant], trytond: TrytonServer, tmp_path: Path
) -> None:
    tenant = make_tenant("Acme", TenantConfiguration(erp_connections=("tryton",)))
    environment = {"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": MASTER_KEY}
    allowed = Books(
        database, available_connectors(), read_settings(environment | {"BILLWRIGHT_PRIVATE_HOSTS": "allow"})
    )
    secrets = json.dumps({"user": trytond.user, "password": trytond.password})
    connect(
        database,
        tenant,
        "tryton",
        name="tryton",
        secrets=seal(MASTER_KEY, tenant.id, secrets),
        settings={
            "base_url": trytond.base_url,
            "database": trytond.database,
            "company": trytond.company,
            "taxes": {"S:1900": "VAT 19 %"},
            "revenue_account": "4.1.2",
            "country": "DE",
        },
    )
    invoice = issue(database, tenant)
    post_invoice(Books(database, available_connectors(), read_settings(environment)), tenant, invoice.id, "tryton")
    (posting,) = rows(database, tenant, PostingRow)
    assert posting.state == "rejected"
    assert "private address" in posting.error
    assert "BILLWRIGHT_PRIVATE_HOSTS" in desk(database, tenant)[0].remedy

    retry_posting(database, tenant, CLERK, posting.id)
    for _ in range(2):
        post_invoice(allowed, tenant, invoice.id, "tryton")
    (posting,) = rows(database, tenant, PostingRow)
    assert (posting.state, posting.error) == ("posted", None)
    assert posting.read_back["gross_minor"] == invoice.content.gross_minor
    assert posting.external_number
    assert state_of(database, tenant) == ("posted", "posted")
    assert desk(database, tenant) == []
