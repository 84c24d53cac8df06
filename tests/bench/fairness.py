"""What a tenant with 100,000 jobs costs one with ten: how long the ten wait, alone and beside it.

``make bench NAME=fairness [N=100000]``. Jobs take 20 ms each; one worker process of eight threads. Goal: p95 of the wait beside
the backlog at most 1.3 times the wait alone.
"""

import statistics
import time

from bench import _harness as harness
from bench import _jobs
from billwright.jobs.broker import waker
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, control_transaction

KIND = _jobs.KIND_THAT_WAITS
ROUNDS = 20
TEN = 10


def ten_each_time(database: Database, tenant: Tenant, name: str) -> list[float]:
    """Waits of ten jobs, written at once, twenty times over."""
    with control_transaction(database, SYSTEM) as tx:
        since = tx.now
    for number in range(ROUNDS):
        _jobs.write(database, tenant, KIND, TEN, prefix=f"{name}-{number}-")
        while _jobs.anything_left(database, KIND, tenant):
            time.sleep(0.01)
    return _jobs.waits(database, tenant, since)


def p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1]


def main() -> None:
    arguments = harness.parse(__doc__, 100_000, pairs=3)
    with harness.servers() as (settings, quiet):
        assert settings.redis_url is not None
        database = quiet.waking(waker(settings.redis_url))  # as every process that writes jobs does
        partner = harness.make_partner(database)
        small = harness.make_tenant(database, partner)
        with _jobs.crew(settings, ("dispatcher",), ("worker", "8")):
            _jobs.warm(database, small, KIND)
            for pair in range(arguments.pairs):
                alone = p95(ten_each_time(database, small, f"alone-{pair}"))
                big = harness.make_tenant(database, partner)
                _jobs.write(database, big, KIND, arguments.n, prefix=f"{pair}-")
                beside = p95(ten_each_time(database, small, f"beside-{pair}"))
                harness.tell(
                    "fairness", pair=pair, backlog=_jobs.left(database, KIND), p95_alone_s=round(alone, 3),
                    p95_beside_s=round(beside, 3), ratio=round(beside / alone, 2), goal=1.3,
                )  # fmt: skip
                _jobs.forget(database, big)


if __name__ == "__main__":
    main()
