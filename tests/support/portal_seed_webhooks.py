"""Webhooks of a firm in every state, with what was sent to them, and systems that do not answer: straight into the tables."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from billwright.delivery.webhooks.tables import (
    WebhookAttemptRow,
    WebhookDeliveryRow,
    WebhookEventRow,
    WebhookSubscriptionRow,
)
from billwright.jobs.enqueue import enqueue
from billwright.jobs.tables import BreakerRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id, show
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm

AWAY = "The endpoint did not take it: 503."


def seed_webhooks(firm: Firm) -> dict[str, UUID]:
    """Webhooks by name, and under ``delivery`` one that was tried three times."""
    now = firm.clock.now()
    made = {
        "Books": _webhook(now, "Books", "https://erp.client.example/hooks/billing", ["invoice.*", "dispute.opened"]),
        "CRM": _webhook(
            now, "CRM", "https://crm.client.example/in", ["invoice.settled"], failing_since=now - timedelta(hours=3),
            retry_at=now + timedelta(minutes=40), reason=AWAY, failures=7,
        ),
        "Warehouse": _webhook(now, "Warehouse", "https://lake.client.example/" + "long/" * 12, ["*"], state="paused"),
        "Chat": _webhook(
            now, "Chat", "https://chat.client.example/bot", ["dispute.*"], state="disabled", reason=AWAY,
            failing_since=now - timedelta(days=5),
        ),
        "Overview": _webhook(now, "Overview", "https://ops.partner.example/in", ["invoice.*"], owner="partner"),
    }  # fmt: skip
    invoice = firm.invoices()[0]
    events, deliveries, attempts = [], [], []
    for place, (name, kind, state) in enumerate(
        [
            ("Books", "invoice.issued", "delivered"), ("Books", "invoice.delivered", "failed"),
            ("Books", "dispute.opened", "skipped"), ("CRM", "invoice.settled", "waiting"),
            ("CRM", "invoice.posted", "waiting"), ("Warehouse", "invoice.approved", "waiting"),
            ("Overview", "invoice.issued", "delivered"),
        ]
    ):  # fmt: skip
        event = _event(now - timedelta(minutes=90 - 10 * place), kind, invoice.id)
        sent = _delivery(now, made[name]["id"], event, state)
        events.append(event)
        deliveries.append(sent)
        if state != "skipped":
            attempts += _attempts(now, event, sent, 3 if name == "CRM" else 1)
    breakers = [
        {"key": key, "failures": 5, "times_opened": 2, "opened_at": now - timedelta(minutes=50), "updated_at": now,
         "retry_at": now + timedelta(minutes=4), "probe_until": None, "reason": reason}
        for key, reason in (("connection:books", "No route to the books: connection refused."),
                            ("mail", "The mail server says 421: too many connections."))
    ]  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(WebhookSubscriptionRow), list(made.values()))
        tx.session.execute(insert(WebhookEventRow), events)
        tx.session.execute(insert(WebhookDeliveryRow), deliveries)
        tx.session.execute(insert(WebhookAttemptRow), attempts)
        tx.session.execute(insert(BreakerRow), breakers)
        later = now + timedelta(minutes=4)
        payload = {"connection": "books", "invoice_id": invoice.id}
        enqueue(tx, [JobSpec(kind="connectors.post", key=f"p{n}", payload=payload, run_at=later) for n in range(3)])
    return {name: row["id"] for name, row in made.items()} | {"delivery": deliveries[3]["id"]}


def _webhook(now: datetime, name: str, url: str, types: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": new_id(), "owner": "tenant", "name": name, "url": url, "event_types": types, "secret": "sealed",
        "contact_email": "integration@client.example", "state": "active", "failures": 0, "failing_since": None,
        "retry_at": None, "reason": None, "created_at": now - timedelta(days=20), "updated_at": now, **more,
    }  # fmt: skip


def _event(at: datetime, kind: str, invoice_id: UUID) -> dict[str, Any]:
    data = {"id": show("inv", invoice_id), "object": "invoice", "number": "NG-2026-0001"}
    return {"id": new_id(), "type": kind, "object_kind": "invoice", "object_id": invoice_id, "at": at, "data": data}


def _delivery(now: datetime, webhook_id: UUID, event: dict[str, Any], state: str) -> dict[str, Any]:
    outcomes = {
        "delivered": "Taken: 204.", "failed": "The endpoint refused this event: 422. Given up after 31 attempts.",
        "skipped": "Skipped by Ana Duarte: the books have it already.", "waiting": AWAY,
    }  # fmt: skip
    return {
        "id": new_id(), "subscription_id": webhook_id, "event_id": event["id"], "object_id": event["object_id"],
        "state": state, "attempts": 1, "next_at": now + timedelta(minutes=40), "since": event["at"],
        "outcome": outcomes[state], "delivered_at": now if state == "delivered" else None,
    }  # fmt: skip


def _attempts(now: datetime, event: dict[str, Any], sent: dict[str, Any], count: int) -> list[dict[str, Any]]:
    taken = sent["state"] == "delivered"
    body = (
        f'{{"specversion":"1.0","id":"evt_{event["id"].hex}","source":"https://bills.example/v1/tenants/northgate",'
        f'"type":"{event["type"]}","data":{{"id":"{event["data"]["id"]}","object":"invoice"}}}}'
    )
    rows: list[dict[str, Any]] = []
    for place in range(count):
        status = 204 if taken else (503, None, 502)[place]
        rows.append(
            {
                "id": new_id(), "delivery_id": sent["id"], "at": now - timedelta(minutes=60 - 15 * place),
                "duration_ms": 84 + place, "status": status, "outcome": "Taken: 204." if taken else AWAY,
                "request_headers": {
                    "Content-Type": "application/cloudevents+json; charset=utf-8", "webhook-id": f"evt_{event['id'].hex}",
                    "webhook-timestamp": "1772463600", "webhook-signature": "(kept secret)",
                },
                "request_body": body,
                "response_headers": {"content-type": "text/html", "server": "nginx"} if status else None,
                "response_body": None if taken or not status else "<html><h1>503 Service Unavailable</h1></html>",
            }
        )  # fmt: skip
    return rows


def seed_partner_copy(firm: Firm, partner_webhook_id: UUID, url: str) -> UUID:
    """A firm's copy of its partner's webhook that does not answer, with four deliveries; the one that waits is returned."""
    now = firm.clock.now()
    copy = _webhook(
        now, "Operations", url, ["*"], owner="partner", partner_subscription_id=partner_webhook_id, reason=AWAY,
        failing_since=now - timedelta(hours=3), retry_at=now + timedelta(minutes=40), failures=7,
    )  # fmt: skip
    invoice = firm.invoices()[0]
    events, deliveries, attempts = [], [], []
    for place, state in enumerate(("delivered", "failed", "skipped", "waiting")):
        event = _event(now - timedelta(minutes=90 - 10 * place), "invoice.issued", invoice.id)
        sent = _delivery(now, copy["id"], event, state)
        events.append(event)
        deliveries.append(sent)
        if state != "skipped":
            attempts += _attempts(now, event, sent, 3 if state == "waiting" else 1)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        for table, rows in ((WebhookSubscriptionRow, [copy]), (WebhookEventRow, events)):
            tx.session.execute(insert(table), rows)
        tx.session.execute(insert(WebhookDeliveryRow), deliveries)
        tx.session.execute(insert(WebhookAttemptRow), attempts)
    return UUID(str(deliveries[3]["id"]))
