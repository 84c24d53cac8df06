"""A child process in which partner-written templates run: no environment, little memory, and killed when it takes too long.

The sandbox stops a template from reaching out; it does not stop it from looping or from drawing a million pages. A process can
be killed at any point, a thread cannot. The child stays warm between documents and starts again after it had to be killed.
"""

import contextlib
import os
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

import msgspec
from markupsafe import Markup

from billwright.documents.page import InvoicePage
from billwright.documents.sets import refusal
from billwright.kernel.errors import InputInvalidError

HEAD_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one document with a partner's template. ``time_s`` includes the child's start, some 2 s when the machine is busy."""

    time_s: int = 30
    memory_bytes: int = 2 * 1024**3


class _Order(msgspec.Struct, frozen=True):
    page: InvoicePage
    template_set: str
    override: str
    assets: dict[str, bytes]
    time_s: int


class _Answer(msgspec.Struct, frozen=True):
    pdf: bytes = b""
    refused: str = ""


def _revive(kind: type[Any], value: object) -> Any:
    assert kind is Markup, kind  # the only type of a page that JSON does not know
    return Markup(value)  # noqa: S704 - was markup in the parent


_ORDERS: Final = msgspec.json.Decoder(_Order, dec_hook=_revive)
_ANSWERS: Final = msgspec.json.Decoder(_Answer)


class ConfinedProcess:
    """Owner of the child; one document at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def render(self, page: InvoicePage, template_set: str, override: str, assets: Mapping[str, bytes]) -> bytes:
        """The PDF of ``page`` through the partner's template ``override``.

        Raises:
            InputInvalidError: the template was refused, took too long, or took too much memory.
        """
        order = _Order(page, template_set, override, dict(assets), self._limits.time_s)
        with self._lock:
            answer = self._ask(msgspec.json.encode(order, enc_hook=str))
        if answer.refused:
            raise refusal(answer.refused)
        return answer.pdf

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._child.pid if self._child else None

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _ask(self, body: bytes) -> _Answer:
        deadline = time.monotonic() + self._limits.time_s
        child = self._child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it died: reading says so
                child.stdin.write(len(body).to_bytes(HEAD_BYTES) + body)
                child.stdin.flush()
            head = _read(child.stdout, HEAD_BYTES, deadline)
            return _ANSWERS.decode(_read(child.stdout, int.from_bytes(head), deadline))
        except TimeoutError:
            self.stop()
            raise refusal(
                f"The template ran longer than {self._limits.time_s} s and was stopped; look for a loop without end."
            ) from None
        except EOFError:
            self.stop()
            raise refusal("The template took more memory or time than a document may take; make it simpler.") from None
        except BaseException:
            self.stop()  # what the child would still write must not answer the next order
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-m", "billwright.documents.confined", str(self._limits.memory_bytes)]
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"LANG": "C.UTF-8"}
        )


def _read(stream: IO[bytes], size: int, deadline: float) -> bytes:
    """Exactly ``size`` bytes before ``deadline``, past the stream's own buffer."""
    parts = []
    while size:
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(stream.fileno(), min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main() -> None:
    """The child: answers orders from standard input until it ends. An orphan in a loop dies by its CPU limit."""
    memory_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from billwright.documents.render import Renderer  # noqa: PLC0415 - render imports this module; limits come first

    renderer = Renderer()
    while head := sys.stdin.buffer.read(HEAD_BYTES):
        order = _ORDERS.decode(sys.stdin.buffer.read(int.from_bytes(head)))
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = int(used.ru_utime + used.ru_stime) + order.time_s + 2
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, resource.RLIM_INFINITY))
        try:
            answer = _Answer(pdf=renderer.lay_out(order.page, order.template_set, order.override, order.assets))
        except InputInvalidError as error:
            answer = _Answer(refused=str(error))
        except (MemoryError, RecursionError):
            answer = _Answer(
                refused="The template took more memory or nesting than a document may take; make it simpler."
            )
        except Exception as error:  # what layout makes of a stranger's CSS is the stranger's to mend
            answer = _Answer(refused=f"The template cannot be laid out: {type(error).__name__} {error}.")
        body = msgspec.json.encode(answer)
        sys.stdout.buffer.write(len(body).to_bytes(HEAD_BYTES) + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
