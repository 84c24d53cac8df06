"""The real record of milestone agreements, all of it, from raw messages to issued invoices, in this one process.

Run: ``make bench NAME=record`` (``N=20``: only so many suppliers). Shuffled, because the ordered feed waits for each moment
of the record. Baseline, in turn on the same server: psycopg inserts of the same raw messages, a transaction per batch of 20,
and nothing else. Needs the record beside the project; without it the bench says so.
"""

import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from bench._harness import make_partner, median, servers, tell
from billwright.cli.import_command import run_import
from billwright.cli.importing import SHUFFLED_BATCH
from billwright.extension.loading import available_connectors
from billwright.kernel.canonical_json import encode

RECORD = Path(__file__).parents[2].parent / "shared" / "material" / "agreements"
PAIRS = 3


def bare(connection: psycopg.Connection[Any], rows: list[tuple[str, str]]) -> float:
    """Messages per second, stored and nothing else."""
    connection.execute("TRUNCATE public.record_floor")
    start = time.perf_counter()
    for at in range(0, len(rows), SHUFFLED_BATCH):
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO public.record_floor VALUES (%s, %s)", rows[at : at + SHUFFLED_BATCH])
    return len(rows) / (time.perf_counter() - start)


def main() -> None:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if not RECORD.is_dir():
        raise SystemExit("The record of agreements is not beside the project; it does not ship with it.")
    connector = available_connectors()["agreements"]
    folder = connector.read_folder(RECORD, connector.manifest.settings_model())
    chosen = {seed.slug for seed in folder.tenants[:limit]}
    rows = [(each.id, encode(each.data).decode()) for each in folder.messages if each.tenant in chosen]
    mine: list[float] = []
    theirs: list[float] = []
    result: dict[str, Any] = {}
    with servers() as (settings, database):
        assert settings.database_url is not None
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE public.record_floor (id text PRIMARY KEY, data jsonb NOT NULL)")
            for seed in range(PAIRS):
                partner = make_partner(database)
                start = time.perf_counter()
                result = run_import(database, settings, RECORD, partner=partner, limit=limit, shuffle=seed)
                mine.append(len(rows) / (time.perf_counter() - start))
                theirs.append(bare(connection, rows))
    tell(
        "record",
        n=len(rows),
        tenants=result["tenants"],
        invoices=sum(count for count in result["invoices"].values() if isinstance(count, int)),
        ours_per_s=round(median(mine), 1),
        baseline="the same messages inserted and nothing else",
        baseline_per_s=round(median(theirs), 1),
        ratio=round(median([a / b for a, b in zip(mine, theirs, strict=True)]), 4),
        goal=None,
        milestones={"billed": result["milestones"]["billed"], **result["milestones"]["waiting"]},
    )


if __name__ == "__main__":
    main()
