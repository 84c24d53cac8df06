"""The lists of work: milestones, time and expenses, each with what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, and_, cast, func, select

from billwright.billing.credit_drafts import OPEN_MINOR
from billwright.billing.tables import BillableItemRow, InvoiceLineRow, InvoiceRow
from billwright.canon.tables import (
    AcceptanceRow,
    ContractRow,
    CustomerRow,
    ExpenseRow,
    MilestoneRow,
    ProjectRow,
    TimeEntryRow,
)
from billwright.extension.reasons import REASONS
from billwright.kernel.amount_out import decimal_out
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.transaction import Tx
from billwright.web.portal import words
from billwright.web.portal.listing import ALL, AnySelect, Column, Filter, Listing, Sort, asked_of, with_filter
from billwright.web.portal.listing_invoices import customer_name
from billwright.web.portal.listing_read import filtered

if TYPE_CHECKING:
    from billwright.web.portal.visit import Visit

Fact = type[MilestoneRow] | type[TimeEntryRow] | type[ExpenseRow]
STATES: Final = tuple((name, pair[0]) for name, pair in words.ITEM.items())
APPROVALS: Final = tuple((name, pair[0]) for name, pair in words.WORK.items())


def _query(fact: Fact, kind: str) -> Callable[[Tx], AnySelect]:
    """Rows of (fact, item or None) with what they belong to. A fact that a plugin bills in parts has a row per part."""
    position = (
        select(func.min(InvoiceLineRow.position))
        .where(
            InvoiceLineRow.invoice_id == BillableItemRow.invoice_id,
            InvoiceLineRow.milestone_id == BillableItemRow.subject_id,
        )
        .correlate(BillableItemRow)
        .scalar_subquery()
    )

    def query(_tx: Tx) -> AnySelect:
        return (
            select(
                fact,
                BillableItemRow,
                ContractRow.number.label("contract"),
                CustomerRow.name.label("customer"),
                CustomerRow.id.label("customer_id"),
                ProjectRow.name.label("project"),
                InvoiceRow.number.label("invoice"),
                AcceptanceRow.decided_at,
                AcceptanceRow.decided_by,
                position.label("position"),
            )
            .outerjoin(BillableItemRow, and_(BillableItemRow.subject_id == fact.id, BillableItemRow.kind == kind))
            .outerjoin(ContractRow, ContractRow.id == fact.contract_id)
            .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
            .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
            .outerjoin(InvoiceRow, InvoiceRow.id == BillableItemRow.invoice_id)
            .outerjoin(AcceptanceRow, AcceptanceRow.id == BillableItemRow.acceptance_id)
        )

    return query


def _counts(fact: Fact, kind: str) -> Callable[[Tx], Mapping[str, int]]:
    """How many items are in which state; under ``all`` how many facts there are."""

    def counts(tx: Tx) -> Mapping[str, int]:
        total = select(func.count()).select_from(fact).scalar_subquery()
        states = select(BillableItemRow.state, func.count(), total).where(BillableItemRow.kind == kind)
        rows = tx.session.execute(states.group_by(BillableItemRow.state)).all()
        found = {state: count for state, count, _ in rows}
        return {ALL: rows[0][2] if rows else 0, **{name: found[name] for name in words.ITEM if found.get(name)}}

    return counts


def sums_of(listing: Listing) -> "Callable[[Visit, Tx], Mapping[str, Any]]":
    """What the filters of the address let through adds up to by state and currency, each state by itself."""

    def beside(visit: "Visit", tx: Tx) -> Mapping[str, Any]:
        try:
            asked = with_filter(asked_of(listing, dict(visit.request.query_params)), "billing", "")
        except InputInvalidError:  # the page says which filter is wrong
            return {"sums": []}
        minor = cast(func.coalesce(func.sum(OPEN_MINOR), 0), BigInteger).label("minor")
        columns = (BillableItemRow.state.label("billing"), BillableItemRow.currency)
        query = filtered(tx, listing, asked).with_only_columns(*columns, func.count().label("items"), minor)
        grouped = query.where(BillableItemRow.id.is_not(None)).group_by(*columns).order_by(*columns)
        found: list[AnyRow] = list(tx.session.execute(grouped))
        order = list(words.ITEM)
        return {"sums": sorted(found, key=lambda row: (order.index(row.billing), row.currency or ""))}

    return beside


def _standing(row: Any) -> words.Status | None:
    return words.look(words.ITEM, row.BillableItemRow.state) if row.BillableItemRow else None


def _why(row: Any) -> str | None:
    codes = row.BillableItemRow.reasons if row.BillableItemRow else []
    return " ".join(f"{words.explain(code).title}. {words.explain(code).sentence}" for code in codes) or None


def _amount(row: Any) -> tuple[int, str] | None:
    item = row.BillableItemRow
    return None if item is None or item.amount_minor is None else (item.amount_minor, item.currency)


def _contract_page(row: Any) -> str:
    return f"contracts/{show('ctr', row[0].contract_id)}" if row.contract else ""


BELONGS: Final = (
    Column(key="customer", label="Customer", under=True, value=lambda row: row.customer or "no customer"),
    Column(key="contract", label="Contract", within=True, value=lambda row: row.contract or "no contract"),
    Column(key="project", label="Project", within=True, default=False, value=lambda row: row.project),
)
BECAME: Final = (
    Column(key="billing", label="Where it stands", kind="status", wide=False, value=_standing),
    Column(key="why", label="Why it waits", default=False, value=_why),
    Column(key="invoice", label="Invoice", default=False, value=lambda row: row.invoice),
    Column(key="amount", label="Amount", kind="money", wide=False, value=_amount),
)
APPROVED: Final = (
    Column(
        key="status", label="Approval", kind="status", under=True,
        value=lambda row: words.look(words.WORK, row[0].status),
    ),
    Column(key="by", label="Approved by", default=False, value=lambda row: row[0].approved_by or None),
)  # fmt: skip


def _filters(fact: Fact) -> tuple[Filter, ...]:
    return (
        Filter(
            key="billing", label="Where it stands", choices=STATES,
            where=lambda _tx, state: BillableItemRow.state == state,
        ),
        Filter(
            key="reason", label="Reason", choices=tuple((code, each.title) for code, each in REASONS.items()),
            where=lambda _tx, code: BillableItemRow.reasons.contains([code]),
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(
            key="contract", label="Contract", kind="id", prefix="ctr", name=_contract_number,
            where=lambda _tx, identifier: fact.contract_id == identifier,
        ),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: ContractRow.customer_id == identifier,
        ),
    )  # fmt: skip


def _contract_number(tx: Tx, contract_id: UUID) -> str:
    return tx.session.scalar(select(ContractRow.number).where(ContractRow.id == contract_id)) or "not known"


def _listing(
    name: str, title: str, fact: Fact, kind: str, columns: tuple[Column, ...], filters: tuple[Filter, ...] = ()
) -> Listing:
    listing = Listing(
        name=f"work-{name}",
        room="work",
        path=f"work/{name}",
        title=title,
        rows=title.lower(),
        needs=("project:read",),
        template="work_list.html",
        query=_query(fact, kind),
        # A fact that is billed in parts comes once per part: its item tells the parts apart.
        identifier=func.coalesce(BillableItemRow.id, fact.id),
        order="-entry",
        counts=_counts(fact, kind),
        opens=_contract_page,
        columns=columns,
        filters=(*_filters(fact)[:1], *filters, *_filters(fact)[1:]),
    )
    return replace(listing, beside=sums_of(listing))


def _between(column: Any) -> tuple[Filter, Filter]:
    return (
        Filter(key="from", label="From", kind="day", where=lambda _tx, day: column >= day),
        Filter(key="to", label="To", kind="day", where=lambda _tx, day: column <= day),
    )


def _status(fact: type[TimeEntryRow] | type[ExpenseRow]) -> Filter:
    return Filter(key="status", label="Approval", choices=APPROVALS, where=lambda _tx, status: fact.status == status)


MILESTONES: Final = _listing(
    "milestones", "Milestones", MilestoneRow, "milestone",
    (
        Column(
            key="entry", label="Milestone", fixed=True, wide=False, sort=Sort(MilestoneRow.id, UUID),
            value=lambda row: f"{row[0].number} · {row[0].name}" if row[0].name else row[0].number,
        ),
        *BELONGS,
        Column(key="due", label="Due", kind="day", value=lambda row: row[0].due_on),
        Column(key="accepted", label="Accepted", kind="moment", default=False, value=lambda row: row.decided_at),
        Column(key="accepted_by", label="Accepted by", default=False, value=lambda row: row.decided_by),
        *BECAME,
    ),
)  # fmt: skip
TIME: Final = _listing(
    "time", "Time", TimeEntryRow, "time",
    (
        Column(
            key="entry", label="Work", fixed=True, wide=False, sort=Sort(TimeEntryRow.id, UUID),
            value=lambda row: f"{decimal_out(row[0].hours)} h · {row[0].person_name}",
        ),
        Column(key="day", label="Day", kind="day", within=True, value=lambda row: row[0].worked_on),
        Column(key="note", label="Note", within=True, value=lambda row: row[0].note or None),
        *BELONGS,
        Column(key="hours", label="Hours", kind="number", default=False, value=lambda row: row[0].hours),
        Column(key="person", label="Person", default=False, value=lambda row: row[0].person_name),
        Column(key="role", label="Role", default=False, value=lambda row: row[0].role or None),
        *APPROVED,
        *BECAME,
    ),
    (_status(TimeEntryRow), *_between(TimeEntryRow.worked_on)),
)  # fmt: skip
EXPENSES: Final = _listing(
    "expenses", "Expenses", ExpenseRow, "expense",
    (
        Column(
            key="entry", label="Expense", fixed=True, wide=False, sort=Sort(ExpenseRow.id, UUID),
            value=lambda row: row[0].description or row[0].category or "Expense",
        ),
        Column(key="day", label="Day", kind="day", within=True, value=lambda row: row[0].spent_on),
        Column(key="person", label="Person", within=True, value=lambda row: row[0].person_name),
        *BELONGS,
        Column(key="category", label="Category", default=False, value=lambda row: row[0].category or None),
        Column(key="spent", label="Spent", kind="number", default=False, value=lambda row: row[0].amount),
        Column(key="unit", label="Spent in", default=False, value=lambda row: row[0].currency),
        *APPROVED,
        *BECAME,
    ),
    (_status(ExpenseRow), *_between(ExpenseRow.spent_on)),
)  # fmt: skip
WORK_LISTS: Final = {"milestones": MILESTONES, "time": TIME, "expenses": EXPENSES}
