"""Use case of a job: a tenant's copy of its partner's webhook, brought up to date. Safe to repeat, in any order."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from billwright.audit.record import record
from billwright.delivery.webhooks.deliver import ask_for_all, end_pauses
from billwright.delivery.webhooks.tables import PartnerWebhookRow, WebhookDeliveryRow, WebhookSubscriptionRow
from billwright.delivery.webhooks.vault import Vault
from billwright.jobs.enqueue import enqueue
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow
from billwright.tenancy.transaction import ControlTx, Tenant, Tx, control_transaction, transaction

ADOPT = "webhooks.adopt"


def adopt(
    database: Database, vault: Vault, tenant: Tenant, partner_webhook_id: UUID, *, trace_id: str | None = None
) -> None:
    """Copy what the partner says now; the secret is sealed under the tenant's key."""
    with control_transaction(database, SYSTEM) as control:
        row = control.session.get(PartnerWebhookRow, partner_webhook_id)
        if row is None or row.partner_id != tenant.partner_id:
            return
        secrets = [
            vault.seal(tenant.id, vault.open(row.partner_id, each)) if each else None
            for each in (row.secret, row.old_secret)
        ]
    with transaction(database, tenant, SYSTEM, trace_id=trace_id) as tx:
        _write(tx, row, secrets)


def _write(tx: Tx, row: PartnerWebhookRow, secrets: list[str | None]) -> None:
    wanted: dict[str, Any] = {
        "name": row.name,
        "url": row.url,
        "event_types": list(row.event_types),
        "contact_email": row.contact_email,
        "secret": secrets[0],
        "old_secret": secrets[1],
        "old_secret_until": row.old_secret_until,
        "state": row.state,
        "updated_at": tx.now,
    }
    query = select(WebhookSubscriptionRow).where(
        WebhookSubscriptionRow.partner_subscription_id == row.id, WebhookSubscriptionRow.owner == "partner"
    )
    known = tx.session.scalars(query.with_for_update()).one_or_none()
    if known is None:
        fresh = {
            **wanted, "id": new_id(), "owner": "partner", "partner_subscription_id": row.id, "failures": 0,
            "created_at": tx.now,
        }  # fmt: skip
        tx.session.execute(insert(WebhookSubscriptionRow).values([fresh]))
        identifier = fresh["id"]
    else:
        identifier = known.id
        back = known.state != "active" and row.state == "active"
        if back or known.url != row.url:  # another endpoint, or the word that it is mended: it has not failed yet
            wanted |= {"failing_since": None, "retry_at": None, "warned_at": None, "reason": None, "failures": 0}
        statement = update(WebhookSubscriptionRow).where(WebhookSubscriptionRow.id == known.id)
        tx.session.execute(statement.values(**wanted).execution_options(synchronize_session=False))
        if back:
            end_pauses(tx, known.id)
        if row.state == "active":
            ask_for_all(tx, known.id)
        if row.state == "removed":
            waiting = update(WebhookDeliveryRow).where(
                WebhookDeliveryRow.subscription_id == known.id, WebhookDeliveryRow.state == "waiting"
            )
            tx.session.execute(waiting.values(state="skipped", outcome="The webhook was removed."))
    after = {"name": row.name, "url": row.url, "event_types": list(row.event_types), "state": row.state}
    record(tx, "webhook.adopted", "webhook", identifier, after=after)


def adopt_all(control: ControlTx, inside: Tx) -> None:
    """Jobs for a new tenant, in the transaction that makes it: its copies of all that its partner subscribed to."""
    locked = select(PartnerRow.id).where(PartnerRow.id == inside.tenant.partner_id)
    control.session.execute(locked.with_for_update(read=True))  # see make_partner_webhook
    query = select(PartnerWebhookRow.id).where(
        PartnerWebhookRow.partner_id == inside.tenant.partner_id, PartnerWebhookRow.state != "removed"
    )
    ids = control.session.scalars(query).all()
    enqueue(inside, [JobSpec(kind=ADOPT, key=f"adopt:{i}", payload={"partner_webhook_id": i}) for i in ids])
