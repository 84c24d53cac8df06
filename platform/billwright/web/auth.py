"""Who is calling, for which tenant: once per request, before any handler, and refused unless the route says otherwise.

A route with ``exclude_from_auth=True`` lets anybody in; a valid session is recognised there all the same.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import structlog
from anyio.to_thread import run_sync
from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.exceptions import ClientException
from litestar.types import ASGIApp, Receive, Scope, Send

from billwright.identity.act import actor_at_partner, actor_for, enter
from billwright.identity.caller import Caller
from billwright.identity.find_session import Visitor, read_visitor
from billwright.identity.find_token import read_token
from billwright.identity.queries import tenant_of_host
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.errors import (
    DomainError,
    InputInvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
)
from billwright.tenancy.tables import TenantRow
from billwright.tenancy.transaction import ControlTx, Tenant, control_transaction
from billwright.web.security import UNSAFE_METHODS, check_same_origin
from billwright.web.services import Services

TENANT_HEADER: Final = "billwright-tenant"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
PAGES: Final = "/t/"


@dataclass(frozen=True, slots=True)
class Access:
    """``tenant`` is None in partner matters; ``actor`` then has partner permissions only.

    ``visitor`` is what was read of somebody with a session, so that pages need not read it again.
    """

    caller: Caller
    actor: Actor
    tenant: Tenant | None
    visitor: Visitor | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """What the request says about where it wants to go. ``page``: the tenant whose page it asks for."""

    partner: str | None
    tenant: str | None
    host: str
    page: str | None = None


def cookie_name(services: Services) -> str:
    """With HTTPS the browser itself guarantees that no other host or path set the cookie."""
    return "__Host-session" if services.https else "session"


def session_cookie(services: Services, secret: str, expires_at: datetime | None, now: datetime) -> Cookie:
    """The cookie of a new session; an empty ``secret`` removes it."""
    age = int((expires_at - now).total_seconds()) if expires_at is not None else 0
    return Cookie(
        key=cookie_name(services),
        value=secret,
        max_age=age,
        path="/",
        httponly=True,
        secure=services.https,
        samesite="lax",
    )


class Authentication:
    """Middleware: fills ``state`` with ``access`` (or None on a public route)."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            request: Request[Any, Any, Any] = Request(scope, receive=receive, send=send)
            if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
                raise ClientException("The address holds a NUL character.")
            access = await self._access(request)
            scope["state"]["access"] = access
            if access is not None and access.tenant is not None:
                structlog.contextvars.bind_contextvars(tenant=access.tenant.slug)
        await self.app(scope, receive, send)

    async def _access(self, request: Request[Any, Any, Any]) -> Access | None:
        public = bool(request.route_handler.opt.get("exclude_from_auth"))
        unsafe = request.method in UNSAFE_METHODS
        bearer = _bearer(request)
        cookie = None if bearer else request.cookies.get(cookie_name(self.services))
        if unsafe and not bearer and not request.url.path.startswith("/v1/hooks/"):
            check_same_origin(request)
        if not bearer and not cookie:
            if public:
                return None
            raise NotAuthenticatedError("Send an API token as Authorization: Bearer, or log in.")
        place = _place(request)
        address = request.client.host if request.client else None
        try:
            access = await run_sync(self._resolve, bearer, cookie, place, address)
        except DomainError:
            if public:
                return None
            raise
        if cookie and unsafe and not public:
            await _check_csrf(request, access.caller)
        return access

    def _resolve(self, bearer: str | None, cookie: str | None, place: _Place, address: str | None) -> Access:
        """In one transaction; one query for somebody with a session, or with a token of the tenant that they ask for."""
        with control_transaction(self.services.database, SYSTEM) as tx:
            if bearer:
                caller, bound = read_token(tx, bearer, address=address)
                return _at_partner(caller, place) if place.partner is not None else _enter(tx, caller, place, bound)
            return _visit(tx, cookie or "", place, address)


def _at_partner(caller: Caller, place: _Place) -> Access:
    if place.partner != caller.partner.slug or caller.tenant_id is not None:
        raise NotFoundError("There is no such partner here.")
    return Access(caller, actor_at_partner(caller), None)


def _visit(tx: ControlTx, cookie: str, place: _Place, address: str | None) -> Access:
    """Somebody with a session. On a page of a tenant that they cannot enter they are where the host says; the page refuses."""
    found = read_visitor(tx, cookie, slug=place.page or place.tenant, host=place.host, address=address)
    caller = found.caller
    if place.partner is not None:
        return replace(_at_partner(caller, place), visitor=found)
    try:
        tenant, actor = enter(caller, found.tenant, found.roles, found.grant)
    except DomainError as refusal:
        if place.page is not None:
            return replace(_enter(tx, caller, place), visitor=found)
        if place.tenant is not None or not isinstance(refusal, NotFoundError):
            raise
        return Access(caller, actor_at_partner(caller), None, found)
    return Access(caller, actor, tenant, found)


def _enter(tx: ControlTx, caller: Caller, place: _Place, bound: TenantRow | None = None) -> Access:
    """By name in the path or header, by what the token is ``bound`` to, else by host name if that is a tenant's."""
    if bound is not None and place.tenant in {None, bound.slug} and (caller.person is None or caller.roles):
        tenant, actor = enter(caller, bound, sorted(caller.roles), None)  # a member needs no grant: none is looked for
        return Access(caller, actor, tenant)
    if place.tenant is not None:
        which = TenantRow.slug == place.tenant
    elif caller.tenant_id is not None:
        which = TenantRow.id == caller.tenant_id
    else:
        which = tenant_of_host(place.host)
    try:
        tenant, actor = actor_for(tx.session, caller, which, tx.now)
    except NotFoundError:
        if place.tenant is not None or caller.tenant_id is not None:
            raise
        return Access(caller, actor_at_partner(caller), None)
    return Access(caller, actor, tenant)


def _bearer(request: Request[Any, Any, Any]) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() or "-" if scheme.lower() == "bearer" else None


def _place(request: Request[Any, Any, Any]) -> _Place:
    partner = request.path_params.get("partner")
    tenant = request.path_params.get("tenant_slug") or request.headers.get(TENANT_HEADER)
    host = request.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower()
    page = request.path_params.get("slug") if request.url.path.startswith(PAGES) else None
    return _Place(partner, tenant, host, page)


async def _check_csrf(request: Request[Any, Any, Any], caller: Caller) -> None:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.content_type[0] in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        sent = (await request.form()).get(CSRF_FIELD)
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), (caller.csrf or "").encode()):
        raise PermissionDeniedError("This form is too old or came from elsewhere; reload the page and send it again.")


def access_of(request: Request[Any, Any, Any]) -> Access:
    """The request's access.

    Raises:
        NotAuthenticatedError: a public route asks for what only a known caller has.
    """
    access = request.scope["state"].get("access")
    if not isinstance(access, Access):
        raise NotAuthenticatedError("Send an API token as Authorization: Bearer, or log in.")
    return access


def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    return access_of(request).caller


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    return access_of(request).actor


def provide_tenant(request: Request[Any, Any, Any]) -> Tenant:
    """The tenant at hand.

    Raises:
        InputInvalidError: the caller belongs to a partner and named no tenant.
    """
    tenant = access_of(request).tenant
    if tenant is None:
        raise InputInvalidError(
            "Say which tenant: send the header Billwright-Tenant with its slug.", field="Billwright-Tenant"
        )
    return tenant


def provide_tenant_if_any(request: Request[Any, Any, Any]) -> Tenant | None:
    """The tenant at hand, or None in partner matters."""
    return access_of(request).tenant


def provide_trace_id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope["state"]["trace_id"])
