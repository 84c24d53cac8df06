"""Fixtures and helpers of the tests that deliver: a mail server, a post, invoices with their documents."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from billwright.canon.tables import CustomerRow
from billwright.delivery.jobs import open_post
from billwright.delivery.send_mail import Post
from billwright.delivery.tables import DeliveryRow
from billwright.documents.mail import MailRenderer
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.kernel.actor import SYSTEM, Actor
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.issued import Issued, issue, rows, set_brand
from support.mail_server import MailServerHandler, mail_server

BRAND = {"name": "Bürgermeister & Söhne", "support_email": "rechnung@buergermeister.example"}
CLERK = Actor(kind="person", name="Clerk", permissions=frozenset({"delivery:retry"}))
MAILS = MailRenderer()


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def server() -> Iterator[MailServerHandler]:
    with mail_server() as handler:
        yield handler


@pytest.fixture
def post(database: Database, store: FileStore, server: MailServerHandler) -> Post:
    return open_post(database, store, server.url)


@pytest.fixture
def make_invoice(database: Database, tenant: Tenant, store: FileStore, renderer: Renderer) -> Callable[..., Issued]:
    """An issued invoice with its document."""

    def make(**changes: Any) -> Issued:
        set_brand(database, tenant, **BRAND)
        invoice = issue(database, tenant, **changes)
        render_invoice(Printer(database, store, renderer), tenant, invoice.id)
        return invoice

    return make


def only_delivery(database: Database, tenant: Tenant) -> DeliveryRow:
    (row,) = rows(database, tenant, DeliveryRow)
    assert isinstance(row, DeliveryRow)
    return row


def mend_email(database: Database, tenant: Tenant, address: str) -> None:
    with transaction(database, tenant, SYSTEM) as tx:
        tx.session.execute(update(CustomerRow).values(billing_email=address))
