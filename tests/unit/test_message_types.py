"""Versions of messages: older ones stepped up one at a time without losing a digit, unknown ones held, the catalogue generated."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.extension.canonical import CANONICAL_TYPES, Milestone
from billwright.extension.loading import available_connectors
from billwright.extension.message_types import MessageType, MessageTypes, Version, VersionUnknownError, decode_exactly
from billwright.intake.catalogue import catalogue, markdown
from billwright.intake.envelope import RefusedError
from billwright.intake.native import NATIVE, Reader, decode_native, is_native, unknown_reason

PAGE = Path(__file__).parents[2] / "docs" / "message-types.md"


class MilestoneV1(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    contract: str
    price_cents: int


class MilestoneV2(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    contract: str
    price: Decimal
    unit: str = "EUR"


def first_step(data: dict[str, Any]) -> dict[str, Any]:
    cents = data.pop("price_cents")
    return {**data, "price": Decimal(cents).scaleb(-2)}


def second_step(data: dict[str, Any]) -> dict[str, Any]:
    currency = data.pop("unit", "EUR")
    return {
        "ref": data["key"],
        "contract": data["contract"],
        "number": data["key"],
        "name": data["key"],
        "amount": str(data["price"]),
        "currency": currency,
    }


TYPES = MessageTypes(
    [
        MessageType(
            name="billwright.milestone",
            summary="A milestone.",
            versions=(
                Version(number=1, model=MilestoneV1, upcast=first_step),
                Version(number=2, model=MilestoneV2, changes="Prices are decimals.", upcast=second_step),
                Version(number=3, model=Milestone, changes="Fields have the names of the model."),
            ),
        )
    ]
)
READER = Reader(TYPES)
cents = st.integers(0, 10**14)


@given(cents)
def test_two_steps_lose_no_cent(price_cents: int) -> None:
    data = msgspec.json.encode({"key": "M1", "contract": "K1", "price_cents": price_cents})
    item = READER.read("billwright.milestone.v1", data)
    assert isinstance(item, Milestone)
    assert item.amount is not None
    assert item.amount * 100 == price_cents


@given(st.decimals(0, 10**9, places=2))
def test_numbers_with_a_fraction_pass_as_they_were_sent(price: Decimal) -> None:
    data = f'{{"key": "M1", "contract": "K1", "price": {price}, "unit": "CHF"}}'.encode()
    item = READER.read("billwright.milestone.v2", data)
    assert isinstance(item, Milestone)
    assert (item.amount, item.currency) == (price, "CHF")


def test_todays_version_is_left_as_it_is() -> None:
    data = msgspec.Raw(b'{"ref": "M1",   "contract":"K1"}')
    assert TYPES.step_up("billwright.milestone.v3", data) == ("billwright.milestone.v3", data)


def test_an_old_version_is_judged_by_its_own_model() -> None:
    with pytest.raises(RefusedError, match="price_cents"):
        decode_native("billwright.milestone.v1", b'{"key": "M1", "contract": "K1"}', reader=READER)
    with pytest.raises(RefusedError) as refused:
        decode_native("billwright.milestone.v2", b'{"key": "M1", "contract": "K1", "price_cents": 5}', reader=READER)
    assert refused.value.field == "data.price_cents"


@pytest.mark.parametrize("full", ["billwright.milestone.v4", "billwright.milestone.v999"])
def test_an_unknown_version_says_which_are_known(full: str) -> None:
    with pytest.raises(VersionUnknownError, match="v1, v2, v3"):
        TYPES.step_up(full, msgspec.Raw(b"{}"))


@pytest.mark.parametrize(
    "full", ["billwright.other.v1", "milestone", "billwright.milestone", "billwright.milestone.v0", "v1"]
)
def test_other_names_are_none_of_ours(full: str) -> None:
    assert TYPES.find(full) is None


@pytest.mark.parametrize(
    "versions",
    [
        (),
        (Version(number=1), Version(number=2)),
        (Version(number=1, upcast=first_step), Version(number=3)),
        (Version(number=1, upcast=first_step),),
    ],
)
def test_a_chain_with_a_gap_is_a_bug_of_its_maker(versions: tuple[Version, ...]) -> None:
    with pytest.raises(AssertionError):
        MessageType(name="x.y", summary="", versions=versions)


@pytest.mark.parametrize("data", [b"[]", b"1", b"null"])
def test_only_objects_are_stepped_up(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_exactly(msgspec.Raw(data))


def test_every_canonical_object_can_be_sent_in_its_first_version() -> None:
    assert NATIVE.known == sorted(f"billwright.{kind}.v1" for kind in CANONICAL_TYPES)
    assert is_native("billwright.milestone.v1")
    assert "knows v1" in unknown_reason("billwright.milestone.v2")


def test_the_catalogue_has_a_schema_for_each_version_of_ours_and_of_connectors() -> None:
    types = catalogue(available_connectors())
    by_name = {kind.name: kind for kind in types}
    assert by_name["billwright.milestone"].read_by == "platform"
    assert by_name["agreements.delivery"].read_by == "agreements"
    for kind in types:
        assert [version.current for version in kind.versions] == [False] * (len(kind.versions) - 1) + [True]
        for version in kind.versions:
            assert version.data_schema is not None, version.type


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == markdown(catalogue(available_connectors())), (
        "run: billwright message-types --markdown > docs/message-types.md"
    )
