"""The lists of connections, and of what did not get through to systems and people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import and_, select

from billwright.billing.tables import InvoiceRow
from billwright.delivery.retry_delivery import retry_delivery
from billwright.delivery.tables import DeliveryRow
from billwright.intake.tables import ConnectionRow
from billwright.jobs.ask_now import NEEDS as ASK
from billwright.kernel.ids import read, show
from billwright.posting.retry_posting import retry_posting
from billwright.posting.tables import PostingRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.listing import AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_bulk import Action, identifier_of
from billwright.web.portal.queries_breakers import silent_systems
from billwright.web.portal.queries_rooms import DELIVERY_STUCK, connections, stuck_counts
from billwright.web.portal.queries_shell import POSTING_STUCK

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit


def connector_tabs(visit: "Visit", tx: Tx) -> Mapping[str, Any]:
    """The pages of the room: (path, words, how many wait). Jobs are for those who may read them."""
    stuck = stuck_counts(tx)
    tabs = [
        ("connectors", "Connections", 0),
        ("connectors/postings", "Postings that need somebody", stuck.postings),
        ("connectors/deliveries", "Mails that did not arrive", stuck.deliveries),
        ("connectors/webhooks", "Webhooks", stuck.webhooks),
    ]
    return {"tabs": tabs + ([("connectors/jobs", "Jobs that gave up", stuck.jobs)] if visit.may("job:read") else [])}


def _beside_connections(visit: "Visit", tx: Tx) -> Mapping[str, Any]:
    """The tabs, what does not answer now, and whether this person may have it asked."""
    return {**connector_tabs(visit, tx), "silent": silent_systems(tx), "may_ask": visit.may(*ASK)}


CONNECTIONS: Final = Listing(
    name="connections",
    room="connectors",
    path="connectors",
    title="Connectors",
    rows="connections",
    needs=("connection:read",),
    template="connectors.html",
    beside=_beside_connections,
    whole=connections,
    columns=(
        Column(key="name", label="Name", fixed=True, wide=False, value=lambda row: row.name),
        Column(key="connector", label="Connector", within=True, value=lambda row: row.connector),
        Column(
            key="state", label="State", kind="status", wide=False,
            value=lambda row: ("Enabled", "done") if row.enabled else ("Switched off", "quiet"),
        ),
        Column(key="posted", label="Posted", kind="number", wide=False, value=lambda row: row.posted),
        Column(key="underway", label="On the way", kind="number", value=lambda row: row.underway),
        Column(key="stuck", label="Stuck", kind="number", wide=False, value=lambda row: row.stuck),
        Column(key="last", label="Last posted", kind="moment", value=lambda row: row.last),
    ),
)  # fmt: skip


def _postings(_tx: Tx) -> AnySelect:
    return (
        select(
            PostingRow,
            ConnectionRow.name.label("connection"),
            InvoiceRow.number,
            InvoiceRow.gross_minor,
            InvoiceRow.currency,
        )
        .outerjoin(ConnectionRow, ConnectionRow.id == PostingRow.connection_id)
        .join(InvoiceRow, InvoiceRow.id == PostingRow.invoice_id)
        .where(PostingRow.state.in_(POSTING_STUCK))
    )


def _posting_names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    query = (
        select(PostingRow.id, PostingRow.invoice_id, InvoiceRow.number)
        .join(InvoiceRow, InvoiceRow.id == PostingRow.invoice_id)
        .where(PostingRow.id.in_(identifiers))
    )
    rows = tx.session.execute(query)
    return {row.id: (row.number or "Draft", f"invoices/{show('inv', row.invoice_id)}") for row in rows}


def _post_again(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    posting_id = read("pst", identifier_of(tick))
    _, name = retry_posting(visit.database, visit.here, visit.actor, posting_id, trace_id=visit.trace_id)
    return f"Another attempt at {name} is on its way; it looks first and never posts twice."


POSTINGS: Final = Listing(
    name="postings",
    room="connectors",
    path="connectors/postings",
    title="Postings that need somebody",
    rows="postings",
    needs=("connection:read",),
    template="postings.html",
    beside=connector_tabs,
    query=_postings,
    identifier=PostingRow.id,
    order="since",
    opens=lambda row: f"invoices/{show('inv', row.PostingRow.invoice_id)}",
    prefix="pst",
    tick=lambda row: show("pst", row.PostingRow.id),
    names=_posting_names,
    actions=(
        Action(key="retry", label="Post them again", icon="refresh-cw", needs=("posting:retry",), run=_post_again),
    ),
    columns=(
        Column(key="number", label="Invoice", fixed=True, wide=False, value=lambda row: row.number or "Draft"),
        Column(key="connection", label="To", under=True, value=lambda row: row.connection or "a removed connection"),
        Column(
            key="state", label="State", kind="status", wide=False,
            value=lambda row: words.look(words.POSTING, row.PostingRow.state),
        ),
        Column(key="error", label="What is wrong", within=True, value=lambda row: row.PostingRow.error),
        Column(key="remedy", label="To mend", within=True, value=lambda row: row.PostingRow.remedy),
        Column(key="attempts", label="Attempts", kind="number", value=lambda row: row.PostingRow.attempts),
        Column(
            key="since", label="First tried", kind="moment", sort=Sort(PostingRow.id, UUID),
            value=lambda row: row.PostingRow.intended_at,
        ),
        Column(key="amount", label="Amount", kind="money", value=lambda row: (row.gross_minor, row.currency)),
    ),
    filters=(
        Filter(
            key="state", label="State", choices=tuple((state, words.POSTING[state][0]) for state in POSTING_STUCK),
            where=lambda _tx, state: PostingRow.state == state,
        ),
        Filter(
            key="connection", label="To", kind="text", where=lambda _tx, name: ConnectionRow.name == name,
        ),
    ),
)  # fmt: skip


def _deliveries(_tx: Tx) -> AnySelect:
    invoice = and_(DeliveryRow.subject_kind == "invoice", InvoiceRow.id == DeliveryRow.subject_id)
    return (
        select(DeliveryRow, InvoiceRow.id.label("invoice_id"), InvoiceRow.number)
        .outerjoin(InvoiceRow, invoice)
        .where(DeliveryRow.state.in_(DELIVERY_STUCK))
    )


def _delivery_opens(row: Any) -> str:
    return f"invoices/{show('inv', row.invoice_id)}" if row.invoice_id else ""


def _delivery_label(row: Any) -> str:
    return row.number or str(row.DeliveryRow.subject_kind).capitalize()


def _delivery_names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    rows = tx.session.execute(_deliveries(tx).where(DeliveryRow.id.in_(identifiers)))
    return {row.DeliveryRow.id: (_delivery_label(row), _delivery_opens(row)) for row in rows}


def _send_again(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    delivery_id = read("del", identifier_of(tick))
    retry_delivery(visit.database, visit.here, visit.actor, delivery_id, trace_id=visit.trace_id)
    return "Another attempt is on its way, to the address as it is now."


DELIVERIES: Final = Listing(
    name="deliveries",
    room="connectors",
    path="connectors/deliveries",
    title="Mails that did not arrive",
    rows="mails",
    needs=("connection:read",),
    template="deliveries.html",
    beside=connector_tabs,
    query=_deliveries,
    identifier=DeliveryRow.id,
    order="since",
    opens=_delivery_opens,
    prefix="del",
    tick=lambda row: show("del", row.DeliveryRow.id),
    names=_delivery_names,
    actions=(
        Action(key="retry", label="Send them again", icon="refresh-cw", needs=("delivery:retry",), run=_send_again),
    ),
    columns=(
        Column(key="number", label="About", fixed=True, wide=False, value=_delivery_label),
        Column(key="recipient", label="To", under=True, value=lambda row: row.DeliveryRow.recipient),
        Column(
            key="state", label="State", kind="status", wide=False,
            value=lambda row: words.look(words.DELIVERY, row.DeliveryRow.state),
        ),
        Column(key="outcome", label="What is wrong", within=True, value=lambda row: row.DeliveryRow.outcome),
        Column(key="channel", label="Channel", default=False, value=lambda row: row.DeliveryRow.channel),
        Column(key="attempts", label="Attempts", kind="number", value=lambda row: row.DeliveryRow.attempts),
        Column(
            key="since", label="First tried", kind="moment", sort=Sort(DeliveryRow.id, UUID),
            value=lambda row: row.DeliveryRow.intended_at,
        ),
    ),
    filters=(
        Filter(
            key="state", label="State", choices=tuple((state, words.DELIVERY[state][0]) for state in DELIVERY_STUCK),
            where=lambda _tx, state: DeliveryRow.state == state,
        ),
        Filter(
            key="recipient", label="To contains", kind="text",
            where=lambda _tx, text: DeliveryRow.recipient.icontains(text, autoescape=True),
        ),
    ),
)  # fmt: skip
