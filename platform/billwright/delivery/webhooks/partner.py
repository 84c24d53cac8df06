"""Use cases of a partner: one subscription for what happens at all its tenants. It carries no content: what happened to which
object of which tenant, and nothing more; content needs a grant.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from billwright.audit.record import record_control
from billwright.delivery.webhooks.adopt import ADOPT
from billwright.delivery.webhooks.errors import WebhookExistsError
from billwright.delivery.webhooks.patience import OLD_SECRET_FOR
from billwright.delivery.webhooks.subscribe import SUBSCRIPTIONS_MAX, Wanted, check_wanted, new_secret
from billwright.delivery.webhooks.tables import PartnerWebhookRow
from billwright.delivery.webhooks.vault import Vault
from billwright.jobs.enqueue import enqueue_at_tenants
from billwright.kernel.actor import Actor
from billwright.kernel.errors import InputInvalidError, NotFoundError
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id, show
from billwright.tenancy.database import Database
from billwright.tenancy.directory import find_partner
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import ControlTx, control_transaction

WRITE, READ = "partner:write", "partner:read"


def make_partner_webhook(
    database: Database, actor: Actor, partner_slug: str, wanted: Wanted, vault: Vault, *, trace_id: str | None = None
) -> tuple[UUID, str]:
    """Subscribe at all tenants of the partner, those to come included; return identifier and secret, shown this once.

    Raises:
        PermissionDeniedError: without ``partner:write``.
        NotFoundError: no such partner.
        InputInvalidError: a field is wrong, or there are twenty already.
        WebhookExistsError: the name is taken.
    """
    actor.require(WRITE)
    check_wanted(wanted)
    identifier, secret = new_id(), new_secret()
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        partner = find_partner(tx.session, partner_slug)
        # Alone, while a new tenant shares the lock: whoever comes second sees the other.
        tx.session.execute(select(PartnerRow.id).where(PartnerRow.id == partner.id).with_for_update())
        count = select(func.count()).where(
            PartnerWebhookRow.partner_id == partner.id, PartnerWebhookRow.state != "removed"
        )
        if (tx.session.scalar(count) or 0) >= SUBSCRIPTIONS_MAX:
            raise InputInvalidError(f"There are {SUBSCRIPTIONS_MAX} webhooks; remove one first.", field="name")
        row = PartnerWebhookRow(
            id=identifier,
            partner_id=partner.id,
            name=wanted.name.strip(),
            url=wanted.url,
            event_types=list(wanted.event_types),
            contact_email=wanted.contact_email,
            secret=vault.seal(partner.id, secret),
            state="active",
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.session.add(row)
        _flush(tx, row.name)
        _said(tx, "webhook.made", row)
    return identifier, secret


def change_partner_webhook(
    database: Database,
    actor: Actor,
    partner_slug: str,
    webhook_id: UUID,
    wanted: Wanted,
    *,
    trace_id: str | None = None,
) -> PartnerWebhookRow:
    """Change name, address, events or contact; raises as ``make_partner_webhook``."""
    actor.require(WRITE)
    check_wanted(wanted)
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        row = lock_partner_webhook(tx, partner_slug, webhook_id)
        row.name, row.url, row.contact_email = wanted.name.strip(), wanted.url, wanted.contact_email
        row.event_types = list(wanted.event_types)
        _flush(tx, row.name)
        _changed(tx, "webhook.changed", row)
    return row


def switch_partner_webhook(
    database: Database, actor: Actor, partner_slug: str, webhook_id: UUID, state: str, *, trace_id: str | None = None
) -> PartnerWebhookRow:
    """``active``, ``paused`` or ``removed``, at all tenants; raises as ``make_partner_webhook``."""
    actor.require(WRITE)
    if state not in {"active", "paused", "removed"}:
        raise InputInvalidError("Say active, paused or removed.", field="state")
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        row = lock_partner_webhook(tx, partner_slug, webhook_id)
        row.state, row.noticed_at = state, None
        if state == "removed":
            row.name = f"{row.name} ({show('whk', row.id)})"
        _changed(tx, f"webhook.{state}", row)
    return row


def rotate_partner_secret(
    database: Database, actor: Actor, partner_slug: str, webhook_id: UUID, vault: Vault, *, trace_id: str | None = None
) -> tuple[PartnerWebhookRow, str]:
    """A new secret, shown this once; for a day requests bear both signatures. Raises as ``make_partner_webhook``."""
    actor.require(WRITE)
    secret = new_secret()
    with control_transaction(database, actor, trace_id=trace_id) as tx:
        row = lock_partner_webhook(tx, partner_slug, webhook_id)
        row.old_secret, row.secret = row.secret, vault.seal(row.partner_id, secret)
        row.old_secret_until = tx.now + OLD_SECRET_FOR
        _changed(tx, "webhook.secret_rotated", row)
    return row, secret


def list_partner_webhooks(database: Database, actor: Actor, partner_slug: str) -> Sequence[PartnerWebhookRow]:
    """All that were not removed, oldest first.

    Raises:
        PermissionDeniedError: without ``partner:read``.
        NotFoundError: no such partner.
    """
    actor.require(READ)
    with control_transaction(database, actor) as tx:
        partner = find_partner(tx.session, partner_slug)
        query = select(PartnerWebhookRow).where(
            PartnerWebhookRow.partner_id == partner.id, PartnerWebhookRow.state != "removed"
        )
        return tx.session.scalars(query.order_by(PartnerWebhookRow.id)).all()


def lock_partner_webhook(tx: ControlTx, partner_slug: str, webhook_id: UUID) -> PartnerWebhookRow:
    """Raises: NotFoundError: there is none, or it was removed."""
    partner = find_partner(tx.session, partner_slug)
    query = select(PartnerWebhookRow).where(
        PartnerWebhookRow.id == webhook_id,
        PartnerWebhookRow.partner_id == partner.id,
        PartnerWebhookRow.state != "removed",
    )
    row = tx.session.scalars(query.with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no webhook {show('whk', webhook_id)} here.")
    return row


def _changed(tx: ControlTx, action: str, row: PartnerWebhookRow) -> None:
    row.updated_at = tx.now
    tx.session.flush()
    _said(tx, action, row)


def _said(tx: ControlTx, action: str, row: PartnerWebhookRow) -> None:
    """The audit entry, and a job at each tenant that brings its copy up to date."""
    after = {"name": row.name, "url": row.url, "event_types": list(row.event_types), "state": row.state}
    record_control(tx, action, "webhook", row.id, partner_id=row.partner_id, tenant_id=None, after=after)
    adopt = JobSpec(kind=ADOPT, key=f"adopt:{row.id}", payload={"partner_webhook_id": row.id})
    enqueue_at_tenants(tx, row.partner_id, adopt)


def _flush(tx: ControlTx, name: str) -> None:
    try:
        with tx.session.begin_nested():
            tx.session.flush()
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", "")
        if constraint != "uq_partner_webhook_partner_id_name":
            raise
        raise WebhookExistsError(f"There is a webhook {name!r} already; choose another name.") from None
