"""Saved views: named looks at a list, one's own or for everybody, and nobody else's business."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from billwright.identity.saved_views import VIEWS_MAX, save_view
from billwright.identity.tables import SavedViewRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import ConflictError, PermissionDeniedError
from billwright.kernel.ids import new_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, transaction
from support.lists import entries, links, many_invoices
from support.pipeline import Firm
from support.visitors import LogIn, Person, log_in_to

__all__ = ["log_in_to"]


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """One draft that a check holds."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    made.customer(po_required=True)
    made.contract()
    made.milestone()
    made.accept()
    return made


@pytest.fixture
def clerk(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "clerk@acme.example", "billing_clerk")


@pytest.fixture
def admin(firm: Firm, log_in_to: LogIn) -> Person:
    return log_in_to(firm, "admin@acme.example", "tenant_administrator")


def keep(person: Person, name: str, state: str = "group=held&order=-number&columns=number,net", **more: Any) -> str:
    """Keep a view; where it is, in the tenant."""
    status, where = person.post("lists/invoices/views", name=name, state=state, **more)
    assert status == 303, where
    return where.removeprefix(f"{person.base}/")


def deeds(where: str) -> str:
    """Where the forms of the view at that address are sent."""
    return f"lists/invoices/views/{where.partition('view=')[2]}"


def test_a_view_brings_back_filters_columns_and_order(firm: Firm, clerk: Person) -> None:
    many_invoices(firm, 9)
    where = keep(clerk, "  Held   things ")
    status, page = clerk.get(where)
    assert status == 200
    assert "View: Held things" in links(page)
    assert 'aria-sort="descending"' in page
    assert re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', page) == ["Invoice", "Net"]
    assert "Draft" in links(page)
    assert "COPY-0000" not in page
    (entry,) = entries(firm, "view.created")
    assert entry.after == {"list": "invoices", "name": "Held things", "shared": False, "filters": {"group": "held"}}
    assert "Held things" in links(clerk.get("invoices")[1])


def test_the_list_opens_with_the_view_that_the_person_chose(firm: Firm, clerk: Person) -> None:
    many_invoices(firm, 9)
    where = keep(clerk, "Held")
    assert clerk.post(f"{deeds(where)}/first")[0] == 303
    assert "View: Held" in links(clerk.get("invoices")[1])
    everything = links(clerk.get("invoices")[1])["Everything"].removeprefix(f"{clerk.base}/")
    assert "COPY-0000" in clerk.get(everything)[1]
    assert "View: Held" not in links(clerk.get("invoices?group=issued")[1])
    clerk.post(f"{deeds(where)}/first", undo="1")
    assert "COPY-0000" in clerk.get("invoices")[1]
    assert [entry.after for entry in entries(firm, "list.arranged")][-1] == {"list": "invoices", "view_id": None}


def test_a_view_is_its_owners_until_it_is_shared(firm: Firm, clerk: Person, admin: Person) -> None:
    own = keep(admin, "Mine alone")
    assert "Mine alone" not in links(clerk.get("invoices")[1])
    for status, page in (
        clerk.get(own), clerk.post(deeds(own), name="Taken"), clerk.post(f"{deeds(own)}/first"),
        clerk.post(f"{deeds(own)}/delete"),
    ):  # fmt: skip
        assert status == 404, page
    shared = keep(admin, "For all", shared="1")
    assert clerk.get(shared)[0] == 200
    assert "Delete the view" not in clerk.get(shared)[1]
    assert clerk.post(f"{deeds(shared)}/first")[0] == 303
    assert clerk.post(deeds(shared), name="Taken")[0] == 403
    assert clerk.post(f"{deeds(shared)}/delete")[0] == 403
    assert clerk.post("lists/invoices/views", name="Mine", state="", shared="1")[0] == 403
    assert admin.post(deeds(shared), name="For me", sharing="1")[0] == 303
    assert clerk.get(shared)[0] == 404
    assert clerk.get("invoices")[0] == 200  # its first view is gone for the clerk: the list opens as it comes
    changed = entries(firm, "view.changed")[0]
    assert (changed.before, changed.after) == ({"name": "For all", "shared": True}, {"name": "For me", "shared": False})


def test_a_deleted_view_takes_nothing_with_it(firm: Firm, clerk: Person) -> None:
    where = keep(clerk, "Short-lived")
    clerk.post(f"{deeds(where)}/first")
    status, back = clerk.post(f"{deeds(where)}/delete")
    assert (status, back) == (303, f"{clerk.base}/invoices")
    assert clerk.get(where)[0] == 404
    assert clerk.get("invoices")[0] == 200
    assert entries(firm, "view.deleted")[0].before == {
        "list": "invoices", "name": "Short-lived", "shared": False, "filters": {"group": "held"},
    }  # fmt: skip


def test_views_of_another_tenant_and_of_another_list_are_not_there(
    firm: Firm, clerk: Person, log_in_to: LogIn, make_tenant: Callable[..., Tenant]
) -> None:
    where = keep(clerk, "Held")
    other = make_tenant("Other Firm")
    foreign = log_in_to(firm, "clerk@other.example", "billing_clerk", tenant=other)
    at_home = f"/t/{other.slug}/{where}"
    assert foreign.client.get(at_home, headers={"accept": "text/html"}).status_code == 404
    answer = foreign.client.post(f"/t/{other.slug}/{deeds(where)}/delete", data={"csrf": foreign.csrf})
    assert answer.status_code == 404
    assert clerk.get(where.replace("invoices?", "exceptions?"))[0] == 404
    assert clerk.post(deeds(where).replace("invoices", "exceptions"), name="x")[0] == 404
    assert clerk.get(where)[0] == 200


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u202eb"])
def test_a_view_needs_a_name_that_people_can_read(clerk: Person, name: str) -> None:
    status, page = clerk.post("lists/invoices/views", name=name, state="")
    assert status == 422
    assert "Give the view a name of 1 to 60 characters." in page


def test_names_are_told_apart_per_person_and_list(firm: Firm, clerk: Person, admin: Person) -> None:
    where = keep(clerk, "Held")
    status, page = clerk.post("lists/invoices/views", name="Held", state="")
    assert status == 409
    assert "choose another name" in page
    second = keep(clerk, "Second")
    assert clerk.post(deeds(second), name="Held")[0] == 409
    assert clerk.post(deeds(where), name="Held")[0] == 303
    keep(admin, "Held")
    assert clerk.post("lists/exceptions/views", name="Held", state="")[0] == 303
    assert len(entries(firm, "view.created")) == 4


def a_person() -> Actor:
    return Actor(kind="person", name="Ines", person_id=new_id(), permissions=frozenset({"invoice:read"}))


def save(firm: Firm, actor: Actor, name: str) -> None:
    save_view(
        firm.database,
        firm.tenant,
        actor,
        list_name="invoices",
        name=name,
        filters={},
        columns=["number"],
        order="-changed",
    )


def test_of_two_views_of_one_name_at_once_one_is_kept(firm: Firm) -> None:
    actor, start = a_person(), Barrier(4)

    def attempt(_number: int) -> str:
        start.wait()
        try:
            save(firm, actor, "Same")
        except ConflictError:
            return "refused"
        return "kept"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == ["kept", "refused", "refused", "refused"]
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        assert tx.session.scalar(select(func.count()).select_from(SavedViewRow)) == 1


def test_a_person_has_so_many_views_and_a_program_none(firm: Firm) -> None:
    actor = a_person()
    for number in range(VIEWS_MAX):
        save(firm, actor, f"View {number}")
    with pytest.raises(ConflictError, match="delete one"):
        save(firm, actor, "One more")
    with pytest.raises(PermissionDeniedError, match="a program has none"):
        save(firm, SYSTEM, "Robot")
