"""How an API process leaves: first it says so, then it is stopped, and nobody notices.

In between it answers as ever, but ``/health/ready`` says 503, so that balancers send nothing new, and every answer closes
its connection, so that no kept one is cut in the moment in which somebody uses it.
"""

import ctypes
import json
import multiprocessing
import os
import signal
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

# Means nothing to a process that does not listen for it: one that is still starting is not harmed.
SIGNAL: Final = signal.SIGWINCH
PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
READY: Final = "/health/ready"
CLOSE: Final = (b"connection", b"close")


def end_with_the_server() -> None:
    """In a process that the server forked: who is killed takes its children along, also those that are still starting.

    Else they would hold the port, and answer from it for ever.
    """
    server = multiprocessing.parent_process()
    if server is None:
        return
    # Inherited is the server's own handler, which tells a server that is not here: the signal would be lost. The event
    # loop brings one that lets requests under way end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != server.pid:  # it was killed before this was set
        os.kill(os.getpid(), signal.SIGTERM)


class Farewell:
    """The app, and what it does differently from the signal on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._leaving = False
        if multiprocessing.parent_process():
            signal.signal(SIGNAL, self.leave)

    def leave(self, *_: object) -> None:
        self._leaving = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._leaving or scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
        elif scope["path"] == READY:
            await _say_leaving(send)
        else:
            await self._app(scope, receive, _closing(send))


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), CLOSE]
        await send(message)

    return closing


async def _say_leaving(send: Send) -> None:
    headers: list[Any] = [(b"content-type", b"application/json"), CLOSE]
    start: HTTPResponseStartEvent = {"type": "http.response.start", "status": 503, "headers": headers}
    await send(start)
    body = json.dumps({"status": "leaving", "checks": {}}).encode()
    await send({"type": "http.response.body", "body": body, "more_body": False})
