"""The checking process as the rest sees it: one child that stays warm, started on first use, again after it had to be ended."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from billwright.einvoice.errors import EinvoiceBusyError, RuleSetInvalidError
from billwright.einvoice.findings import DOCUMENT_BYTES_MAX, Report, too_large, unchecked
from billwright.einvoice.installed import InstalledRules
from billwright.einvoice.model import Invoice
from billwright.einvoice.orders import (
    ANSWERS,
    ENCODER,
    HEAD_BYTES,
    READY,
    Answer,
    CheckOrder,
    CompileOrder,
    Order,
    WriteOrder,
)

WAIT_S: Final = 60.0
START_S: Final = 60.0
_REMEDY: Final = (
    "This says nothing about the document. Check it again; if it stays, send a smaller one or ask an operator."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``time_s``: of one document, with the compiling of rules, without the child's start. ``callers``: one served, others wait."""

    time_s: int = 30
    memory_bytes: int = 1536 * 1024**2
    callers: int = 8


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's rules: what there is, and how to get a text by its hash. Asked only for what the child lacks."""

    installed: Sequence[InstalledRules] = ()
    text: Callable[[str], str] = str


class Checker:
    """Owner of the child. One document at a time; a few callers may wait, more are told to come again."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(self._limits.callers)
        self._known: set[str] = set()
        self._running: list[subprocess.Popen[bytes]] = []  # one or none
        weakref.finalize(self, _end, self._running)

    def check(self, body: bytes, rules: Rules | None = None, *, read: bool = False, hybrid: bool = False) -> Report:
        """Check a document, and read it if ``read``. What the child could not handle is reported as unchecked.

        ``hybrid``: by the rules for what goes into a PDF, though it is not in one yet.

        Raises:
            EinvoiceBusyError: too many documents wait already.
        """
        if len(body) > DOCUMENT_BYTES_MAX:
            return Report(syntax=None, container=None, specification=None, findings=(too_large(len(body)),))
        rules = rules or Rules()
        with self._turn():
            wanted = {each.sha256 for each in rules.installed} - self._known
            order = CheckOrder(
                time_s=self._limits.time_s,
                body=body,
                installed=tuple(rules.installed),
                texts={sha256: rules.text(sha256) for sha256 in sorted(wanted)},
                read=read,
                hybrid=hybrid,
            )
            answer = self._ask(order)
            if self._running:
                self._known |= wanted
        if answer.report is not None:
            return answer.report
        finding = unchecked(
            "validator-failed", f"The validator could not handle this document: {answer.failed}.", _REMEDY
        )
        return Report(syntax=None, container=None, specification=None, findings=(finding,))

    def check_rules(self, text: str) -> None:
        """Refuse a rule set that does not compile.

        Raises:
            RuleSetInvalidError: the sentence gives the compiler's first complaint.
        """
        with self._turn():
            answer = self._ask(CompileOrder(time_s=self._limits.time_s, text=text))
        if answer.failed:
            raise RuleSetInvalidError(
                f"This is not a compiled rule set (XSLT that reports SVRL): {answer.failed}. Compile the Schematron first.",
                field="file",
            )

    def write(self, invoice: Invoice, syntax: str) -> bytes:
        """``invoice`` as a document of ``syntax``: ubl or cii."""
        written, failed = self.try_write(invoice, syntax)
        assert not failed, failed
        return written

    def try_write(self, invoice: Invoice, syntax: str) -> tuple[bytes, str]:
        """The same; or nothing, and why it could not be written.

        Raises:
            EinvoiceBusyError: too many documents wait already.
        """
        with self._turn():
            answer = self._ask(WriteOrder(time_s=self._limits.time_s, invoice=invoice, syntax=syntax))
        return answer.written, answer.failed

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._running[0].pid if self._running else None

    def stop(self) -> None:
        """End the child; the next document starts another."""
        self._known.clear()
        _end(self._running)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._lock.acquire(timeout=WAIT_S):
                raise _busy()
            try:
                if self._running and self._running[0].poll() is not None:
                    self.stop()  # it died between two documents
                yield
            finally:
                self._lock.release()
        finally:
            self._places.release()

    def _ask(self, order: Order) -> Answer:
        body = ENCODER.encode(order)
        try:
            child = self._running[0] if self._running else self._start()
            assert child.stdin is not None
            assert child.stdout is not None
            deadline = time.monotonic() + self._limits.time_s
            with contextlib.suppress(BrokenPipeError):  # it died: reading says so
                child.stdin.write(len(body).to_bytes(HEAD_BYTES) + body)
                child.stdin.flush()
            size = int.from_bytes(_read(child.stdout, HEAD_BYTES, deadline))
            return ANSWERS.decode(_read(child.stdout, size, deadline))
        except TimeoutError:
            self.stop()
            return Answer(failed=f"it took longer than {self._limits.time_s} s")
        except EOFError:
            self.stop()
            return Answer(failed="it ended the checking process, by its memory, its time or a fault of the rule engine")
        except BaseException:
            self.stop()  # what the child would still write must not answer the next order
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-m", "billwright.einvoice.child", str(self._limits.memory_bytes)]
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"LANG": "C.UTF-8"}
        )
        self._running.append(child)
        assert child.stdout is not None
        _read(child.stdout, len(READY), time.monotonic() + START_S)
        return child


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    while running:
        child = running.pop()
        child.kill()
        child.communicate()


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


def _busy() -> EinvoiceBusyError:
    return EinvoiceBusyError("Too many e-invoices are being checked; try again in a few seconds.", retry_after_s=5)
