"""Bills that do not move on, each for another cause: put straight into the tables of the rooms that would say so."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from billwright.delivery.tables import DeliveryRow
from billwright.delivery.webhooks.tables import WebhookSubscriptionRow
from billwright.intake.tables import ConnectionRow
from billwright.jobs.tables import BreakerRow, JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.posting.tables import PostingRow
from billwright.tenancy.transaction import control_transaction, transaction
from support.pipeline import Firm


def accepted(firm: Firm) -> dict[str, Any]:
    return {
        "ref": "A1", "contract": "K1", "milestones": ["M1"], "decision": "accepted",
        "decided_at": firm.clock.now().isoformat(), "decided_by": "Client PM",
    }  # fmt: skip


def add(firm: Firm, row: type[Any], **values: Any) -> UUID:
    identifier: UUID = values.setdefault("id", new_id())
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(insert(row), [values])
    return identifier


def connection(firm: Firm, name: str = "books") -> UUID:
    return add(
        firm, ConnectionRow, name=name, connector="tryton", source=f"connections/{name}", settings={}, secrets=None,
        hook_secret=None, person_id=None, enabled=True,
    )  # fmt: skip


def fail_outside(firm: Firm, invoice: UUID, *, books: str = "books", webhook: str = "CRM") -> None:
    """The books refused it, the mail came back, its PDF and another job gave up, the books fell silent, nobody is told."""
    now = firm.clock.now()
    add(
        firm, PostingRow, invoice_id=invoice, connection_id=connection(firm, books), key=str(invoice), state="rejected", attempts=3,
        external_id=None, external_number=None, read_back=None, error="No such account.", remedy="Add the account.",
        intended_at=now, posted_at=None,
    )  # fmt: skip
    add(
        firm, DeliveryRow, key=f"mail:{invoice}", subject_kind="invoice", subject_id=invoice, channel="email", attempts=2,
        recipient="ap@client.example", state="refused", message_ref=None, outcome="550 no such user", intended_at=now,
        finished_at=now,
    )  # fmt: skip
    add(
        firm, WebhookSubscriptionRow, owner="tenant", partner_subscription_id=None, name=webhook, url="https://crm.example",
        event_types=["*"], contact_email="", secret="x", old_secret=None, old_secret_until=None, state="disabled", failures=9,
        failing_since=now, retry_at=None, warned_at=None, reason="410 Gone", created_at=now, updated_at=now,
    )  # fmt: skip
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        breaker = {"key": f"connection:{books}", "failures": 3, "times_opened": 1, "opened_at": now, "updated_at": now,
                   "retry_at": now + timedelta(minutes=5), "reason": "No route to it."}  # fmt: skip
        tx.session.execute(insert(BreakerRow), [breaker])
    dead_job(firm, "render:1", kind="documents.render", queue="documents", payload={"invoice_id": str(invoice)},
             error="RuntimeError: disk full")  # fmt: skip
    dead_job(firm, "post:1")


def dead_job(firm: Firm, key: str, **more: Any) -> str:
    now = firm.clock.now()
    row: dict[str, Any] = {
        "id": new_id(), "tenant_id": firm.tenant.id, "role_name": firm.tenant.role, "queue": "connectors",
        "kind": "connectors.post", "key": key, "payload": {"invoice_id": str(new_id()), "connection": "books"},
        "state": "dead", "run_at": now, "attempts": 8, "error_class": "business", "error": "RejectedError: The books said no.",
        "request": "POST /invoices\nAuthorization: Bearer abcdefghijkl\n\n{}", "response": '422 {"token": "hush-hush"}',
        "traceback": None, "created_at": now, "updated_at": now,
    }  # fmt: skip
    with control_transaction(firm.database, SYSTEM) as tx:
        tx.session.execute(insert(JobRow), [row | more])
    return f"connectors/jobs/{show('job', row['id'])}"
