"""The mail that warns before a webhook is switched off, and the one that says that it was."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, update

from billwright.delivery.message import MailToSend
from billwright.delivery.send_mail import Post, send_mail
from billwright.delivery.webhooks.patience import DISABLE_AFTER
from billwright.delivery.webhooks.tables import PartnerWebhookRow, WebhookSubscriptionRow
from billwright.documents.mail import MAIL_FONTS, MailPage, MailRenderer, mail_colours, one_line
from billwright.documents.page import Fact
from billwright.documents.queries import read_brand
from billwright.documents.sets import MAIL_SETS
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction, transaction

SUBJECTS: Final = {
    "warning": "The webhook {name} does not take events",
    "disabled": "The webhook {name} is switched off",
}
OPENINGS: Final = {
    "warning": (
        "The endpoint of the webhook {name} has not taken an event since {since}. We go on trying; if it does not answer "
        "by {deadline}, the webhook is switched off. Nothing is lost: what waits is sent as soon as it answers."
    ),
    "disabled": (
        "The endpoint of the webhook {name} has not taken an event since {since}, so the webhook is switched off. Its "
        "events are kept. Mend the endpoint and enable the webhook: what waits is sent then, in its order."
    ),
}


def mail_notice(
    post: Post,
    renderer: MailRenderer,
    tenant: Tenant,
    subscription_id: UUID,
    what: str,
    *,
    trace_id: str | None = None,
) -> None:
    """Write to the webhook's contact, unless it answers again or was removed meanwhile.

    Raises:
        TransientError: the mail server does not take it now; the attempt is recorded.
    """
    with transaction(post.database, tenant, SYSTEM, trace_id=trace_id) as tx:
        row = tx.session.get(WebhookSubscriptionRow, subscription_id)
        if row is None or row.failing_since is None or row.state in {"removed", "paused"} or not row.contact_email:
            return
    if row.owner == "partner" and not _first_to_tell(post.database, row.partner_subscription_id):
        return
    send = _mail(renderer, read_brand(post.database, tenant), row, what)
    send_mail(post, tenant, send, trace_id=trace_id)


def _first_to_tell(database: Database, partner_webhook_id: UUID | None) -> bool:
    """Whether no other tenant wrote to the partner's contact today about the same endpoint."""
    with control_transaction(database, SYSTEM) as tx:
        statement = (
            update(PartnerWebhookRow)
            .where(
                PartnerWebhookRow.id == partner_webhook_id,
                or_(PartnerWebhookRow.noticed_at.is_(None), PartnerWebhookRow.noticed_at < tx.now - timedelta(days=1)),
            )
            .values(noticed_at=tx.now)
            .returning(PartnerWebhookRow.id)
        )
        return tx.session.scalars(statement).one_or_none() is not None


def _mail(renderer: MailRenderer, brand: Brand, row: WebhookSubscriptionRow, what: str) -> MailToSend:
    assert row.failing_since is not None
    words = {
        "name": row.name,
        "since": f"{row.failing_since:%d %B %Y, %H:%M} UTC",
        "deadline": f"{row.failing_since + DISABLE_AFTER:%d %B %Y, %H:%M} UTC",
    }
    opening = OPENINGS[what].format_map(words)
    page = MailPage(
        language="en",
        subject=one_line(SUBJECTS[what].format_map(words)),
        preheader=opening,
        brand=brand,
        colours=mail_colours(brand),
        font_family=MAIL_FONTS[brand.font],
        greeting="Hello,",
        paragraphs=(opening,),
        facts=(Fact(label="Address", value=row.url), Fact(label="Last answer", value=row.reason or "none")),
        button_label="",
        button_url="",
        closing=("Any questions? Answer this mail.", "Kind regards,", brand.name),
        footer=brand.mail_footer,
    )
    rendered = renderer.render_mail(page, template_set=MAIL_SETS[0])
    return MailToSend(
        key=f"webhook:{row.id}:{what}:{row.failing_since.isoformat()}",
        subject_kind="webhook",
        subject_id=row.id,
        recipient=row.contact_email,
        sender_name=brand.name,
        sender_email=brand.support_email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
    )
