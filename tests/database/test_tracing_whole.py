"""One accepted milestone is one trace, from the request that brought it to the ERP's answer, and nothing personal is in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from billwright.audit.tables import AuditEntryRow
from billwright.documents.jobs import handlers as document_handlers
from billwright.documents.render import Renderer
from billwright.documents.store import FileStore
from billwright.extension.connectors import Context, PostedDocument, PostingInvoice, RejectedError
from billwright.extension.manifest import Manifest
from billwright.intake.api import CONTROLLERS as INTAKE
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.tracing import Tracing
from billwright.posting.jobs import handlers as posting_handlers
from billwright.posting.post_invoice import Books
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.secrets import seal
from billwright.web.app import make_app
from billwright.web.composition import all_handlers, dependencies
from billwright.web.services import Services
from billwright.web.tracing import start_tracing
from support.collector import Collector, collector_running
from support.fake_erp import PASSWORD, FakeErp, Secrets
from support.http import MASTER_KEY, People, bearer, client_of, settings_for
from support.issued import connect, rows, set_brand
from support.mail_server import MailServerHandler, mail_server
from support.pipeline import AUTOMATIC, Firm
from support.receiver import Receiver, receiver_running

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"
TRACEPARENT = f"00-{CALLER}-{CALLERS_SPAN}-01"
WHOLE = TenantConfiguration(approvals=AUTOMATIC, erp_connections=("books",))


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str


class WiredErp(FakeErp):
    """The ERP that does what it is told, behind HTTP: it is asked over the wire each time."""

    def find(self, context: Context, key: str) -> PostedDocument | None:
        answer = context.http.post(f"{context.settings.url}?q={PASSWORD}", json={"key": key})  # type: ignore[attr-defined]
        if answer.status_code == 422:
            raise RejectedError("Client SA is blocked", remedy="Unblock Client SA.")
        answer.raise_for_status()
        return super().find(context, key)

    def post(self, context: Context, invoice: PostingInvoice) -> str:
        context.http.post(context.settings.url, json={"party": invoice.customer_name})  # type: ignore[attr-defined]
        return super().post(context, invoice)


MANIFEST = Manifest(
    name="wired", vendor="Wired", version="1", api_version="1", capabilities=frozenset({"erp"}), authentication="basic",
    settings_model=Settings, secrets_model=Secrets, hosts_setting="url",
)  # fmt: skip


class Scene:
    """A firm that renders, mails and posts, its API, and its workers in this process."""

    def __init__(
        self,
        firm: Firm,
        folder: Path,
        collector: Collector,
        erp: Receiver,
        mail: MailServerHandler,
        renderer: Renderer,
        people: People,
    ) -> None:
        environment = {
            "BILLWRIGHT_OTLP_ENDPOINT": collector.url, "SMTP_URL": mail.url, "BILLWRIGHT_PRIVATE_HOSTS": "allow",
        }  # fmt: skip
        self.firm, self.collector, self.erp, self.mail, self.renderer = firm, collector, erp, mail, renderer
        self.settings = settings_for(folder, **environment)
        self.token = people.token("lea.winter@acme.example", "integration_administrator", tenant=firm.tenant)
        set_brand(
            firm.database, firm.tenant, name="Bürgermeister & Söhne", support_email="rechnung@buergermeister.example"
        )
        secrets = seal(MASTER_KEY, firm.tenant.id, f'{{"password": "{PASSWORD}"}}')
        connect(firm.database, firm.tenant, "wired", settings={"url": erp.url}, secrets=secrets)

    def tracing(self, process: str, **environment: str) -> Tracing:
        given = {"BILLWRIGHT_OTLP_ENDPOINT": str(self.settings.otlp_endpoint), **environment}
        started = start_tracing(settings_for(self.settings.home, **given), process)
        assert started is not None
        return started

    def say(self, kind: str, traceparent: str | None = None, **data: Any) -> None:
        """One message over HTTP."""
        services = Services(
            settings=self.settings, database=self.firm.database, dependencies=dependencies(self.settings)
        )
        headers = bearer(self.token) | ({"traceparent": traceparent} if traceparent else {})
        with client_of(make_app(services, INTAKE, tracing=self.tracing("api"))) as client:
            answer = client.post("/v1/messages", json=self.firm.event(kind, data), headers=headers)
        assert answer.status_code == 202, answer.text

    def work(self, **environment: str) -> None:
        """All that is due, by workers."""
        database = self.firm.database
        books = Books(database, {"wired": WiredErp(manifest=MANIFEST)}, self.settings)
        printing = document_handlers(database, FileStore(self.settings.files), self.renderer)
        ours = {handler.kind: handler for handler in (*posting_handlers(books), *printing)}
        recorded = self.tracing("worker", **environment)
        handlers = Handlers({**all_handlers(self.settings, database).by_kind, **ours}).traced(recorded)
        drain(database, handlers, tenant_id=self.firm.tenant.id)
        recorded.close()

    def agree(self) -> None:
        self.firm.customer()
        self.firm.contract()
        self.firm.milestone()

    def accept(self, milestone: str = "M1", traceparent: str | None = TRACEPARENT) -> None:
        decided = {"decided_at": self.firm.clock.now().isoformat(), "decided_by": "Client PM"}
        data = {"ref": f"A-{milestone}", "contract": "K1", "milestones": [milestone], "decision": "accepted", **decided}
        self.say("acceptance", traceparent, **data)


@pytest.fixture
def scene(make_firm: Callable[[TenantConfiguration], Firm], people: People, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        collector = stack.enter_context(collector_running())
        erp = stack.enter_context(receiver_running())
        mail = stack.enter_context(mail_server())
        renderer = stack.enter_context(closing(Renderer()))
        erp.says(200, b"{}")
        scene = Scene(make_firm(WHOLE), tmp_path, collector, erp, mail, renderer, people)
        scene.agree()
        yield scene


def test_a_milestone_is_one_trace_from_the_request_to_the_erps_answer(scene: Scene) -> None:
    scene.accept()
    scene.work()

    spans, collector = scene.collector.spans, scene.collector
    assert {span.trace for span in spans} == {CALLER}
    roots = [span for span in spans if span.parent == CALLERS_SPAN]
    assert [span.name for span in roots] == ["POST /v1/messages"]
    assert {collector.above(span)[-1] for span in spans} == {"POST /v1/messages"}
    issuing = [
        "billing.issue",
        "billing.route",
        "billing.check",
        "billing.evaluate",
        "intake.apply",
        "POST /v1/messages",
    ]
    assert [collector.above(span) for span in collector.named("POST")] == [["POST", "connectors.post", *issuing]] * 3
    assert collector.above(collector.one("SMTP")) == ["SMTP", "connectors.mail", "documents.render", *issuing]
    assert {span.facts["http.response.status_code"] for span in collector.named("POST")} == {200}
    assert {span.service for span in roots} == {"billwright-api"}
    assert {span.service for span in spans if span not in roots} == {"billwright-worker"}
    assert not [span for span in spans if span.failed]
    assert len(scene.mail.taken) == 1
    entries = [row for row in rows(scene.firm.database, scene.firm.tenant, AuditEntryRow) if row.trace_id == CALLER]
    actions = {row.action for row in entries}
    assert {"messages.stored", "messages.applied", "invoice.issued", "delivery.sent", "posting.posted"} <= actions


def test_a_refusal_of_the_erp_is_an_answer_and_nothing_secret_or_personal_is_in_a_span(scene: Scene) -> None:
    scene.accept()
    scene.erp.says(422, b"{}")
    scene.work()

    said = b"".join(scene.collector.raw)
    (invoice,) = scene.firm.invoices()
    assert invoice.number is not None
    secrets = [
        scene.token, PASSWORD, MASTER_KEY, "Client", "ap@client.example", "Lea", "winter", "Acme", "Design", "K1", "A-1",
        "10000", "11900", "1190000", invoice.number, scene.firm.tenant.slug, scene.firm.tenant.schema, "Bürgermeister",
        "buergermeister", "/hook", "FR40303265045", "books",
    ]  # fmt: skip
    assert [secret for secret in secrets if secret.encode() in said] == []

    post, call = scene.collector.one("connectors.post"), scene.collector.one("POST")
    assert (post.facts["billwright.outcome"], post.facts["error.type"], post.failed) == ("refused", "rejected", False)
    assert (call.facts["billwright.outcome"], call.failed) == ("refused", False)


def test_an_erp_that_falls_over_is_a_failure(scene: Scene) -> None:
    scene.accept()
    scene.erp.says(503, b"{}")
    scene.work()

    post, call = scene.collector.one("connectors.post"), scene.collector.one("POST")
    assert (call.facts["billwright.outcome"], call.facts["http.response.status_code"], call.failed) == (
        "failed",
        503,
        True,
    )
    assert (post.facts["billwright.outcome"], post.failed) == ("failed", True)


def test_only_named_hosts_are_told_our_trace(scene: Scene) -> None:
    scene.accept()
    scene.work()
    assert len(scene.erp.got) == 3
    assert not [got for got in scene.erp.got if "traceparent" in got.headers]

    scene.firm.milestone("M2")
    scene.accept(milestone="M2", traceparent=None)
    scene.work(BILLWRIGHT_TRACED_HOSTS="erp.example, 127.0.0.1")
    calls = {f"00-{span.trace}-{span.id}-01" for span in scene.collector.named("POST")}
    told = {got.headers["traceparent"] for got in scene.erp.got[3:]}
    assert len(told) == 3
    assert told <= calls


def test_a_collector_that_is_away_costs_no_job(scene: Scene) -> None:
    """The invoice is sent and posted all the same."""
    scene.collector.status = 503
    with capture_logs() as said:
        scene.accept()
        scene.work()
    (invoice,) = scene.firm.invoices()
    assert (invoice.phase, len(scene.mail.taken), len(scene.erp.got)) == ("posted", 1, 3)
    lines = [line for line in said if "collector" in line["event"]]
    assert [line["log_level"] for line in lines] == ["warning", "warning"]  # each process once
    assert "127.0.0.1" in {line["host"] for line in lines}
