"""What is stuck, cause by cause, in the order in which work flows. Each function is one query."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, false, func, select

from billwright.approvals.decide_step import PERMISSIONS
from billwright.approvals.tables import ApprovalStepRow
from billwright.billing.pages import unbilled_sums
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.checks.tables import ExceptionRow
from billwright.delivery.tables import DeliveryRow
from billwright.delivery.webhooks.tables import WebhookSubscriptionRow
from billwright.intake.queries import messages_on_desk, resting
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.jobs.ask_now import NEEDS as ASK
from billwright.jobs.tables import JobRow
from billwright.kernel.ids import show
from billwright.kernel.redact import redact
from billwright.posting.tables import PostingRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.environment import unbranded
from billwright.web.portal.queries_breakers import silent_systems
from billwright.web.portal.queries_rooms import DELIVERY_STUCK, WEBHOOK_STUCK
from billwright.web.portal.queries_shell import POSTING_STUCK
from billwright.web.portal.stuck import FIRST, Cause, Deed, Thing

RENDER: Final = "documents.render"
ISSUE_FAILED: Final = "issue_failed"
INTEGRATION: Final = "integration_administrator"
COUNT: Final = func.count().over().label("all_of_them")


def causes(tx: Tx, may: Callable[..., bool]) -> list[Cause]:
    """Every cause of which there is something, for somebody who ``may`` read it."""
    found: list[Cause] = []
    for needs, read in READ:
        if may(needs):
            found.extend(read(tx))
    return [each for each in found if each.count]


def _count(rows: Sequence[Any]) -> int:
    return rows[0].all_of_them if rows else 0


def _messages(tx: Tx) -> list[Cause]:
    query = messages_on_desk(COUNT).where(SourceMessageRow.state == "held", resting(tx).is_(False))
    rows = tx.session.execute(query.order_by(SourceMessageRow.id).limit(FIRST)).all()
    things = []
    for row in rows:
        owner, remedy = words.HELD_MENDS.get(row.why or "", words.HELD_MENDS["wrong_content"])
        shown = show("msg", row.id)
        things.append(
            Thing(
                label=f"{unbranded(row.type)} {row.message_id}",
                path=f"messages/{shown}",
                owner=owner,
                reason=unbranded(row.reason or "It cannot be mapped."),
                remedy="Somebody else decides about the correction that was proposed." if row.proposal_id else remedy,
                since=row.held_at or row.received_at,
                deed=None
                if row.proposal_id
                else Deed("Try it again", "messages/retry", ("message:retry",), {"message": shown}),
            )
        )
    sentence = "What a source sent is kept, but nothing of it is known here yet."
    return [
        Cause(key="messages", title="Messages that are held", sentence=sentence, path="messages?status=held&rest=no",
              count=_count(rows), things=things)
    ]  # fmt: skip


def _items(tx: Tx) -> list[Cause]:
    sums = [row for row in unbilled_sums(tx) if row.reason]
    things = []
    for row in sums[:FIRST]:
        reason = words.explain(row.reason)
        things.append(
            Thing(
                label=f"{reason.title}: {row.items} {'item' if row.items == 1 else 'items'}",
                path=f"unbilled?reason={reason.code}",
                owner=reason.owner_role,
                reason=reason.sentence,
                remedy=reason.remedy,
                amount=(row.minor, row.currency) if row.currency else None,
            )
        )
    sentence = "Work is known and not billed, because something about it is missing. By reason."
    return [
        Cause(key="items", title="Items that wait", sentence=sentence, path="unbilled", count=sum(row.items for row in sums),
              things=things)
    ]  # fmt: skip


def _exceptions(tx: Tx) -> list[Cause]:
    """Two causes in one query: what a check holds, and what is approved and could not be issued."""
    failed = func.coalesce(InvoiceRow.detail == ISSUE_FAILED, false())
    place = func.row_number().over(partition_by=failed, order_by=(ExceptionRow.due_at, ExceptionRow.id))
    ranked = (
        select(
            *ExceptionRow.__table__.columns,
            CustomerRow.name.label("customer"), InvoiceRow.id.label("invoice_id"), InvoiceRow.phase, InvoiceRow.detail,
            failed.label("failed"), place.label("place"), func.count().over(partition_by=failed).label("all_of_them"),
        )
        .outerjoin(CustomerRow, CustomerRow.id == ExceptionRow.customer_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == ExceptionRow.subject_id)
        .where(ExceptionRow.closed_at.is_(None))
        .subquery("ranked")
    )  # fmt: skip
    rows = tx.session.execute(select(ranked).where(ranked.c.place <= FIRST).order_by(ranked.c.place)).all()
    held, unissued = [row for row in rows if not row.failed], [row for row in rows if row.failed]
    return [
        Cause(
            key="exceptions", title="Held by a check or returned", path="exceptions?owner=all", count=_count(held),
            sentence="A draft, or an item, that a person has to look at before it goes on.",
            things=[_exception(row) for row in held],
        ),
        Cause(
            key="issue", title="Approved, but not issued", path="invoices?group=held", count=_count(unissued),
            sentence="Everybody agreed; the number, or what it needs, is missing. The approvals stand.",
            things=[_exception(row) for row in unissued],
        ),
    ]  # fmt: skip


def _exception(row: Any) -> Thing:
    deed = None
    if row.invoice_id and row.detail in ("blocked", "returned", ISSUE_FAILED):
        label = "Issue it again" if row.detail == ISSUE_FAILED else "Check it again"
        deed = Deed(label, f"exceptions/{show('inv', row.invoice_id)}/check", ("invoice:submit",))
    return Thing(
        label=f"{row.title}, {row.customer or 'no customer'}",
        path=f"exceptions/{show('exc', row.id)}",
        owner=row.owner_role,
        reason=row.reason,
        remedy=row.remedy,
        since=row.opened_at,
        amount=(row.amount_minor, row.currency) if row.currency and row.amount_minor is not None else None,
        deed=deed,
    )


def _approvals(tx: Tx) -> list[Cause]:
    query = (
        select(
            InvoiceRow.id, InvoiceRow.gross_minor, InvoiceRow.currency, CustomerRow.name, ApprovalStepRow.role,
            ApprovalStepRow.rule, ApprovalStepRow.opened_at, COUNT,
        )
        .join(InvoiceRow, InvoiceRow.id == ApprovalStepRow.invoice_id)
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(
            ApprovalStepRow.state == "waiting", InvoiceRow.detail == func.concat("awaiting_", ApprovalStepRow.role)
        )
        .order_by(ApprovalStepRow.due_at, ApprovalStepRow.id)
        .limit(FIRST)
    )  # fmt: skip
    rows = tx.session.execute(query).all()
    things = [
        Thing(
            label=f"Draft to {row.name}",
            path=f"{'approvals?open=' if tx.actor.may(PERMISSIONS[row.role]) else 'invoices/'}{show('inv', row.id)}",
            owner=f"{row.role}_approver",
            reason=f"Waits for the decision of {words.role(row.role).lower()}, by the rule “{row.rule}”.",
            remedy="Decide, or ask somebody of that role to decide.",
            since=row.opened_at,
            amount=(row.gross_minor, row.currency),
        )
        for row in rows
    ]  # fmt: skip
    return [
        Cause(key="approvals", title="Wait for an approval", path="invoices?group=approval", count=_count(rows),
              sentence="Checked, and nobody has decided yet.", things=things)
    ]  # fmt: skip


def _documents(tx: Tx) -> list[Cause]:
    """Invoices whose PDF failed at least once, whether it is tried again or was given up."""
    query = (
        select(
            InvoiceRow.id, InvoiceRow.number, InvoiceRow.issued_at, CustomerRow.name, JobRow.id.label("job_id"), JobRow.state,
            JobRow.error, JobRow.run_at, COUNT,
        )
        .join(InvoiceRow, cast(InvoiceRow.id, Text) == JobRow.payload["invoice_id"].as_string())
        .join(CustomerRow, CustomerRow.id == InvoiceRow.customer_id)
        .where(
            JobRow.tenant_id == tx.tenant.id, JobRow.kind == RENDER, JobRow.error.is_not(None),
            JobRow.state.in_(("dead", "retry")),
        )
        .order_by(InvoiceRow.issued_at, JobRow.id)
        .limit(FIRST)
    )  # fmt: skip
    rows = tx.session.execute(query).all()
    things = [
        Thing(
            label=f"{row.number or 'Draft'}, {row.name}",
            path=f"invoices/{show('inv', row.id)}",
            owner=INTEGRATION,
            reason=_first_line(row.error),
            remedy="Mend what the error names, then have the document made again; nothing else is done twice.",
            since=row.issued_at,
            deed=_run(row) if row.state == "dead" else None,
        )
        for row in rows
    ]
    return [
        Cause(key="documents", title="Issued, without a document", path="connectors/jobs?kind=documents", count=_count(rows),
              sentence="The invoice stands; its PDF could not be made yet, so nothing was sent.", things=things)
    ]  # fmt: skip


def _deliveries(tx: Tx) -> list[Cause]:
    invoice = and_(DeliveryRow.subject_kind == "invoice", InvoiceRow.id == DeliveryRow.subject_id)
    query = (
        select(DeliveryRow, InvoiceRow.id.label("invoice_id"), InvoiceRow.number, COUNT)
        .outerjoin(InvoiceRow, invoice)
        .where(DeliveryRow.state.in_(DELIVERY_STUCK))
        .order_by(DeliveryRow.id)
        .limit(FIRST)
    )
    rows = tx.session.execute(query).all()
    things = []
    for row in rows:
        mail, deed = row.DeliveryRow, None
        if row.invoice_id:
            path = f"invoices/{show('inv', row.invoice_id)}/deliveries/{show('del', mail.id)}/retry"
            deed = Deed(f"Send it again to {mail.recipient}", path, ("delivery:retry",))
        things.append(
            Thing(
                label=f"{row.number or words.role(mail.subject_kind)} to {mail.recipient}",
                path=f"invoices/{show('inv', row.invoice_id)}" if row.invoice_id else "connectors/deliveries",
                owner="billing_clerk",
                reason=mail.outcome or "The mail server gave no reason.",
                remedy="Correct the address at its source or ask the customer, then send it again.",
                since=mail.intended_at,
                deed=deed,
            )
        )
    return [
        Cause(key="deliveries", title="Mails that did not arrive", path="connectors/deliveries", count=_count(rows),
              sentence="The document is ready; the customer does not have it.", things=things)
    ]  # fmt: skip


def _postings(tx: Tx) -> list[Cause]:
    query = (
        select(
            PostingRow, ConnectionRow.name.label("connection"), InvoiceRow.number, InvoiceRow.gross_minor, InvoiceRow.currency,
            COUNT,
        )
        .outerjoin(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .join(InvoiceRow, InvoiceRow.id == PostingRow.invoice_id)
        .where(PostingRow.state.in_(POSTING_STUCK))
        .order_by(PostingRow.id)
        .limit(FIRST)
    )  # fmt: skip
    rows = tx.session.execute(query).all()
    things = [
        Thing(
            label=f"{row.number or 'Draft'} in {row.connection or 'a removed connection'}",
            path=f"invoices/{show('inv', row.PostingRow.invoice_id)}",
            owner=INTEGRATION,
            reason=redact(row.PostingRow.error or "Whether it is there is not known yet."),
            remedy=row.PostingRow.remedy or "Post it again: it looks first, and never posts twice.",
            since=row.PostingRow.intended_at,
            amount=(row.gross_minor, row.currency),
            deed=Deed(
                "Post it again", f"connectors/postings/{show('pst', row.PostingRow.id)}/retry", ("posting:retry",)
            ),
        )
        for row in rows
    ]
    return [
        Cause(key="postings", title="Not in the books", path="connectors/postings", count=_count(rows), things=things,
              sentence="The books refused it, did not say, or hold something else.")
    ]  # fmt: skip


def _webhooks(tx: Tx) -> list[Cause]:
    row = WebhookSubscriptionRow
    rows = tx.session.execute(
        select(row, COUNT).where(WEBHOOK_STUCK).order_by(row.failing_since, row.id).limit(FIRST)
    ).all()
    things = [
        Thing(
            label=each.WebhookSubscriptionRow.name,
            path=f"connectors/webhooks/{show('whk', each.WebhookSubscriptionRow.id)}",
            owner=INTEGRATION,
            reason=redact(each.WebhookSubscriptionRow.reason or "It takes nothing."),
            remedy="Have the endpoint mended, then enable it or try again on its page: what waits is sent in its order.",
            since=each.WebhookSubscriptionRow.failing_since,
            real=True,
        )
        for each in rows
    ]
    return [
        Cause(key="webhooks", title="Webhooks that take nothing", path="connectors/webhooks", count=_count(rows),
              sentence="Another system is not told what happened here.", things=things)
    ]  # fmt: skip


def _breakers(tx: Tx) -> list[Cause]:
    silent = [each for each in silent_systems(tx) if each.since is not None]
    things = [
        Thing(
            label=f"{each.name} does not answer",
            path="connectors",
            owner=INTEGRATION,
            reason=each.reason,
            remedy=_waiting_words(each.waiting),
            since=each.since,
            deed=Deed("Ask now whether it answers", "connectors/ask", ASK, {"key": each.key}),
            real=True,
        )
        for each in silent[:FIRST]
    ]  # fmt: skip
    return [
        Cause(key="breakers", title="Systems that do not answer", path="connectors", count=len(silent), things=things,
              sentence="Nothing is lost: what is meant for them waits, and one job asks again and again.")
    ]  # fmt: skip


def _waiting_words(count: int) -> str:
    if not count:
        return "No job waits for it; the next one that needs it asks."
    waits = (
        "1 job waits for it and goes on by itself"
        if count == 1
        else f"{count} jobs wait for it and go on by themselves"
    )
    return f"{waits} when it answers."


def _jobs(tx: Tx) -> list[Cause]:
    """But for documents, which stand with their invoices."""
    awake: ColumnElement[bool] = func.coalesce(JobRow.snoozed_until > tx.now, false()).is_(False)
    query = (
        select(JobRow.id.label("job_id"), JobRow.kind, JobRow.error, JobRow.error_class, JobRow.updated_at, COUNT)
        .where(JobRow.tenant_id == tx.tenant.id, JobRow.state == "dead", JobRow.kind != RENDER, awake)
        .order_by(JobRow.updated_at, JobRow.id)
        .limit(FIRST)
    )
    rows = tx.session.execute(query).all()
    things = [
        Thing(
            label=row.kind,
            path=f"connectors/jobs/{show('job', row.job_id)}",
            owner=INTEGRATION,
            reason=f"{words.FAILURES.get(row.error_class or '', 'Failed')}. {_first_line(row.error)}",
            remedy="Look at what went out and came back, mend the cause, then run it again.",
            since=row.updated_at,
            deed=_run(row),
        )
        for row in rows
    ]
    return [
        Cause(key="jobs", title="Jobs that gave up", path="connectors/jobs?rest=no", count=_count(rows), things=things,
              sentence="Tried as often as they may be. Running one again is safe: each does its work once.")
    ]  # fmt: skip


def _run(row: Any) -> Deed:
    return Deed("Run it again", f"connectors/jobs/{show('job', row.job_id)}/retry", ("job:retry",))


def _first_line(text: str | None) -> str:
    return redact((text or "It gave no reason.").partition("\n")[0])[:300]


READ: Final[tuple[tuple[str, Callable[[Tx], list[Cause]]], ...]] = (
    ("message:read", _messages),
    ("item:read", _items),
    ("exception:read", _exceptions),
    ("invoice:read", _approvals),
    ("job:read", _documents),
    ("connection:read", _deliveries),
    ("connection:read", _postings),
    ("connection:read", _webhooks),
    ("connection:read", _breakers),
    ("job:read", _jobs),
)
"""What each cause needs to be read, in the order in which work flows."""
