"""Where the firm meets others: connectors, mails, what customers owe and dispute."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery
from sqlalchemy import select

from billwright.collections.open_dispute import open_dispute
from billwright.collections.resolve_dispute import Resolution, resolve_dispute
from billwright.delivery.tables import MailboxRow
from billwright.documents.store import FileStore
from billwright.jobs.ask_now import Asked, ask_now
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.ids import read
from billwright.kernel.money import parse_amount
from billwright.posting.retry_posting import retry_posting
from billwright.web.portal.forms import Form, field, whole_number
from billwright.web.portal.listing_collections import COLLECTIONS
from billwright.web.portal.listing_connectors import CONNECTIONS, DELIVERIES, POSTINGS
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.listing_records import MAILBOX
from billwright.web.portal.queries_breakers import callers, name_of
from billwright.web.portal.visit import Visit, html, provide_visit

MAIL_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src 'self'; sandbox; frame-ancestors 'self'"
)
"""A mail may bring its own styles and inlined images; it may run nothing, load nothing and send nothing."""
ASKED: Final[Mapping[Asked, str]] = {
    "asked": "is asked now, by one job; if it answers, all that waits for it goes on at once.",
    "nobody_waits": "is asked by the next job: none waits for it at this moment.",
    "being_asked": "is being asked at this moment; look again in a minute.",
    "answers": "answers again; what waited goes on.",
}


class OutsideController(Controller):
    path = "/t/{slug:str}"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get("/connectors", sync_to_thread=True)
    def show_connectors(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, CONNECTIONS)

    @get("/connectors/postings", sync_to_thread=True)
    def show_postings(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, POSTINGS)

    @get("/connectors/deliveries", sync_to_thread=True)
    def show_deliveries(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, DELIVERIES)

    @post("/connectors/postings/{posting_id:str}/retry", sync_to_thread=True)
    def post_again(self, visit: NamedDependency[Visit], posting_id: FromPath[str]) -> Response[str]:
        _, name = retry_posting(
            visit.database, visit.here, visit.actor, read("pst", posting_id), trace_id=visit.trace_id
        )
        return visit.go(
            visit.back_to("connectors/postings"),
            f"Another attempt at {name} is on its way; it looks first and never posts twice.",
        )

    @post("/connectors/ask", sync_to_thread=True)
    def ask(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Have a system that does not answer asked now."""
        key = field(data, "key")
        result = ask_now(visit.database, visit.here, visit.actor, key, callers(key), trace_id=visit.trace_id)
        return visit.go(visit.back_to("connectors"), f"{name_of(key)} {ASKED[result]}")

    @get("/mailbox", sync_to_thread=True)
    def show_mailbox(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, MAILBOX)

    @get("/mailbox/{mail_id:str}", sync_to_thread=True)
    def show_mail(
        self, visit: NamedDependency[Visit], mail_id: FromPath[str], view: FromQuery[str] = "html"
    ) -> Response[str]:
        with visit.reading():
            mail = _mail(visit, mail_id)
        return visit.page("mail.html", room="mailbox", title=mail.subject, mail=mail, view=view)

    @get("/mailbox/{mail_id:str}/html", sync_to_thread=True)
    def mail_html(self, visit: NamedDependency[Visit], mail_id: FromPath[str]) -> Response[str]:
        """The mail's own page, for the sandboxed frame."""
        answer = html(_mail(visit, mail_id).html)
        answer.headers["Content-Security-Policy"] = MAIL_POLICY
        return answer

    @get("/mailbox/{mail_id:str}/files/{sha256:str}", sync_to_thread=True)
    def mail_file(
        self,
        visit: NamedDependency[Visit],
        mail_id: FromPath[str],
        sha256: FromPath[str],
        store: NamedDependency[FileStore],
    ) -> Response[bytes]:
        """An attachment of the mail, to be saved: it is never shown as a page of ours."""
        named = next((each for each in _mail(visit, mail_id).attachments if each["sha256"] == sha256), None)
        if named is None:
            raise NotFoundError("The mail has no such attachment.")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(named['name'])}"}
        return Response(store.read(visit.here.id, sha256), media_type="application/octet-stream", headers=headers)

    @get("/collections", sync_to_thread=True)
    def show_collections(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, COLLECTIONS)

    @post("/invoices/{invoice_id:str}/dispute", sync_to_thread=True)
    def dispute(self, visit: NamedDependency[Visit], invoice_id: FromPath[str], data: Form) -> Response[str]:
        text, currency = field(data, "amount").strip(), field(data, "currency")
        open_dispute(
            visit.database,
            visit.here,
            visit.actor,
            read("inv", invoice_id),
            line=whole_number(data, "line"),
            amount=parse_amount(text, currency) if text else None,
            reason=field(data, "reason"),
        )
        return visit.go(
            visit.url(f"invoices/{invoice_id}"),
            "The dispute is open. Reminders leave its amount out until it is settled.",
        )

    @post("/collections/disputes/{dispute_id:str}/resolve", sync_to_thread=True)
    def resolve(self, visit: NamedDependency[Visit], dispute_id: FromPath[str], data: Form) -> Response[str]:
        try:
            resolution = msgspec.convert(field(data, "resolution"), Resolution)
        except msgspec.ValidationError:
            raise InputInvalidError(
                "Say how the dispute ended: choose one of the offered ways.", field="resolution"
            ) from None
        resolve_dispute(
            visit.database,
            visit.here,
            visit.actor,
            read("dis", dispute_id),
            resolution=resolution,
            reason=field(data, "reason"),
        )
        return visit.go(visit.url("collections"), "The dispute is closed; its amount is asked for again.")


def _mail(visit: Visit, mail_id: str) -> MailboxRow:
    visit.require("mailbox:read")
    with visit.reading() as tx:
        row = tx.session.scalars(select(MailboxRow).where(MailboxRow.id == read("mai", mail_id))).one_or_none()
    if row is None:
        raise NotFoundError("There is no such mail here.")
    return row
