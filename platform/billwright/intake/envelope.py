"""The envelope of a source message: CloudEvents 1.0, structured JSON, decoded once and checked field by field.

Source: CloudEvents specification 1.0.2 and its sequence extension.
"""

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]+$"

Identifier = Annotated[str, Meta(min_length=1, max_length=300, pattern=_NO_CONTROL)]
Place = Annotated[str, Meta(min_length=1, max_length=1_000, pattern=_NO_CONTROL)]
Moment = Annotated[datetime, Meta(tz=True)]
Sequence = Annotated[int, Meta(ge=0, le=2**62)] | Annotated[str, Meta(pattern=r"^[0-9]{1,18}$")]


class CloudEventIn(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it is sent. ``sequence`` orders messages about one object where the source counts them."""

    specversion: str = ""
    id: Identifier
    source: Place
    type: Identifier
    time: Moment | None = None
    subject: Annotated[str, Meta(max_length=1_000)] = ""
    sequence: Sequence | None = None
    datacontenttype: Annotated[str, Meta(max_length=200)] = ""
    dataschema: Annotated[str, Meta(max_length=2_000)] = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _StrictEventIn(CloudEventIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With the extensions of the CloudEvents documentation that say nothing about the fact itself."""

    traceparent: Any = None
    tracestate: Any = None
    partitionkey: Any = None
    recordedtime: Any = None
    expirytime: Any = None


_STRICT_DECODER: Final = msgspec.json.Decoder(_StrictEventIn)
_DECODER: Final = msgspec.json.Decoder(CloudEventIn)
Event = TypeVar("Event", bound=CloudEventIn)

_YEARS: Final = range(1900, 3000)
_NUMBER_SIZE_MAX: Final = 1_000
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PATH: Final = re.compile(r"^(.*?) - at `(?:\$\.?)?(.*)`$", re.DOTALL)
_FIELD: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")
_STARTS: Final = re.compile(r"^`([a-z_]+)` must ")


class RefusedError(Exception):
    """This item cannot be taken: ``field`` is the path in it, the text names the remedy."""

    def __init__(self, detail: str, *, field: str | None) -> None:
        super().__init__(detail)
        self.field = field


def decode_event(raw: msgspec.Raw | bytes) -> CloudEventIn:
    """One event.

    Attributes that CloudEvents does not know are an error in messages of our own types, where they are misspellings; a
    foreign sender's own extensions are left aside.

    Raises:
        RefusedError: not an event; names the field.
    """
    try:
        return _decode(_STRICT_DECODER, raw)
    except RefusedError as refusal:
        if "There is no field" not in str(refusal):
            raise
        event = _decode(_DECODER, raw)
        if event.type.startswith("billwright."):
            raise
        return event


def _decode(decoder: msgspec.json.Decoder[Event], raw: msgspec.Raw | bytes) -> Event:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise refusal_of(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"This is not valid JSON: {error}.", field=None) from None


def check_event(event: CloudEventIn) -> None:
    """What the types cannot say.

    Raises:
        RefusedError: another version of CloudEvents, or a moment that no calendar of ours holds.
    """
    if event.specversion != "1.0":
        raise RefusedError(
            'Send specversion "1.0": other versions of CloudEvents are not known here.', field="specversion"
        )
    if event.time is not None and event.time.year not in _YEARS:
        raise RefusedError(f"The year {event.time.year} is no time of an event; correct it.", field="time")
    if "\x00" in event.subject:
        raise RefusedError("The subject holds a NUL character; leave it out.", field="subject")


def content_of(event: CloudEventIn) -> str:
    """SHA-256 of the canonical form of type and data: equal for equal content, however it was written.

    Raises:
        RefusedError: the data is no JSON, too deep, or holds what cannot be stored.
    """
    raw = bytes(event.data)
    if b"\\u0000" in raw and _NUL.search(raw):
        raise RefusedError("The data holds a NUL character (\\u0000); leave it out.", field="data")
    try:
        data = _ANY.decode(raw)
        digest = hashlib.sha256(event.type.encode())
        digest.update(b"\n")
        digest.update(_CANONICAL.encode(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"The data is not valid JSON: {error}.", field="data") from None
    except RecursionError:
        raise RefusedError("The data is nested too deeply; send it flatter.", field="data") from None
    return digest.hexdigest()


def sequence_of(event: CloudEventIn) -> int | None:
    return None if event.sequence is None else int(event.sequence)


def time_of(event: CloudEventIn, now: datetime) -> datetime:
    return now if event.time is None else event.time.astimezone(UTC)


def refusal_of(error: Exception, *, under: str = "") -> RefusedError:
    """msgspec's complaint as ours: the path without its sigil, the sentence with a remedy."""
    text, path = str(error), ""
    if match := _PATH.match(text):
        text, path = match.group(1), match.group(2)
    named = _FIELD.search(text) or _STARTS.search(text)
    whole = ".".join(part for part in (under, path, named.group(1) if named else "") if part)
    if "unknown field" in text:
        text = f"There is no field {named.group(1) if named else path!r} here; correct its name or leave it out"
    elif "missing required field" in text:
        text = f"The field {named.group(1) if named else path!r} is missing; send it"
    return RefusedError(text.rstrip(".") + ".", field=whole or None)


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text} is no number") from None
    if value and abs(value.adjusted()) > _NUMBER_SIZE_MAX:
        raise RefusedError("The data holds a number beyond any sense; correct it.", field="data")
    return value


_ANY: Final = msgspec.json.Decoder(float_hook=_number)
_CANONICAL: Final = msgspec.json.Encoder(order="deterministic", decimal_format="number")
