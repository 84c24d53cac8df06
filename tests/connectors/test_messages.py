"""The connector for sources that send our own types: found by its entry point, maps nothing, holds what is foreign."""

from datetime import UTC, datetime

import msgspec
import pytest

from billwright.extension.canonical import SourceMessage
from billwright.extension.connectors import Source, UnknownTypeError
from billwright.extension.loading import available_connectors


def test_it_is_installed_as_a_source_and_holds_foreign_types() -> None:
    connector = available_connectors()["messages"]
    assert isinstance(connector, Source)
    message = SourceMessage(
        type="acme.thing.v1",
        source="x",
        id="1",
        time=datetime(2026, 3, 2, tzinfo=UTC),
        sequence=None,
        subject="",
        data=msgspec.Raw(b"{}"),
    )
    with pytest.raises(UnknownTypeError, match=r"acme\.thing\.v1"):
        connector.map_message(message, connector.manifest.settings_model())


def test_misspelt_settings_are_told() -> None:
    manifest = available_connectors()["messages"].manifest
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"hostt": "x"}, manifest.settings_model)
