"""The list of contracts: what was agreed, what is billed and what is not, net, in all currencies by one statement."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import or_, select

from billwright.canon.tables import ContractRow, CustomerRow, LegalEntityRow, ProjectRow
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tx
from billwright.web.portal import queries_contracts as queries
from billwright.web.portal import words
from billwright.web.portal.listing import AnySelect, Column, Filter, Listing, Sort
from billwright.web.portal.listing_invoices import customer_name

BILLING: Final = {
    "fixed_price": "Fixed price, by milestones",
    "time_and_materials": "Time and materials",
    "mixed": "Milestones, time and expenses",
}


def _contracts(tx: Tx) -> AnySelect:
    return (
        select(
            ContractRow,
            CustomerRow.name.label("customer"),
            ProjectRow.name.label("project"),
            LegalEntityRow.name.label("entity"),
            queries.value_now(tx).label("value_now"),
            queries.currency_now(tx).label("currency_now"),
            queries.standing_now().label("standing"),
        )
        .outerjoin(CustomerRow, CustomerRow.id == ContractRow.customer_id)
        .outerjoin(ProjectRow, ProjectRow.id == ContractRow.project_id)
        .outerjoin(LegalEntityRow, LegalEntityRow.code == ContractRow.legal_entity)
    )


def _amounts(name: str) -> Callable[[Any], list[tuple[int, str]] | None]:
    """The value of a column of amounts: those of ``Sums`` that are not zero."""

    def value(row: Any) -> list[tuple[int, str]] | None:
        sums = queries.read_standing(row.standing).sums
        return [(minor, each.currency) for each in sums if (minor := getattr(each, name))] or None

    return value


def _worth(row: Any) -> tuple[Decimal, str | None] | None:
    return None if row.value_now is None else (row.value_now, row.currency_now)


CONTRACTS: Final = Listing(
    name="contracts",
    room="contracts",
    path="contracts",
    title="Contracts",
    rows="contracts",
    needs=("contract:read",),
    template="contracts.html",
    beside=lambda _visit, _tx: {"standing_of": queries.read_standing},
    query=_contracts,
    identifier=ContractRow.id,
    order="-changed",
    counts=queries.contract_counts,
    currencies=queries.billed_currencies,
    opens=lambda row: f"contracts/{show('ctr', row.ContractRow.id)}",
    columns=(
        Column(
            key="number", label="Contract", fixed=True, wide=False, sort=Sort(ContractRow.number, str),
            value=lambda row: row.ContractRow.number,
        ),
        Column(key="title", label="Title", within=True, value=lambda row: row.ContractRow.title or None),
        Column(key="project", label="Project", within=True, value=lambda row: row.project),
        Column(key="customer", label="Customer", under=True, value=lambda row: row.customer),
        Column(key="entity", label="Billed by", default=False, value=lambda row: row.entity),
        Column(key="value", label="Worth now", kind="price", value=_worth),
        Column(key="billed", label="Billed", kind="amounts", value=_amounts("billed")),
        Column(key="unbilled", label="Unbilled", kind="amounts", wide=False, value=_amounts("unbilled")),
        Column(key="drafted", label="In drafts", kind="amounts", default=False, value=_amounts("drafted")),
        Column(key="ready", label="Ready", kind="amounts", default=False, value=_amounts("ready")),
        Column(key="waiting", label="Waiting", kind="amounts", value=_amounts("waiting")),
        Column(
            key="items", label="Items that wait", kind="number", default=False,
            value=lambda row: queries.read_standing(row.standing).waiting_items or None,
        ),
        Column(
            key="state", label="State", kind="status",
            value=lambda row: words.look(words.CONTRACT, row.ContractRow.status),
        ),
        Column(
            key="billing", label="Billed how", default=False,
            value=lambda row: BILLING.get(row.ContractRow.billing, row.ContractRow.billing),
        ),
        Column(key="po", label="Purchase order", default=False, value=lambda row: row.ContractRow.po_number or None),
        Column(
            key="signed", label="Signed", kind="day", default=False, sort=Sort(ContractRow.signed_on, date),
            value=lambda row: row.ContractRow.signed_on,
        ),
        Column(
            key="changed", label="Last change", kind="moment", default=False, sort=Sort(ContractRow.updated_at, datetime),
            value=lambda row: row.ContractRow.updated_at,
        ),
    ),
    filters=(
        Filter(
            key="which", label="State", choices=(("waiting", "Something waits"), *queries.STATES.items()),
            where=lambda _tx, which: queries.which_contracts()[which],
        ),
        Filter(
            key="about", label="Customer contains", kind="text",
            where=lambda _tx, text: CustomerRow.name.icontains(text, autoescape=True),
        ),
        Filter(
            key="called", label="Number or title contains", kind="text",
            where=lambda _tx, text: or_(
                ContractRow.number.icontains(text, autoescape=True), ContractRow.title.icontains(text, autoescape=True)
            ),
        ),
        Filter(
            key="billing", label="Billed how", choices=tuple(BILLING.items()),
            where=lambda _tx, billing: ContractRow.billing == billing,
        ),
        Filter(
            key="signed_from", label="Signed from", kind="day", where=lambda _tx, day: ContractRow.signed_on >= day,
        ),
        Filter(key="signed_to", label="Signed to", kind="day", where=lambda _tx, day: ContractRow.signed_on <= day),
        Filter(
            key="customer", label="Customer", kind="id", prefix="cus", name=customer_name,
            where=lambda _tx, identifier: ContractRow.customer_id == identifier,
        ),
    ),
)  # fmt: skip
