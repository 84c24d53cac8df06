"""Types of messages with their versions, and the steps from an old one to today's.

A stored message keeps the version in which it came; what reads it steps it up, one version at a time. A version that nobody
here knows is held, never guessed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

TYPE: Final = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,200}?)\.v(?P<version>[1-9][0-9]{0,3})")

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""The ``data`` of one version as ``data`` of the next. Pure; amounts are text or JSON numbers without loss."""


class VersionUnknownError(Exception):
    """This release does not know the version; the sentence says which it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """``changes`` says in a sentence what is new since the version before; ``upcast`` leads to the next, none for the last.

    ``model`` is what ``data`` must be, where it is known; it makes the schema in the catalogue.
    """

    number: int
    model: Any = None
    changes: str = ""
    upcast: Upcast | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """``name`` without its version: ``billwright.milestone``. Versions in their order, without a gap, the last is today's."""

    name: str
    summary: str
    versions: tuple[Version, ...]

    def __post_init__(self) -> None:
        assert self.versions, self.name
        numbers = [version.number for version in self.versions]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"{self.name}: a gap in {numbers}"
        assert all(version.upcast for version in self.versions[:-1]), f"{self.name}: a version without its step up"
        assert self.versions[-1].upcast is None, f"{self.name}: the last version leads nowhere"

    @property
    def today(self) -> Version:
        return self.versions[-1]

    def full(self, version: Version) -> str:
        """``billwright.milestone.v1``."""
        return f"{self.name}.v{version.number}"


class MessageTypes:
    """The types of one maker: ours, or those in one connector's manifest."""

    def __init__(self, types: Iterable[MessageType]) -> None:
        self._by_name = {each.name: each for each in types}

    def __iter__(self) -> Iterator[MessageType]:
        return iter(self._by_name.values())

    def find(self, full: str) -> tuple[MessageType, Version] | None:
        """The type and version of a message's ``type``; none when the name is not one of these.

        Raises:
            VersionUnknownError: the name is known, the version is not.
        """
        match = TYPE.fullmatch(full)
        known = self._by_name.get(match["name"]) if match else None
        if match is None or known is None:
            return None
        number = int(match["version"])
        for version in known.versions:
            if version.number == number:
                return known, version
        spelled = ", ".join(f"v{version.number}" for version in known.versions)
        raise VersionUnknownError(
            f"Version {number} of {known.name} is not known to this release, which knows {spelled}. The message is kept; "
            "retry it after the upgrade, or send it in a version that is known."
        )

    def step_up(self, full: str, data: msgspec.Raw) -> tuple[str, msgspec.Raw]:
        """The message in today's version: its type and data. What is in today's version already is returned as it is.

        Raises:
            VersionUnknownError: as ``find``.
        """
        found = self.find(full)
        if found is None or found[1].upcast is None:
            return full, data
        kind, version = found
        value = decode_exactly(data)
        for step in kind.versions[kind.versions.index(version) :]:
            if step.upcast is not None:
                value = step.upcast(value)
        return kind.full(kind.today), msgspec.Raw(_ENCODER.encode(value))


def decode_exactly(data: msgspec.Raw) -> dict[str, Any]:
    """``data`` with every digit that was sent: numbers with a fraction as ``Decimal``.

    Raises:
        msgspec.DecodeError: it is no JSON object.
    """
    value = _DECODER.decode(data)
    if not isinstance(value, Mapping):
        raise msgspec.ValidationError("Expected `object`")
    return dict(value)


_DECODER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
