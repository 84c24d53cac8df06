"""Jinja for the portal's own templates, and how values are written on pages."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from billwright.documents import format as fmt
from billwright.extension.message_types import TYPE
from billwright.intake.native import NATIVE_TYPES
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.kernel.money import Money, is_currency
from billwright.web.portal import words
from billwright.web.portal.charts import share, span, spark
from billwright.web.portal.mends import mend_of
from billwright.web.portal.reports_view import Cell, Link
from billwright_templates.versions import ROOT

STATIC: Final = Path(__file__).parents[1] / "static"
NEVER: Final = Markup('<span class="none" aria-hidden="true">–</span><span class="hidden">none</span>')
NATIVE: Final = "billwright."
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@cache
def asset(name: str) -> str:
    """Address of one of our static files, with the hash of its content so that browsers never keep an old one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def icon(name: str) -> Markup:
    """A sign of the vendored set; says nothing to screen readers, so it never stands alone without a label."""
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        asset("vendor/lucide/icons.svg"), name
    )


def _language(context: Context) -> str:
    visit = context.get("visit")
    return fmt.language_of(visit.locale) if visit is not None else "en"


@pass_context
def money(context: Context, minor: int | None, currency: str | None) -> Markup:
    """Amount with its currency, figures aligned, a real minus; a sign for "none" where there is no amount."""
    if minor is None or currency is None:
        return NEVER
    return Markup('<span class="num"><span class="cur">{}</span> {}</span>').format(
        currency, fmt.amount(minor, currency, _language(context))
    )


@pass_context
def money_text(context: Context, minor: int, currency: str) -> str:
    """The same as plain text, for sentences: ``EUR 12,400.00``."""
    return fmt.money(minor, currency, _language(context))


@pass_context
def day(context: Context, value: date | None) -> str | Markup:
    if value is None:
        return NEVER
    return fmt.day(value.date() if isinstance(value, datetime) else value, _language(context))


@pass_context
def number(context: Context, value: Decimal | int) -> str:
    return fmt.quantity(Decimal(value), _language(context))


@pass_context
def unit_price(context: Context, value: Decimal, currency: str) -> str:
    return fmt.unit_price(value, currency, _language(context))


@pass_context
def price(context: Context, value: Decimal | None, currency: str | None) -> Markup:
    """An agreed amount in major units, as its source gave it: its unit may be no ISO currency, or not be stated."""
    if value is None:
        return NEVER
    language = _language(context)
    known = is_currency(currency)
    text = fmt.unit_price(value, str(currency), language) if known else fmt.quantity(value, language)
    return Markup('<span class="num"><span class="cur">{}</span> {}</span>').format(currency or "no currency", text)


def relative(value: datetime, now: datetime) -> str:
    """``12 min ago``, ``in 3 h``, ``2 days ago``: one unit, rounded down."""
    gap = abs(value - now)
    if gap < MINUTE:
        return "just now"
    if gap < HOUR:
        text = f"{gap // MINUTE} min"
    elif gap < DAY:
        text = f"{gap // HOUR} h"
    else:
        days = gap // DAY
        text = f"{days} day" if days == 1 else f"{days} days"
    return f"in {text}" if value > now else f"{text} ago"


@pass_context
def ago(context: Context, value: datetime | None) -> Markup:
    """Relative time; the exact moment is in the title and in ``datetime``."""
    if value is None:
        return NEVER
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(timespec="seconds"), moment_text(value), relative(value, context["visit"].now)
    )


def moment_text(value: datetime) -> str:
    """``2 Mar 2026, 12:00 UTC``."""
    return f"{fmt.day(value.date(), 'en')}, {value:%H:%M} UTC"


@pass_context
def due(context: Context, value: datetime) -> Markup:
    """How long is left, or since when it is late: in words, not by colour alone."""
    late = value < context["visit"].now
    gap = relative(value, context["visit"].now)
    text = f"{gap.removesuffix(' ago')} late" if late and gap != "just now" else f"due {gap.removesuffix('just ')}"
    css = "late" if late else "soon" if value - context["visit"].now < timedelta(hours=8) else ""
    return Markup('<time class="due {}" datetime="{}" title="{}">{}</time>').format(
        css, value.isoformat(timespec="seconds"), moment_text(value), text
    )


@pass_context
def cell(context: Context, value: Cell) -> str | Markup:
    """A value of a report's table, as its kind is written everywhere; a count may lead to what it counts."""
    if isinstance(value, Link):
        return Markup('<a class="over" href="{}">{}</a>').format(value.path, value.value) if value.value else "0"
    if isinstance(value, Money):
        return money(context, value.minor, value.currency)
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, datetime):
        return ago(context, value)
    if isinstance(value, date):
        return day(context, value)
    if isinstance(value, int):
        return number(context, value)
    return NEVER if value is None else value


def status(pair: tuple[str, str]) -> Markup:
    """(words, meaning) as a label; ``meaning`` is one of quiet, waiting, blocked, done, overdue."""
    text, meaning = pair
    return Markup('<span class="status {}">{}</span>').format(meaning, text)


def counted(count: int, one: str, many: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count} {one if count == 1 else many}"


def plain(value: str) -> str:
    """``awaiting_manager`` as ``awaiting manager``."""
    return value.replace("_", " ")


def sentence(value: str) -> str:
    text = plain(value)
    return text[:1].upper() + text[1:]


def who(name: str) -> str:
    """The actor's name; what the platform did by itself bears no vendor's name on a firm's pages."""
    return "System" if name == SYSTEM.name else name


def unbranded(text: str) -> str:
    """Names of message types without the vendor's prefix: ``milestone.v1``."""
    return text.replace(NATIVE, "")


def rebranded(text: str, known: str) -> str:
    """The full name of the type that a person means who reads ``known`` without the vendor's prefix, and ours without it."""
    if text == unbranded(known):
        return known
    match = TYPE.fullmatch(NATIVE + text)
    return NATIVE + text if match and any(kind.name == match["name"] for kind in NATIVE_TYPES) else text


def in_fours(value: str) -> str:
    """An IBAN as people read it, in groups of four."""
    text = value.replace(" ", "")
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def short_hash(value: str) -> Markup:
    return Markup('<code title="{}">{}</code>').format(value, value[:12])


def change(entry: Mapping[str, Any] | None) -> Markup:
    """Before or after of an audit entry as ``name: value`` pairs."""
    if not entry:
        return NEVER
    parts = [Markup("<b>{}</b> {}").format(plain(name), _brief(value)) for name, value in entry.items()]
    return Markup("<br>").join(parts)


def value_text(value: object) -> str:
    """A value out of JSON in words: text bare, everything else as JSON writes it, so that any program can read it back."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _brief(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    text = value_text(value)
    return text if len(text) <= 90 else f"{text[:88]}…"


@cache
def portal_environment() -> Environment:
    """The portal's Jinja: everything escaped, unknown names are errors."""
    env = Environment(
        loader=FileSystemLoader(ROOT / "portal"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        money, money_text, day, number, unit_price, price, ago, due, status, plain, sentence, who, unbranded, short_hash,
        in_fours, change,
        cell,
    )  # fmt: skip
    env.filters.update({each.__name__: each for each in filters})
    env.filters["role"] = words.role
    env.filters["phase"] = words.phase
    env.filters["moment"] = moment_text
    env.globals.update(icon=icon, asset=asset, counted=counted, show=show, words=words, escape=escape, mend_of=mend_of)
    env.globals.update(spark=spark, share=share)
    return env


def render(template: str, **context: Any) -> str:
    """``template`` of ``billwright_templates/portal`` filled with ``context``."""
    return portal_environment().get_template(template).render(**context)
