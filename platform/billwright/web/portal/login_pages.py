"""Logging in and out, on the partner's or a tenant's host, or under the partner's path."""

from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy import select

from billwright.identity.errors import LoginFailedError
from billwright.identity.log_in import log_in, log_out
from billwright.identity.queries import partner_of_login
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import Brand
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import control_transaction
from billwright.web.auth import cookie_name, session_cookie
from billwright.web.portal.brands import brand_of_host, brand_of_partner, host_of, version
from billwright.web.portal.environment import render
from billwright.web.portal.forms import Form, field
from billwright.web.portal.visit import THEMES, html, person_caller
from billwright.web.services import Services


def safe_next(path: str | None) -> str:
    """``path`` when it is a page of this host, else the start page: nobody is sent elsewhere after logging in."""
    text = path or "/"
    parts = urlsplit(text)
    ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if ours and not parts.scheme and not parts.netloc else "/"


def _partner_asked_for(database: Database, host: str, path: str) -> str | None:
    """The slug of the partner whose page, or whose tenant's page, ``path`` is, on a host that belongs to nobody."""
    match path.split("/"):
        case ["", "t", slug, *_]:
            query = select(PartnerRow.slug).join(TenantRow, TenantRow.partner_id == PartnerRow.id)
            query = query.where(TenantRow.slug == slug, TenantRow.state != "erased")
        case ["", "p", slug, *_]:
            query = select(PartnerRow.slug).where(PartnerRow.slug == slug)
        case _:
            return None
    with control_transaction(database, SYSTEM) as tx:
        if partner_of_login(tx.session, slug=None, host=host) is not None:
            return None
        return tx.session.scalars(query).one_or_none()


class LoginController(Controller):
    """Open to all; the brand is that of the host, or of the partner whose path it is."""

    include_in_schema = False
    opt = {"exclude_from_auth": True}  # noqa: RUF012 - Litestar's way

    @get("/login", sync_to_thread=True)
    def show_at_host(
        self,
        request: Request[Any, Any, Any],
        database: NamedDependency[Database],
        next: FromQuery[str | None] = None,  # noqa: A002 - the word in the address
    ) -> Response[str]:
        """Where the host is nobody's (one machine, no names), the page asked for says whose log-in it is."""
        if partner := _partner_asked_for(database, host_of(request), safe_next(next)):
            place = f"/p/{partner}/login?next={quote(safe_next(next))}"
            return Response("", status_code=303, headers={"Location": place}, media_type="text/html")
        return _page(request, brand_of_host(database, host_of(request)), "", next_path=next)

    @get("/p/{partner:str}/login", sync_to_thread=True)
    def show_at_partner(
        self,
        request: Request[Any, Any, Any],
        partner: FromPath[str],
        database: NamedDependency[Database],
        next: FromQuery[str | None] = None,  # noqa: A002 - the word in the address
    ) -> Response[str]:
        return _page(request, brand_of_partner(database, partner), f"/p/{partner}", next_path=next)

    @post("/login", sync_to_thread=True)
    def enter_at_host(
        self, request: Request[Any, Any, Any], data: Form, services: NamedDependency[Services]
    ) -> Response[str]:
        brand = brand_of_host(services.database, host_of(request))
        return _enter(request, services, data, brand, "", host=host_of(request))

    @post("/p/{partner:str}/login", sync_to_thread=True)
    def enter_at_partner(
        self, request: Request[Any, Any, Any], data: Form, partner: FromPath[str], services: NamedDependency[Services]
    ) -> Response[str]:
        brand = brand_of_partner(services.database, partner)
        return _enter(request, services, data, brand, f"/p/{partner}", partner_slug=partner)


class LogoutController(Controller):
    include_in_schema = False

    @post("/logout", sync_to_thread=True)
    def leave(self, request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[str]:
        """End the session, and go to the log-in page of the partner whose person it was."""
        caller = person_caller(request)
        log_out(services.database, caller)
        answer = Response(
            "", status_code=303, headers={"Location": f"/p/{caller.partner.slug}/login"}, media_type="text/html"
        )
        answer.set_cookie(session_cookie(services, "", None, services.database.clock.now()))
        return answer


def _enter(
    request: Request[Any, Any, Any],
    services: Services,
    form: dict[str, Any],
    brand: Brand,
    base: str,
    *,
    host: str | None = None,
    partner_slug: str | None = None,
) -> Response[str]:
    email, next_path = field(form, "email"), field(form, "next")
    try:
        session = log_in(
            services.database,
            email=email,
            password=field(form, "password"),
            partner_slug=partner_slug,
            host=host,
            address=request.client.host if request.client else None,
            ended_secret=request.cookies.get(cookie_name(services)),
            trace_id=str(request.scope["state"].get("trace_id")),
        )
    except LoginFailedError as refusal:
        return _page(request, brand, base, next_path=next_path, email=email, refusal=str(refusal))
    answer = Response("", status_code=303, headers={"Location": safe_next(next_path)}, media_type="text/html")
    answer.set_cookie(session_cookie(services, session.secret, session.expires_at, services.database.clock.now()))
    return answer


def _page(
    request: Request[Any, Any, Any],
    brand: Brand,
    base: str,
    *,
    next_path: str | None,
    email: str = "",
    refusal: str = "",
) -> Response[str]:
    chosen = request.cookies.get("theme", "")
    body = render(
        "login.html",
        visit=None,
        brand=brand,
        base=base,
        brand_version=version(brand),
        theme=chosen if chosen in THEMES else "",
        next=safe_next(next_path),
        email=email,
        refusal=refusal,
    )
    return html(body, status=401 if refusal else 200)
