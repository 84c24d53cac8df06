"""Each bench runs, at a size that proves nothing but that, with an input of our own; the real record as its input adds up."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from bench._record_input import RECORD, read_input, work_of

TESTS = Path(__file__).parents[1]
BENCHES = (
    ("intake", "200"),
    ("pipeline", "20", "100"),
    ("pdf", "1"),
    ("renderers", "20"),
    ("tenants", "12"),
    ("record", "8"),
)


def run_bench(environment: Mapping[str, str], name: str, *arguments: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", f"bench.{name}", *arguments, "--pairs", "1", "--synthetic"]
    everything = {**os.environ, **environment}
    done = subprocess.run(command, cwd=TESTS, env=everything, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def servers_of_the_run(database_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", BENCHES, ids=lambda arguments: arguments[0])
def test_a_bench_prints_a_line_with_its_baseline(
    servers_of_the_run: dict[str, str], arguments: tuple[str, ...]
) -> None:
    lines = run_bench(servers_of_the_run, *arguments)
    assert lines
    for line in lines:
        assert line["bench"] == arguments[0]
        assert line["input"] == "synthetic"
        assert line["baseline"]
        assert isinstance(line["ratio"], float)
        assert line["ratio"] > 0


@pytest.mark.slow
def test_growth_draws_its_curve(servers_of_the_run: dict[str, str], tmp_path: Path) -> None:
    drawn = tmp_path / "growth.svg"
    lines = run_bench(servers_of_the_run, "growth", "5", str(drawn))
    assert [(line["n"], line["history"]) for line in lines] == [(1, 0), (2, 0), (5, 0), (1, 0), (1, 10), (1, 50)]
    svg = drawn.read_text(encoding="utf-8")
    assert svg.count("<polyline") == 4
    assert "floor: plain psycopg" in svg


@pytest.mark.skipif(not RECORD.is_dir(), reason="the real record does not ship with the project")
def test_the_cases_of_the_record_bill_every_milestone_that_the_oracle_bills_once() -> None:
    record = read_input(synthetic=False)
    billed = [outcome for outcome in record.outcomes.values() if outcome.state == "billed"]
    prices = [price for case in record.cases for decision in case.decisions for price in decision.prices]
    assert len(prices) == len(billed) == 318
    assert sum(price.decimal for price in prices) == sum(outcome.amount or Decimal(0) for outcome in billed)


def test_copies_have_identifiers_of_their_own_and_the_same_prices() -> None:
    record = read_input(synthetic=True)
    once = sum(len(decision.prices) for case in record.cases for decision in case.decisions)
    work = work_of(record.cases, once * 2, run="x")
    events = [json.loads(bytes(event)) for event in (*work.facts, *work.acceptances)]
    assert work.invoices == once * 2
    assert len({event["id"] for event in events}) == len(events)
    whole = work_of(record.cases, once, run="y").totals
    assert work.totals == {code: total * 2 for code, total in whole.items()}
