"""The face of each firm: its style sheet made from the brand, its logo, the shipped type."""

import hashlib
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy import select

from billwright.documents.queries import brand_of
from billwright.kernel.actor import SYSTEM
from billwright.kernel.brand import WHITE, Brand, dark_palette, mix, readable_on, text_on
from billwright.kernel.errors import NotFoundError
from billwright.tenancy.database import Database
from billwright.tenancy.directory import to_tenant
from billwright.tenancy.tables import HostNameRow, PartnerRow, TenantRow
from billwright.tenancy.transaction import control_transaction
from billwright.web.auth import access_of
from billwright.web.security import content_security_policy
from billwright_templates.versions import ROOT

FAMILIES: Final = {"sans": '"Inter", system-ui, sans-serif', "serif": '"Literata", Georgia, serif'}
NEUTRAL: Final = Brand(name="Invoices", slug="neutral", primary="#2b3a4a", accent="#8a4b08")
"""For a host that belongs to no firm, before anybody has logged in: no name, no logo, quiet colours."""
YEAR_S: Final = 31_536_000
FONTS: Final = frozenset(path.name for path in (ROOT / "fonts").glob("*.woff2"))


def partner_brand(row: PartnerRow) -> Brand:
    return msgspec.convert({"name": row.name, "slug": row.slug, **row.brand}, Brand, strict=False)


def tenant_brand(tenant: TenantRow, partner: PartnerRow) -> Brand:
    """The firm's own; the looks that it does not set are its partner's."""
    return brand_of(to_tenant(tenant), partner.brand, tenant.brand)


def palettes(brand: Brand) -> tuple[dict[str, str], dict[str, str]]:
    """The portal's colours, light and dark, by the names of their custom properties."""
    rail = mix(brand.primary, "#0b0e13", 45)
    rail_dark = mix(brand.primary, "#0e1116", 82)
    dark = dark_palette(brand)
    light = {
        "primary": brand.primary,
        "on-primary": text_on(brand.primary, brand.ink),
        "primary-text": readable_on(brand.primary, mix(WHITE, brand.primary, 10)),
        "primary-tint": mix(WHITE, brand.primary, 9),
        "accent": readable_on(brand.accent, mix(WHITE, brand.accent, 10)),
        "accent-tint": mix(WHITE, brand.accent, 10),
        "ink": brand.ink,
        "rail": rail,
        "on-rail": text_on(rail, brand.ink),
        "rail-active": mix(rail, WHITE, 14),
        "paper": mix("#f7f8f9", brand.primary, 3),
    }
    night = {
        "primary": dark["primary"],
        "on-primary": dark["on_primary"],
        "primary-text": readable_on(brand.primary, mix(dark["surface"], brand.primary, 18)),
        "primary-tint": mix(dark["surface"], brand.primary, 18),
        "accent": readable_on(brand.accent, mix(dark["surface"], brand.accent, 18)),
        "accent-tint": mix(dark["surface"], brand.accent, 18),
        "ink": dark["ink"],
        "rail": rail_dark,
        "on-rail": WHITE,
        "rail-active": mix(rail_dark, WHITE, 10),
        "paper": dark["paper"],
    }
    return light, night


@cache
def stylesheet(brand: Brand) -> str:
    """The brand as custom properties, light and dark; everything else in the style sheets is derived from these."""
    light, night = palettes(brand)
    fixed = {"radius": f"{brand.radius_px}px", "family": FAMILIES[brand.font], "brand-primary": brand.primary}
    return (
        f":root{{{_properties({**fixed, **light})}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{_properties(night)}}}}}\n"
        f":root[data-theme=dark]{{{_properties(night)}}}\n"
    )


def _properties(values: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())


@cache
def version(brand: Brand) -> str:
    """Changes with whatever the style sheet or the logo show."""
    return hashlib.sha256((stylesheet(brand) + brand.logo_svg).encode()).hexdigest()[:12]


def brand_of_host(database: Database, host: str) -> Brand:
    """The brand that a host name shows: a tenant's beats its partner's; a neutral one for a host of nobody."""
    query = (
        select(PartnerRow, TenantRow)
        .join(HostNameRow, HostNameRow.partner_id == PartnerRow.id)
        .outerjoin(TenantRow, TenantRow.id == HostNameRow.tenant_id)
        .where(HostNameRow.host == host)
    )
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.execute(query).one_or_none()
    if row is None:
        return NEUTRAL
    partner, tenant = row
    return tenant_brand(tenant, partner) if tenant is not None else partner_brand(partner)


def brand_of_partner(database: Database, slug: str) -> Brand:
    """The partner's brand.

    Raises:
        NotFoundError: there is no such partner.
    """
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.scalars(select(PartnerRow).where(PartnerRow.slug == slug)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such partner here.")
    return partner_brand(row)


def brand_of_tenant(database: Database, slug: str, partner_id: UUID) -> Brand:
    """The tenant's brand, for people of its partner's world only: others must not learn that it exists.

    Raises:
        NotFoundError: there is no such tenant of this partner.
    """
    query = (
        select(TenantRow, PartnerRow)
        .join(PartnerRow, PartnerRow.id == TenantRow.partner_id)
        .where(TenantRow.slug == slug, TenantRow.partner_id == partner_id)
    )
    with control_transaction(database, SYSTEM) as tx:
        row = tx.session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such tenant here.")
    tenant, partner = row
    return tenant_brand(tenant, partner)


def host_of(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower()


class BrandController(Controller):
    """Style sheets, logos and fonts; open to all, for the log-in page needs them."""

    opt = {"exclude_from_auth": True}  # noqa: RUF012 - Litestar's way
    include_in_schema = False

    @get("/brand.css", sync_to_thread=True)
    def of_host(self, request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Response[bytes]:
        return _css(request, brand_of_host(database, host_of(request)))

    @get("/p/{partner:str}/brand.css", sync_to_thread=True)
    def of_partner(
        self, request: Request[Any, Any, Any], partner: FromPath[str], database: NamedDependency[Database]
    ) -> Response[bytes]:
        return _css(request, brand_of_partner(database, partner))

    @get("/logo.svg", sync_to_thread=True)
    def logo_of_host(self, request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Response[bytes]:
        return _logo(request, brand_of_host(database, host_of(request)))

    @get("/p/{partner:str}/logo.svg", sync_to_thread=True)
    def logo_of_partner(
        self, request: Request[Any, Any, Any], partner: FromPath[str], database: NamedDependency[Database]
    ) -> Response[bytes]:
        return _logo(request, brand_of_partner(database, partner))

    @get("/fonts/{name:str}", sync_to_thread=True)
    def font(self, name: FromPath[str]) -> Response[bytes]:
        if name not in FONTS:
            raise NotFoundError("There is no such font here.")
        body = (ROOT / "fonts" / name).read_bytes()
        headers = {"Cache-Control": f"public, max-age={YEAR_S}, immutable"}
        return Response(body, media_type="font/woff2", headers=headers)


class TenantBrandController(Controller):
    """A tenant's looks under its path, for those who are logged in."""

    path = "/t/{slug:str}"
    include_in_schema = False

    @get("/brand.css", sync_to_thread=True)
    def css(
        self, request: Request[Any, Any, Any], slug: FromPath[str], database: NamedDependency[Database]
    ) -> Response[bytes]:
        return _css(request, brand_of_tenant(database, slug, access_of(request).caller.partner.id))

    @get("/logo.svg", sync_to_thread=True)
    def logo(
        self, request: Request[Any, Any, Any], slug: FromPath[str], database: NamedDependency[Database]
    ) -> Response[bytes]:
        return _logo(request, brand_of_tenant(database, slug, access_of(request).caller.partner.id))


def _css(request: Request[Any, Any, Any], brand: Brand) -> Response[bytes]:
    return _kept(request, brand, stylesheet(brand), "text/css; charset=utf-8")


def _logo(request: Request[Any, Any, Any], brand: Brand) -> Response[bytes]:
    """The logo was rebuilt from allowed elements when it was saved; its own answer may load and run nothing all the same."""
    if not brand.logo_svg:
        raise NotFoundError("This firm has no logo.")
    answer = _kept(request, brand, brand.logo_svg, "image/svg+xml; charset=utf-8")
    answer.headers["Content-Security-Policy"] = content_security_policy({"script-src": "'none'", "img-src": "'none'"})
    return answer


def _kept(request: Request[Any, Any, Any], brand: Brand, text: str, media_type: str) -> Response[bytes]:
    """Kept for a year under the address with the right hash, asked for again under any other."""
    right = request.query_params.get("v") == version(brand)
    control = f"public, max-age={YEAR_S}, immutable" if right else "no-cache"
    return Response(text.encode(), media_type=media_type, headers={"Cache-Control": control, "Vary": "Host, Cookie"})
