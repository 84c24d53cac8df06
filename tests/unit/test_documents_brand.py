"""Brands: contrast, the derived dark mode, and logos made harmless."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.kernel.brand import (
    CONTRAST_TEXT,
    SURFACE_DARK,
    WHITE,
    Brand,
    check_brand,
    contrast,
    dark_palette,
    readable_on,
    sanitise_svg,
    text_on,
)
from billwright.kernel.errors import InputInvalidError
from support.invoice_contents import ALDERGATE, KESTREL

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", "21.00"),
        ("#777777", "#ffffff", "4.48"),
        ("#0000ff", "#ffffff", "8.59"),
        ("#ffffff", "#ffffff", "1.00"),
    ],
)
def test_contrast_is_what_the_guideline_gives(one: str, other: str, ratio: str) -> None:
    """Reference values of the published WCAG formula."""
    assert contrast(one, other).quantize(Decimal("0.01")) == Decimal(ratio)


@given(colours, colours)
def test_contrast_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert 1 <= contrast(one, other) == contrast(other, one) <= Decimal("21.01")


@given(colours, colours, colours)
def test_dark_mode_is_readable_for_every_brand(primary: str, accent: str, ink: str) -> None:
    palette = dark_palette(Brand(name="X", slug="x", primary=primary, accent=accent, ink=ink))

    assert contrast(palette["primary"], SURFACE_DARK) >= CONTRAST_TEXT
    assert contrast(palette["accent"], SURFACE_DARK) >= CONTRAST_TEXT
    assert contrast(palette["ink"], palette["paper"]) >= 7
    assert contrast(palette["on_primary"], palette["primary"]) >= CONTRAST_TEXT


@given(colours)
def test_the_proposed_colour_passes_the_check(colour: str) -> None:
    better = readable_on(colour, WHITE)

    brand = Brand(name="X", slug="x", primary=better, accent=better, ink="#000000")
    assert check_brand(brand) == []
    assert contrast(text_on(better, brand.ink), better) >= CONTRAST_TEXT


def test_demo_like_brands_pass_and_pale_ones_are_told_what_would_do() -> None:
    assert check_brand(ALDERGATE) == check_brand(KESTREL) == check_brand(Brand(name="X", slug="x")) == []

    problems = check_brand(
        Brand(name="X", slug="x", primary="#ffcc00", ink="red", logo_svg="<x>", logo_sha256="0" * 64)
    )

    assert [problem.split(":")[0] for problem in problems] == ["primary", "ink", "logo", "logo_svg"]
    assert "#8c7000 would do" in problems[0]


EVIL = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="alert(1)">
<script>alert(1)</script><style>@import url(http://x)</style><image href="http://x/y.png"/><use xlink:href="file:///etc/passwd#a"/>
<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject><a href="javascript:1"><path d="M0 0"/></a>
<path d="M1 1h3" fill="url(http://x/#a)" stroke="url(#ok)" style="fill:red" onclick="x()"/><animate attributeName="x"/>
</svg>"""


def test_a_logo_keeps_its_drawing_and_nothing_else() -> None:
    clean = sanitise_svg(EVIL)

    assert '<path d="M1 1h3" stroke="url(#ok)" />' in clean
    for word in ("script", "style", "image", "use", "href", "on", "http://x", "file:", "foreign", "animate", "M0 0"):
        assert word not in clean.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("version", "")
    assert sanitise_svg(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<svg>",
        '<svg viewBox="0 0 1 1"><path/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><path/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script/></svg>',
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="' + "M" * 100_001 + '"/></svg>',
    ],
)
def test_what_is_no_logo_is_refused(text: str) -> None:
    with pytest.raises(InputInvalidError) as caught:
        sanitise_svg(text)
    assert caught.value.facts["field"] == "logo_svg"
