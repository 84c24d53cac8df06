"""Which names of a record are one firm, and what a firm is called in addresses."""

from typing import Any

import pytest

from billwright_connectors.agreements.suppliers import group_suppliers, supplier_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Antier Solutions", "Antier Solutions Pvt. Ltd."),
        ("Off Narrative Labs", "Off-Narrative Labs"),
        ("ParaSpell", "ParaSpell✨"),
        ("Sporyon Technologies OÜ", "SPORYON Technologies"),
        ("Block Solutions Sp z o.o.", "Block Solutions"),
        ("PolyCrypt GmbH, Handelsregister Darmstadt HRB 101219", "Polycrypt GmbH"),
        ("Solidbit GmbH (CHE-267.620.734)", "Solidbit"),
    ],
)
def test_spelling_and_legal_form_do_not_make_two_firms(one: str, other: str) -> None:
    assert supplier_key(one) == supplier_key(other) != ""


@pytest.mark.parametrize(
    "text",
    ["N/A", "None", "TBD", "Individual", "No registred entity", "Ideal Labs (TBD)", "To be provided privately.", "", "—",
     "Our team develops software about 10+ years and decentralized applications since 2017."],
)  # fmt: skip
def test_a_placeholder_is_no_firm(text: str) -> None:
    assert supplier_key(text) == ""


def groups(*rows: dict[str, Any]) -> list[set[str]]:
    _, slugs = group_suppliers(list(rows))
    found: dict[str, set[str]] = {}
    for contract_id, slug in slugs.items():
        found.setdefault(slug, set()).add(contract_id)
    return sorted(found.values(), key=sorted)


def test_a_legal_entity_joins_names_and_a_placeholder_does_not() -> None:
    rows = [
        {"contract_id": "r:1", "supplier": "Perun", "supplier_legal_entity": "PolyCrypt GmbH, HRB 1"},
        {"contract_id": "r:2", "supplier": "PolyCrypt GmbH"},
        {"contract_id": "r:3", "supplier": "Alone", "supplier_legal_entity": "N/A"},
        {"contract_id": "r:4", "supplier": "Also alone", "supplier_legal_entity": "N/A"},
    ]
    assert groups(*rows) == [{"r:1", "r:2"}, {"r:3"}, {"r:4"}]


def test_a_shared_account_alone_does_not_join_two_firms() -> None:
    rows = [
        {"contract_id": "r:keysafe", "supplier": "Keysafe", "payee_accounts": ["acct:1"]},
        {"contract_id": "r:dauth", "supplier": "DAuth", "payee_accounts": ["acct:1"]},
        {"contract_id": "r:plus", "supplier": "Kami", "payee_accounts": ["acct:2"]},
        {"contract_id": "r:plus-follow-up", "supplier": "Polka plus", "payee_accounts": ["acct:2"]},
        {"contract_id": "r:x", "supplier": "Sporyon Technologies OÜ", "payee_accounts": ["acct:3"]},
        {"contract_id": "r:y", "supplier": "Sporyon Systems KLG", "payee_accounts": ["acct:3"]},
        {"contract_id": "r:z", "title": "A thing", "payee_accounts": ["acct:3"]},
    ]
    assert groups(*rows) == [{"r:dauth"}, {"r:keysafe"}, {"r:plus", "r:plus-follow-up"}, {"r:x", "r:y", "r:z"}]


def test_an_agreement_without_supplier_goes_by_its_title() -> None:
    rows = [
        {"contract_id": "r:1", "title": "Standard Protocol"},
        {"contract_id": "r:2", "supplier": "Standard Protocol"},
    ]
    seeds, _ = group_suppliers(rows)
    assert [(seed.slug, seed.name, seed.legal_entity) for seed in seeds] == [
        ("standard-protocol", "Standard Protocol", "Standard Protocol")
    ]


def test_slugs_are_unique_short_and_plain() -> None:
    rows = [
        {"contract_id": "r:1", "supplier": "Ünïted  Works & Sons — Engineering of the North (UK)"},
        {"contract_id": "r:2", "supplier": "Ünïted Works & Sons Engineering of the North Sea"},
        {"contract_id": "r:3", "supplier": "https://example.org/some/bit-country"},
        {"contract_id": "r:四", "supplier": "四", "title": "四"},
    ]
    seeds, _ = group_suppliers(rows)
    assert [seed.slug for seed in seeds] == [
        "united-works-sons-engineering-of-the-nor",
        "united-works-sons-engineering-of-the-n-2",
        "bit-country",
        "supplier",
    ]
    assert all(len(seed.slug) <= 40 for seed in seeds)
