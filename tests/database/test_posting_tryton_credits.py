"""A credit note in a real Tryton server: posted once, read back below zero, as our books have it."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from billwright.extension.loading import available_connectors
from billwright.issuing.content import CreditContent, Preceding
from billwright.kernel.settings import read_settings
from billwright.posting.post_invoice import Books, post_invoice
from billwright.posting.tables import PostingRow
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.secrets import seal
from billwright.tenancy.transaction import Tenant
from support.invoice_contents import line
from support.issued import connect, issue, rows
from support.trytond import TrytonServer
from support.trytond_fixture import trytond, trytond_template

__all__ = ["trytond", "trytond_template"]
MASTER_KEY = "a master key of the tests, long enough"


def test_a_credit_note_reaches_tryton_and_agrees(
    database: Database, make_tenant: Callable[..., Tenant], trytond: TrytonServer, tmp_path: Path
) -> None:
    tenant = make_tenant("Acme", TenantConfiguration(erp_connections=("tryton",)))
    environment = {"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": MASTER_KEY}
    books = Books(database, available_connectors(), read_settings(environment | {"BILLWRIGHT_PRIVATE_HOSTS": "allow"}))
    secrets = json.dumps({"user": trytond.user, "password": trytond.password})
    settings = {
        "base_url": trytond.base_url,
        "database": trytond.database,
        "company": trytond.company,
        "taxes": {"S:1900": "VAT 19 %"},
        "revenue_account": "4.1.2",
        "country": "DE",
    }
    sealed = seal(MASTER_KEY, tenant.id, secrets)
    connect(database, tenant, "tryton", name="tryton", secrets=sealed, settings=settings)
    taken = tuple(replace(each, quantity=-each.quantity, net_minor=-each.net_minor) for each in (line(1), line(2)))
    preceding = Preceding(invoice_id="inv_1", number="NW-2026-0042", issued_on=date(2026, 3, 12))
    note = issue(
        database,
        tenant,
        number="NW-CN-2026-0001",
        document_type="credit_note",
        lines=taken,
        credit=CreditContent(preceding=preceding, reason_code="disputed", reason="Not as agreed."),
    )
    assert note.content.gross_minor < 0

    for _ in range(2):
        post_invoice(books, tenant, note.id, "tryton")

    (posting,) = rows(database, tenant, PostingRow)
    assert (posting.state, posting.error) == ("posted", None)
    read_back = (posting.read_back["net_minor"], posting.read_back["tax_minor"], posting.read_back["gross_minor"])
    assert read_back == (note.content.net_minor, note.content.tax_minor, note.content.gross_minor)
    assert posting.external_number
