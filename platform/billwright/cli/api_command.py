"""``billwright api``: the HTTP server."""

import os
import threading
from contextlib import suppress
from typing import Any

import click
from granian.constants import Interfaces, Loops
from granian.server.mp import MPServer as Granian

from billwright.cli.processes import settings_with_servers
from billwright.web.leaving import SIGNAL


class Server(Granian):
    """Granian, which at a signal stops to listen and ends what it has; ours says that it leaves some time before."""

    def __init__(self, *arguments: Any, leave_after_s: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._leave_after_s = leave_after_s
        self._leaving = False

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """The second signal does not wait."""
        if self._leaving or not self._leave_after_s:
            self._stop()
            return
        self._leaving = True
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, SIGNAL)
        stop = threading.Timer(self._leave_after_s, self._stop)
        stop.daemon = True
        stop.start()

    def _stop(self) -> None:
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian leaves it untyped


@click.command()
@click.option("--processes", default=1, show_default=True, help="Server processes.")
@click.option(
    "--leave-after-seconds",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="After a signal to stop: how long /health/ready says 503 before nothing new is taken; balancers need a moment.",
)
@click.option(
    "--stop-within-seconds",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How long requests under way may take after that.",
)
def command(processes: int, leave_after_seconds: int, stop_within_seconds: int) -> None:
    """Serve API and portal on BILLWRIGHT_HOST and BILLWRIGHT_PORT."""
    settings = settings_with_servers()
    Server(
        "billwright.web.main:create_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=processes,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=stop_within_seconds,
        leave_after_s=leave_after_seconds,
    ).serve()
