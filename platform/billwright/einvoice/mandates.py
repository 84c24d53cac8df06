"""The mandate calendar: which e-invoice the law asks for, by seller, buyer and date. Data with sources; nothing is guessed."""

from datetime import date
from functools import cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from billwright.einvoice.bundled import DATA
from billwright.einvoice.profiles import PROFILES

CALENDAR: Final = DATA / "mandates.json"
Text = Annotated[str, Meta(min_length=1)]


class Mandate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One duty of sellers of a country towards buyers of the same country. ``party``: the kind of buyer.

    ``since``: first issue date, ``until`` the last. ``formats``: any of them will do, the usual one first; those that are not
    ours are named as the law names them. ``whom``: all sellers, ``some`` (by turnover or by the buyer's own law, which we do
    not know), or ``receivers``: nothing is asked of the seller yet.
    """

    id: Text
    seller: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
    party: Literal["business", "public", "any"]
    since: date = msgspec.field(name="from")
    until: date | None = None
    whom: Literal["all", "some", "receivers"] = "all"
    formats: Annotated[tuple[Text, ...], Meta(min_length=1)]
    channel: Text
    duty: Text
    law: Text
    source: Annotated[str, Meta(pattern=r"^https://")]

    @property
    def ours(self) -> tuple[str, ...]:
        """Those of its formats that we write."""
        return tuple(each for each in self.formats if each in PROFILES)


class Calendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``checked_on``: when the sources were read last."""

    checked_on: date
    mandates: tuple[Mandate, ...]


@cache
def calendar() -> Calendar:
    """The calendar of this release."""
    return msgspec.json.decode(CALENDAR.read_bytes(), type=Calendar)


@cache
def _by_seller() -> dict[str, tuple[Mandate, ...]]:
    found: dict[str, tuple[Mandate, ...]] = {}
    for mandate in calendar().mandates:
        found[mandate.seller] = (*found.get(mandate.seller, ()), mandate)
    return found


def mandate_for(seller: str, buyer: str, party: str | None, on: date) -> Mandate | None:
    """The duty that holds for an invoice issued ``on``, or None. ``party``: business, public, private, or None if not known."""
    if seller != buyer:
        return None
    for mandate in _by_seller().get(seller, ()):
        if mandate.since <= on and (mandate.until is None or on <= mandate.until) and mandate.party in {"any", party}:
            return mandate
    return None
