"""Messages in our own types, ``billwright.<kind>.v1``: validated whole before they are stored."""

from typing import Final

import msgspec

from billwright.canon.check import check_sense, check_values
from billwright.extension.canonical import CANONICAL_TYPES, Canonical
from billwright.intake.envelope import NATIVE, RefusedError, refusal_of
from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.configuration import read_configuration
from billwright.tenancy.transaction import Tx

Units = list[tuple[str, str]]

_DECODERS: Final[dict[str, msgspec.json.Decoder[Canonical]]] = {
    f"billwright.{kind}.v1": msgspec.json.Decoder(model) for kind, model in CANONICAL_TYPES.items()
}


def is_native(event_type: str) -> bool:
    """Whether this release understands the type."""
    return event_type in _DECODERS


def unknown_reason(event_type: str) -> str:
    """Why a type that is neither native nor a connector's is held, and what to do."""
    known = ", ".join(sorted(_DECODERS))
    if match := NATIVE.fullmatch(event_type):
        return f"Version {match.group(2)} of {match.group(1)} is not known to this release. Known types: {known}."
    return f"No mapping for the type {event_type[:100]!r}. Send one of {known}, or send it through a connection that maps it."


def decode_native(event_type: str, data: msgspec.Raw | bytes) -> tuple[Canonical, Units]:
    """The object in ``data``, and its amounts in units that only the tenant's configuration can allow.

    Raises:
        RefusedError: a field is missing, unknown, wrong or contradicts another one; ``field`` starts with ``data``.
    """
    try:
        item = _DECODERS[event_type].decode(data)
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
