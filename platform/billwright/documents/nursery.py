"""The process from which those that make documents are forked: it has loaded and warmed all, and never touches a document.

It has no environment, no connection and no secret, and one thread, so that it may fork at any time. It listens to the worker that
started it and ends when that one ends, whatever way; those that it forked end with it (PR_SET_PDEATHSIG). On its standard
input, a socket that keeps messages apart, it is told what to do (nursery_words.py).
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import traceback
from typing import Final

from billwright.documents.layout import Layout, TooManyPagesError
from billwright.documents.nursery_words import END, FORK, ID
from billwright.documents.wire import Answer, Order, encode, receive_order
from billwright.kernel.errors import InputInvalidError

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
FILE_BYTES: Final = 64 * 1024**2
"""A template's fonts pass through small files; nothing else is ever written."""
TRACE_CHARS_MAX: Final = 8_000
LIBC: Final = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Serve the worker until it is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a worker that is asked to stop finishes the document in hand
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cpu_s, memory_bytes, pages = (int(each) for each in sys.argv[1:])
    layout = Layout(pages_max=pages)
    layout.warm()
    gc.collect()
    gc.freeze()  # what all share stays shared: the collector would touch every object of it
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the worker is gone
        _listen(socket.socket(fileno=0), layout, cpu_s, memory_bytes)


def _listen(worker: socket.socket, layout: Layout, cpu_s: int, memory_bytes: int) -> None:
    while True:
        message, handles, _, _ = socket.recv_fds(worker, 64, 1, socket.MSG_CMSG_CLOEXEC)
        if not message:
            return
        if message == FORK:
            _fork(worker, handles[0], layout, cpu_s, memory_bytes)
        else:
            _, status, used = os.wait4(ID.unpack(message[1:])[0], 0)
            worker.sendall(END.pack(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024))


def _fork(worker: socket.socket, handle: int, layout: Layout, cpu_s: int, memory_bytes: int) -> None:
    nursery = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            worker.close()
            _confine(nursery, memory_bytes)
            _serve(socket.socket(fileno=handle), layout, cpu_s)
        finally:
            os._exit(0)  # nothing of the nursery's is cleaned up here: its temporary fonts are shared
    os.close(handle)
    watch = os.pidfd_open(child)
    socket.send_fds(worker, [ID.pack(child)], [watch])
    os.close(watch)


def _confine(nursery: int, memory_bytes: int) -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != nursery:  # it died before the line above: no signal will come
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDWR), sys.stderr.fileno())  # what layout says of a stranger's CSS is not our log
    _cap(resource.RLIMIT_DATA, memory_bytes)
    _cap(resource.RLIMIT_AS, 2 * memory_bytes)
    _cap(resource.RLIMIT_FSIZE, FILE_BYTES)


def _cap(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def _serve(end: socket.socket, layout: Layout, cpu_s: int) -> None:
    """Documents until there are no more orders, or until one was stopped: what is left of memory then is in doubt."""
    while (order := receive_order(end)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        until_s = int(used.ru_utime + used.ru_stime) + cpu_s + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until_s, resource.RLIM_INFINITY))
        answer = _make(layout, order)
        end.sendall(encode(answer))
        if answer.stopped:
            return


def _make(layout: Layout, order: Order) -> Answer:
    try:
        return Answer(pdf=layout.lay_out(order.page, order.template_set, order.override, order.assets))
    except InputInvalidError as error:
        return Answer(refused=str(error))
    except TooManyPagesError:
        return Answer(stopped="pages")
    except MemoryError:
        return Answer(stopped="memory")
    except RecursionError:
        return Answer(stopped="nesting")
    except Exception as error:
        if order.override is None:
            return Answer(broken="".join(traceback.format_exception(error))[-TRACE_CHARS_MAX:])
        return Answer(refused=f"The template cannot be laid out: {type(error).__name__} {str(error)[:300]}.")


if __name__ == "__main__":
    main()
