"""What it costs to make documents in processes of their own, and what those processes hold after many.

Run: ``make bench NAME=renderers`` (``N=2000``: documents). Baseline: the same layout in this process, as it was before there were
processes. CPU time is that of everybody concerned; one page each, the invoices of ``pdf``. One JSON line.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench._record_input import read_input
from bench._record_invoices import billed_lines
from bench.pdf import one_pagers
from billwright.documents.layout import Layout
from billwright.documents.page import InvoicePage
from billwright.documents.render import SIZE, Renderer

OWN = '{% extends "invoice/modern/invoice.html" %}'
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ROUND = 40


def used_s(renderer: Renderer) -> float:
    """CPU seconds of this process, the nursery, those that live, and those that ended."""
    total_s = time.process_time()
    for pid in renderer.pids:
        parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total_s += sum(int(each) for each in parts[11:15]) / TICKS_PER_S
    return total_s


def resident_mib(renderer: Renderer) -> list[float]:
    """What each process has for itself: the nursery first, then those that make documents."""
    return [_private_mib(pid) for pid in renderer.pids]


def _private_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return round(sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024, 1)


def costs_s(renderer: Renderer, pages: Sequence[InvoicePage], make: Callable[[InvoicePage], object]) -> float:
    """CPU seconds of one document."""
    before_s = used_s(renderer)
    for page in pages:
        make(page)
    return (used_s(renderer) - before_s) / len(pages)


def measure(kind: str, pages: Sequence[InvoicePage], count: int, pairs: int) -> dict[str, object]:
    layout, renderer = Layout(), Renderer()
    ways: tuple[Callable[[InvoicePage], object], ...] = (
        lambda page: layout.lay_out(page, "modern"),
        lambda page: renderer.render_invoice(page, template_set="modern"),
        lambda page: renderer.render_invoice(page, template_set="modern", template_override=OWN, owner="o"),
        lambda page: renderer.render_invoice(page, template_set="modern", template_override=OWN),
    )
    several = [pages[index % len(pages)] for index in range(ROUND)]
    began_s = time.perf_counter()
    ways[1](pages[0])
    first_s = time.perf_counter() - began_s
    for way in ways:
        costs_s(renderer, several[:5], way)
    runs = [tuple(costs_s(renderer, several, way) for way in ways) for _ in range(pairs)]
    here, warm, own, fresh = (statistics.median(run[i] for run in runs) for i in range(4))
    at_first = halfway = resident_mib(renderer)
    began_s = time.perf_counter()
    with ThreadPoolExecutor(SIZE) as pool:
        for index, _ in enumerate(pool.map(ways[1], (pages[i % len(pages)] for i in range(count)))):
            if index == count // 2:
                halfway = resident_mib(renderer)
    took_s = time.perf_counter() - began_s
    at_last = resident_mib(renderer)
    renderer.close()
    return {
        "bench": "renderers",
        "input": kind,
        "n": count,
        "ours_cpu_ms": round(warm * 1000),
        "own_template_cpu_ms": round(own * 1000),
        "own_template_fresh_process_cpu_ms": round(fresh * 1000),
        "baseline": "the same layout in this process",
        "baseline_cpu_ms": round(here * 1000),
        "ratio": round(statistics.median(run[0] / run[1] for run in runs), 2),
        "ratio_own_template": round(statistics.median(run[0] / run[2] for run in runs), 2),
        "goal": 0.95,
        "processes": SIZE,
        "documents_per_s": round(count / took_s, 2),
        "first_document_s": round(first_s, 2),
        "private_mib": {"first": at_first, "halfway": halfway, "last": at_last},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=200, help="documents")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--synthetic", action="store_true", help="our own input, even where the real record lies")
    given = parser.parse_args()
    record = read_input(synthetic=given.synthetic)
    print(json.dumps(measure(record.kind, one_pagers(billed_lines(record)), given.count, given.pairs)), flush=True)  # noqa: T201 - the bench's one line


if __name__ == "__main__":
    main()
