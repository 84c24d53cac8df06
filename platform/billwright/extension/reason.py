"""What a reason code says to people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """``sentence`` says what is missing, ``remedy`` how it is mended, ``owner_role`` by whom."""

    code: str
    title: str
    sentence: str
    remedy: str
    owner_role: str
