"""Ends a process whose interpreter stands still: a plugin that holds it in C, where no Python can stop it."""

import faulthandler
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Watchdog:
    """While somebody is watching, some Python thread has to run every ``patience_s`` seconds, or the process is ended.

    The clock is a thread in C that needs no interpreter (``faulthandler``), wound up again and again by a thread in Python.
    Before the end it writes where every thread stands to the standard error output. One per process: there is one clock.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._watchers = 0
        self._needed = threading.Event()
        self._winder: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Calls of plugins are under way."""
        with self._lock:
            self._watchers += 1
            if self._watchers == 1:
                self._start()
        try:
            yield
        finally:
            with self._lock:
                self._watchers -= 1
                if self._watchers == 0:
                    self._needed.clear()
                    faulthandler.cancel_dump_traceback_later()

    def _start(self) -> None:
        faulthandler.dump_traceback_later(self._patience_s, exit=True)
        self._needed.set()
        if self._winder is None or not self._winder.is_alive():
            self._winder = threading.Thread(target=self._wind, name="watchdog", daemon=True)
            self._winder.start()

    def _wind(self) -> None:
        while True:
            self._needed.wait()
            time.sleep(self._patience_s / 4)  # winding four times in its patience: a late turn ends no healthy process
            with self._lock:
                if self._watchers:
                    faulthandler.dump_traceback_later(self._patience_s, exit=True)
