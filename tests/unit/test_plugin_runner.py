"""The plugin runner alone: what is over its limit is left behind, and everything else is answered, in order."""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import structlog

from billwright.extension.running import LEFT_BEHIND_MAX, OVERRUNS_MAX, Call, Failure, PluginRunner

LIMIT_S = 0.1


def call(ask: Callable[[], Any], plugin: str = "rule mine", limit_s: float = LIMIT_S) -> Call:
    return Call(plugin, ask, limit_s)


def good(number: int) -> Call:
    return patient(lambda: number, "rule good")


def patient(ask: Callable[[], Any], plugin: str = "rule mine") -> Call:
    """One that ends soon, however busy the machine is."""
    return call(ask, plugin, limit_s=30)


def spin() -> None:
    while True:
        pass


def clinging(until: threading.Event) -> Callable[[], None]:
    """Swallows every signal, and ends only when ``until`` is set."""

    def cling() -> None:
        while not until.is_set():
            try:
                while not until.is_set():
                    pass
            except BaseException:
                pass

    return cling


def kinds(answers: list[Any]) -> list[Any]:
    return [(each.reason, each.kind) if isinstance(each, Failure) else each for each in answers]


def test_answers_come_in_the_order_of_the_calls() -> None:
    assert PluginRunner().run([good(number) for number in range(500)]) == list(range(500))
    assert PluginRunner().run([]) == []


def test_one_thread_does_one_batch_after_the_other() -> None:
    runner = PluginRunner()
    seen = {runner.run([patient(threading.get_ident)])[0] for _ in range(20)}
    assert len(seen) == 1
    assert threading.get_ident() not in seen


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ValueError("no"), "ValueError"), (SystemExit(3), "SystemExit"), (KeyboardInterrupt(), "KeyboardInterrupt")],
)
def test_what_raises_is_told_and_the_rest_goes_on(error: BaseException, kind: str) -> None:
    def fail() -> None:
        raise error

    before, failure, after = PluginRunner().run([good(1), patient(fail), good(2)])
    assert (before, after) == (1, 2)
    assert (failure.reason, failure.kind, failure.plugin) == ("raised", kind, "rule mine")
    assert "in fail" in failure.trace


def test_an_error_whose_own_text_raises_is_told_all_the_same() -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise BadError

    (failure,) = PluginRunner().run([patient(fail)])
    assert (failure.kind, failure.error) == ("BadError", "")


@pytest.mark.parametrize("ask", [spin, partial(time.sleep, 5)], ids=["loop", "sleep"])
def test_what_does_not_end_is_left_behind_and_the_rest_is_answered(ask: Callable[[], None]) -> None:
    answers = PluginRunner().run([good(1), call(ask), good(2), good(3)])
    assert kinds(answers) == [1, ("overran", "TimeLimit"), 2, 3]
    assert answers[1].error == "It did not answer within 0.1 s."


def test_a_loop_in_python_ends_when_it_is_abandoned() -> None:
    runner = PluginRunner()
    runner.run([call(spin)])
    for _ in range(1_000):
        if runner.left_behind("rule mine") == 0:
            return
        time.sleep(0.01)
    raise AssertionError("the loop goes on")


def test_a_plugin_that_overruns_again_and_again_is_not_asked_any_more_in_the_batch() -> None:
    asked: list[int] = []

    def loop(number: int) -> None:
        asked.append(number)
        spin()

    calls = [each for number in range(6) for each in (call(partial(loop, number)), good(number))]
    answers = kinds(PluginRunner().run(calls))
    assert answers[1::2] == list(range(6))
    assert answers[0::2] == [("overran", "TimeLimit")] * OVERRUNS_MAX + [("refused", "TimeLimit")] * (6 - OVERRUNS_MAX)
    assert asked == list(range(OVERRUNS_MAX))


def test_a_plugin_that_leaves_threads_behind_is_refused_until_they_end_and_others_are_not() -> None:
    runner, over = PluginRunner(), threading.Event()
    for _ in range(LEFT_BEHIND_MAX):
        (failure,) = runner.run([call(clinging(over))])
        assert failure.reason == "overran"
    try:
        assert runner.left_behind("rule mine") == LEFT_BEHIND_MAX
        assert kinds(runner.run([patient(lambda: 1), good(2)])) == [("refused", "TimeLimit"), 2]
    finally:
        over.set()
    for _ in range(1_000):
        if runner.left_behind("rule mine") == 0:
            break
        time.sleep(0.01)
    assert runner.run([patient(lambda: 1)]) == [1]


def test_what_swallowed_the_signal_does_not_go_on_with_the_batch() -> None:
    runner, over = PluginRunner(), threading.Event()
    done: list[int] = []
    calls = [call(clinging(over)), patient(lambda: done.append(1), "rule good")]
    runner.run(calls)
    over.set()
    while runner.left_behind("rule mine"):
        time.sleep(0.01)
    assert done == [1]


def test_the_limit_is_the_installs_or_a_shorter_one() -> None:
    runner = PluginRunner(limit_s=2.0)
    assert (runner.call_limit_s(None), runner.call_limit_s(500), runner.call_limit_s(60_000)) == (2.0, 0.5, 2.0)


def test_a_plugin_that_waits_for_its_turn_on_a_busy_machine_is_not_over_its_limit() -> None:
    """It sleeps longer than the limit and works less: what counts is its own work."""
    (answer,) = PluginRunner().run([call(partial(time.sleep, 1.2), limit_s=1)])
    assert answer is None


def test_many_threads_use_one_runner_and_no_answer_goes_astray() -> None:
    runner = PluginRunner()

    def ask(number: int) -> bool:
        calls = [patient(partial(pow, number, 2), "rule good") for _ in range(50)]
        calls.insert(25, call(partial(time.sleep, 5), f"rule {number}"))
        answers = runner.run(calls)
        return answers.pop(25).reason == "overran" and answers == [number**2] * 50

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(16)))


def test_the_log_context_reaches_the_plugin() -> None:
    with structlog.contextvars.bound_contextvars(tenant="acme"):
        (seen,) = PluginRunner().run([patient(structlog.contextvars.get_contextvars)])
    assert seen == {"tenant": "acme"}


def test_what_holds_the_interpreter_for_a_moment_is_waited_for() -> None:
    """The limit cannot be kept while C holds the interpreter; it is told as soon as it lets go."""
    (answer,) = PluginRunner().run([patient(lambda: re.match(r"(a+)+$", "a" * 16 + "b"))])
    assert answer is None
