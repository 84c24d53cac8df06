"""Business time: open hours only, in the entity's zone, over week-ends, holidays and changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.canon.business_time import BusinessTime, Calendar, business_time, public_holidays

BERLIN = ZoneInfo("Europe/Berlin")
GERMAN = BusinessTime(Calendar(subdivision="BE"), "DE", BERLIN)
HOUR = timedelta(hours=1)
moments = st.integers(0, 3 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
works = st.integers(0, 400 * 60).map(lambda minutes: timedelta(minutes=minutes))
calendars = st.builds(
    Calendar,
    opens=st.integers(0, 11).map(time),
    closes=st.integers(12, 23).map(time),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)
entities = st.builds(
    BusinessTime,
    calendars,
    st.sampled_from(["DE", "US", "GB", "JP", "XX"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "UTC"]).map(ZoneInfo),
)


def berlin(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


@given(entities, moments, works)
def test_the_time_that_passes_is_the_time_that_was_asked_for(
    entity: BusinessTime, start: datetime, work: timedelta
) -> None:
    end = entity.after(start, work)
    assert end >= start
    assert entity.between(start, end) == work


@given(entities, moments, works, works)
def test_pausing_and_resuming_loses_no_time(
    entity: BusinessTime, start: datetime, first: timedelta, second: timedelta
) -> None:
    straight = entity.after(start, first + second)
    paused_at = entity.after(start, first)
    assert entity.between(paused_at, straight) == second


@given(entities, moments)
def test_a_moment_that_is_due_is_one_at_which_somebody_works(entity: BusinessTime, start: datetime) -> None:
    due = entity.after(start, timedelta(minutes=30))
    local = due.astimezone(entity.zone)
    assert entity.is_open_on(local.date())
    assert entity.calendar.opens <= local.time() <= entity.calendar.closes


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        (berlin(2026, 3, 2, 10), 4, berlin(2026, 3, 2, 14)),
        (berlin(2026, 3, 6, 16), 4, berlin(2026, 3, 9, 12)),  # over a week-end
        (berlin(2026, 4, 2, 16), 2, berlin(2026, 4, 7, 10)),  # over Easter
        (berlin(2026, 3, 27, 16), 2, berlin(2026, 3, 30, 10)),  # the clocks went forward on the 29th
        (berlin(2026, 3, 7, 3), 0, berlin(2026, 3, 9, 9)),
        (berlin(2026, 3, 6, 16), 24, berlin(2026, 3, 11, 16)),  # Women's Day, 8 March, is a Sunday
    ],
)
def test_examples(start: datetime, hours: int, due: datetime) -> None:
    assert GERMAN.after(start, hours * HOUR) == due


def test_holidays_differ_between_parts_of_a_country() -> None:
    corpus_christi = date(2026, 6, 4)
    assert corpus_christi in public_holidays("DE", "BY", 2026)
    assert corpus_christi not in public_holidays("DE", "BE", 2026)
    assert public_holidays("DE", "??", 2026) == public_holidays("DE", "", 2026)


def test_an_unknown_country_has_no_holidays_and_its_own_closures_count() -> None:
    assert public_holidays("XX", "", 2026) == frozenset()
    entity = business_time("XX", "UTC", {"calendar": {"closed_on": ["2026-03-03"], "opens": "08:00:00"}})
    assert not entity.is_open_on(date(2026, 3, 3))
    assert entity.after(datetime(2026, 3, 2, 16, tzinfo=UTC), 2 * HOUR) == datetime(2026, 3, 4, 9, tzinfo=UTC)


def test_who_never_opens_gets_plain_time() -> None:
    never = BusinessTime(Calendar(weekdays=()), "DE", BERLIN)
    start = datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert never.after(start, 2 * HOUR) == start + 2 * HOUR
    assert never.between(start, start + 2 * HOUR) == timedelta(0)
