"""Lists as they are described: addresses say what is asked and come back as the same, and descriptions are whole."""

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.identity.permissions import ALL_PERMISSIONS
from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import PREFIXES
from billwright.web.portal.listing import (
    ALL,
    Asked,
    Listing,
    asked_of,
    asks_nothing,
    parse_state,
    state_of,
    with_filter,
)
from billwright.web.portal.listings import LISTS

every = pytest.mark.parametrize("listing", LISTS.values(), ids=lambda each: each.name)
INVOICES = LISTS["invoices"]
keys = [each.key for each in INVOICES.columns]
orders = [way + each.key for each in INVOICES.columns if each.sort for way in ("", "-")]
asked_things = st.builds(
    Asked,
    filters=st.fixed_dictionaries(
        {},
        optional={
            "group": st.sampled_from([value for value, _ in INVOICES.filters[0].choices]),
            "about": st.text(
                st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20
            ).filter(lambda text: text != ALL),
            "due_to": st.dates().map(str),
        },
    ),
    columns=st.lists(st.sampled_from(keys), min_size=1, unique=True).map(INVOICES.known_columns),
    order=st.sampled_from(orders),
    named=st.just(True),
)


@every
def test_a_description_is_whole(listing: Listing) -> None:
    assert (listing.query is None) != (listing.whole is None)
    assert set(listing.needs) <= ALL_PERMISSIONS
    assert len({each.key for each in listing.columns}) == len(listing.columns)
    assert len({each.key for each in listing.filters}) == len(listing.filters)
    assert [each.fixed for each in listing.columns].count(True) == 1
    assert not {each.key for each in listing.filters} & {"view", "order", "columns", "cursor", "open"}
    if listing.query is not None:
        assert listing.identifier is not None
        assert listing.known_order(listing.order) == listing.order != ""
    if listing.actions:
        assert listing.prefix in PREFIXES
        assert listing.tick is not None
        assert {need for each in listing.actions for need in each.needs} <= ALL_PERMISSIONS


@given(asked_things)
def test_an_address_says_all_that_is_asked(asked: Asked) -> None:
    assert asked_of(INVOICES, parse_state(state_of(INVOICES, asked))) == asked


@given(asked_things, st.sampled_from(["group", "about", "due_to"]))
def test_a_chip_takes_its_own_filter_off_and_no_other(asked: Asked, key: str) -> None:
    without = asked_of(INVOICES, parse_state(state_of(INVOICES, with_filter(asked, key, ""))))
    assert without.filters == {name: text for name, text in asked.filters.items() if name != key}
    assert without.columns == asked.columns


@every
def test_showing_everything_is_a_wish_that_no_first_view_overrules(listing: Listing) -> None:
    everything = Asked(columns=listing.default_columns, order=listing.order)
    parameters = parse_state(state_of(listing, everything))
    assert not asks_nothing(listing, parameters)
    assert asked_of(listing, parameters).filters == {}


@pytest.mark.parametrize(
    "parameters", [{"group": "nowhere"}, {"due_to": "31.3.2026"}, {"customer": "inv_" + "0" * 32}, {"customer": "x"}]
)
def test_a_value_that_a_filter_cannot_have_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(InputInvalidError):
        asked_of(INVOICES, parameters)


def test_what_is_unknown_is_left_out_but_for_filters() -> None:
    asked = asked_of(INVOICES, {"columns": "gross,nothing", "order": "-nothing", "else": "1", "about": " a\0b "})
    assert asked.columns == ("number", "gross")
    assert asked.order == INVOICES.order
    assert asked.filters == {"about": "ab"}
    assert asked_of(INVOICES, {"columns": "nothing"}).columns == INVOICES.default_columns


def test_kept_columns_hold_until_an_address_names_others() -> None:
    kept = ("number", "net")
    assert asked_of(INVOICES, {}, kept=kept).columns == kept
    assert asked_of(INVOICES, {"columns": "tax"}, kept=kept).columns == ("number", "tax")


def test_a_state_with_too_many_parts_is_none() -> None:
    with pytest.raises(InputInvalidError):
        parse_state("&".join(f"a{number}=1" for number in range(60)))


def test_an_address_names_a_filter_that_filters_nothing_by_all() -> None:
    asked = replace(asked_of(INVOICES, {"group": ALL}), named=False)
    assert parse_qsl(state_of(INVOICES, asked)) == [("group", ALL)]
