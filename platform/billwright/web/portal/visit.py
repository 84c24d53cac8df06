"""One request of a person to a page: who, where, in which brand, and what the shell around the page shows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote

import structlog
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from billwright.documents.format import language_of
from billwright.identity.act import actor_at_partner, enter
from billwright.identity.caller import Caller
from billwright.identity.find_session import Visitor
from billwright.kernel.actor import Actor
from billwright.kernel.brand import Brand
from billwright.kernel.errors import NotAuthenticatedError, PermissionDeniedError
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, Tx, transaction
from billwright.web.auth import Access, access_of
from billwright.web.portal import brands
from billwright.web.portal.environment import render
from billwright.web.portal.navigation import Room, phone_rooms, rooms_for
from billwright.web.portal.queries_shell import ShellCounts, shell_counts

SAID: Final = "said"
STUCK: Final = "stuck"
SAID_S: Final = 20
THEMES: Final = frozenset({"light", "dark"})


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant that the person may go to, in the switcher."""

    slug: str
    name: str


@dataclass(slots=True)
class Visit:
    """``tenant`` is None on a partner's pages. ``base`` is the path of the tenant or partner, without a slash at its end."""

    database: Database
    request: Request[Any, Any, Any]
    caller: Caller
    actor: Actor
    tenant: Tenant | None
    brand: Brand
    base: str
    places: tuple[Place, ...]
    now: datetime
    trace_id: str
    https: bool
    counts: ShellCounts = field(default_factory=ShellCounts)

    @property
    def locale(self) -> str:
        return language_of(self.caller.person.locale) if self.caller.person else "en"

    @property
    def csrf(self) -> str:
        return self.caller.csrf or ""

    @property
    def theme(self) -> str:
        chosen = self.request.cookies.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def rooms(self) -> tuple[Room, ...]:
        return rooms_for(self.actor) if self.tenant else ()

    @property
    def phone(self) -> tuple[tuple[Room, ...], tuple[Room, ...]]:
        return phone_rooms(self.rooms)

    @property
    def brand_version(self) -> str:
        return brands.version(self.brand)

    @property
    def at_partner(self) -> bool:
        """Whether the partner's own pages are open to this person."""
        return actor_at_partner(self.caller).may("tenant:read")

    @property
    def here(self) -> Tenant:
        assert self.tenant is not None, "a page of a tenant outside any tenant"
        return self.tenant

    def may(self, *permissions: str) -> bool:
        return any(self.actor.may(each) for each in permissions)

    def require(self, *permissions: str) -> None:
        """Refuse unless the actor has one of ``permissions``.

        Raises:
            PermissionDeniedError: none of them.
        """
        if not self.may(*permissions):
            raise PermissionDeniedError(
                f"This needs the permission {' or '.join(permissions)}; ask an administrator for a role that has it.",
                permission=permissions[0],
            )

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A read-only unit of work in the tenant at hand, which also reads the counts of the rail."""
        with transaction(self.database, self.here, self.actor, trace_id=self.trace_id, read_only=True) as tx:
            self.counts = shell_counts(tx)
            self.now = tx.now
            yield tx

    def page(self, template: str, *, room: str = "", title: str, status: int = 200, **context: Any) -> Response[str]:
        """The whole page. What an action said before it sent the browser here is shown once."""
        said = unquote(self.request.cookies.get(SAID, ""))
        body = render(template, visit=self, room=room, title=title, said=said, **context)
        answer = html(body, status=status)
        if said:
            answer.set_cookie(self._cookie("", 0))
        return answer

    def part(self, template: str, **context: Any) -> Response[str]:
        """A part of a page, for htmx."""
        return html(render(template, visit=self, **context))

    def go(self, path: str, said: str = "") -> Response[str]:
        """To another page, where ``said`` is shown once."""
        answer = Response("", status_code=303, headers={"Location": path}, media_type="text/html")
        if said:
            answer.set_cookie(self._cookie(quote(said), SAID_S))
        return answer

    def back_to(self, path: str) -> str:
        """The page of all that is stuck, for whoever mended from there; else ``path`` of the tenant."""
        came = self.request.headers.get("referer", "").partition("?")[0].partition("#")[0]
        return self.url(STUCK if came.endswith(f"{self.base}/{STUCK}") else path)

    def _cookie(self, value: str, age: int) -> Cookie:
        return Cookie(key=SAID, value=value, max_age=age, path="/", httponly=True, secure=self.https, samesite="lax")


def html(body: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(body, status_code=status, media_type="text/html", headers=dict(headers or {}))


def person_caller(request: Request[Any, Any, Any]) -> Caller:
    """Who is logged in; raises as ``_visitor``."""
    return _visitor(request).caller


def provide_partner_visit(
    request: Request[Any, Any, Any], database: NamedDependency[Database], services: NamedDependency[Any]
) -> Visit:
    """The visit of a page outside any tenant, in the partner's brand."""
    found = _visitor(request)
    actor = actor_at_partner(found.caller)
    brand, base = brands.partner_brand(found.partner), f"/p/{found.partner.slug}"
    return _visit(request, database, found, actor, tenant=None, brand=brand, base=base, https=services.https)


def provide_visit(
    request: Request[Any, Any, Any], database: NamedDependency[Database], services: NamedDependency[Any]
) -> Visit:
    """The visit of a page under ``/t/{slug}``, with the person's permissions in that tenant only.

    Asks nothing: authentication read it all for this request.

    Raises:
        NotFoundError: no such tenant, or not for this person.
        TenantSuspendedError: it is suspended.
    """
    found = _visitor(request)
    tenant, actor = enter(found.caller, found.tenant, found.roles, found.grant)
    assert found.tenant is not None, "nobody enters what is not there"
    assert tenant.slug == request.path_params["slug"], "authentication looks for the tenant in the path"
    # Logs, metrics and the error page then know the tenant too.
    request.scope["state"]["access"] = Access(found.caller, actor, tenant, found)
    structlog.contextvars.bind_contextvars(tenant=tenant.slug)
    brand, base = brands.tenant_brand(found.tenant, found.partner), f"/t/{tenant.slug}"
    return _visit(request, database, found, actor, tenant=tenant, brand=brand, base=base, https=services.https)


def _visitor(request: Request[Any, Any, Any]) -> Visitor:
    """What was read of whoever is logged in.

    Raises:
        NotAuthenticatedError: nobody, or a program with a token: pages are for people.
    """
    found = access_of(request).visitor
    if found is None:
        raise NotAuthenticatedError("Pages are for people: log in with e-mail and password.")
    return found


def _visit(
    request: Request[Any, Any, Any],
    database: Database,
    found: Visitor,
    actor: Actor,
    *,
    tenant: Tenant | None,
    brand: Brand,
    base: str,
    https: bool,
) -> Visit:
    return Visit(
        database=database,
        request=request,
        caller=found.caller,
        actor=actor,
        tenant=tenant,
        brand=brand,
        base=base,
        places=tuple(Place(slug, name) for slug, name in found.places),
        now=found.now,
        trace_id=str(request.scope["state"].get("trace_id")),
        https=https,
    )
