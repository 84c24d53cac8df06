"""The worker's side of the processes that make documents: one nursery, and those that are forked from it."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Final

from billwright.documents.limits import Limit, Limits
from billwright.documents.nursery_words import END, FORK, ID, WAIT
from billwright.documents.wire import Answer, ask

NURSERY: Final = "billwright.documents.nursery"
START_S: Final = 60.0
LEAVE_S: Final = 1.0
NEAR: Final = 0.8
"""A process that ended by itself at this part of its memory limit, or above, ended for want of memory."""


class NurseryLostError(Exception):
    """The nursery was ended from outside, and all that was under way with it; no document is to blame."""


class ProcessEndedError(Exception):
    """A process ended, or was ended, over a document. ``limit`` says why, ``how`` what the system said."""

    def __init__(self, limit: Limit, how: str) -> None:
        super().__init__(how)
        self.limit: Limit = limit


@dataclass(slots=True, eq=False)
class RenderProcess:
    """A process for documents, one at a time. ``made`` counts them."""

    nursery: "Nursery"
    pid: int
    watch: int
    """Its pidfd: readable when it has ended, and no other process by the same id can be meant."""
    end: socket.socket
    made: int = 0

    def alive(self) -> bool:
        """Whether it can take an order: one that was ended while it was idle is no document's fault."""
        return not select.select([self.watch], [], [], 0)[0]

    def make(self, order: bytes, limits: Limits) -> Answer:
        """The answer to an encoded order.

        Raises:
            ProcessEndedError: it ran over a limit or ended by itself; it is gone.
            NurseryLostError: it was ended because its nursery was.
        """
        self.made += 1
        try:
            answer = ask(self.end, order, time.monotonic() + limits.clock_s, bytes_max=limits.pdf_bytes)
        except TimeoutError:
            self.close()
            raise ProcessEndedError("clock", "it did not answer") from None
        except EOFError:
            limit, how = self._why(limits)
            raise ProcessEndedError(limit, how) from None
        except ValueError as error:
            self.close()
            raise ProcessEndedError("size", str(error)) from None
        except BaseException:
            self.close()  # what it would still write must not answer the next order
            raise
        if answer.stopped:
            self.close()
            raise ProcessEndedError(answer.stopped, "it said so itself")
        return answer

    def close(self) -> tuple[int, int]:
        """End it; exit status (negative: the signal) and peak memory in bytes."""
        self.end.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.watch, signal.SIGKILL)
        os.close(self.watch)
        return self.nursery.ended(self.pid)

    def _why(self, limits: Limits) -> tuple[Limit, str]:
        """It closed its end: let it finish that, then see how it ended."""
        select.select([self.watch], [], [], LEAVE_S)
        status, peak = self.close()
        if status == -signal.SIGXCPU:
            return "processor", "its processor time was used up"
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        if peak > NEAR * limits.memory_bytes:
            return "memory", f"it ended by {how} with {peak // 1024**2} MiB"
        return "crash", f"it ended by {how}"


class Nursery:
    """Starts processes for documents. Threads may share it. It is started with the first one, and anew when it was ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def fork(self) -> RenderProcess:
        """A fresh process.

        Raises:
            NurseryLostError: it could not be had; try again.
        """
        ours, theirs = socket.socketpair()
        with self._lock:
            try:
                control = self._running()
                socket.send_fds(control, [FORK], [theirs.fileno()])
                message, handles, _, _ = socket.recv_fds(control, 64, 1, socket.MSG_CMSG_CLOEXEC)
                if not handles:
                    raise NurseryLostError("it ended")
            except (OSError, NurseryLostError) as error:
                ours.close()
                self._stop()
                raise NurseryLostError(f"The process that starts others is gone ({error}).") from error
            finally:
                theirs.close()
        return RenderProcess(self, ID.unpack(message)[0], handles[0], ours)

    def ended(self, pid: int) -> tuple[int, int]:
        """How the process ``pid``, which is ending, ended: as ``RenderProcess.close``.

        Raises:
            NurseryLostError: nobody knows any more.
        """
        with self._lock:
            try:
                if self._control is None:
                    raise NurseryLostError("it ended")
                self._control.sendall(WAIT + ID.pack(pid))
                message = self._control.recv(64)
                if not message:
                    raise NurseryLostError("it ended")
            except (OSError, NurseryLostError) as error:
                self._stop()
                raise NurseryLostError(f"The process that starts others is gone ({error}).") from error
        status, peak = END.unpack(message)
        return status, peak

    def stop(self) -> None:
        """End it and all that it started."""
        with self._lock:
            self._stop()

    def _running(self) -> socket.socket:
        if self._process is not None and self._process.poll() is None and self._control is not None:
            return self._control
        self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(START_S)
        limits = self._limits
        numbers = [str(each) for each in (limits.cpu_s, limits.memory_bytes, limits.pages)]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-I", "-m", NURSERY, *numbers],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
            )
        self._control = ours
        return ours

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()  # it reads the end and leaves, its temporary files cleaned up
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
