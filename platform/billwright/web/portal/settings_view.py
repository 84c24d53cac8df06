"""Settings in words: the approval matrix and the reminder policy as sentences, contrasts, versions. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, get_type_hints

import msgspec

from billwright.approvals.decide_step import PERMISSIONS
from billwright.extension.loading import Installed
from billwright.identity.list_members import Member
from billwright.identity.permissions import TENANT_ROLES
from billwright.kernel.brand import CONTRAST_TEXT, SURFACE_DARK, WHITE, Brand, contrast
from billwright.kernel.errors import SettingsInvalidError
from billwright.tenancy.configuration import ApprovalRule, ReminderStep, RuleSetting
from billwright.web.portal.brands import palettes

STEPS: Final[Mapping[tuple[str, ...], str]] = {
    (): "nobody is asked, it is issued by itself",
    ("manager",): "the manager decides alone",
    ("finance",): "finance decides alone",
    ("manager", "finance"): "the manager decides first, then finance",
}
PARTS: Final = {
    "rules": "Rules",
    "triggers": "Triggers",
    "plugin_limits": "Time limits of rules and triggers",
    "approvals": "Approval matrix",
    "reminders": "Reminder policy",
    "settlement": "Settlement rates",
    "ledger": "Books, rates and write-offs",
    "documents": "Documents",
    "erp_connections": "Connections to post to",
    "tax_connection": "Connection that is asked about VAT ids",
    "deliver_by_mail": "Delivery by e-mail",
    "payment_terms_days": "Payment terms",
    "approval_hours": "Clock of an approval step",
    "exception_hours": "Clock of an exception",
    "render_documents": "Making documents",
}
VALUE_CHARS_MAX: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One row of the matrix. ``unreached``: an earlier row takes everything. ``free``: nobody is asked."""

    name: str
    text: str
    customer: str
    unreached: bool
    free: bool


def matrix_sentences(rules: Sequence[ApprovalRule], named: Mapping[str, str]) -> list[Sentence]:
    """Rows in order, as sentences. ``named``: source key or name of a customer to what it is called."""
    found: list[Sentence] = []
    taken = False
    for rule in rules:
        what = "Every draft" if not found else "Every other draft"
        if _narrows(rule):
            what = f"Drafts{_condition(rule, named)}"
        text = f"{what}: {STEPS[rule.steps]}."
        customer = "" if rule.customer == "*" else rule.customer
        found.append(Sentence(name=rule.name, text=text, customer=customer, unreached=taken, free=not rule.steps))
        taken = taken or not _narrows(rule)
    return found


def ends_open(rules: Sequence[ApprovalRule]) -> bool:
    """Whether a draft may fit no row: it then gets both steps."""
    return all(_narrows(rule) for rule in rules)


def _narrows(rule: ApprovalRule) -> bool:
    return (rule.legal_entity, rule.customer, rule.currency) != ("*", "*", "*") or rule.at_least > 0


def _condition(rule: ApprovalRule, named: Mapping[str, str]) -> str:
    parts = []
    if rule.customer != "*":
        parts.append(f"for {named.get(rule.customer, rule.customer)}")
    if rule.legal_entity != "*":
        parts.append(f"of legal entity {rule.legal_entity}")
    if rule.at_least > 0:
        unit = "" if rule.currency == "*" else f"{rule.currency} "
        parts.append(f"over {unit}{Decimal(rule.at_least):,f} net or exactly that")
    if rule.currency != "*" and rule.at_least == 0:
        parts.append(f"in {rule.currency}")
    return " " + " ".join(parts)


def deciders(members: Sequence[Member]) -> dict[str, list[str]]:
    """Step to the names of those who may decide it."""
    found: dict[str, list[str]] = {}
    for step, permission in PERMISSIONS.items():
        roles = {role for role, may in TENANT_ROLES.items() if permission in may}
        found[step] = [each.name for each in members if roles & set(each.roles) and each.disabled_at is None]
    return found


def reminder_sentences(steps: Sequence[ReminderStep]) -> list[tuple[str, str]]:
    """(when, tone) of each step, in the order in which they come."""
    found: list[tuple[str, str]] = []
    for step in sorted(steps, key=lambda each: each.days_after_due):
        days = abs(step.days_after_due)
        count = f"{days} day{'' if days == 1 else 's'}"
        side = "after" if step.days_after_due > 0 else "before"
        found.append((f"{count} {side} the due date" if days else "On the due date", step.tone))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSetting:
    """A setting of a plugin: what it is, and the value in force. ``own``: this firm chose it."""

    name: str
    about: str
    value: str
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A rule or trigger. ``broken`` says why it cannot be used; empty when it can."""

    name: str
    about: str
    enabled: bool
    settings: tuple[PluginSetting, ...] = ()
    broken: str = ""


def plugins_of(installed: Installed, enabled: Sequence[RuleSetting]) -> list[Plugin]:
    """The enabled ones in their order, then those that are installed and not enabled."""
    chosen = {each.name: each for each in enabled}
    names = [*chosen, *(name for name in installed if name not in chosen)]
    return [_plugin(installed, name, chosen.get(name)) for name in names]


def _plugin(installed: Installed, name: str, chosen: RuleSetting | None) -> Plugin:
    try:
        module = installed[name]
    except KeyError:
        return Plugin(name=name, about="", enabled=True, broken="It is not installed any more.")
    except SettingsInvalidError as error:
        return Plugin(name=name, about="", enabled=chosen is not None, broken=str(error))
    own = chosen.settings if chosen is not None else {}
    return Plugin(name=name, about=_about(module), enabled=chosen is not None, settings=_settings(module, own))


def _about(module: Any) -> str:
    """The first sentence of the plugin's docstring, without what it says about its own name."""
    first = (module.__doc__ or "").strip().partition("\n\n")[0]
    text = " ".join(re.sub(r"^(?:Rule|Trigger) ``\w+``: ", "", first).replace("``", "").split())
    return text[:1].upper() + text[1:]


def _settings(module: Any, own: Mapping[str, Any]) -> tuple[PluginSetting, ...]:
    model = getattr(module, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
        return tuple(PluginSetting(name=key, about="", value=str(value), own=True) for key, value in own.items())
    hints = get_type_hints(model, include_extras=True)
    return tuple(
        PluginSetting(
            name=field.name,
            about=_description(hints[field.name]),
            value=_brief(own.get(field.encode_name, None if field.default is msgspec.NODEFAULT else field.default)),
            own=field.encode_name in own,
        )
        for field in msgspec.structs.fields(model)
    )


def _description(hint: Any) -> str:
    metas = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, msgspec.Meta)]
    return next((each.description for each in metas if each.description), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One pair of colours: where it is used, and its ratio with one decimal, cut off, never rounded up."""

    where: str
    theme: str
    text: str
    background: str
    ratio: str
    passes: bool


PAIRS: Final = (
    ("Text on the page", "ink", "paper"),
    ("Text on cards", "ink", "surface"),
    ("Button that decides", "on-primary", "primary"),
    ("Links", "primary-text", "surface"),
    ("Chosen filter", "primary-text", "primary-tint"),
    ("What asks for attention", "accent", "accent-tint"),
    ("Rooms in the rail", "on-rail", "rail"),
    ("Room that is open", "on-rail", "rail-active"),
)


def contrasts(brand: Brand) -> list[Contrast]:
    """Every pair of colours that carries text, measured (WCAG 2.2, 1.4.3: AA asks for 4.5)."""
    light, night = palettes(brand)
    found = [
        _contrast(where, theme, colours[text], colours[background])
        for theme, colours in (("Light", light | {"surface": WHITE}), ("Dark", night | {"surface": SURFACE_DARK}))
        for where, text, background in PAIRS
    ]
    paper = (("Titles and totals", brand.primary), ("Text", brand.ink), ("Accent", brand.accent))
    return found + [_contrast(where, "Documents and mails", colour, WHITE) for where, colour in paper]


def _contrast(where: str, theme: str, text: str, background: str) -> Contrast:
    ratio = contrast(text, background)
    return Contrast(
        where=where,
        theme=theme,
        text=text,
        background=background,
        ratio=f"{int(ratio * 10) / Decimal(10):.1f}",
        passes=ratio >= CONTRAST_TEXT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """One part of the configuration that a version changed, as text from and to."""

    part: str
    before: str
    after: str


def version_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[VersionChange]:
    """What a version changed; nothing for the first one, which is all of it."""
    if before is None:
        return []
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [
        VersionChange(part=PARTS.get(name, name), before=_brief(before.get(name)), after=_brief(after.get(name)))
        for name in names
    ]


def _brief(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        text = "; ".join(_brief(each) for each in value) or "none"
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {_brief(each)}" for name, each in value.items() if each not in ({}, [], None))
    else:
        text = "none" if value is None else str(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[: VALUE_CHARS_MAX - 1]}…"
