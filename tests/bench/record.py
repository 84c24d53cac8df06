"""The real record of milestone agreements, all of it, from raw messages to issued invoices, in this one process.

Run: ``make bench NAME=record`` (``N=20``: only so many of its suppliers). Shuffled, because the ordered feed waits for each
moment of the record. Baseline, in turn on the same server: psycopg inserts of the same raw messages, a transaction per batch
of 20, and nothing else. Each run must bill what the oracle of the import's test expects, milestone for milestone and in the
sum of each currency; else the bench ends in failure.
"""

import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from bench._harness import make_partner, median, parse, servers, tell
from bench._record_input import RecordInput, limited, read_folder, record_folder
from billwright.cli.import_command import run_import
from billwright.cli.importing import SHUFFLED_BATCH
from billwright.kernel.canonical_json import encode


def bare(connection: psycopg.Connection[Any], rows: list[tuple[str, str]]) -> float:
    """Seconds to store the messages and nothing else."""
    connection.execute("TRUNCATE public.record_floor")
    start = time.perf_counter()
    for at in range(0, len(rows), SHUFFLED_BATCH):
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO public.record_floor VALUES (%s, %s)", rows[at : at + SHUFFLED_BATCH])
    return time.perf_counter() - start


def check(result: dict[str, Any], record: RecordInput) -> int:
    """The number of invoices.

    Raises:
        SystemExit: billed milestones, what holds the others, or a currency's total differ from the oracle's.
    """
    billed = [each for each in record.outcomes.values() if each.state == "billed"]
    totals: dict[str, Decimal] = {}
    for each in billed:
        assert each.amount is not None
        totals[str(each.currency)] = totals.get(str(each.currency), Decimal(0)) + each.amount
    expected = {
        "billed": len(billed),
        "waiting": dict(Counter(each.reason for each in record.outcomes.values() if each.state != "billed")),
        "net": totals,
    }
    found = {
        "billed": result["milestones"]["billed"],
        "waiting": result["milestones"]["waiting"],
        "net": {code: Decimal(net) for code, net in result["invoices"]["net_by_currency"].items()},
    }
    invoices = sum(number for number in result["invoices"].values() if isinstance(number, int))
    if found != expected or invoices != len(billed):
        raise SystemExit(f"Wrong: {invoices} invoices, {found}; expected {expected}.")
    return invoices


def measure(record: RecordInput, folder: Path, limit: int | None, pairs: int) -> None:
    rows = [(each.id, encode(each.data).decode()) for each in record.folder.messages]
    mine: list[float] = []
    theirs: list[float] = []
    invoices = 0
    result: dict[str, Any] = {}
    with servers() as (settings, database):
        assert settings.database_url is not None
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE public.record_floor (id text PRIMARY KEY, data jsonb NOT NULL)")
            for seed in range(pairs):
                partner = make_partner(database)
                start = time.perf_counter()
                result = run_import(database, settings, folder, partner=partner, limit=limit, shuffle=seed)
                mine.append(time.perf_counter() - start)
                theirs.append(bare(connection, rows))
                invoices = check(result, record)
            connection.execute("DROP TABLE public.record_floor")
    tell(
        "record",
        input=record.kind,
        n=len(rows),
        tenants=result["tenants"],
        invoices=invoices,
        ours_per_s=round(len(rows) / median(mine), 1),
        invoices_per_s=round(invoices / median(mine), 1),
        baseline="the same messages inserted and nothing else",
        baseline_per_s=round(len(rows) / median(theirs), 1),
        ratio=round(median([b / a for a, b in zip(mine, theirs, strict=True)]), 4),
        goal=None,
        net=result["invoices"]["net_by_currency"],
        milestones={"billed": result["milestones"]["billed"], **result["milestones"]["waiting"]},
    )


def main() -> None:
    given = parse(__doc__, None)
    with record_folder(synthetic=given.synthetic) as (folder, kind):
        record = read_folder(folder, kind)
        measure(record if given.n is None else limited(record, given.n), folder, given.n, given.pairs)


if __name__ == "__main__":
    main()
