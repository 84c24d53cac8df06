"""A budget of retries as one moment: what it promises of any history of retries and answers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billwright.jobs.budget import EACH, EARNED, LINE_MAX, RETRIES_MAX, earn, retries_left, spend

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
steps = st.lists(
    st.tuples(st.sampled_from(["retry", "answer"]), st.integers(0, 3_000)), min_size=1, max_size=300
)  # what happens, and how many milliseconds later


@given(steps)
def test_in_no_window_are_there_more_retries_than_the_budget_the_time_and_the_answers_give(
    history: list[tuple[str, int]],
) -> None:
    now, full_at = NOON, None
    places: list[datetime] = []
    answers: list[datetime] = []
    for what, later_ms in history:
        now += timedelta(milliseconds=later_ms)
        if what == "answer":
            full_at = earn(full_at, now)
            answers.append(now)
        else:
            full_at, place = spend(full_at, now)
            assert place >= now
            places.append(place)
    assert places == sorted(places) or answers  # a line, unless an answer gave a nearer place
    for first, since in enumerate(sorted(places)):
        for count, until in enumerate(sorted(places)[first:], start=1):
            # An answer shortens the line for those who come after it, so it counts from the beginning.
            allowed = RETRIES_MAX + (until - since) / EACH + len(answers) * (EARNED / EACH)
            assert count <= allowed + 1e-9


@given(steps)
def test_what_is_left_is_what_may_run_at_once(history: list[tuple[str, int]]) -> None:
    now, full_at = NOON, None
    for what, later_ms in history:
        now += timedelta(milliseconds=later_ms)
        if what == "answer":
            full_at = earn(full_at, now)
            continue
        left = retries_left(full_at, now)
        assert left <= RETRIES_MAX
        full_at, place = spend(full_at, now)
        assert (place == now) == (left > 0)


def test_ten_at_once_then_one_a_second_and_never_behind_an_hour() -> None:
    full_at: datetime | None = None
    places = []
    for _ in range(RETRIES_MAX + 5_000):
        full_at, place = spend(full_at, NOON)
        places.append(place - NOON)
    assert places[: RETRIES_MAX + 2] == [timedelta(0)] * RETRIES_MAX + [EACH, 2 * EACH]
    assert max(places) <= LINE_MAX
    assert min(places[-1_000:]) >= LINE_MAX / 2
    assert full_at is not None
    assert full_at - NOON <= LINE_MAX + (RETRIES_MAX + 1) * EACH
    assert retries_left(full_at, NOON) < -3_000


def test_time_and_answers_fill_it_again() -> None:
    full_at: datetime | None = None
    for _ in range(RETRIES_MAX):
        full_at, _ = spend(full_at, NOON)
    assert retries_left(full_at, NOON) == 0
    assert retries_left(full_at, NOON + 3 * EACH) == 3
    for _ in range(20):
        full_at = earn(full_at, NOON)
    assert retries_left(full_at, NOON) == 2
    assert earn(full_at, NOON + 8 * EACH) is None
