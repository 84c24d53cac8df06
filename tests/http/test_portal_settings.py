"""Settings: what is in force in words, who may change people and tokens, and what is refused with which sentence."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from billwright.audit.change_configuration import change_configuration
from billwright.identity.find_token import find_token
from billwright.identity.tables import MembershipRow, PersonRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.errors import NotAuthenticatedError
from billwright.kernel.ids import show
from billwright.tenancy.configuration import ApprovalRule, RuleSetting, TenantConfiguration
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.http import PASSWORD, People
from support.pipeline import Firm, person
from support.visitors import LogIn, log_in_to, text_of

__all__ = ["log_in_to"]
CONFIGURATION = TenantConfiguration(
    rules=(RuleSetting(name="purchase_order", settings={"warn_at_percent": 75}), RuleSetting(name="contract_value")),
    approvals=(
        ApprovalRule(name="Big ones", customer="C1", currency="EUR", at_least=Decimal(50000), steps=("finance",)),
        ApprovalRule(name="Rest", steps=("manager",)),
        ApprovalRule(name="Too late", legal_entity="DE01", steps=()),
    ),
    render_documents=False,
    deliver_by_mail=False,
)
TABS = ("", "/terms", "/brand", "/approvals", "/rules", "/reminders", "/history", "/you")


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    made = make_firm(CONFIGURATION)
    made.customer()
    return made


def roles_of(firm: Firm, email: str) -> set[str]:
    """Roles that hold in the firm now."""
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(MembershipRow.role).join(PersonRow, PersonRow.id == MembershipRow.person_id)
        here = MembershipRow.tenant_id == firm.tenant.id
        return set(tx.session.scalars(query.where(PersonRow.email == email, here, MembershipRow.ended_at.is_(None))))


def test_settings_are_sentences(firm: Firm, log_in_to: LogIn) -> None:
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    said = {tab: text_of(admin.get(f"settings{tab}")[1]) for tab in (*TABS, "/people")}
    for tab, expected in (
        ("", "DE123456789"),
        ("", "Invoice 2026 ACME-{year}-{number:05d} 0 1"),
        ("/terms", "30 days, unless contract or customer say otherwise"),
        ("/brand", "Button that decides Light"),
        ("/approvals", "Drafts for Client SA over EUR 50,000 net or exactly that: finance decides alone."),
        ("/approvals", "Every other draft: the manager decides alone."),
        ("/approvals", "Never reached An earlier row takes every draft."),
        ("/approvals", "Manager Nobody Drafts that need this step wait for ever."),
        ("/rules", "Warn at percent 75 Warn from this share"),
        ("/rules", "Tolerance percent 0 (as it comes)"),
        ("/rules", "Duplicate billing Off"),
        ("/reminders", "14 days after the due date: a firm reminder."),
        ("/people", "Admin (you) admin@acme.example"),
        ("/history", "Version 1 System"),
    ):
        assert expected in said[tab], (tab, expected, said[tab])
    assert "tenant apply" in said["/rules"]


def test_the_history_says_who_changed_what_from_and_to(firm: Firm, log_in_to: LogIn) -> None:
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    changed = msgspec.structs.replace(CONFIGURATION, payment_terms_days=14, deliver_by_mail=True)
    with transaction(firm.database, firm.tenant, person("Lea Winter")) as tx:
        change_configuration(tx, changed)
    said = text_of(admin.get("settings/history")[1])
    assert "Version 2 Lea Winter, just now Delivery by e-mail no yes Payment terms 30 14" in said
    assert "Version 1 System" in said
    assert "14 days, unless contract or customer say otherwise" in text_of(admin.get("settings/terms")[1])


def test_settings_are_offered_by_permission(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert [clerk.get(f"settings{tab}")[0] for tab in TABS] == [200] * len(TABS)
    assert "settings/people" not in clerk.get("settings")[1]
    for status, page in (clerk.get("settings/people"), clerk.post("settings/people", email="x@acme.example")):
        assert status == 403
        assert re.search(r"user:(read|write)", page)


def test_an_administrator_adds_a_person_who_then_works(firm: Firm, log_in_to: LogIn, people: People) -> None:
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    new = {
        "email": " Rosa@Acme.Example",
        "name": "Rosa Lind",
        "role": "collector",
        "locale": "de",
        "password": PASSWORD,
    }
    status, where = admin.post("settings/people", **new)
    assert (status, where) == (303, f"{admin.base}/settings/people")
    page = admin.get("settings/people")[1]
    assert "rosa@acme.example may work here as Collector" in page
    assert roles_of(firm, "rosa@acme.example") == {"collector"}
    door = {"email": "rosa@acme.example", "password": PASSWORD}
    assert admin.client.post(f"/p/{people.partner_slug}/login", data=door).status_code == 303


def test_a_person_of_another_firm_keeps_name_and_password(
    firm: Firm, log_in_to: LogIn, people: People, make_tenant: Callable[..., Tenant]
) -> None:
    people.person("shared@world.example", "auditor", tenant=make_tenant("Other Firm"))
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    new = {"email": "shared@world.example", "name": "Renamed", "role": "auditor", "password": "another password here"}
    assert admin.post("settings/people", **new)[0] == 303
    assert "Renamed" not in admin.get("settings/people")[1]
    door = {"email": "shared@world.example", "password": "another password here"}
    assert admin.client.post(f"/p/{people.partner_slug}/login", data=door).status_code == 401


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"email": "no address"}, 422, "is no e-mail address"),
        ({"password": "short"}, 422, "A password has 12 to 200 characters."),
        ({"name": " "}, 422, "A person needs a name"),
        ({"role": "emperor"}, 422, "There is no role"),
        ({"email": "Admin@acme.example"}, 403, "Nobody gives themselves a role"),
        ({"email": "clerk@acme.example", "role": "finance_approver"}, 403, "Nobody may both make what is billed"),
    ],
)
def test_what_is_wrong_with_a_new_person_is_said_in_the_form(
    firm: Firm,
    log_in_to: LogIn,
    people: People,
    changes: dict[str, str],
    status: int,
    sentence: str,
) -> None:
    people.person("clerk@acme.example", "billing_clerk", tenant=firm.tenant)
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    new = {"email": "rosa@acme.example", "name": "Rosa", "role": "collector", "password": PASSWORD} | changes
    answered, page = admin.post("settings/people", **new)
    assert (answered, sentence in page) == (status, True)
    assert 'id="n-email"' in page
    assert PASSWORD not in page
    assert roles_of(firm, "rosa@acme.example") == set()
    assert roles_of(firm, "clerk@acme.example") == {"billing_clerk"}


def test_roles_are_given_and_taken_and_toxic_pairs_refused(firm: Firm, log_in_to: LogIn, people: People) -> None:
    email = "clerk@acme.example"
    person = show("per", people.person(email, "billing_clerk", tenant=firm.tenant))
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    assert admin.post(f"settings/people/{person}/roles", role="collector")[0] == 303
    assert roles_of(firm, email) == {"billing_clerk", "collector"}
    status, page = admin.post(f"settings/people/{person}/roles", role="manager_approver")
    assert status == 403
    assert "Nobody may both make what is billed and approve it: give one of the roles to somebody else." in page
    assert admin.post(f"settings/people/{person}/roles/collector/remove")[0] == 303
    assert roles_of(firm, email) == {"billing_clerk"}
    clerk = log_in_to(firm, email, "billing_clerk")
    assert clerk.post(f"settings/people/{person}/roles", role="auditor")[0] == 403
    assert admin.post("settings/people/per_" + "0" * 32 + "/roles", role="auditor")[0] == 404


def test_a_token_is_shown_once_works_and_ends(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    status, page = clerk.post("settings/you/tokens", name="Reports", days="30", scope=["invoice:read", "contract:read"])
    assert status == 200
    (secret,) = re.findall(r'<code class="secret">(bw_[\w-]+)</code>', page)
    assert find_token(firm.database, secret).scopes == frozenset({"invoice:read", "contract:read"})
    page = clerk.get("settings/you")[1]
    assert secret not in page
    (token,) = set(re.findall(r"tok_[0-9a-f]{32}", page))
    assert clerk.post(f"settings/you/tokens/{token}/revoke")[0] == 303
    with pytest.raises(NotAuthenticatedError):
        find_token(firm.database, secret)


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"scope": "invoice:approve_finance"}, 403, "You cannot give what you do not have"),
        ({"scope": []}, 422, "Say what the token may do"),
        ({"days": "0"}, 422, "A token lives 1 to 366 days."),
        ({"days": "soon"}, 422, "Days must be a whole number."),
    ],
)
def test_a_token_that_may_not_be_is_refused_in_the_form(
    firm: Firm, log_in_to: LogIn, changes: dict[str, Any], status: int, sentence: str
) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    wanted = {"name": "Reports", "days": "30", "scope": "invoice:read"} | changes
    answered, page = clerk.post("settings/you/tokens", **wanted)
    assert (answered, sentence in page) == (status, True), page
    assert "bw_" not in page


def test_others_tokens_are_ended_by_an_administrator_only(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    clerk.post("settings/you/tokens", name="Reports", days="30", scope="invoice:read")
    (token,) = set(re.findall(r"tok_[0-9a-f]{32}", clerk.get("settings/you")[1]))
    other = log_in_to(firm, "other@acme.example", "billing_clerk")
    assert token not in other.get("settings/you")[1]
    assert other.post(f"settings/you/tokens/{token}/revoke")[0] == 404
    admin = log_in_to(firm, "admin@acme.example", "tenant_administrator")
    assert token in admin.get("settings/people")[1]
    assert admin.post(f"settings/you/tokens/{token}/revoke", back="people") == (303, f"{admin.base}/settings/people")


def test_a_new_password_ends_every_session(firm: Firm, log_in_to: LogIn, people: People) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    new = "a longer passphrase than before"
    for fields, sentence in (
        ({"old": "not the old one", "new": new, "again": new}, "The old password does not fit."),
        ({"old": PASSWORD, "new": new, "again": new + "!"}, "The two new passwords differ"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "A password has 12 to 200 characters."),
    ):
        status, page = clerk.post("settings/you/password", **fields)
        assert (status, sentence in page) == (422, True)
        assert new not in page
    status, where = clerk.post("settings/you/password", old=PASSWORD, new=new, again=new)
    assert (status, where) == (303, f"/p/{people.partner_slug}/login?next={clerk.base}/settings/you")
    assert clerk.get("settings/you")[0] == 303
    door = f"/p/{people.partner_slug}/login"
    assert clerk.client.post(door, data={"email": "clerk@acme.example", "password": PASSWORD}).status_code == 401
    assert clerk.client.post(door, data={"email": "clerk@acme.example", "password": new}).status_code == 303


def test_light_and_dark_are_chosen_and_given_back(firm: Firm, log_in_to: LogIn) -> None:
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    for theme, expected in (("dark", 'data-theme="dark"'), ("", '<html lang="en">')):
        assert clerk.post("settings/you/theme", theme=theme)[0] == 303
        assert expected in clerk.get("settings/you")[1]
    assert clerk.post("settings/you/theme", theme='"><script>')[0] == 303
    assert "<script>" not in clerk.get("settings/you")[1]


def test_the_mail_of_the_brand_is_a_page_that_runs_nothing(
    make_firm: Callable[[TenantConfiguration], Firm], log_in_to: LogIn
) -> None:
    firm = make_firm(TenantConfiguration(approvals=(ApprovalRule(name="all", steps=()),), render_documents=False))
    clerk = log_in_to(firm, "clerk@acme.example", "billing_clerk")
    assert clerk.get("settings/brand/mail")[0] == 404
    assert "as soon as the first invoice is issued" in clerk.get("settings/brand")[1]
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    answer = clerk.client.get(f"{clerk.base}/settings/brand/mail")
    assert answer.status_code == 200
    assert "ACME-2026-00001" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert 'src="' + f"{clerk.base}/settings/brand/mail" in clerk.get("settings/brand")[1]
