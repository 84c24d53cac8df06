"""Calling plugins under a time limit, so that one that raises, hangs or counts for ever harms nobody else.

The caller hands a whole batch of calls to a thread of its own and waits; two thread switches per batch, none per call. What
is over its limit is abandoned together with its thread, and another thread goes on with the next call. No database
session, connection or lock may be reachable from what a call is given: plain views only.
"""

import contextvars
import ctypes
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, Literal

from billwright.extension.watchdog import Watchdog

LIMIT_S: Final = 2.0
# A busy machine lets a healthy plugin wait for its turn: what counts is the time that the call itself worked, and several
# times as much on the clock for one that sleeps or waits for something that never comes.
CLOCK_FACTOR: Final = 3
# So often may a plugin run over its limit in one batch, and so many threads may it leave behind in one process.
OVERRUNS_MAX: Final = 3
LEFT_BEHIND_MAX: Final = 3
SHORTEST_WAIT_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Call:
    """One question to one plugin. ``ask`` runs in the plugin's thread and returns the checked answer, nothing lazy."""

    plugin: str
    ask: Callable[[], Any]
    limit_s: float = LIMIT_S


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plugin gave no answer. ``error`` is a sentence, ``kind`` the class of what was raised, ``trace`` for the log."""

    plugin: str
    reason: Literal["raised", "overran", "refused"]
    kind: str
    error: str
    trace: str = ""


class AbandonedError(BaseException):
    """Raised inside a plugin that is over its limit; not an ``Exception``, so that few plugins swallow it."""


class _Batch:
    """Calls under way. ``place`` is (index, clock, processor time) of the one that runs, written by the plugin's thread."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.answers: list[Any] = [None] * len(calls)
        self.place = (0, time.monotonic(), 0.0)
        self.finished = threading.Event()
        self.abandoned = False
        self.context = contextvars.copy_context()

    def work(self) -> None:
        for index, call in enumerate(self.calls):
            if self.abandoned:  # a plugin swallowed the signal; others have gone on with the rest
                raise AbandonedError
            self.place = (index, time.monotonic(), time.thread_time())
            try:
                self.answers[index] = call.ask()
            except AbandonedError:
                raise
            except BaseException as error:
                self.answers[index] = _raised(call.plugin, error)
        self.finished.set()


def _raised(plugin: str, error: BaseException) -> Failure:
    kind = type(error).__name__
    try:
        text = str(error)[:500]
        trace = "".join(traceback.format_exception(error))[-4_000:]
    except Exception:
        text, trace = "", ""
    return Failure(plugin, "raised", kind, text, trace)


class _Thread:
    """A daemon thread that works off batches until it is abandoned."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[_Batch | None] = SimpleQueue()
        self._clock: int | None = None
        self._thread = threading.Thread(target=self._loop, name="plugins", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        try:
            if hasattr(time, "pthread_getcpuclockid"):
                self._clock = time.pthread_getcpuclockid(threading.get_ident())
            while True:
                batch = self.tasks.get()
                if batch is None:
                    return
                batch.context.run(batch.work)
                del batch  # views are not kept alive between batches
        except AbandonedError:
            return

    def alive(self) -> bool:
        return self._thread.is_alive()

    def worked_s(self) -> float | None:
        """Processor time of the thread; None where the system cannot tell, or when it is gone."""
        if self._clock is None:
            return None
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return None

    def abandon(self, batch: _Batch) -> None:
        """End it at its next step in Python; one that stands in C goes on until it returns."""
        batch.abandoned = True
        self.tasks.put(None)
        identifier = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identifier, ctypes.py_object(AbandonedError))


class PluginRunner:
    """Runs calls for any number of threads. ``limit_s`` is the install's limit per call; a call may have a shorter one.

    ``watchdog`` ends the whole process when a call holds the interpreter itself, as a regular expression may: only for
    processes that somebody starts again and whose work is leased.
    """

    def __init__(self, *, limit_s: float = LIMIT_S, watchdog: Watchdog | None = None) -> None:
        self.limit_s = limit_s
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._left: defaultdict[str, list[_Thread]] = defaultdict(list)

    def call_limit_s(self, wanted_ms: int | None) -> float:
        """Seconds: the tenant's own limit if it is shorter than the install's."""
        return self.limit_s if wanted_ms is None else min(self.limit_s, wanted_ms / 1000)

    def left_behind(self, plugin: str) -> int:
        """Abandoned threads of the plugin that still run in this process."""
        with self._lock:
            self._left[plugin] = [thread for thread in self._left[plugin] if thread.alive()]
            return len(self._left[plugin])

    def run(self, calls: Sequence[Call]) -> list[Any]:
        """The answers in the order of the calls, a ``Failure`` for each that could not be had. Never raises."""
        answers: list[Any] = [None] * len(calls)
        overruns: Counter[str] = Counter()
        todo = list(range(len(calls)))
        while todo:
            refused = {plugin for plugin in {calls[i].plugin for i in todo} if self._refuses(plugin, overruns)}
            for index in todo:
                if calls[index].plugin in refused:
                    answers[index] = _refusal(calls[index].plugin)
            todo = [index for index in todo if calls[index].plugin not in refused]
            got = self._attempt([calls[index] for index in todo])
            for index, answer in zip(todo, got, strict=False):
                answers[index] = answer
            if len(got) < len(todo):
                guilty = calls[todo[len(got)]]
                overruns[guilty.plugin] += 1
                answers[todo[len(got)]] = _overrun(guilty)
            todo = todo[len(got) + 1 :]
        return answers

    def _refuses(self, plugin: str, overruns: Counter[str]) -> bool:
        if overruns[plugin] >= OVERRUNS_MAX:
            return True
        return plugin in self._left and self.left_behind(plugin) >= LEFT_BEHIND_MAX

    def _attempt(self, calls: Sequence[Call]) -> list[Any]:
        """Run the calls in one thread; return the answers of those before the one that ran over its limit."""
        if not calls:
            return []
        batch, thread = _Batch(calls), self._take()
        with self._watchdog.watching() if self._watchdog else nullcontext():
            thread.tasks.put(batch)
            done = _wait(batch, thread)
        if done == len(calls):
            with self._lock:
                self._idle.append(thread)
        else:
            thread.abandon(batch)
            with self._lock:
                self._left[calls[done].plugin].append(thread)
        return batch.answers[:done]

    def _take(self) -> _Thread:
        with self._lock:
            while self._idle:
                thread = self._idle.pop()
                if thread.alive():  # none outlives a fork
                    return thread
        return _Thread()


def _wait(batch: _Batch, thread: _Thread) -> int:
    """Wait for the batch; return how many calls were answered before one ran over its limit, all if none did."""
    shortest = pause = min(call.limit_s for call in batch.calls)
    while not batch.finished.wait(pause):
        index, began, worked_before = batch.place
        limit = batch.calls[index].limit_s
        clock = time.monotonic() - began
        worked = thread.worked_s()
        spent = clock if worked is None else worked - worked_before
        if batch.place[0] == index and (spent >= limit or clock >= limit * CLOCK_FACTOR):
            return index
        pause = max(SHORTEST_WAIT_S, min(shortest, limit - spent, limit * CLOCK_FACTOR - clock))
    return len(batch.calls)


def _overrun(call: Call) -> Failure:
    return Failure(call.plugin, "overran", "TimeLimit", f"It did not answer within {call.limit_s:g} s.")


def _refusal(plugin: str) -> Failure:
    return Failure(plugin, "refused", "TimeLimit", "It ran over its time limit several times; it is not asked for now.")


IN_PROCESS: Final = PluginRunner()
"""For tools and tests: the default limit, and nobody ends the process."""
