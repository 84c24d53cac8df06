"""Who works here with which roles, and what everybody sets for themselves: password, tokens, light or dark."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Controller, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.identity.add_member import add_member
from billwright.identity.add_person import change_password
from billwright.identity.assign_role import assign_role, remove_role
from billwright.identity.errors import LoginFailedError
from billwright.identity.list_members import list_members
from billwright.identity.make_token import NewToken, list_tokens, make_token, revoke_token
from billwright.identity.permissions import TENANT_ROLES, TOXIC_PAIRS
from billwright.kernel.errors import DomainError, InputInvalidError, PermissionDeniedError
from billwright.kernel.ids import read
from billwright.kernel.paging import LIMIT_MAX
from billwright.web.portal.forms import Form, field, fields, whole_number
from billwright.web.portal.settings_pages import settings_page
from billwright.web.portal.visit import THEMES, Visit, provide_visit
from billwright.web.portal.words import role as role_words

LANGUAGES: Final = {"en": "English", "de": "German", "fr": "French"}
YEAR_S: Final = 31_536_000
SHOWN_AGAIN: Final = (InputInvalidError, PermissionDeniedError, LoginFailedError)
"""Refusals that the form itself shows, with what was typed still there; others have their own page."""


class PeopleController(Controller):
    path = "/t/{slug:str}/settings/people"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_people(self, visit: NamedDependency[Visit]) -> Response[str]:
        return _people(visit)

    @post(sync_to_thread=True)
    def add(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """A person with a first role."""
        visit.require("user:write")
        email, role = field(data, "email"), field(data, "role")

        def change() -> str:
            locale = field(data, "locale")
            add_member(
                visit.database,
                visit.actor,
                tenant=visit.here,
                email=email,
                name=field(data, "name"),
                role=role,
                password=field(data, "password"),
                locale=locale if locale in LANGUAGES else "en",
                trace_id=visit.trace_id,
            )
            return (
                f"{email.strip().lower()} may work here as {role_words(role)}. Whoever logged in at "
                f"{visit.caller.partner.name} before keeps name and password; others use the password that you set."
            )

        return _done(visit, change, form=data)

    @post("/{person_id:str}/roles", sync_to_thread=True)
    def give(self, visit: NamedDependency[Visit], person_id: FromPath[str], data: Form) -> Response[str]:
        role = field(data, "role")

        def change() -> str:
            assign_role(
                visit.database,
                visit.actor,
                read("per", person_id),
                role,
                partner_id=visit.here.partner_id,
                tenant=visit.here,
                trace_id=visit.trace_id,
            )
            return f"The role {role_words(role)} is given; the person logs in again to use it."

        return _done(visit, change)

    @post("/{person_id:str}/roles/{role:str}/remove", sync_to_thread=True)
    def take(self, visit: NamedDependency[Visit], person_id: FromPath[str], role: FromPath[str]) -> Response[str]:
        def change() -> str:
            remove_role(
                visit.database,
                visit.actor,
                read("per", person_id),
                role,
                partner_id=visit.here.partner_id,
                tenant=visit.here,
                trace_id=visit.trace_id,
            )
            return f"The role {role_words(role)} is taken away; the person's sessions have ended."

        return _done(visit, change)


def _done(visit: Visit, change: Callable[[], str], form: dict[str, Any] | None = None) -> Response[str]:
    """Do it and go back to the list; a refusal is shown on the list, with what was typed."""
    visit.require("user:write")
    try:
        said = change()
    except SHOWN_AGAIN as refusal:
        return _people(visit, refusal=refusal, form=form)
    return visit.go(visit.url("settings/people"), said)


def _people(visit: Visit, *, refusal: DomainError | None = None, form: dict[str, Any] | None = None) -> Response[str]:
    visit.require("user:read")
    members = list_members(visit.database, visit.actor, visit.here)
    tokens = list_tokens(
        visit.database, visit.actor, partner_id=visit.here.partner_id, tenant=visit.here, limit=LIMIT_MAX
    )
    with visit.reading():
        pass
    return settings_page(
        visit,
        "people",
        "People",
        status=403 if isinstance(refusal, PermissionDeniedError) else 422 if refusal else 200,
        members=members,
        tokens=[each for each in tokens.rows if each.revoked_at is None],
        names={each.id: each.name for each in members},
        roles=TENANT_ROLES,
        toxic=[(one, other) for one, _, other, _ in TOXIC_PAIRS],
        languages=LANGUAGES,
        refused=str(refusal) if refusal else "",
        typed={name: field(form, name) for name in ("email", "name", "role", "locale")} if form else {},
    )


class YouController(Controller):
    path = "/t/{slug:str}/settings/you"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_you(self, visit: NamedDependency[Visit]) -> Response[str]:
        return _you(visit)

    @post("/password", sync_to_thread=True)
    def new_password(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """A new password; every session ends, this one too."""
        try:
            if field(data, "new") != field(data, "again"):
                raise InputInvalidError("The two new passwords differ; type the same one twice.", field="again")
            change_password(visit.database, visit.caller, old=field(data, "old"), new=field(data, "new"))
        except SHOWN_AGAIN as refusal:
            return _you(visit, refusal=refusal, about="password")
        return visit.go(f"/p/{visit.caller.partner.slug}/login?next={visit.url('settings/you')}")

    @post("/theme", sync_to_thread=True)
    def choose_theme(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """Light, dark, or whatever the device says; kept in this browser, where the button at the top finds it too."""
        chosen = field(data, "theme")
        answer = visit.go(visit.url("settings/you"), "Your choice of light or dark is kept in this browser.")
        kept = chosen if chosen in THEMES else ""
        answer.set_cookie(Cookie(key="theme", value=kept, max_age=YEAR_S if kept else 0, path="/", samesite="lax"))
        return answer

    @post("/tokens", sync_to_thread=True)
    def new_token(self, visit: NamedDependency[Visit], data: Form) -> Response[str]:
        """A token for a program. Its secret is in this answer and nowhere else."""
        try:
            made = make_token(
                visit.database,
                visit.actor,
                partner_id=visit.here.partner_id,
                tenant=visit.here,
                name=field(data, "name"),
                scopes=frozenset(fields(data, "scope")),
                days=whole_number(data, "days"),
                trace_id=visit.trace_id,
            )
        except SHOWN_AGAIN as refusal:
            return _you(visit, refusal=refusal, about="token")
        answer = _you(visit, made=made)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @post("/tokens/{token_id:str}/revoke", sync_to_thread=True)
    def end_token(self, visit: NamedDependency[Visit], token_id: FromPath[str], data: Form) -> Response[str]:
        revoke_token(
            visit.database,
            visit.actor,
            read("tok", token_id),
            partner_id=visit.here.partner_id,
            tenant=visit.here,
            trace_id=visit.trace_id,
        )
        back = "settings/people" if field(data, "back") == "people" else "settings/you"
        return visit.go(visit.url(back), "The token is ended; whoever uses it is refused from now on.")


def _you(
    visit: Visit, *, refusal: DomainError | None = None, about: str = "", made: NewToken | None = None
) -> Response[str]:
    person = visit.caller.person
    assert person is not None
    guest = visit.actor.kind == "partner_staff"
    tokens = (
        []
        if guest
        else list_tokens(
            visit.database, visit.actor, partner_id=visit.here.partner_id, tenant=visit.here, limit=LIMIT_MAX
        ).rows
    )
    with visit.reading():
        pass
    scopes: dict[str, list[str]] = {}
    for permission in sorted(visit.actor.permissions):
        scopes.setdefault(permission.partition(":")[0], []).append(permission)
    return settings_page(
        visit,
        "you",
        "You",
        status=403 if isinstance(refusal, PermissionDeniedError) else 422 if refusal else 200,
        person=person,
        language=LANGUAGES.get(person.locale, "English"),
        guest=guest,
        tokens=[each for each in tokens if each.person_id == person.id and each.revoked_at is None],
        scopes=scopes,
        refused=str(refusal) if refusal else "",
        about=about,
        made=made,
    )
