"""E-invoices per second: the whole check beside bare saxonche on the same documents with the same rules.

Run: ``make bench NAME=einvoice`` (``N=``: rounds over all documents). Bare: the compiled rules in this process, a document
parsed and transformed, its failed rules counted out of the report. Ours: over the pipe into the checking process, told apart,
schema, rules, findings with field and remedy, back; ``read`` also reads the content. Both warm, in turn. One JSON line; times
are CPU seconds of this process and of the checking one.
"""

import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import saxonche

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench._harness import parse
from billwright.einvoice.bundled import CEN_CII_RULES, CEN_UBL_RULES
from billwright.einvoice.checker import Checker
from billwright.einvoice.write import write_cii, write_ubl
from support.einvoices import an_invoice, material, verdicts

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
FAILED = re.compile(r"<svrl:failed-assert\b")
Documents = list[tuple[str, bytes]]


def collected() -> Documents:
    """Syntax and bytes of each collected document."""
    return [(str(verdict["syntax"]), material(name)) for name, verdict in verdicts().items()]


def synthetic() -> Documents:
    """Our own invoices of 1 to 50 lines."""
    line = an_invoice().lines[0]
    made: Documents = []
    for length in (1, 2, 5, 10, 20, 50):
        invoice = an_invoice(lines=tuple(replace(line, id=str(number + 1)) for number in range(length)))
        made += [("ubl", write_ubl(invoice)), ("cii", write_cii(invoice))]
    return made


def bare() -> Callable[[str, bytes], int]:
    processor = saxonche.PySaxonProcessor(license=False)
    rules = {
        syntax: processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(file))
        for syntax, file in (("ubl", CEN_UBL_RULES), ("cii", CEN_CII_RULES))
    }

    def failures(syntax: str, body: bytes) -> int:
        document = processor.parse_xml(xml_text=body.decode("utf-8-sig").partition("?>")[2] or body.decode("utf-8"))
        return len(FAILED.findall(rules[syntax].transform_to_string(xdm_node=document)))

    return failures


def child_s(checker: Checker) -> float:
    """CPU seconds of the checking process so far."""
    fields = Path(f"/proc/{checker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def main() -> None:
    wanted = parse(__doc__, 10)
    documents = synthetic() if wanted.synthetic else collected() or synthetic()
    checker, failures = Checker(), bare()

    def ours_s(*, read: bool) -> float:
        start = time.process_time() + child_s(checker)
        for _ in range(wanted.n):
            for _, body in documents:
                checker.check(body, read=read)
        return time.process_time() + child_s(checker) - start

    def bare_s() -> float:
        start = time.process_time()
        for _ in range(wanted.n):
            for syntax, body in documents:
                failures(syntax, body)
        return time.process_time() - start

    found = [len(checker.check(body).findings) for _, body in documents]  # warms both up, and they must agree
    assert found == [failures(syntax, body) for syntax, body in documents]
    runs = [(ours_s(read=False), bare_s(), ours_s(read=True)) for _ in range(wanted.pairs)]
    count = wanted.n * len(documents)
    ours, theirs, read = (count / statistics.median(run[i] for run in runs) for i in range(3))
    line = {
        "bench": "einvoice",
        "input": "synthetic" if wanted.synthetic or not verdicts() else "collected",
        "n": wanted.n,
        "documents": len(documents),
        "ours_per_cpu_s": round(ours),
        "ours_read_per_cpu_s": round(read),
        "baseline": "saxonche alone: parse, transform, count",
        "baseline_per_cpu_s": round(theirs),
        "ratio": round(statistics.median(run[1] / run[0] for run in runs), 2),
        "ratio_read": round(statistics.median(run[1] / run[2] for run in runs), 2),
        "child_rss_mib": rss_mib(checker),
        "versions": {name: version(name) for name in ("saxonche", "lxml", "factur-x")},
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - the bench's one line
    checker.stop()


def rss_mib(checker: Checker) -> int:
    status = Path(f"/proc/{checker.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
