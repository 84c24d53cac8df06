"""The lists of what waits for a person: held things on the desk, and drafts that wait for a decision."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select

from billwright.approvals.pages import ROWS as INBOX_ROWS
from billwright.approvals.pages import Waiting, inbox
from billwright.billing.tables import InvoiceRow
from billwright.canon.tables import CustomerRow
from billwright.checks.assign_exception import assign_exception
from billwright.checks.pages import waiting_by_owner
from billwright.checks.submit_draft import submit_draft
from billwright.checks.tables import ExceptionRow
from billwright.identity.permissions import TENANT_ROLES
from billwright.kernel.actor import Actor
from billwright.kernel.errors import ConflictError
from billwright.kernel.ids import read, show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.listing import ALL, AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_bulk import Action, hand_over, identifier_of
from billwright.web.portal.listing_invoices import customer_name
from billwright.web.portal.navigation import APPROVE

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

MINE: Final = "mine"


def roles_of_actor(actor: Actor) -> frozenset[str]:
    """Roles whose whole work the actor may do."""
    return frozenset(role for role, permissions in TENANT_ROLES.items() if permissions <= actor.permissions)


def _desk(_tx: Tx) -> AnySelect:
    return exceptions().where(ExceptionRow.closed_at.is_(None))


def exceptions() -> AnySelect:
    """Open and closed ones, each with its customer and the draft that it holds."""
    return (
        select(
            ExceptionRow,
            CustomerRow.name.label("customer"),
            InvoiceRow.id.label("invoice_id"),
            InvoiceRow.number,
            InvoiceRow.phase,
            InvoiceRow.detail,
        )
        .outerjoin(CustomerRow, CustomerRow.id == ExceptionRow.customer_id)
        .outerjoin(InvoiceRow, InvoiceRow.id == ExceptionRow.subject_id)
    )


def _counts(tx: Tx) -> Mapping[str, int]:
    """By role, under ``mine`` those of the actor's roles if they have any."""
    found = waiting_by_owner(tx)
    roles = roles_of_actor(tx.actor)
    mine = {MINE: sum(count for role, count in found.items() if role in roles)} if roles else {}
    return {ALL: sum(found.values()), **mine, **found}


def _opening(_tx: Tx, counts: Mapping[str, int]) -> Mapping[str, str]:
    """People come for what is theirs to mend; with nothing of theirs they see everything."""
    return {"owner": MINE} if counts.get(MINE) else {}


def _owned(tx: Tx, owner: str) -> Any:
    return ExceptionRow.owner_role.in_(roles_of_actor(tx.actor) if owner == MINE else {owner})


def _assigned(tx: Tx, who: str) -> Any:
    if who == "nobody":
        return ExceptionRow.assignee_id.is_(None)
    return ExceptionRow.assignee_id == tx.actor.person_id


def can_be_checked(row: Any) -> bool:
    """A held or returned draft, or one that was approved and could not be issued."""
    held = row.phase == "validation_pending" and row.detail in ("blocked", "returned")
    return bool(row.invoice_id) and (held or row.detail == "issue_failed")


def _opens(row: Any) -> str:
    return f"invoices/{show('inv', row.invoice_id)}" if row.invoice_id else f"unbilled?reason={row.ExceptionRow.code}"


def _tick(row: Any) -> str:
    """The exception, and the draft that it holds if the checks can run over that again."""
    draft = show("inv", row.invoice_id) if can_be_checked(row) else ""
    return f"{show('exc', row.ExceptionRow.id)}:{draft}"


def _names(tx: Tx, identifiers: Sequence[UUID]) -> Mapping[UUID, tuple[str, str]]:
    rows = tx.session.execute(_desk(tx).where(ExceptionRow.id.in_(identifiers)))
    return {
        row.ExceptionRow.id: (f"{row.ExceptionRow.title}, {row.customer or 'no customer'}", _opens(row)) for row in rows
    }


def _check_again(visit: "Visit", tick: str, _form: Mapping[str, Any]) -> str:
    draft = tick.partition(":")[2]
    if not draft:
        raise ConflictError(
            "This is not a held draft, so there is nothing to check again; open it to see what mends it."
        )
    submit_draft(visit.database, visit.here, visit.actor, read("inv", draft), trace_id=visit.trace_id)
    return "The draft was submitted; the checks run now, and what they still find comes back here."


def _assign(visit: "Visit", tick: str, person_id: UUID) -> None:
    exception_id = read("exc", identifier_of(tick))
    assign_exception(
        visit.database, visit.here, visit.actor, exception_id, person_id=person_id, trace_id=visit.trace_id
    )


EXCEPTIONS: Final = Listing(
    name="exceptions",
    room="exceptions",
    path="exceptions",
    title="Exceptions",
    rows="exceptions",
    needs=("exception:read",),
    template="exceptions.html",
    beside=lambda _visit, _tx: {"can_be_checked": can_be_checked},
    query=_desk,
    identifier=ExceptionRow.id,
    order="due",
    counts=_counts,
    opening=_opening,
    people=True,
    opens=_opens,
    prefix="exc",
    tick=_tick,
    names=_names,
    actions=(
        *hand_over("exception:assign", _assign),
        Action(key="check", label="Check again", icon="refresh-cw", needs=("invoice:submit",), run=_check_again),
    ),
    columns=(
        Column(
            key="due", label="Due", kind="moment", sort=Sort(ExceptionRow.due_at, datetime),
            value=lambda row: row.ExceptionRow.due_at,
        ),
        Column(key="what", label="What is held and why", fixed=True, wide=False, value=lambda row: row.ExceptionRow.title),
        Column(key="customer", label="Customer", within=True, value=lambda row: row.customer or "no customer"),
        Column(key="invoice", label="Invoice", within=True, default=False, value=lambda row: row.number),
        Column(key="reason", label="Reason", within=True, value=lambda row: row.ExceptionRow.reason),
        Column(key="remedy", label="To mend", within=True, value=lambda row: row.ExceptionRow.remedy),
        Column(key="owner", label="Owner", under=True, value=lambda row: words.role(row.ExceptionRow.owner_role)),
        Column(key="assignee", label="Taken by", kind="person", value=lambda row: row.ExceptionRow.assignee_id),
        Column(
            key="paused", label="Paused until", kind="moment", default=False, value=lambda row: row.ExceptionRow.paused_until,
        ),
        Column(
            key="kind", label="Kind", default=False,
            value=lambda row: "Technical" if row.ExceptionRow.technical else "Business",
        ),
        Column(
            key="opened", label="Held since", kind="moment", default=False, sort=Sort(ExceptionRow.id, UUID),
            value=lambda row: row.ExceptionRow.opened_at,
        ),
        Column(
            key="amount", label="Amount", kind="money", wide=False,
            value=lambda row: (row.ExceptionRow.amount_minor, row.ExceptionRow.currency),
        ),
    ),
    filters=(
        Filter(
            key="owner", label="Owner", kind="counted", where=_owned,
            words=lambda owner: "For my roles" if owner == MINE else words.role(owner),
        ),
        Filter(
            key="assigned", label="Taken by", choices=(("me", "Me"), ("nobody", "Nobody")), where=_assigned,
        ),
        Filter(
            key="kind", label="Kind", choices=(("business", "Business"), ("technical", "Technical")),
            where=lambda _tx, kind: ExceptionRow.technical.is_(kind == "technical"),
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(
            key="code", label="Finding", kind="text", where=lambda _tx, code: ExceptionRow.code == code,
        ),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: ExceptionRow.customer_id == identifier,
        ),
    ),
)  # fmt: skip


def _approval_tick(row: Waiting) -> str:
    """The draft and exactly the content that is shown: a decision is bound to it."""
    return "" if row.hindrance else f"{show('inv', row.invoice_id)}:{row.content_sha256}"


APPROVALS: Final = Listing(
    name="approvals",
    room="approvals",
    path="approvals",
    title="Approvals",
    rows="drafts",
    needs=APPROVE,
    template="approvals.html",
    whole=inbox,
    whole_max=INBOX_ROWS,
    opens=lambda row: f"approvals?open={show('inv', row.invoice_id)}",
    prefix="inv",
    tick=_approval_tick,
    columns=(
        Column(key="customer", label="Customer", fixed=True, wide=False, value=lambda row: row.customer),
        Column(key="due", label="Due", kind="moment", within=True, value=lambda row: row.due_at),
        Column(
            key="step", label="Step", within=True,
            value=lambda row: f"{words.role(row.role).lower()} step {row.place} of {row.steps}",
        ),
        Column(key="project", label="Project", within=True, default=False, value=lambda row: row.project),
        Column(key="entity", label="Issued by", within=True, default=False, value=lambda row: row.entity),
        Column(key="rule", label="Because of", within=True, default=False, value=lambda row: row.rule),
        Column(
            key="opened", label="Waits since", kind="moment", within=True, default=False,
            value=lambda row: row.opened_at,
        ),
        Column(key="hindrance", label="Why not you", within=True, default=False, value=lambda row: row.hindrance),
        Column(
            key="net", label="Net", kind="money", default=False, wide=False,
            value=lambda row: (row.net_minor, row.currency),
        ),
        Column(
            key="gross", label="Amount", kind="money", wide=False, value=lambda row: (row.gross_minor, row.currency),
        ),
    ),
)  # fmt: skip
