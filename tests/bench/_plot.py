"""A small line plot as SVG text: panels side by side with one scale, so that they can be compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 420, 260
LEFT, TOP, BOTTOM, RIGHT = 48, 56, 48, 16
INK, MUTED, RULE = "#1b1f24", "#5b6470", "#e3e6ea"
TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """``axis`` names what runs to the right; equal steps for its points, whatever lies between them."""

    title: str
    axis: str
    series: Sequence[Series]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The plot; its upright scale begins at 0 and is the same in each panel."""
    step = nice_step(max(y for panel in panels for series in panel.series for _, y in series.points) / TICKS)
    top = step * math.ceil(max(y for panel in panels for series in panel.series for _, y in series.points) / step)
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="11" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 18, title, INK, size=13, bold=True),
    ]
    for place, panel in enumerate(panels):
        parts.append(f'<g transform="translate({WIDTH * place} 0)">')
        parts += panel_parts(panel, top, step)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def nice_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least ``least``."""
    power: float = 10 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= least)


def panel_parts(panel: Panel, top: float, step: float) -> list[str]:
    places = sorted({x for series in panel.series for x, _ in series.points})
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(x: float) -> float:
        return LEFT + 14 + places.index(x) * (width - 28) / max(1, len(places) - 1)

    def up(y: float) -> float:
        return TOP + height * (1 - y / top)

    parts = [text(LEFT, 36, panel.title, MUTED)]
    for tick in range(round(top / step) + 1):
        y = up(tick * step)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{RULE}"/>')
        parts.append(text(LEFT - 6, y + 4, f"{tick * step:g}", MUTED, anchor="end"))
    parts += [text(across(x), HEIGHT - BOTTOM + 16, f"{x:,.0f}", MUTED, anchor="middle") for x in places]
    parts.append(text(LEFT + width / 2, HEIGHT - 12, panel.axis, MUTED, anchor="middle"))
    for series in panel.series:
        line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in series.points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{series.colour}" stroke-width="2"/>')
        for x, y in series.points:
            dot = f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{series.colour}">'
            parts.append(f"{dot}<title>{escape(series.name)}, {x:,.0f}: {y:.2f}</title></circle>")
            parts.append(text(across(x), up(y) - 8, f"{y:.1f}", series.colour, anchor="middle"))
    parts += [
        text(WIDTH - RIGHT, 18 + 16 * place, each.name, each.colour, anchor="end", bold=True)
        for place, each in enumerate(panel.series)
    ]
    return parts


def text(
    x: float, y: float, words: str, colour: str, *, anchor: str = "start", size: int = 11, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}"{weight}>{escape(words)}</text>'
