"""The pages of a partner's webhooks as they are shown: the tenants' pages of webhooks in the partner's house."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from litestar import Response
from sqlalchemy import select

from billwright.delivery.webhooks.catalogue import EVENT_TYPES
from billwright.delivery.webhooks.describe import PREFIX_OF
from billwright.delivery.webhooks.partner import WRITE, list_partner_webhooks
from billwright.delivery.webhooks.partner_log import LOG, Copy, copies_at, get_partner_webhook, get_sent, list_sent
from billwright.delivery.webhooks.subscribe import Wanted
from billwright.delivery.webhooks.tables import PartnerWebhookRow
from billwright.kernel.errors import DomainError, NotFoundError
from billwright.kernel.ids import read, show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.directory import to_tenant
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright.web.portal.listing_webhooks import DELIVERY, events_in_words, standing
from billwright.web.portal.visit import Visit
from billwright.web.portal.webhook_view import (
    NOTHING,
    body_text,
    both_until,
    families,
    headers_text,
    status_of,
)
from billwright.web.portal.words import Status

PATH: Final = "webhooks"
TENANTS: Final = 100
PAGE: Final = 50
STATES: Final[dict[str, Status]] = {"active": ("Active", "done"), "paused": ("Paused", "waiting")}


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery as the page of one shows it."""

    type: str
    webhook: str
    at: Any
    invoice_id: None = None


def url_of(visit: Visit, webhook_id: str = "", *more: str) -> str:
    return visit.url("/".join(each for each in (PATH, webhook_id, *more) if each))


def list_all(visit: Visit) -> Response[str]:
    """All of them; one statement besides the log-in's."""
    rows = list_partner_webhooks(visit.database, visit.actor, visit.caller.partner.slug)
    return visit.page(
        "partner_webhooks.html",
        title="Webhooks",
        rows=rows,
        states=STATES,
        told_of=events_in_words,
        home=url_of(visit),
        may_write=visit.may(WRITE),
    )


def form_page(
    visit: Visit, webhook_id: str | None, typed: Wanted | None, *, refusal: DomainError | None = None
) -> Response[str]:
    """The form of a new one, or of one that is changed: with what was ``typed``, else as it stands.

    Raises:
        NotFoundError: there is none.
    """
    wanted = typed or (_as_it_stands(known(visit, webhook_id)) if webhook_id else NOTHING)
    return visit.page(
        "webhook_form.html",
        title="Change the webhook" if webhook_id else "New webhook",
        status=status_of(refusal),
        webhook_id=webhook_id,
        wanted=wanted,
        families=families(),
        refused=str(refusal) if refusal else "",
        wrong=str(refusal.facts.get("field", "")) if refusal else "",
        home=url_of(visit),
    )


def webhook_page(
    visit: Visit, webhook_id: str, *, secret: str = "", refusal: DomainError | None = None
) -> Response[str]:
    """The page of one: what it is, and how it stands at each tenant, which takes one transaction per tenant."""
    row = known(visit, webhook_id)
    tenants = _tenants(visit) if visit.may(LOG) else []
    copies = copies_at(visit.database, visit.actor, tenants, row.id) if tenants else []
    answer = visit.page(
        "partner_webhook.html",
        title=row.name,
        status=status_of(refusal),
        row=row,
        standing=STATES[row.state],
        says=_says(row),
        host=urlsplit(row.url).hostname,
        told_of=events_in_words(row.event_types),
        both_until=both_until(visit, row.old_secret_until),
        copies=copies,
        at_tenant=at_tenant,
        may_read=visit.may(LOG),
        may_write=visit.may(WRITE),
        secret=secret,
        refused=str(refusal) if refusal else "",
        home=url_of(visit),
        here=url_of(visit, webhook_id),
    )
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def log_page(visit: Visit, webhook_id: str, slug: str, state: str, cursor: str) -> Response[str]:
    """What was sent of one tenant, newest first, a page at a time."""
    row, tenant = known(visit, webhook_id), tenant_of(visit, slug)
    chosen = state if state in DELIVERY else ""
    found = list_sent(
        visit.database, visit.actor, tenant, row.id, state=chosen or None, limit=PAGE, cursor=cursor or None
    )
    here = url_of(visit, webhook_id, "at", slug)
    older = urlencode({"only": chosen, "cursor": found.next_cursor}) if found.next_cursor else ""
    return visit.page(
        "partner_webhook_log.html",
        title=f"{tenant.name}: what was sent",
        row=row,
        tenant=tenant,
        rows=found.rows,
        about=about,
        states=DELIVERY,
        state=chosen,
        older=older,
        may_write=visit.may(WRITE),
        home=url_of(visit),
        webhook_href=url_of(visit, webhook_id),
        here=here,
    )


def delivery_page(
    visit: Visit, webhook_id: str, slug: str, delivery_id: str, *, refusal: DomainError | None = None
) -> Response[str]:
    """One event of one tenant: each request and what came back."""
    row, tenant = known(visit, webhook_id), tenant_of(visit, slug)
    sent, attempts = get_sent(visit.database, visit.actor, tenant, row.id, read("del", delivery_id))
    return visit.page(
        "webhook_delivery.html",
        title=f"{sent.type} to {row.name}",
        status=status_of(refusal),
        found=Sent(sent.type, f"{row.name} at {tenant.name}", sent.at),
        sent=sent,
        sentence=EVENT_TYPES.get(sent.type, ""),
        about=about(sent),
        states=DELIVERY,
        attempts=attempts,
        headers=headers_text,
        body=body_text,
        mine=True,
        may_retry=visit.may(WRITE),
        refused=str(refusal) if refusal else "",
        home=url_of(visit),
        webhook_href=url_of(visit, webhook_id, "at", slug),
        here=url_of(visit, webhook_id, "at", slug, delivery_id),
    )


def known(visit: Visit, webhook_id: str) -> PartnerWebhookRow:
    """Raises: NotFoundError: the partner has none of that identifier."""
    return get_partner_webhook(visit.database, visit.actor, visit.caller.partner.slug, read("whk", webhook_id))


def tenant_of(visit: Visit, slug: str) -> Tenant:
    """One of the partner's tenants.

    Raises:
        NotFoundError: there is none, or it is another partner's.
    """
    (tenant,) = _tenants(visit, slug) or (None,)
    if tenant is None:
        raise NotFoundError("There is no such tenant here.")
    return tenant


def about(sent: AnyRow) -> str:
    """The object by its identifier: what it is called is content, for which there is a grant."""
    return show(PREFIX_OF[sent.object_kind], sent.object_id)


def at_tenant(copy: Copy) -> Status:
    """How it stands at one tenant."""
    return standing(copy.row) if copy.row else ("Not there yet", "waiting")


def _tenants(visit: Visit, slug: str | None = None) -> Sequence[Tenant]:
    query = select(TenantRow).where(TenantRow.partner_id == visit.caller.partner.id, TenantRow.state != "erased")
    if slug is not None:
        query = query.where(TenantRow.slug == slug)
    with control_transaction(visit.database, visit.actor) as tx:
        rows = tx.session.scalars(query.order_by(TenantRow.name, TenantRow.id).limit(TENANTS)).all()
    return [to_tenant(row) for row in rows]


def _as_it_stands(row: PartnerWebhookRow) -> Wanted:
    return Wanted(name=row.name, url=row.url, event_types=tuple(row.event_types), contact_email=row.contact_email)


def _says(row: PartnerWebhookRow) -> str:
    if row.state == "paused":
        return "Nothing is sent; each tenant keeps its events until it is enabled."
    return "Each tenant tells it what happens there as it happens: which event, of which object, and nothing of the content."
