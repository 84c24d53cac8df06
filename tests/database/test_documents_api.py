"""The routes of the rooms after issuing: they translate, ask for the permission, and see one tenant only."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

from billwright.delivery.api import CONTROLLERS as DELIVERY
from billwright.delivery.jobs import open_post
from billwright.delivery.mail_invoice import mail_invoice
from billwright.documents.api import CONTROLLERS as DOCUMENTS
from billwright.documents.mail import MailRenderer
from billwright.documents.render import Renderer
from billwright.documents.render_invoice import Printer, render_invoice
from billwright.documents.store import FileStore
from billwright.kernel.actor import Actor
from billwright.kernel.errors import DomainError
from billwright.kernel.ids import show
from billwright.kernel.settings import read_settings
from billwright.posting.api import CONTROLLERS as POSTING
from billwright.posting.post_invoice import Books, post_invoice
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant
from support.fake_erp import FakeErp
from support.issued import Issued, connect, issue

READER = frozenset({"invoice:read", "mailbox:read"})
CLERK = READER | {"delivery:retry", "posting:retry"}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant("Acme", TenantConfiguration(erp_connections=("books",)))


@pytest.fixture
def invoice(database: Database, tenant: Tenant, store: FileStore, tmp_path: Path) -> Issued:
    """Issued, rendered, kept in the mailbox, refused by the ERP."""
    invoice = issue(database, tenant)
    renderer = Renderer()
    render_invoice(Printer(database, store, renderer), tenant, invoice.id)
    renderer.close()
    mail_invoice(open_post(database, store, None), MailRenderer(), tenant, invoice.id)
    connect(database, tenant, "fake")
    settings = read_settings({"BILLWRIGHT_HOME": str(tmp_path)})
    post_invoice(Books(database, {"fake": FakeErp("refuses")}, settings), tenant, invoice.id, "books")
    return invoice


def refused(_request: Request[Any, Any, Any], error: DomainError) -> Response[Mapping[str, str]]:
    return Response({"code": error.code}, status_code=409)


@contextmanager
def api(
    database: Database, tenant: Tenant, store: FileStore, permissions: frozenset[str]
) -> Iterator[TestClient[Litestar]]:
    def given(value: object) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    app = Litestar(
        [*DOCUMENTS, *DELIVERY, *POSTING],
        dependencies={
            "database": given(database),
            "store": given(store),
            "tenant": given(tenant),
            "actor": given(Actor(kind="person", name="Somebody", permissions=permissions)),
            "trace_id": given("trace-1"),
        },
        exception_handlers={DomainError: refused},
    )
    with TestClient(app) as client:
        yield client


def test_the_document_comes_as_it_was_stored(
    database: Database, tenant: Tenant, store: FileStore, invoice: Issued
) -> None:
    with api(database, tenant, store, READER) as client:
        answer = client.get(f"/v1/invoices/{show('inv', invoice.id)}/document")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "inline; filename*=UTF-8''NW-2026-0042.pdf"
    assert store.put(tenant.id, answer.content) == answer.headers["etag"].strip('"')


def test_lists_and_retries(database: Database, tenant: Tenant, store: FileStore, invoice: Issued) -> None:
    shown = show("inv", invoice.id)
    with api(database, tenant, store, CLERK) as client:
        (delivery,) = client.get("/v1/deliveries", params={"invoice": shown}).json()["items"]
        assert (delivery["subject_id"], delivery["state"]) == (shown, "sent")
        (mail,) = client.get("/v1/mailbox").json()["items"]
        assert mail["delivery_id"] == delivery["id"]
        assert [attachment["name"] for attachment in mail["attachments"]] == ["NW-2026-0042.pdf"]
        (posting,) = client.get("/v1/postings", params={"state": "rejected", "invoice": shown}).json()["items"]
        assert (posting["connection"], posting["remedy"]) == ("books", "Add the party.")
        assert client.get("/v1/postings", params={"state": "posted"}).json() == {"items": [], "next_cursor": None}
        again = client.post(f"/v1/postings/{posting['id']}/retry")
        assert (again.status_code, again.json()["state"]) == (202, "failed")
        assert client.post(f"/v1/deliveries/{delivery['id']}/retry").json() == {"code": "delivery-state"}


@pytest.mark.parametrize(
    "query",
    [
        "/v1/postings?state=gone",
        "/v1/deliveries?state=gone",
        "/v1/mailbox?limit=0",
        "/v1/mailbox?limit=x",
        "/v1/postings?limit=201",
        "/v1/deliveries?limit=-1",
    ],
)
def test_wrong_parameters_are_told(database: Database, tenant: Tenant, store: FileStore, query: str) -> None:
    with api(database, tenant, store, READER) as client:
        assert client.get(query).status_code == 400


def test_a_wrong_cursor_or_identifier_is_a_refusal(database: Database, tenant: Tenant, store: FileStore) -> None:
    with api(database, tenant, store, CLERK) as client:
        for path in (
            "/v1/postings?cursor=x",
            "/v1/deliveries?invoice=x",
            "/v1/mailbox?cursor=e30",
            "/v1/invoices/x/document",
        ):
            assert client.get(path).json()["code"] in {"input-invalid", "not-found"}
        assert client.post("/v1/deliveries/del_1/retry").json() == {"code": "not-found"}
        assert client.post("/v1/postings/pst_1/retry").json() == {"code": "not-found"}


def test_each_route_needs_its_permission(database: Database, tenant: Tenant, store: FileStore, invoice: Issued) -> None:
    shown = show("inv", invoice.id)
    with api(database, tenant, store, frozenset()) as client:
        for path in (f"/v1/invoices/{shown}/document", "/v1/deliveries", "/v1/mailbox", "/v1/postings"):
            assert client.get(path).json() == {"code": "permission-denied"}
    with api(database, tenant, store, READER) as client:
        for kind, prefix in (("deliveries", "del"), ("postings", "pst")):
            answer = client.post(f"/v1/{kind}/{show(prefix, invoice.id)}/retry")
            assert answer.json() == {"code": "permission-denied"}


def test_another_tenant_sees_nothing(
    database: Database, make_tenant: Callable[..., Tenant], tenant: Tenant, store: FileStore, invoice: Issued
) -> None:
    with api(database, make_tenant("Other"), store, CLERK) as client:
        assert client.get(f"/v1/invoices/{show('inv', invoice.id)}/document").json() == {"code": "not-found"}
        for path in ("/v1/deliveries", "/v1/mailbox", "/v1/postings"):
            assert client.get(path).json()["items"] == []
