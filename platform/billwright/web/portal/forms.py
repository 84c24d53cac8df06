"""Forms as handlers get them: one value per name, or several where boxes are ticked."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final
from uuid import UUID

from litestar.enums import RequestEncodingType
from litestar.params import Body

from billwright.kernel.errors import InputInvalidError
from billwright.kernel.ids import read

ME: Final = "me"
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


def moment(form: dict[str, Any], name: str) -> datetime:
    """The start of the day that ``name`` gives, in UTC as all moments of the portal.

    Raises:
        InputInvalidError: it is no day.
    """
    try:
        return datetime.combine(date.fromisoformat(field(form, name)), time(), UTC)
    except ValueError:
        raise InputInvalidError("Give a day as 2026-03-31.", field=name) from None


def person(form: dict[str, Any], actor_id: UUID | None) -> UUID | None:
    """Whom ``person`` names: ``me``, somebody, or nobody when it is empty.

    Raises:
        NotFoundError: it is no identifier of a person.
    """
    chosen = field(form, "person")
    return actor_id if chosen == ME else read("per", chosen) if chosen else None
