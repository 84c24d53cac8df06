"""Passwords: argon2id, with the same work for an unknown address as for a known one."""

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from billwright.kernel.errors import InputInvalidError

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 200
_HASHER: Final = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2id hash to keep.

    Raises:
        InputInvalidError: shorter than 12 or longer than 200 characters.
    """
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise InputInvalidError(f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters.", field="password")
    return _HASHER.hash(password)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")


def verify_password(kept: str | None, password: str) -> bool:
    """Whether ``password`` fits; takes as long when there is no such person (``kept`` is None)."""
    try:
        fits = _HASHER.verify(kept or _nobody(), password[: LENGTH_MAX + 1])
    except (VerificationError, InvalidHashError):
        return False
    return fits and kept is not None


def needs_rehash(kept: str) -> bool:
    return _HASHER.check_needs_rehash(kept)
