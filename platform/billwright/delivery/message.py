"""From what is to be said to an e-mail as it goes over the wire. Pure. Nothing in it names the software that sent it."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from uuid import UUID

# Printable ASCII, one @, no quoting, a domain with a point: the addresses that every mail server takes.
ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")

WIRE: Final = SMTP.clone(cte_type="7bit")  # old relays pass nothing else on unharmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A stored document to be attached, by its hash."""

    name: str
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailToSend:
    """A mail with everything but the addresses' checks. ``key`` makes it once per tenant: ``invoice:{id}:email``.

    ``subject_kind`` and ``subject_id`` say what it is about; ``sender_email`` is where answers go.
    """

    key: str
    subject_kind: str
    subject_id: UUID
    recipient: str
    sender_name: str
    sender_email: str
    subject: str
    html: str
    text: str
    attachments: tuple[Attachment, ...] = ()


def wire_address(address: str) -> str | None:
    """``address`` as mail servers take it, its domain in ASCII (IDNA); ``None`` when it is no such address."""
    local, at, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    whole = f"{local}{at}{ascii_domain}"
    return whole if ADDRESS.fullmatch(whole) and ".." not in whole else None


def message_id(tenant_id: UUID, key: str, sender: str) -> str:
    """The same for the same mail, so that a repeat can be recognised; says nothing about tenant or key."""
    digest = hashlib.sha256(f"{tenant_id}\n{key}".encode()).hexdigest()
    domain = sender.rpartition("@")[2] or "mail.invalid"
    return f"<{digest[:40]}@{domain}>"


def build_message(
    mail: MailToSend, *, sender: str, recipient: str, reference: str, at: datetime, bodies: dict[str, bytes]
) -> EmailMessage:
    """Text and HTML as alternatives, then the attachments.

    Args:
        sender, recipient: as ``wire_address`` returned them.
        reference: the ``Message-ID``.
        at: UTC; the ``Date`` header.
        bodies: the attachments' content by SHA-256.
    """
    message = EmailMessage(policy=WIRE)
    message["From"] = Address(display_name=_line(mail.sender_name), addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Reply-To"] = Address(display_name=_line(mail.sender_name), addr_spec=sender)
    message["Subject"] = _line(mail.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = reference
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notes are not sent back
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    for attachment in mail.attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(bodies[attachment.sha256], maintype=main, subtype=sub, filename=_line(attachment.name))
    return message


def _line(text: str) -> str:
    """``text`` without line ends or control characters: it becomes a header field."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
