"""How the cost of an invoice grows: with the number that come together, and with the number that the tenant has already.

Run: ``make bench NAME=growth`` (``N=5000``: the largest number that come together; the others are parts of it, the histories
2 N and 10 N). One JSON line per point, each of five runs beside the floor of the pipeline bench, with batches of 100 and one
worker. With the default N the curve is drawn to docs/performance/growth.svg; a second argument names another file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench._floor import Floor, floor_of
from bench._harness import ROOT, make_partner, median, parse, processes, servers, tell
from bench._issuing import Firm
from bench._plot import Panel, Series, draw
from bench._record_input import RecordInput, read_input, work_of

N = 5_000
BATCH = 100
WARM_UP = 50
HISTORY_STEP = 2_000  # so many at a time: identifiers and texts of all of them would fill the memory
DRAWN = ROOT / "docs" / "performance" / "growth.svg"


@dataclass(frozen=True, slots=True)
class Point:
    """Milliseconds per invoice, at ``at`` invoices (that come together, or that were there before)."""

    at: int
    ours_ms: float
    floor_ms: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What all points share."""

    record: RecordInput
    floor: Floor
    make_firm: Callable[[], Firm]
    pairs: int

    def together(self, n: int) -> Point:
        """``n`` invoices in tenants without any history."""
        work = work_of(self.record.cases, n, run="run")
        pairs = []
        for _ in range(self.pairs):
            firm = self.make_firm()
            firm.learn(work)
            self.floor.empty()
            pairs.append((firm.issue(work, BATCH), self.floor.run(work)))
        return self.point(n, 0, work.invoices, pairs)

    def with_history(self, firm: Firm, n: int, history: int) -> Point:
        """``n`` more in a tenant that has ``history`` already (and, from the second run on, those of the runs before)."""
        while (missing := history - firm.numbered()) > 0:
            past = work_of(self.record.cases, min(missing, HISTORY_STEP), run=f"h{firm.numbered()}")
            firm.learn(past)
            firm.issue(past, BATCH)
        if history > self.floor.made:
            self.floor.fill(history - self.floor.made)
        pairs = []
        for _ in range(self.pairs):
            work = work_of(self.record.cases, n, run=f"r{firm.numbered()}")
            firm.learn(work)
            pairs.append((firm.issue(work, BATCH) / work.invoices, self.floor.run(work) / work.invoices))
        return self.point(n, history, 1, pairs)

    def point(self, n: int, history: int, invoices: int, pairs: list[tuple[float, float]]) -> Point:
        """Print the line of a point; ``pairs`` are seconds for ``invoices``."""
        mine, theirs = (median([pair[side] for pair in pairs]) / invoices for side in (0, 1))
        tell(
            "growth",
            input=self.record.kind,
            n=n,
            history=history,
            batch=BATCH,
            workers=1,
            ours_per_s=round(1 / mine, 1),
            ours_ms_per_invoice=round(mine * 1000, 2),
            baseline="one psycopg transaction per invoice, one connection",
            baseline_per_s=round(1 / theirs, 1),
            baseline_ms_per_invoice=round(theirs * 1000, 2),
            ratio=round(median([pair[1] / pair[0] for pair in pairs]), 3),
            goal=None,
        )
        return Point(history if history else n, mine * 1000, theirs * 1000)


def measure(record: RecordInput, n: int, pairs: int) -> tuple[list[Point], list[Point]]:
    """Points by number that come together, and by history."""
    sizes = sorted({max(1, n // part) for part in (20, 10, 5, 1)} | {max(1, 2 * n // 5)})
    commands = (["dispatcher"], ["worker", "--threads", "2"])
    with servers() as (settings, database):
        assert settings.database_url is not None
        partner = make_partner(database)
        with floor_of(settings.database_url) as floor, processes(settings, *commands):
            bench = Bench(record, floor, lambda: Firm.make(database, partner, record), pairs)
            warm = bench.make_firm()
            work = work_of(record.cases, min(WARM_UP, n), run="warm")
            warm.learn(work)
            warm.issue(work, BATCH)
            together = [bench.together(size) for size in sizes]
            firm, size = bench.make_firm(), max(1, n // 10)
            floor.empty()
            return together, [bench.with_history(firm, size, history) for history in (0, 2 * n, 10 * n)]


def panel(title: str, axis: str, points: list[Point]) -> Panel:
    ours = Series("Billwright", "#1f4e79", [(each.at, each.ours_ms) for each in points])
    floor = Series("floor: plain psycopg", "#b4540a", [(each.at, each.floor_ms) for each in points])
    return Panel(title, axis, (ours, floor))


def main() -> None:
    given = parse(__doc__, N)
    n = given.n
    together, histories = measure(read_input(synthetic=given.synthetic), n, given.pairs)
    path = Path(given.more[0]) if given.more else DRAWN if n == N else None
    if path is not None:
        left = panel("Invoices that come together", "invoices", together)
        right = panel(f"{max(1, n // 10):,} more beside a history", "invoices that the tenant has already", histories)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draw("Milliseconds per invoice", (left, right)), encoding="utf-8")


if __name__ == "__main__":
    main()
