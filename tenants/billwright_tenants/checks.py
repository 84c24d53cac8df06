"""What a well-formed blueprint may still get wrong: every problem with its path and what to do."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel import Locale
from stdnum import bic as stdnum_bic
from stdnum import iban as stdnum_iban
from stdnum.exceptions import ValidationError as StdnumError

from billwright.extension.loading import available_connectors, plugin_settings, waivable_codes
from billwright.identity.add_person import EMAIL
from billwright.identity.permissions import PARTNER_ROLES, TENANT_ROLES, check_permissions
from billwright.kernel.brand import Brand, check_brand
from billwright.kernel.errors import DomainError, SettingsInvalidError
from billwright.kernel.money import is_currency
from billwright_tenants.blueprint import Bank, Blueprint, Connection, LegalEntity, PartnerBlueprint, Series, User

NUMBER: Final = re.compile(r"\{number(:0[1-9]d)?\}")
PATTERN_TEXT: Final = re.compile(r"[A-Za-z0-9 ./_-]*")
_NO_COUNTRIES: Final = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ", "IC", "EA", "DG", "CP", "AC", "TA", "CQ"})


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes, as CLDR has them, without its groupings; XK is in use for Kosovo."""
    codes = (str(code) for code in Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code.isalpha()) - _NO_COUNTRIES


def check_blueprint(blueprint: Blueprint) -> list[str]:
    """All problems of content; empty when the blueprint can be applied."""
    return [
        *_brand(blueprint.brand),
        *_entities(blueprint.legal_entities),
        *_users(blueprint.users, TENANT_ROLES),
        *_connections(blueprint),
        *_plugins(blueprint),
        *_configuration(blueprint),
        *_twice("hosts", blueprint.hosts),
    ]


def check_partner(blueprint: PartnerBlueprint) -> list[str]:
    return [
        *_brand(blueprint.brand),
        *_users(blueprint.users, PARTNER_ROLES),
        *_twice("hosts", blueprint.hosts),
    ]


def _brand(brand: Brand | None) -> Iterator[str]:
    if brand is not None:
        yield from (f"brand.{problem}" for problem in check_brand(brand))


def _twice(path: str, values: Iterable[str], field: str = "") -> Iterator[str]:
    seen: set[str] = set()
    for number, value in enumerate(values):
        if value.lower() in seen:
            yield f"{path}[{number}]{field}: {value!r} is there twice; keep one."
        seen.add(value.lower())


def _entities(entities: tuple[LegalEntity, ...]) -> Iterator[str]:
    yield from _twice("legal_entities", (entity.code for entity in entities), ".code")
    yield from _same_numbers(entities)
    if sum(entity.default for entity in entities) > 1:
        yield "legal_entities: only one may be the default; the others are named by contracts."
    for number, entity in enumerate(entities):
        path = f"legal_entities[{number}]"
        if entity.country not in countries():
            yield f"{path}.country: {entity.country!r} is no ISO 3166 country; write a code such as DE."
        if entity.address.country and entity.address.country not in countries():
            yield f"{path}.address.country: {entity.address.country!r} is no ISO 3166 country."
        if not is_currency(entity.currency):
            yield f"{path}.currency: {entity.currency!r} is no active ISO 4217 currency; write a code such as EUR."
        if not _is_zone(entity.time_zone):
            yield f"{path}.time_zone: {entity.time_zone!r} is no time zone; write a name such as Europe/Berlin."
        yield from _rates(path, entity)
        yield from _banks(path, entity)
        yield from _series(path, entity.series)


def _rates(path: str, entity: LegalEntity) -> Iterator[str]:
    stated = {} if entity.standard_tax_rate is None else {"standard_tax_rate": entity.standard_tax_rate}
    regime = entity.tax
    for region, percent in (regime.provincial if regime else {}).items():
        stated[f"tax.provincial.{region}"] = percent
    for name, rate in stated.items():
        if not rate.is_finite() or not 0 <= rate <= 100 or rate * 100 != int(rate * 100):
            yield f"{path}.{name}: {rate} is no percentage of 0 to 100 with at most two decimals."


def _same_numbers(entities: tuple[LegalEntity, ...]) -> Iterator[str]:
    """Two series of one pattern would give two documents of the tenant one number."""
    seen: set[str] = set()
    for number, entity in enumerate(entities):
        for place, series in enumerate(entity.series):
            if series.pattern in seen:
                path = f"legal_entities[{number}].series[{place}].pattern"
                yield f"{path}: {series.pattern!r} is there twice; each series needs a pattern of its own."
            seen.add(series.pattern)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return bool(name)


def _banks(path: str, entity: LegalEntity) -> Iterator[str]:
    given = entity.bank
    listed: tuple[tuple[str, Bank], ...] = ()
    if isinstance(given, Bank):
        listed = ((f"{path}.bank", given),)
    elif given is not None:
        listed = tuple((f"{path}.bank[{number}]", bank) for number, bank in enumerate(given))
    for where, bank in listed:
        if not bank.iban and not bank.account_number:
            yield f"{where}: give an iban, or account_number and routing."
        if bank.iban and (problem := _stdnum(stdnum_iban, bank.iban)):
            yield f"{where}.iban: {bank.iban!r} is no IBAN ({problem}); copy it from a bank statement."
        if bank.bic and (problem := _stdnum(stdnum_bic, bank.bic)):
            yield f"{where}.bic: {bank.bic!r} is no BIC ({problem})."
        if bank.currency and not is_currency(bank.currency):
            yield f"{where}.currency: {bank.currency!r} is no active ISO 4217 currency."


def _stdnum(module: Any, text: str) -> str:
    try:
        module.validate(text)
    except StdnumError as error:
        return str(error).rstrip(".").lower()
    return ""


def _series(path: str, series: tuple[Series, ...]) -> Iterator[str]:
    yield from _twice(f"{path}.series", (each.document_type for each in series), ".document_type")
    for number, each in enumerate(series):
        rest = NUMBER.sub("", each.pattern.replace("{year}", ""))
        if len(NUMBER.findall(each.pattern)) != 1 or not PATTERN_TEXT.fullmatch(rest):
            yield (
                f"{path}.series[{number}].pattern: {each.pattern!r} must hold {{number}} or {{number:05d}} once, may hold "
                "{year}, and else letters, digits, spaces and . / _ - only."
            )


def _users(users: tuple[User, ...], roles: dict[str, frozenset[str]]) -> Iterator[str]:
    yield from _twice("users", (user.email.strip() for user in users), ".email")
    for number, user in enumerate(users):
        path = f"users[{number}]"
        if not EMAIL.fullmatch(user.email.strip().lower()):
            yield f"{path}.email: {user.email!r} is no e-mail address."
        unknown = [role for role in user.roles if role not in roles]
        for role in unknown:
            yield f"{path}.roles: there is no role {role!r}; use one of {', '.join(roles)}."
        if not unknown:
            try:
                check_permissions(frozenset().union(*(roles[role] for role in user.roles)))
            except DomainError as error:
                yield f"{path}.roles: {error}"


def _connections(blueprint: Blueprint) -> Iterator[str]:
    yield from _twice("connections", (each.name for each in blueprint.connections), ".name")
    if sum(each.tax and each.enabled for each in blueprint.connections) > 1:
        yield "connections: only one may be asked about VAT ids (tax); keep one."
    emails = {user.email.strip().lower() for user in blueprint.users}
    for number, each in enumerate(blueprint.connections):
        path = f"connections[{number}]"
        if each.user is not None and each.user.strip().lower() not in emails:
            yield f"{path}.user: {each.user!r} is none of the blueprint's users; add them or leave it out."
        yield from _connection(path, each)


def _connection(path: str, each: Connection) -> Iterator[str]:
    known = available_connectors()
    if each.connector not in known:
        yield f"{path}.connector: there is no connector {each.connector!r}; installed: {', '.join(known)}."
        return
    try:
        manifest = known[each.connector].manifest
    except SettingsInvalidError as error:
        yield f"{path}.connector: {error}"
        return
    if each.erp and "erp" not in manifest.capabilities:
        yield f"{path}.erp: {each.connector} posts to no ERP; leave it out."
    if each.tax and "tax" not in manifest.capabilities:
        yield f"{path}.tax: {each.connector} asks no register about VAT ids; leave it out."
    for field, model in (("settings", manifest.settings_model), ("secrets", manifest.secrets_model)):
        try:
            msgspec.convert(getattr(each, field), model)
        except msgspec.ValidationError as error:
            text = str(error) if field == "settings" else str(error).partition(" - ")[0]
            yield f"{path}.{field}: {text}."


def _plugins(blueprint: Blueprint) -> Iterator[str]:
    yield from _twice("rules", (rule.name for rule in blueprint.rules), ".name")
    yield from _twice("triggers", blueprint.triggers)
    for number, rule in enumerate(blueprint.rules):
        try:
            plugin_settings(rule.name, rule.settings)
            waivable_codes(rule.name, rule.waivable)
        except SettingsInvalidError as error:
            yield f"rules[{number}]: {error}"
    for number, name in enumerate(blueprint.triggers):
        try:
            plugin_settings(name, {})
        except SettingsInvalidError as error:
            yield f"triggers[{number}]: {error}"


def _configuration(blueprint: Blueprint) -> Iterator[str]:
    codes = {entity.code for entity in blueprint.legal_entities}
    for number, rule in enumerate(blueprint.approvals):
        path = f"approvals[{number}]"
        if rule.legal_entity != "*" and rule.legal_entity not in codes:
            yield f"{path}.legal_entity: there is no {rule.legal_entity!r}; use * or one of {', '.join(sorted(codes))}."
        if rule.currency != "*" and not is_currency(rule.currency):
            yield f"{path}.currency: {rule.currency!r} is no active ISO 4217 currency; use * for any."
    days = [step.days_after_due for step in blueprint.reminders]
    if days != sorted(set(days)):
        yield "reminders: the days must rise from step to step."
    yield from _twice("settlement", (each.unit for each in blueprint.settlement), ".unit")
    for number, each in enumerate(blueprint.settlement):
        if not is_currency(each.currency):
            yield f"settlement[{number}].currency: {each.currency!r} is no active ISO 4217 currency."
        if is_currency(each.unit):
            yield f"settlement[{number}].unit: {each.unit} is a currency itself; it needs no settlement rate."
