"""Use case of a job: the mail of a reminder, said with what is true when it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billwright.audit.record import record
from billwright.canon.tables import CustomerRow
from billwright.collections import queries
from billwright.collections.position import OpenItem, net_items
from billwright.collections.tables import ReminderRow
from billwright.delivery.message import MailToSend
from billwright.delivery.send_mail import Outcome, Post, send_mail
from billwright.documents.after_issue import tell
from billwright.documents.mail import MailRenderer, MilestoneFact, OpenDocument, ReminderStep, reminder_page
from billwright.documents.queries import read_brand
from billwright.documents.sets import MAIL_SETS
from billwright.issuing.content import InvoiceContent, LineContent
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tenant, Tx, transaction

TONES: Final[Mapping[str, ReminderStep]] = {"friendly": 1, "firm": 2, "final": 3}
PAY_WITHIN: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the mail says, gathered in one transaction."""

    reminder: ReminderRow
    recipient: str
    contact: str
    documents: tuple[tuple[OpenItem, queries.Document], ...]
    today: date
    template_set: str


def mail_reminder(
    post: Post, renderer: MailRenderer, tenant: Tenant, reminder_id: UUID, *, trace_id: str | None = None
) -> None:
    """Send the reminder to the customer's billing e-mail, over what is still open of what it was decided for.

    Paid, disputed or credited in between: what is left is asked for; when nothing is left, nothing is sent.

    Raises:
        NotFoundError: no such reminder.
        TransientError: the mail server does not take it now; the attempt is recorded.
    """
    with transaction(post.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        letter = _gather(tx, queries.get_reminder(tx, reminder_id))
        if not letter.documents:
            record(tx, "reminder.dropped", "reminder", reminder_id, reason="Nothing was left to ask for.")
            return
    mail = reminder_mail(renderer, letter, read_brand(post.database, tenant))

    def afterwards(tx: Tx, outcome: Outcome) -> None:
        if outcome.state == "sent":
            for item, _ in letter.documents:
                text = f"{_step_of(letter.reminder, item.receivable_id)} e-mailed to {outcome.recipient}."
                tell(tx, item.invoice_id, "reminder.sent", text, reminder_id=reminder_id)

    send_mail(post, tenant, mail, afterwards=afterwards, trace_id=trace_id)


def _step_of(reminder: ReminderRow, receivable_id: UUID) -> str:
    """Which reminder of this document it was; another one in the same mail may have reached a later step."""
    mail = f"reminder {reminder.step} ({reminder.tone})"
    own = next(each["step"] for each in reminder.positions if each["receivable_id"] == str(receivable_id))
    if own == reminder.step:
        return mail.capitalize()
    return f"Reminder {own}, in one mail with {mail} of another invoice,"


def _gather(tx: Tx, reminder: ReminderRow) -> Letter:
    debtor = (reminder.legal_entity_id, reminder.customer_id, reminder.currency)
    named = {(each["receivable_id"], each.get("part")) for each in reminder.positions}
    customer = tx.session.scalars(select(CustomerRow).where(CustomerRow.id == reminder.customer_id)).one()
    configuration = read_configuration(tx)
    items: list[OpenItem] = []
    today = tx.now.date()
    for account in queries.read_accounts(tx, {debtor}):
        today = tx.now.astimezone(account.zone).date()
        items = _still_asked(account, named)
    documents = queries.documents_of(tx, [item.invoice_id for item in items])
    chosen = configuration.documents.template_set
    return Letter(
        reminder=reminder,
        recipient=customer.billing_email or "",
        contact=customer.contacts[0]["name"] if customer.contacts else "",
        documents=tuple((item, documents[item.invoice_id]) for item in items),
        today=today,
        template_set=chosen if chosen in MAIL_SETS else MAIL_SETS[0],
    )


def _still_asked(account: queries.Account, named: set[tuple[str, str | None]]) -> list[OpenItem]:
    """What is left of ``named``: receivables, or released parts of their holdback by due date. Money that waits covers older
    items first, also those that the reminder did not name."""
    last = max((item.due_on for item in account.items if _name(item) in named), default=date.min)
    asked = net_items((item for item in account.items if item.due_on <= last), account.unapplied_minor)
    return [item for item in asked if _name(item) in named]


def _name(item: OpenItem) -> tuple[str, str | None]:
    return (str(item.receivable_id), item.part.isoformat() if item.part else None)


def reminder_mail(renderer: MailRenderer, letter: Letter, brand: Brand) -> MailToSend:
    """The mail in the customer's language and the firm's brand. Pure."""
    reminder = letter.reminder
    latest = max((document.content for _, document in letter.documents), key=lambda content: content.issued_on)
    page = reminder_page(
        [_open_document(item, document) for item, document in letter.documents],
        step=TONES[reminder.tone],
        currency=reminder.currency,
        brand=brand,
        language=reminder.language,
        today=letter.today,
        pay_by=letter.today + PAY_WITHIN,
        contact=letter.contact,
        bank=latest.bank,
    )
    rendered = renderer.render_mail(page, template_set=letter.template_set)
    return MailToSend(
        key=f"reminder:{reminder.key}",
        subject_kind="reminder",
        subject_id=reminder.id,
        recipient=letter.recipient,
        sender_name=brand.name,
        sender_email=brand.support_email or latest.seller.email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
    )


def _open_document(item: OpenItem, document: queries.Document) -> OpenDocument:
    content = document.content
    return OpenDocument(
        number=document.number,
        due_on=item.due_on,
        open_minor=item.open_minor,
        disputed_minor=item.disputed_minor,
        project=_project(content),
        milestones=_milestones(content.lines),
    )


def _project(content: InvoiceContent) -> str:
    return ", ".join(dict.fromkeys(line.project for line in content.lines if line.project))


def _milestones(lines: Sequence[LineContent]) -> tuple[MilestoneFact, ...]:
    """Each milestone once, with its acceptance, in the order of the lines."""
    facts = (
        MilestoneFact(
            name=f"{line.milestone_number} {line.milestone_name or line.description}".strip(),
            accepted_on=line.accepted_on,
            accepted_by=line.accepted_by,
        )
        for line in lines
        if line.milestone_number or line.milestone_name
    )
    return tuple(dict.fromkeys(facts))
