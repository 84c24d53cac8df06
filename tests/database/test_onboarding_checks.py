"""Every problem of a blueprint has its path and is told in one go. Pure, though it lives beside its tests."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.kernel.errors import DomainError
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.checks import check_blueprint, countries
from billwright_tenants.errors import BlueprintInvalidError
from billwright_tenants.reading import convert, read_yaml, structural_problems


def base() -> dict[str, Any]:
    entity = {"code": "A", "name": "A Ltd", "country": "GB", "currency": "GBP", "time_zone": "Europe/London"}
    return {"tenant": {"slug": "acme", "name": "Acme"}, "legal_entities": [entity]}


def problems_after(path: str, value: object) -> list[str]:
    """Problems of content after one change of a sound blueprint; ``path`` as in problems: ``legal_entities[0].code``."""
    raw = base()
    place: Any = raw
    *way, last = path.replace("[", ".[").split(".")
    for step in way:
        place = place[int(step[1:-1])] if step.startswith("[") else place[step]
    place[last] = value
    return check_blueprint(convert(raw, Blueprint))


def test_a_sound_blueprint_has_no_problem() -> None:
    assert check_blueprint(convert(base(), Blueprint)) == []


CLERK = {"email": "c@example.com", "name": "C", "roles": ["billing_clerk"]}
ENTITY = base()["legal_entities"][0]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("legal_entities[0].country", "ZZ", "legal_entities[0].country: 'ZZ' is no ISO 3166 country"),
        ("legal_entities[0].currency", "BTC", "legal_entities[0].currency: 'BTC' is no active ISO 4217"),
        ("legal_entities[0].time_zone", "Berlin", "legal_entities[0].time_zone: 'Berlin' is no time zone"),
        ("legal_entities[0].time_zone", "../etc/passwd", "legal_entities[0].time_zone: "),
        ("legal_entities[0].time_zone", "", "legal_entities[0].time_zone: "),
        ("legal_entities[0].standard_tax_rate", "101", "legal_entities[0].standard_tax_rate: 101 is no percentage"),
        ("legal_entities[0].standard_tax_rate", "-1", "legal_entities[0].standard_tax_rate: -1"),
        ("legal_entities[0].standard_tax_rate", "8.125", "legal_entities[0].standard_tax_rate: 8.125"),
        ("legal_entities[0].standard_tax_rate", "NaN", "legal_entities[0].standard_tax_rate: NaN"),
        ("legal_entities[0].bank", {"holder": "A", "iban": "DE00 1234"}, "legal_entities[0].bank.iban: 'DE00 1234'"),
        ("legal_entities[0].bank", {"holder": "A"}, "legal_entities[0].bank: give an iban"),
        (
            "legal_entities[0].bank",
            [{"holder": "A", "account_number": "1", "bic": "NOBIC"}],
            "legal_entities[0].bank[0].bic: 'NOBIC' is no BIC",
        ),
        ("legal_entities[0].series", [{"pattern": "A-{year}"}], "legal_entities[0].series[0].pattern: "),
        ("legal_entities[0].series", [{"pattern": "{number}{number}"}], "legal_entities[0].series[0].pattern: "),
        ("legal_entities[0].series", [{"pattern": "{number:x}"}], "legal_entities[0].series[0].pattern: "),
        ("legal_entities[0].series", [{"pattern": "%s{number}"}], "legal_entities[0].series[0].pattern: "),
        (
            "legal_entities[0].series",
            [{"pattern": "{number}"}, {"document_type": "credit_note", "pattern": "{number}"}],
            "legal_entities[0].series[1].pattern: '{number}' is there twice",
        ),
        (
            "legal_entities",
            [{**ENTITY, "code": code, "series": [{"pattern": "N{number}"}]} for code in "AB"],
            "legal_entities[1].series[0].pattern: 'N{number}' is there twice",
        ),
        ("legal_entities", [ENTITY, ENTITY], "legal_entities[1].code: 'A' is there twice"),
        (
            "legal_entities",
            [{**ENTITY, "default": True}, {**ENTITY, "code": "B", "default": True}],
            "legal_entities: only one may be the default",
        ),
        ("users", [{**CLERK, "email": "nobody"}], "users[0].email: 'nobody' is no e-mail"),
        ("users", [CLERK, {**CLERK, "email": "C@Example.com"}], "users[1].email: 'C@Example.com' is there twice"),
        ("users", [{**CLERK, "roles": ["king"]}], "users[0].roles: there is no role 'king'"),
        (
            "users",
            [{**CLERK, "roles": ["billing_clerk", "finance_approver"]}],
            "users[0].roles: Nobody may both make what is billed and approve it",
        ),
        ("connections", [{"name": "c", "connector": "x"}], "connections[0].connector: there is no connector 'x'"),
        (
            "connections",
            [{"name": "c", "connector": "csv_journal", "settings": {"colour": 1}}],
            "connections[0].settings: Object contains unknown field `colour`",
        ),
        (
            "connections",
            [{"name": "c", "connector": "agreements", "erp": True}],
            "connections[0].erp: agreements posts to no ERP",
        ),
        (
            "connections",
            [{"name": "c", "connector": "csv_journal", "user": "who@example.com"}],
            "connections[0].user: 'who@example.com' is none of the blueprint's users",
        ),
        ("rules", [{"name": "magic"}], "rules[0]: There is no rule or trigger 'magic'"),
        ("rules", [{"name": "contract_value"}] * 2, "rules[1].name: 'contract_value' is there twice"),
        ("rules", [{"name": "contract_value", "settings": {"x": 1}}], "rules[0]: The setting 'x' of 'contract_value'"),
        ("triggers", ["magic"], "triggers[0]: There is no rule or trigger 'magic'"),
        ("approvals", [{"name": "a", "legal_entity": "Z"}], "approvals[0].legal_entity: there is no 'Z'"),
        ("approvals", [{"name": "a", "currency": "XXX"}], "approvals[0].currency: 'XXX'"),
        (
            "reminders",
            [{"days_after_due": 5, "tone": "firm"}, {"days_after_due": 3, "tone": "final"}],
            "reminders: the days must rise",
        ),
        (
            "settlement",
            [{"unit": "USD", "currency": "EUR", "rate": "1", "source": "s"}],
            "settlement[0].unit: USD is a currency itself",
        ),
        ("hosts", ["a.example", "a.example"], "hosts[1]: 'a.example' is there twice"),
        (
            "brand",
            {"name": "A", "slug": "a", "primary": "#ffff00"},
            "brand.primary: #ffff00 on white has a contrast of 1.1",
        ),
    ],
)
def test_each_problem_is_told_with_its_path(path: str, value: object, problem: str) -> None:
    found = problems_after(path, value)
    assert [each for each in found if each.startswith(problem)], found
    assert len(found) == 1, found


def test_a_parts_own_check_is_told_with_the_path_of_its_field() -> None:
    raw = base() | {"approvals": [{"name": "a", "at_least": "-1"}]}
    assert structural_problems(raw, Blueprint) == ["approvals[0].at_least: `at_least` must be 0 or more, not -1."]


def test_problems_of_shape_are_told_together() -> None:
    raw = base() | {"colour": "red", "users": [{"email": 3, "roles": "clerk"}, "x"], "payment_terms_days": 999}
    raw["tenant"]["slug"] = "A"
    raw["legal_entities"][0]["bank"] = [{"iban": 1}]
    fields = [problem.partition(":")[0] for problem in structural_problems(raw, Blueprint)]
    assert fields == [
        "colour",
        "tenant.slug",
        "legal_entities[0].bank[0].holder",
        "legal_entities[0].bank[0].iban",
        "users[0].email",
        "users[0].name",
        "users[0].roles",
        "users[1]",
        "payment_terms_days",
    ]


def test_secrets_are_not_repeated_in_problems() -> None:
    raw = base() | {"connections": [{"name": "c", "connector": "csv_journal", "secrets": {"password": "hunter2"}}]}
    (problem,) = check_blueprint(convert(raw, Blueprint))
    assert problem.startswith("connections[0].secrets: ")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "text",
    ["", "[", "- 1", "tenant: [", "a: &a [*a]", "!!python/object/apply:os.system ['true']", "\x00", "{" * 3_000, "42"],
)
def test_what_is_no_blueprint_is_refused(text: str) -> None:
    with pytest.raises(BlueprintInvalidError):
        read_yaml(text, Blueprint)


def test_rates_never_pass_through_a_float() -> None:
    raw = msgspec.json.encode(base()).decode()
    text = raw.replace('"time_zone"', '"standard_tax_rate": 8.10, "time_zone"')
    assert format(read_yaml(text, Blueprint).legal_entities[0].standard_tax_rate, "f") == "8.10"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from([*Blueprint.__struct_fields__, "name", "code", "x"]), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_is_refused_in_words(raw: object) -> None:
    with pytest.raises(DomainError):
        convert(raw, Blueprint)
    assert structural_problems(raw, Blueprint)


def test_countries_are_those_of_iso_3166() -> None:
    assert {"DE", "FR", "GB", "US", "CH", "AT", "XK"} <= countries()
    assert countries().isdisjoint({"EU", "UN", "ZZ", "UK", "XA"})
    assert 249 <= len(countries()) <= 251
