"""The tables of rates, places and reasons: read once, checked by their models."""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

Percent = Annotated[Decimal, Meta(description="Percent: 25.5")]
Relation = Literal["domestic", "union", "abroad"]
Service = Literal["professional", "electronic", "general", "financial", "education", "land"]
Buyer = Literal["business", "public_body", "private_person", "unknown"]
SERVICES: Final = ("professional", "electronic", "general", "financial", "education", "land")
T = TypeVar("T")


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all rows: a misspelt field is an error at start."""


class Source(Table, frozen=True):
    title: str
    url: Annotated[str, Meta(pattern="^https://")]


class Rate(Table, frozen=True):
    """``begins`` is the first day of supply."""

    begins: date = field(name="from")
    percent: Percent
    source: str = ""


class Jurisdiction(Table, frozen=True):
    area: Literal["eu", "own", "none"]
    source: str
    rates: tuple[Rate, ...]
    vat_prefix: str = ""
    regions: Literal["", "by_region"] = ""


class Province(Table, frozen=True):
    """What a province adds to, or (``hst``) puts in the place of, the federal tax from a day on."""

    begins: date = field(name="from")
    hst: Percent | None = None
    name: str = ""
    percent: Percent | None = None
    stated: bool = False
    source: str = ""


class Territory(Table, frozen=True):
    country: str
    name: str
    postal_codes: str
    outside: bool


class States(Table, frozen=True):
    source: Source
    codes: tuple[str, ...]


class Rates(Table, frozen=True):
    sources: dict[str, Source]
    jurisdictions: dict[str, Jurisdiction]
    provinces: dict[str, tuple[Province, ...]]
    states_without_tax: States
    same_as: dict[str, str]
    territories: tuple[Territory, ...]


class Rule(Table, frozen=True):
    """One row of the decision table. An empty condition holds always."""

    id: str
    relation: tuple[Relation, ...]
    category: Literal["S", "Z", "E", "AE", "K", "G", "O"]
    source: str
    area: str = ""
    country: str = ""
    service: tuple[Service, ...] = ()
    status: tuple[Buyer, ...] = ()
    vat_id: bool | None = None
    rate: Literal["none", "seller", "buyer", "regional"] = "none"
    code: str = ""
    reason: str = ""
    needs: Literal["", "oss"] = ""
    begins: date | None = field(name="from", default=None)
    ends: date | None = field(name="until", default=None)


class Rules(Table, frozen=True):
    sources: dict[str, Source]
    rules: tuple[Rule, ...]


def _read(name: str, model: type[T]) -> T:
    text = (files("billwright.billing.tax") / "data" / name).read_bytes()
    return msgspec.yaml.decode(text, type=model)


@cache
def rates() -> Rates:
    """The rates of all jurisdictions; every source that a row names is there."""
    table = _read("rates.yaml", Rates)
    named = {each.source for each in table.jurisdictions.values()}
    named |= {rate.source for each in table.jurisdictions.values() for rate in each.rates if rate.source}
    named |= {row.source for rows in table.provinces.values() for row in rows if row.source}
    assert named <= table.sources.keys(), f"no source {named - table.sources.keys()}"
    return table


@cache
def rules() -> Rules:
    """The decision table, in its order."""
    table = _read("rules.yaml", Rules)
    missing = {each.source for each in table.rules} - table.sources.keys()
    assert not missing, f"no source {missing}"
    return table


@cache
def reasons() -> dict[str, dict[str, str]]:
    """Sentence by reason and language; English is always there."""
    table = _read("reasons.yaml", dict[str, dict[str, str]])
    assert all("en" in texts for texts in table.values())
    return table


def jurisdiction(country: str) -> Jurisdiction | None:
    return rates().jurisdictions.get(country)


def rate_on(country: str, day: date) -> Rate | None:
    """The standard rate of ``country`` for a supply on ``day``; none when our table does not reach back that far."""
    known = jurisdiction(country)
    begun = [each for each in known.rates if each.begins <= day] if known else []
    return max(begun, key=lambda each: each.begins, default=None)


def province_on(region: str, day: date) -> Province | None:
    """What the Canadian province adds on ``day``; none for those that add nothing."""
    begun = [each for each in rates().provinces.get(region, ()) if each.begins <= day]
    return max(begun, key=lambda each: each.begins, default=None)


def territory_of(country: str, postal_code: str) -> Territory | None:
    """The part of ``country`` with a tax of its own in which the address lies."""
    compact = postal_code.replace(" ", "")
    for each in rates().territories:
        if each.country == country and re.fullmatch(each.postal_codes, compact):
            return each
    return None


def source_of(key: str) -> dict[str, Any]:
    """Title and address of a source of rates or rules, for the evidence of a line."""
    source = rates().sources.get(key) or rules().sources[key]
    return {"title": source.title, "url": source.url}


def reason_text(key: str, language: str) -> str:
    """The sentence of a reason or VATEX code in ``language``, in English where it is not translated; empty if unknown."""
    texts = reasons().get(key, {})
    return texts.get(language) or texts.get("en", "")
