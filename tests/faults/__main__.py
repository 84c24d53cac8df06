"""``make faults SEEDS="1 2 3"``: full campaigns, one report as JSON per seed; the exit status says whether all passed."""

import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import click

from faults.campaign import run
from faults.plan import FULL, PART
from faults.world import CONNECTOR

sys.path.insert(0, str(CONNECTOR))  # as if it were installed: here for the onboarding, in the processes by PYTHONPATH


def _say(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)


@click.command()
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="May be given several times.")
@click.option("--part", is_flag=True, help="The size of the tests instead of the full one.")
@click.option("--facts", type=int, help="Another number of facts.")
@click.option("--kills", type=int, help="Another number of kills.")
@click.option("--keep", is_flag=True, help="Leave the folder with data and logs for looking at.")
def main(*, seeds: tuple[int, ...], part: bool, facts: int | None, kills: int | None, keep: bool) -> None:
    """Run campaigns on servers of their own and print what came of them."""
    size = PART if part else FULL
    size = replace(size, facts=facts or size.facts, kills=size.kills if kills is None else kills)
    failed = 0
    for seed in seeds:
        home = Path(tempfile.mkdtemp(prefix=f"drill-{seed}-"))
        report = run(size, seed, home, _say)
        click.echo(json.dumps({"passed": report.passed, **asdict(report)}))
        failed += not report.passed
        if keep or not report.passed:
            _say(f"data and logs: {home}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
