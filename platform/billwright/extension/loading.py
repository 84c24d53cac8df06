"""Installed plugins and connectors, found through entry points, and the managers that hold a tenant's enabled ones.

Installed is not enabled: a manager holds only what one tenant enabled, so a call for that tenant reaches nothing else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
import pluggy

from billwright.extension.hookspecs import PROJECT, Hooks
from billwright.kernel.errors import SettingsInvalidError

RULES: Final = "billwright.rules"
TRIGGERS: Final = "billwright.triggers"
CONNECTORS: Final = "billwright.connectors"

HookName = Literal["propose_items", "propose_settlements", "examine_draft"]
_HOOK_OF: Final[dict[str, HookName]] = {RULES: "examine_draft", TRIGGERS: "propose_items"}
_WORD_OF: Final = {RULES: "rule", TRIGGERS: "trigger", CONNECTORS: "connector"}


class Installed(Mapping[str, Any]):
    """Name -> plugin of one group, sorted by name. Each is loaded when first asked for, so a broken one harms no other.

    Raises:
        SettingsInvalidError: two packages offer one name, or (on access) the plugin cannot be loaded.
    """

    def __init__(self, group: str, found: Sequence[EntryPoint]) -> None:
        self.group = group
        self._found: dict[str, EntryPoint] = {}
        self._loaded: dict[str, Any] = {}
        for entry_point in sorted(found, key=lambda point: (point.name, point.value)):
            known = self._found.setdefault(entry_point.name, entry_point)
            if known.value != entry_point.value:
                raise SettingsInvalidError(
                    f"Two installed packages offer the {_WORD_OF[group]} {entry_point.name!r} ({known.value} and "
                    f"{entry_point.value}); uninstall one of them.",
                    plugin=entry_point.name,
                )

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            entry_point = self._found[name]
            try:
                self._loaded[name] = entry_point.load()
            except Exception as error:  # a third party's module may fail in any way at import
                raise SettingsInvalidError(
                    f"The {_WORD_OF[self.group]} {name!r} ({entry_point.value}) cannot be loaded: {error}. "
                    "Install a version of it that fits this release, or disable it.",
                    plugin=name,
                ) from error
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@cache
def installed(group: str) -> Installed:
    """What is installed under the entry point group ``group``; read once per process."""
    return Installed(group, tuple(entry_points(group=group)))


def available_rules() -> Installed:
    return installed(RULES)


def available_triggers() -> Installed:
    return installed(TRIGGERS)


def available_connectors() -> Installed:
    return installed(CONNECTORS)


def load_rules(enabled: Sequence[str]) -> pluggy.PluginManager:
    """A manager with exactly the rules ``enabled``, called in that order.

    Raises:
        SettingsInvalidError: a name is unknown or given twice, or the plugin does not fit the hooks.
    """
    return _manager(RULES, tuple(enabled))


def load_triggers(enabled: Sequence[str]) -> pluggy.PluginManager:
    """A manager with exactly the triggers ``enabled``, called in that order. Raises as ``load_rules``."""
    return _manager(TRIGGERS, tuple(enabled))


def callers(manager: pluggy.PluginManager, hook: HookName) -> tuple[tuple[str, Callable[..., Any]], ...]:
    """Each plugin's name with its own implementation of ``hook``, in the tenant's order.

    For a core that gives each plugin its own settings and contains the failure of one; arguments are passed by keyword.
    """
    implementations = {each.plugin_name: each for each in getattr(manager.hook, hook).get_hookimpls()}
    in_tenant_order = [name for name, _ in reversed(manager.list_name_plugin())]
    return tuple(
        (name, _with_its_arguments(implementations[name])) for name in in_tenant_order if name in implementations
    )


def _with_its_arguments(implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """A plugin may leave out arguments that it does not need, as pluggy allows."""

    def call(**arguments: Any) -> Any:
        return implementation.function(*(arguments[name] for name in implementation.argnames))

    return call


@lru_cache(maxsize=1_024)
def _manager(group: str, names: tuple[str, ...]) -> pluggy.PluginManager:
    return build_manager(installed(group), names)


def build_manager(known: Installed, names: Sequence[str]) -> pluggy.PluginManager:
    """As ``load_rules``, over any set of plugins and not cached."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    word, hook = _WORD_OF[known.group], _HOOK_OF[known.group]
    for name in names:
        if name not in known:
            raise _unknown(word, name, sorted(known))
        if list(names).count(name) > 1:
            raise SettingsInvalidError(f"The {word} {name!r} is enabled twice; keep one.", plugin=name)
    for name in reversed(names):  # pluggy calls the last registered first
        try:
            manager.register(known[name], name=name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise _unfit(word, name, " ".join(str(error).split())) from error
        if name not in dict(callers(manager, hook)):
            raise _unfit(word, name, f"it has no hook {hook}")
        if any(each.wrapper or each.hookwrapper for each in getattr(manager.hook, hook).get_hookimpls()):
            raise _unfit(word, name, "it wraps the hook, and no plugin may change what another one answers")
    return manager


def _unknown(word: str, name: str, known: list[str]) -> SettingsInvalidError:
    return SettingsInvalidError(
        f"There is no {word} {name!r}. Installed: {', '.join(known)}. Mend the name or install the package that has it.",
        plugin=name,
        known=known,
    )


def _unfit(word: str, name: str, why: str) -> SettingsInvalidError:
    return SettingsInvalidError(
        f"The {word} {name!r} does not fit this release: {why}. Install a version that does, or disable it.",
        plugin=name,
    )


def settings_model(name: str) -> type[msgspec.Struct] | None:
    """The ``Settings`` struct of the rule or trigger ``name``; ``None`` if it has nothing to set.

    Raises:
        SettingsInvalidError: no such rule or trigger is installed.
    """
    for group in (RULES, TRIGGERS):
        if name in installed(group):
            model: type[msgspec.Struct] | None = getattr(installed(group)[name], "Settings", None)
            return model
    known = sorted({*installed(RULES), *installed(TRIGGERS)})
    raise _unknown("rule or trigger", name, known)


def plugin_settings(name: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """``raw`` checked against the plugin's ``Settings``, with its defaults filled in, as JSON-able values.

    Raises:
        SettingsInvalidError: unknown plugin or field, or a value that does not fit; ``field`` names it.
    """
    model = settings_model(name)
    if model is None:
        if raw:
            raise _wrong(name, next(iter(raw)), "is unknown: this plugin has no settings. Leave it out.")
        return {}
    annotations = get_type_hints(model, include_extras=True)
    for field in raw:
        if field not in annotations:
            raise _wrong(name, field, f"is unknown. Use one of: {', '.join(annotations)}.")
    for field, value in raw.items():
        try:
            msgspec.convert({field: value}, model)
        except msgspec.ValidationError as error:
            raise _wrong(name, field, f"does not fit: {error}. {_describe(annotations[field])}") from error
    try:
        settings = msgspec.convert(dict(raw), model)
    except msgspec.ValidationError as error:
        raise _wrong(name, ", ".join(raw), f"do not fit together: {error}.") from error
    checked: dict[str, Any] = msgspec.to_builtins(settings)
    return checked


def waivable_codes(rule: str, chosen: Sequence[str] | None = None) -> frozenset[str]:
    """Codes of the findings of ``rule`` that people may let pass: what its module names as ``WAIVABLE``, else none.

    ``chosen`` is the tenant's own choice among them; none given means all.

    Raises:
        SettingsInvalidError: no such rule, or a chosen code that the rule does not allow.
    """
    if rule not in installed(RULES):
        raise _unknown("rule", rule, sorted(installed(RULES)))
    allowed = frozenset(getattr(installed(RULES)[rule], "WAIVABLE", ()))
    for code in chosen or ():
        if code not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise _wrong(rule, "waivable", f"names {code!r}, which nobody may let pass. Allowed: {known}.")
    return allowed if chosen is None else frozenset(chosen)


def _wrong(name: str, field: str, problem: str) -> SettingsInvalidError:
    return SettingsInvalidError(f"The setting {field!r} of {name!r} {problem}".rstrip(), plugin=name, field=field)


def _describe(annotation: Any) -> str:
    """The description that the plugin gave the field, which says what to send."""
    if get_origin(annotation) is not Annotated:
        return ""
    descriptions = [meta.description for meta in get_args(annotation) if isinstance(meta, msgspec.Meta)]
    return " ".join(description for description in descriptions if description)
