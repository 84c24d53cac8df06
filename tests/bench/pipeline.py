"""Accepted milestones (as source messages) to issued, receivable-open invoices through all jobs, without PDF.

Run: ``make bench NAME=pipeline`` (``N=2000``: invoices per run; on the command line batch sizes may follow). The acceptances
are the real record's, each milestone of it accepted, priced and in an ISO currency; agreements, prices, change orders and
deliveries are known before. Baseline, on the same server in alternating runs: a psycopg script that writes the least durable
rows of the same invoices in one transaction each, on one connection.
"""

from bench._floor import Floor, floor_of
from bench._harness import make_partner, median, parse, processes, servers, tell
from bench._issuing import Firm
from bench._record_input import RecordInput, Work, read_input, work_of
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database

WARM_UP = 50
GOALS = {True: 0.10, False: 0.25}
ELSEWHERE = {"Tryton milestone invoicing": "0.9-2.3", "Odoo": "2.3-5.7"}  # on this kind of machine, not run here


def ours(database: Database, partner: str, record: RecordInput, work: Work, batch: int) -> float:
    """Seconds of one run in a tenant of its own."""
    firm = Firm.make(database, partner, record)
    firm.learn(work)
    return firm.issue(work, batch)


def measure(
    settings: Settings, database: Database, floor: Floor, record: RecordInput, work: Work,
    *, workers: int, batch: int, pairs_run: int,
) -> None:  # fmt: skip
    """Print the line of one configuration."""
    partner = make_partner(database)
    commands = [["dispatcher"], *([["worker", "--threads", "2"]] * workers)]
    with processes(settings, *commands):
        ours(database, partner, record, work_of(record.cases, min(WARM_UP, work.invoices), run="warm"), batch)
        pairs = [(ours(database, partner, record, work, batch), floor.run(work)) for _ in range(pairs_run)]
    tell(
        "pipeline",
        input=record.kind,
        n=work.invoices,
        workers=workers,
        batch=batch,
        ours_per_s=round(work.invoices / median([mine for mine, _ in pairs]), 1),
        baseline="one psycopg transaction per invoice, one connection",
        baseline_per_s=round(work.invoices / median([theirs for _, theirs in pairs]), 1),
        ratio=round(median([theirs / mine for mine, theirs in pairs]), 3),
        ratios=[round(theirs / mine, 3) for mine, theirs in pairs],
        goal=GOALS[batch == 1],
        net={code: str(total) for code, total in work.totals.items()},
        elsewhere_per_s=ELSEWHERE,
    )


def main() -> None:
    given = parse(__doc__, 2_000)
    record = read_input(synthetic=given.synthetic)
    work = work_of(record.cases, given.n, run="run")
    with servers() as (settings, database):
        assert settings.database_url is not None
        with floor_of(settings.database_url) as floor:
            for batch in [int(each) for each in given.more] or (1, 100):
                for workers in (1, 2):
                    measure(
                        settings, database, floor, record, work, workers=workers, batch=batch, pairs_run=given.pairs
                    )


if __name__ == "__main__":
    main()
