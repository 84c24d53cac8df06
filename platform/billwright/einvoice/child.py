"""The checking process: answers orders from standard input until it ends. It has no environment and little memory.

Documents of strangers are parsed and Saxon runs here and nowhere else: a document that makes it loop, swell or crash costs this
process, and the one that asked hears of it.
"""

import os
import resource
import sys
from typing import IO

from billwright.einvoice.orders import ENCODER, HEAD_BYTES, ORDERS, READY, Answer, CheckOrder, CompileOrder, WriteOrder


def main() -> None:
    """``argv[1]``: bytes of memory that may be written to. Saxon reserves address space far beyond it, so that is not limited."""
    memory_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what native code prints must not stand between answers
    _serve(sys.stdin.buffer, answers)


def _serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    from billwright.einvoice.examine import examine  # noqa: PLC0415 - the limits come first
    from billwright.einvoice.saxon import RulesBrokenError, Saxon  # noqa: PLC0415 - the limits come first
    from billwright.einvoice.write import write_cii, write_ubl  # noqa: PLC0415 - the limits come first

    saxon = Saxon()
    answers.write(READY)
    answers.flush()
    texts: dict[str, str] = {}
    while head := orders.read(HEAD_BYTES):
        order = ORDERS.decode(orders.read(int.from_bytes(head)))
        _limit_cpu(order.time_s)
        try:
            if isinstance(order, CheckOrder):
                texts.update(order.texts)
                report = examine(
                    order.body,
                    saxon,
                    installed=order.installed,
                    texts=texts,
                    read=order.read,
                    hybrid=order.hybrid,
                )
                answer = Answer(report=report)
            elif isinstance(order, WriteOrder):
                write = {"ubl": write_ubl, "cii": write_cii}[order.syntax]
                answer = Answer(written=write(order.invoice))
            else:
                assert isinstance(order, CompileOrder)
                saxon.compiles(order.text)
                answer = Answer()
        except RulesBrokenError as error:
            answer = Answer(failed=str(error))
        except (MemoryError, RecursionError) as error:
            answer = Answer(failed=f"it took more memory or nesting than a document may take ({type(error).__name__})")
        except Exception as error:  # a document that we cannot handle is said to be one; the next may be fine
            answer = Answer(failed=f"{type(error).__name__}: {str(error)[:200]}")
        body = ENCODER.encode(answer)
        answers.write(len(body).to_bytes(HEAD_BYTES) + body)
        answers.flush()


def _limit_cpu(time_s: int) -> None:
    """An orphan in a loop dies by itself."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + time_s + 2, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
