"""The outside as it can be: an ERP, a mail server and a disk for documents that do what they are told, and count."""

import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pikepdf

from billwright.documents.page import InvoicePage
from billwright.documents.render import Renderer
from billwright.extension.connectors import (
    Context,
    PostedDocument,
    PostingInvoice,
    RejectedError,
    ThrottledError,
    TransientError,
)
from billwright.extension.manifest import Manifest
from billwright.kernel.errors import InputInvalidError
from support.fake_erp import MANIFEST
from support.mail_server import DROP, MailServerHandler

ERP_MODES = (
    "good", "good", "good", "away", "lost", "error", "throttled", "refuses", "broken", "killed_before", "killed_after",
)  # fmt: skip
MAIL_MODES = ("taken", "taken", "later", "refused", "lost")
DISK_MODES = ("good", "good", "full", "bad_template")


class Killed(BaseException):
    """The worker's process ends here: nothing after this moment is done, and nobody is told."""


@dataclass
class ScriptedErp:
    """``mode``: how the next calls end. Entries are kept by our key, and counted as often as they were made."""

    mode: str = "good"
    entries: dict[str, PostedDocument] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    """By the invoice's number."""
    manifest: Manifest = MANIFEST

    def find(self, _context: Context, key: str) -> PostedDocument | None:
        if self.mode == "killed_before":
            raise Killed
        if self.mode == "away":
            raise TransientError("It does not answer.")
        return self.entries.get(key)

    def post(self, _context: Context, invoice: PostingInvoice) -> str:
        if self.mode == "error":
            raise TransientError("500")
        if self.mode == "throttled":
            raise ThrottledError("Slow down.", retry_after_s=90)
        if self.mode == "refuses":
            raise RejectedError("No such party.", remedy="Add the party.")
        if self.mode == "broken":
            raise ZeroDivisionError("a bug of the connector")
        self.made[invoice.number] += 1
        self.entries[invoice.key] = PostedDocument(
            external_id=f"move/{len(self.entries)}", number=f"E{len(self.entries)}", state="posted",
            party=invoice.customer_name, party_key=invoice.customer_key, issued_on=invoice.issued_on,
            currency=invoice.currency, net_minor=invoice.net_minor, tax_minor=invoice.tax_minor,
            gross_minor=invoice.gross_minor,
        )  # fmt: skip
        if self.mode == "killed_after":
            raise Killed
        if self.mode == "lost":
            raise TransientError("The answer was lost.")
        return self.entries[invoice.key].external_id


class ScriptedRenderer(Renderer):
    """Stands for the processes that make documents; starts none."""

    mode = "good"

    def render_invoice(self, page: InvoicePage, **given: Any) -> bytes:
        if self.mode == "full":
            raise TransientError("The disk for documents is full.")
        if self.mode == "bad_template":
            raise InputInvalidError("The template names a field that there is not.")
        return _one_page()


def _one_page() -> bytes:
    made = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(made)
    return made.getvalue()


def tell_mail_server(server: MailServerHandler, mode: str) -> None:
    server.rcpt = {"later": "451 later", "refused": "550 no such mailbox"}.get(mode, "250 OK")
    server.data = DROP if mode == "lost" else "250 OK queued"


def mails_by_number(server: MailServerHandler) -> Counter[str]:
    """Invoices' mails that the server took, by the number in the attachment's name; reminders have none."""
    names = (part.get_filename() or "" for mail in server.taken for part in mail.iter_attachments())
    return Counter(name.removesuffix(".pdf") for name in names)
