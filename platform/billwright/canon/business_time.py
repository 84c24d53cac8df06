"""Business time of a legal entity: opening hours in its zone, on weekdays that are no public holidays there.

Holidays are those of the library ``holidays`` for the entity's country and, where given, its part of it. A country that the
library does not know has none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import holidays
import msgspec
from msgspec import Meta

WEEKDAYS: Final = (0, 1, 2, 3, 4)
YEARS_MAX: Final = 5
"""How far ahead a moment is sought: a calendar that never opens must not be walked for ever."""


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a legal entity works. ``subdivision`` is ISO 3166-2 without the country (``BE`` for Berlin); Monday is 0."""

    opens: time = time(9)
    closes: time = time(17)
    weekdays: tuple[Annotated[int, Meta(ge=0, le=6)], ...] = WEEKDAYS
    subdivision: Annotated[str, Meta(max_length=6)] = ""
    closed_on: Annotated[tuple[date, ...], Meta(max_length=400)] = ()

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError(f"`closes` must be later than {self.opens:%H:%M}, when it opens")


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """A calendar in a country and zone."""

    calendar: Calendar
    country: str
    zone: ZoneInfo

    def is_open_on(self, day: date) -> bool:
        return (
            day.weekday() in self.calendar.weekdays
            and day not in self.calendar.closed_on
            and day not in public_holidays(self.country, self.calendar.subdivision, day.year)
        )

    def after(self, start: datetime, work: timedelta) -> datetime:
        """The moment at which ``work`` of open time has passed since ``start``; both aware, the answer in UTC.

        No work at all ends at ``start`` if it is open then, else when it opens next. An entity that is closed for years
        gets the plain time instead.
        """
        left = work
        for opens, closes in self._windows(start):
            begin = max(opens, start)
            if begin + left <= closes:
                return begin + left
            left -= closes - begin
        return start.astimezone(UTC) + work

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from ``start`` to ``end``; none if ``end`` is not later."""
        total = timedelta(0)
        for opens, closes in self._windows(start):
            if opens >= end:
                break
            total += max(timedelta(0), min(closes, end) - max(opens, start))
        return total

    def _windows(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Open windows in UTC that end after ``start``, in their order."""
        day = start.astimezone(self.zone).date()
        for offset in range(366 * YEARS_MAX):
            each = day + timedelta(days=offset)
            if self.is_open_on(each):
                opens, closes = (
                    datetime.combine(each, moment, tzinfo=self.zone).astimezone(UTC)
                    for moment in (self.calendar.opens, self.calendar.closes)
                )
                if closes > start and closes > opens:
                    yield opens, closes


@lru_cache(maxsize=1_000)
def public_holidays(country: str, subdivision: str, year: int) -> frozenset[date]:
    """Public holidays of a year; none for a country that nobody knows. An unknown subdivision counts as none given."""
    try:
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
    except NotImplementedError:  # so the library says that it does not know the country or the part of it
        if not subdivision:
            return frozenset()
        return public_holidays(country, "", year)
    return frozenset(found)


def business_time(country: str, time_zone: str, profile: Mapping[str, Any]) -> BusinessTime:
    """Of a legal entity as it is stored: ``profile`` may hold a ``calendar``."""
    calendar = msgspec.convert(profile.get("calendar") or {}, Calendar)
    return BusinessTime(calendar, country, ZoneInfo(time_zone))
