"""Messages in our own types, ``billwright.<kind>.v1``: validated whole before they are stored."""

from typing import Any, Final

import msgspec

from billwright.canon.check import check_sense, check_values
from billwright.extension.canonical import CANONICAL_TYPES, Canonical
from billwright.extension.message_types import MessageType, MessageTypes, Version, VersionUnknownError
from billwright.intake.envelope import RefusedError, refusal_of
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

Units = list[tuple[str, str]]

NATIVE_TYPES: Final = MessageTypes(
    MessageType(
        name=f"billwright.{kind}",
        summary=(model.__doc__ or kind).strip().partition("\n")[0],
        versions=(Version(number=1, model=model),),
    )
    for kind, model in CANONICAL_TYPES.items()
)


class Reader:
    """Decoders of all versions of ``types``. An older version is judged by its own model, then stepped up to today's."""

    def __init__(self, types: MessageTypes) -> None:
        self.types = types
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            kind.full(version): msgspec.json.Decoder(version.model) for kind in types for version in kind.versions
        }
        self._today = {kind.full(kind.today) for kind in types}

    @property
    def known(self) -> list[str]:
        return sorted(self._decoders)

    def knows(self, event_type: str) -> bool:
        return event_type in self._decoders

    def read(self, event_type: str, data: msgspec.Raw | bytes) -> Canonical:
        """The object in ``data`` in today's form; raises as msgspec does."""
        item = self._decoders[event_type].decode(data)
        if event_type not in self._today:
            today, stepped = self.types.step_up(event_type, msgspec.Raw(data))
            item = self._decoders[today].decode(stepped)
        assert isinstance(item, Canonical)
        return item


NATIVE: Final = Reader(NATIVE_TYPES)


def is_native(event_type: str) -> bool:
    """Whether this release understands the type."""
    return NATIVE.knows(event_type)


def unknown_reason(event_type: str) -> str:
    """Why a type that is neither native nor a connector's is held, and what to do."""
    try:
        NATIVE_TYPES.find(event_type)
    except VersionUnknownError as error:
        return str(error)
    known = ", ".join(NATIVE.known)
    return f"No mapping for the type {event_type[:100]!r}. Send one of {known}, or send it through a connection that maps it."


def decode_native(event_type: str, data: msgspec.Raw | bytes, *, reader: Reader = NATIVE) -> tuple[Canonical, Units]:
    """The object in ``data``, and its amounts in units that only the tenant's configuration can allow.

    Raises:
        RefusedError: a field is missing, unknown, wrong or contradicts another one; ``field`` starts with ``data``.
    """
    try:
        item = reader.read(event_type, data)
    except msgspec.ValidationError as error:
        raise refusal_of(error, under="data") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"The data is not valid JSON: {error}.", field="data") from None
    try:
        check_values(item)  # a NUL in a text was refused with the bytes, before anything was decoded
        return item, check_sense(item)
    except InputInvalidError as error:
        raise RefusedError(str(error), field=f"data.{error.facts.get('field')}") from None


def undeclared_unit(tx: Tx, units: Units) -> RefusedError | None:
    """The refusal of the first unit that is no currency and that the tenant declared no settlement for."""
    declared = {settlement.unit for settlement in read_configuration(tx).settlement}
    for field, unit in units:
        if unit not in declared:
            return RefusedError(
                f"{unit!r} is not an active ISO 4217 currency; send a code such as EUR, or declare a settlement currency "
                "and rate for this unit.",
                field=f"data.{field}",
            )
    return None
