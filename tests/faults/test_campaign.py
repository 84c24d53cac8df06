"""A part of the campaign in every run of the tests: small enough to wait for, with every kind of fault in it.

In a process of its own: the drill's connector is found there as if it were installed. The full size: ``make faults``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SEEDS = (20_261,)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_nothing_is_doubled_whatever_is_killed(seed: int) -> None:
    command = [sys.executable, "-m", "faults", "--part", "--seed", str(seed)]
    done = subprocess.run(command, cwd=TESTS, env={**os.environ}, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    report = json.loads(done.stdout)
    assert report["wrongs"] == []
    assert report["counts"]["invoices"] > 200
    assert sum(report["counts"]["faults"].values()) == report["plan"]["kills"] + report["plan"]["others"]
