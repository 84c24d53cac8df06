"""Child processes of ``billwright up``: started, watched, started again after a crash, stopped together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from billwright.cli.embedded_process import open_log, tied_argv
from billwright.kernel.settings import child_environment

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
HEALTHY_AFTER_S = 10.0
POLL_S = 0.2


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(slots=True)
class _Child:
    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    crashes_in_a_row: int = 0
    start_again_at: float = 0.0
    given_up: bool = False


class Supervisor:
    """Keeps named child processes alive as long as this process, and no longer.

    Call from the main thread: children are tied to the thread that starts them (see tied_exec). A child that
    ends by itself is a crash, whatever its status, and is started again after 0.5 s, 1 s, 2 s ... 30 s; one
    that lived for 10 s starts the count anew. After ``restarts_max`` crashes in a row it is given up, with a
    sentence, and the others go on.
    """

    def __init__(
        self,
        *,
        say: Callable[[str], None] = _to_stderr,
        restarts_max: int = 8,
        backoff_first_s: float = BACKOFF_FIRST_S,
        healthy_after_s: float = HEALTHY_AFTER_S,
        stop_timeout_s: float = 25.0,
    ) -> None:
        self._say = say
        self._restarts_max = restarts_max
        self._backoff_first_s = backoff_first_s
        self._healthy_after_s = healthy_after_s
        self._stop_timeout_s = stop_timeout_s
        self._children: dict[str, _Child] = {}
        self._stopping = False

    def start(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        """Start a child; ``argv[0]`` is an absolute path, ``env`` is added to this process's environment.

        Output goes to the file ``log``, else to stdout line by line with the name in front.
        """
        assert name not in self._children, name
        self._children[name] = child = _Child(name, tuple(argv), dict(env or {}), log)
        self._spawn(child)

    def pid(self, name: str) -> int | None:
        """Process id of a living child, None between a crash and the next start."""
        process = self._children[name].process
        return process.pid if process and process.poll() is None else None

    @property
    def given_up(self) -> list[str]:
        """Names of the children that crashed too often."""
        return [child.name for child in self._children.values() if child.given_up]

    def poll(self) -> None:
        """Notice crashes and start again what is due; call it several times a second."""
        for child in self._children.values():
            if child.process is not None and child.process.poll() is not None:
                self._note_crash(child, child.process.returncode)
            elif child.process is None and not child.given_up and time.monotonic() >= child.start_again_at:
                self._spawn(child)

    def run(self) -> int:
        """Watch until SIGINT or SIGTERM, then stop all. Exit status: 1 when a child was given up, else 0."""
        before = {number: signal.signal(number, self._ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._stopping:
                self.poll()
                if self._children and len(self.given_up) == len(self._children):
                    break
                time.sleep(POLL_S)
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self.given_up else 0

    def stop(self) -> None:
        """SIGTERM to all, newest first; SIGKILL to those that are left after ``stop_timeout_s``. Safe to repeat."""
        living = [child.process for child in reversed(self._children.values()) if child.process]
        for process in living:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._stop_timeout_s
        for process in living:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in self._children.values():
            child.process = None
            child.start_again_at = float("inf")

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _spawn(self, child: _Child) -> None:
        output = open_log(child.log) if child.log else subprocess.PIPE
        # SIGTERM when we die, as at an ordinary stop: the child ends its work in hand.
        argv = tied_argv(child.argv, death_signal=signal.SIGTERM)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own commands, no user input
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(child.env),
                start_new_session=True,
            )
        finally:
            if child.log:
                os.close(output)
        child.process = process
        child.started_at = time.monotonic()
        if process.stdout:
            threading.Thread(target=_print_lines, args=(child.name, process.stdout), daemon=True).start()

    def _note_crash(self, child: _Child, status: int) -> None:
        lived_s = time.monotonic() - child.started_at
        child.process = None
        child.crashes_in_a_row = 1 if lived_s >= self._healthy_after_s else child.crashes_in_a_row + 1
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if child.crashes_in_a_row > self._restarts_max:
            child.given_up = True
            self._say(f"{child.name} {how} again; given up after {self._restarts_max} restarts in a row.")
            return
        delay_s = min(self._backoff_first_s * 2 ** (child.crashes_in_a_row - 1), BACKOFF_MAX_S)
        child.start_again_at = time.monotonic() + delay_s
        self._say(f"{child.name} {how}; starting it again in {delay_s:g} s.")


def _print_lines(name: str, stream: IO[bytes]) -> None:
    """Copy a child's output to stdout until it ends; a thread of its own, so that a full pipe never blocks a child."""
    with stream:
        for line in stream:
            text = line.decode("utf-8", errors="replace").rstrip("\n")
            print(f"{name:<10} | {text}", flush=True)
