"""Forms as handlers get them: one value per name, or several where boxes are ticked."""

from typing import Annotated, Any
from uuid import UUID

from litestar.enums import RequestEncodingType
from litestar.params import Body

from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read

Form = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.URL_ENCODED)]


def field(form: dict[str, Any], name: str) -> str:
    """The value of ``name``; empty when it was not sent, the last one when it was sent twice."""
    value = form.get(name, "")
    return str(value[-1] if isinstance(value, list) else value)


def fields(form: dict[str, Any], name: str) -> list[str]:
    """All values of ``name``."""
    value = form.get(name, [])
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def whole_number(form: dict[str, Any], name: str) -> int:
    """The value of ``name`` as a whole number.

    Raises:
        InputInvalidError: it is none.
    """
    try:
        return int(field(form, name))
    except ValueError:
        raise InputInvalidError(f"{name.capitalize()} must be a whole number.", field=name) from None


def identifiers(form: dict[str, Any], name: str, prefix: str) -> list[UUID]:
    return [read(prefix, text) for text in fields(form, name)]
