"""How many statements each page takes, whatever there is to show; and that reading less often forgets no revocation."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from billwright.canon.tables import ContractRow, CustomerRow
from billwright.identity.tables import MembershipRow, PersonRow, SessionRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import control_transaction, transaction
from billwright.web.portal.navigation import ROOMS
from support.pipeline import Firm
from support.visitors import LogIn, Person, counted_statements, log_in_to

__all__ = ["log_in_to"]
SHELL = 3
"""Session, person, tenant, rights and places (1); role and schema (1); counts of the rail (1)."""
STATEMENTS = {
    "today": 4, "exceptions": 4, "approvals": 6, "invoices": 3, "invoice": 5, "customers": 3, "customer": 10, "contracts": 3,
    "contract": 12, "work": 3, "collections": 5, "reports": 7, "report stall": 2, "report unbilled": 1, "report paid": 2,
    "report clean": 2, "connectors": 4, "settings": 2, "messages": 4, "mailbox": 2, "audit": 2, "access": 2, "search": 1,
    "stuck": 10,
}  # fmt: skip
"""Besides the shell's."""


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft that waits for the manager, one that a check holds."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    more(made, "A")
    return made


def more(firm: Firm, mark: str) -> None:
    firm.customer(f"C{mark}")
    firm.contract(f"K{mark}", customer=f"C{mark}")
    firm.milestone(f"M{mark}", f"K{mark}")
    firm.send("evidence", ref=f"E{mark}", contract=f"K{mark}", milestones=[f"M{mark}"], title="Protocol")
    firm.accept(f"M{mark}", f"K{mark}")
    firm.customer(f"H{mark}", name=f"Held {mark} Ltd", po_required=True)
    firm.contract(f"J{mark}", customer=f"H{mark}")
    firm.milestone(f"N{mark}", f"J{mark}")
    firm.accept(f"N{mark}", f"J{mark}")
    firm.milestone(f"W{mark}", f"K{mark}", amount="1.00")


def paths(firm: Firm) -> dict[str, str]:
    """Every room of the rail, and one page of each kind of thing."""
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        customer = tx.session.scalars(select(CustomerRow.id).order_by(CustomerRow.id).limit(1)).one()
        contract = tx.session.scalars(select(ContractRow.id).order_by(ContractRow.id).limit(1)).one()
    invoice = next(each for each in firm.invoices() if each.detail == "awaiting_manager")
    return {room.name: room.path for room in ROOMS} | {
        "invoice": f"invoices/{show('inv', invoice.id)}",
        "customer": f"customers/{show('cus', customer)}",
        "contract": f"contracts/{show('ctr', contract)}",
        "search": "search?q=client",
        "stuck": "stuck",
        **{f"report {name}": f"reports/{name}" for name in ("stall", "unbilled", "paid", "clean")},
    }


def taken(firm: Firm, person: Person) -> dict[str, int]:
    found = {}
    for name, path in paths(firm).items():
        with counted_statements(firm.database) as statements:
            status, page = person.get(path)
        assert status == 200, (name, page)
        found[name] = len(statements) - SHELL
    return found


def test_no_page_takes_more_statements_than_the_table_says(firm: Firm, log_in_to: LogIn) -> None:
    """However much there is to show. A new room needs its line; a page that takes fewer may have its line shortened."""
    person = log_in_to(firm, "all@acme.example", "manager_approver", "finance_approver", "auditor")
    few = taken(firm, person)
    for mark in "BC":
        more(firm, mark)
    many = taken(firm, person)
    assert set(many) == set(STATEMENTS)
    assert {name: count for name, count in many.items() if count > STATEMENTS[name]} == {}
    assert {name: (few[name], count) for name, count in many.items() if count > few[name]} == {}


@pytest.mark.parametrize(
    ("row", "changes", "status"),
    [
        (SessionRow, {"ended_at": "now"}, 303),
        (PersonRow, {"disabled_at": "now"}, 303),
        (MembershipRow, {"ended_at": "now"}, 404),
    ],
)
def test_what_is_revoked_is_gone_with_the_next_request(
    firm: Firm, log_in_to: LogIn, row: Any, changes: dict[str, str], status: int
) -> None:
    person = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    other = log_in_to(firm, "other@acme.example", "auditor")
    assert person.get("invoices")[0] == 200
    who = {SessionRow: "person_id", PersonRow: "id", MembershipRow: "person_id"}[row]
    with control_transaction(firm.database, SYSTEM) as tx:
        person_id = tx.session.scalars(
            select(PersonRow.id).where(
                PersonRow.email == "clerk@acme.example", PersonRow.partner_id == firm.tenant.partner_id
            )
        ).one()
        values = dict.fromkeys(changes, tx.now)
        tx.session.execute(update(row).where(getattr(row, who) == person_id).values(values))
    assert person.get("invoices")[0] == status
    assert other.get("invoices")[0] == 200
