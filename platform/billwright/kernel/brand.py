"""A brand: the face of a partner, tenant or legal entity on pages, mails and documents. Pure; checked when it is saved."""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal
from xml.etree import ElementTree as ET

import msgspec
from msgspec import Meta

from billwright.kernel.errors import InputInvalidError

Colour = Annotated[str, Meta(pattern=r"^#[0-9a-f]{6}$", description="sRGB, six lower-case hex digits: #1f4e79")]
COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
WHITE: Final = "#ffffff"
PAPER_DARK: Final = "#14171c"
SURFACE_DARK: Final = "#1d2128"
INK_DARK: Final = "#e8eaed"
CONTRAST_TEXT: Final = Decimal("4.5")  # WCAG 2.2, 1.4.3 (AA)
LOGO_CHARS_MAX: Final = 100_000

SVG: Final = "{http://www.w3.org/2000/svg}"
_ELEMENTS: Final = (
    "svg g path rect circle ellipse line polyline polygon text tspan defs linearGradient radialGradient stop clipPath "
    "title desc"
)
_ATTRIBUTES: Final = (
    "id d x y x1 y1 x2 y2 cx cy r rx ry fx fy width height viewBox points transform fill fill-rule fill-opacity "
    "stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity opacity clip-path clip-rule "
    "offset stop-color stop-opacity gradientUnits gradientTransform preserveAspectRatio font-family font-size "
    "font-weight letter-spacing text-anchor version"
)
SVG_ELEMENTS: Final = frozenset(_ELEMENTS.split())
SVG_ATTRIBUTES: Final = frozenset(_ATTRIBUTES.split())
SVG_LOCAL_URL: Final = re.compile(r"url\(#[\w-]+\)")


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a firm looks and what it calls itself. Nothing of the platform or of another brand is ever added to it."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    slug: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    logo_svg: Annotated[str, Meta(max_length=LOGO_CHARS_MAX)] = ""
    """A logo as SVG text, as ``sanitise_svg`` returns it. Without any logo the name is set in the brand's type."""
    logo_sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    """A PNG or JPEG logo instead, by the hash of its bytes; the file store has them."""
    primary: Colour = "#1f4e79"
    """Titles, totals, links and buttons: the one accent of a document."""
    accent: Colour = "#b4540a"
    """What asks for attention in the portal; documents use it sparingly."""
    ink: Colour = "#1b1f24"
    """Text."""
    font: Literal["sans", "serif"] = "sans"
    """``sans`` is Inter, ``serif`` is Literata; both ship with the package."""
    radius_px: Annotated[int, Meta(ge=0, le=24)] = 4
    mail_footer: Annotated[str, Meta(max_length=1_000)] = ""
    document_footer: Annotated[str, Meta(max_length=400)] = ""
    support_email: Annotated[str, Meta(max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    website: Annotated[str, Meta(max_length=200, pattern=r"^(https?://[^\s<>\"']+)?$")] = ""


def _channels(colour: str) -> tuple[int, int, int]:
    assert COLOUR.fullmatch(colour), colour
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> Decimal:
    """Relative luminance 0..1. Source: WCAG 2.2, definition of relative luminance."""
    linear = []
    for channel in _channels(colour):
        share = Decimal(channel) / 255
        low = share <= Decimal("0.04045")
        linear.append(
            share / Decimal("12.92") if low else ((share + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
        )
    red, green, blue = linear
    return red * Decimal("0.2126") + green * Decimal("0.7152") + blue * Decimal("0.0722")


def contrast(one: str, other: str) -> Decimal:
    """Contrast ratio 1..21 of two colours. Source: WCAG 2.2, 1.4.3."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + Decimal("0.05")) / (dark + Decimal("0.05"))


def mix(colour: str, other: str, percent: int) -> str:
    """``colour`` with ``percent`` (0..100) of ``other`` in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{(a * (100 - percent) + b * percent + 50) // 100:02x}" for a, b in pairs)


def text_on(background: str, ink: str) -> str:
    """White or ``ink``, whichever is easier to read on ``background``."""
    return WHITE if contrast(WHITE, background) >= contrast(ink, background) else ink


def readable_on(colour: str, background: str) -> str:
    """``colour``, moved towards white or black just as far as text on ``background`` needs (AA)."""
    target = WHITE if _luminance(background) < Decimal("0.18") else "#000000"
    for percent in range(0, 101, 5):
        candidate = mix(colour, target, percent)
        if contrast(candidate, background) >= CONTRAST_TEXT:
            return candidate
    return target


def dark_palette(brand: Brand) -> dict[str, str]:
    """Colours of the dark mode, derived: ``paper``, ``surface``, ``ink``, ``primary``, ``accent``, ``on_primary``."""
    primary = readable_on(brand.primary, SURFACE_DARK)
    return {
        "paper": PAPER_DARK,
        "surface": SURFACE_DARK,
        "ink": INK_DARK,
        "primary": primary,
        "accent": readable_on(brand.accent, SURFACE_DARK),
        "on_primary": text_on(primary, PAPER_DARK),
    }


def check_brand(brand: Brand) -> list[str]:
    """What is wrong with ``brand``, one sentence each with the remedy; empty when it may be saved.

    Text colours must reach 4.5:1 on white (WCAG AA): documents and mails are white, and buttons carry white text.
    """
    problems = []
    for name in ("primary", "accent", "ink"):
        colour = getattr(brand, name)
        if not COLOUR.fullmatch(colour):
            problems.append(f"{name}: {colour!r} is no colour; write six lower-case hex digits such as #1f4e79.")
        elif (ratio := contrast(colour, WHITE)) < CONTRAST_TEXT:
            better = readable_on(colour, WHITE)
            problems.append(
                f"{name}: {colour} on white has a contrast of {ratio:.1f}, text needs 4.5; {better} would do."
            )
    if brand.logo_svg and brand.logo_sha256:
        problems.append("logo: give either the SVG text or an image, not both.")
    if brand.logo_svg:
        try:
            sanitise_svg(brand.logo_svg)
        except InputInvalidError as error:
            problems.append(f"logo_svg: {error}")
    return problems


def sanitise_svg(text: str) -> str:
    """The drawing in ``text``, built anew from allowed elements and attributes only: no script, style, link or image.

    Raises:
        InputInvalidError: no well-formed SVG, too long, has a document type, or draws nothing that is allowed.
    """
    if len(text) > LOGO_CHARS_MAX:
        raise InputInvalidError(
            f"The logo has more than {LOGO_CHARS_MAX} characters; export it simpler.", field="logo_svg"
        )
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise InputInvalidError("The logo has a document type or CDATA; export it as plain SVG.", field="logo_svg")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities need a document type, which was refused above
    except (ET.ParseError, ValueError):
        raise InputInvalidError(
            "The logo is no well-formed SVG; export it again as plain SVG.", field="logo_svg"
        ) from None
    if root.tag != f"{SVG}svg":
        raise InputInvalidError("The logo's outermost element is not an SVG; export it as plain SVG.", field="logo_svg")
    if not root.get("viewBox"):
        raise InputInvalidError('The logo has no viewBox; add one such as viewBox="0 0 200 50".', field="logo_svg")
    clean = _clean(root)
    if not len(clean):
        raise InputInvalidError("Nothing in the logo may be drawn; use paths, shapes and text.", field="logo_svg")
    clean.set("xmlns", SVG[1:-1])
    return ET.tostring(clean, encoding="unicode")


def _clean(element: ET.Element) -> ET.Element:
    kept = {name: value for name, value in element.attrib.items() if name in SVG_ATTRIBUTES and _harmless(value)}
    copy = ET.Element(element.tag.removeprefix(SVG), kept)
    copy.text = element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag.removeprefix(SVG) in SVG_ELEMENTS and child.tag.startswith(SVG):
            part = _clean(child)
            part.tail = child.tail
            copy.append(part)
    return copy


def _harmless(value: str) -> bool:
    rest = SVG_LOCAL_URL.sub("", value).lower()
    return "url" not in rest and ":" not in rest and "\\" not in rest
