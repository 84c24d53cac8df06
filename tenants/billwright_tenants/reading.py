"""From text to a blueprint, with every structural problem told at once, not only the first one."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from billwright_tenants.errors import BlueprintInvalidError

T = TypeVar("T", bound=msgspec.Struct)
PROBLEMS_MAX: Final = 50
OWN_CHECK: Final = re.compile(r"`([a-z_]+)` (?:must|names) ")


class _Loader(yaml.SafeLoader):
    """Plain data only. Numbers with a point and dates stay text, so that a rate never passes through a float."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"float", "timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str, kind: type[T]) -> T:
    """A blueprint from YAML or JSON text.

    Raises:
        BlueprintInvalidError: with all structural problems and their paths.
    """
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BlueprintInvalidError([f"file: not well-formed YAML: {' '.join(str(error).split())[:300]}"]) from None
    return convert(raw, kind)


def convert(raw: object, kind: type[T]) -> T:
    """``raw`` as ``kind``; raises as ``read_yaml``."""
    problems = structural_problems(raw, kind)
    if problems:
        raise BlueprintInvalidError(problems)
    return msgspec.convert(raw, kind)


def structural_problems(raw: object, kind: Any) -> list[str]:
    """Everything in ``raw`` that does not fit ``kind``: wrong types, unknown and missing fields, values out of range."""
    found = []
    for problem in _problems(raw, kind, ""):
        found.append(problem)
        if len(found) >= PROBLEMS_MAX:
            break
    return found


def _problems(raw: object, kind: Any, path: str) -> Iterator[str]:
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        inner = list(_inner(raw, kind, path))
        yield from inner or [f"{_where(path, error)}: {_sentence(error)}"]


def _inner(raw: object, kind: Any, path: str) -> Iterator[str]:
    """Problems of the parts; nothing when the whole itself is wrong."""
    if get_origin(kind) is Annotated:
        yield from _inner(raw, get_args(kind)[0], path)
    elif get_origin(kind) in {Union, UnionType}:
        for member in get_args(kind):
            fits = (
                isinstance(raw, dict) if _is_struct(member) else isinstance(raw, list) and get_origin(member) is tuple
            )
            if fits:
                yield from _inner(raw, member, path)
    elif get_origin(kind) in {tuple, list} and isinstance(raw, list):
        for number, item in enumerate(raw):
            yield from _problems(item, get_args(kind)[0], f"{path}[{number}]")
    elif _is_struct(kind) and isinstance(raw, dict):
        yield from _of_struct(raw, kind, path)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _of_struct(raw: dict[Any, Any], kind: type[msgspec.Struct], path: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    prefix = f"{path}." if path else ""
    for name in raw:
        if name not in fields:
            yield f"{prefix}{name}: unknown; use one of {', '.join(fields)}."
    for name, field in fields.items():
        if name in raw:
            yield from _problems(raw[name], field.type, f"{prefix}{name}")
        elif field.required:
            yield f"{prefix}{name}: missing; add it."


def _where(path: str, error: msgspec.ValidationError) -> str:
    """A part's own check begins with the field's name: the path goes down to it."""
    named = OWN_CHECK.match(str(error))
    if named is None:
        return path or "blueprint"
    return f"{path}.{named.group(1)}" if path else named.group(1)


def _sentence(error: msgspec.ValidationError) -> str:
    """msgspec's words without its path, which starts at the part that was checked."""
    text = str(error).partition(" - at `")[0]
    return f"{text[:200]}."
