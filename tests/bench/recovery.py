"""From kill -9 of a worker to the end of its jobs elsewhere. ``make bench NAME=recovery``.

Goal: the lease's length and two seconds, besides the work itself.
Two workers do 400 jobs of 20 ms; one is killed in the middle.
"""

import time

from sqlalchemy import select

from bench import _harness as harness
from bench import _jobs
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction

KIND = "webhooks.bench"
LEASE_S = 5.0
JOBS = 400
STARTED_S = 4.0


def leased(database: Database) -> int:
    with control_transaction(database, SYSTEM) as tx:
        return len(tx.session.scalars(select(JobRow.id).where(JobRow.state == "leased")).all())


def main() -> None:
    arguments = harness.parse(__doc__, JOBS, pairs=5)
    with harness.servers() as (settings, database):
        tenant = harness.make_tenant(database, harness.make_partner(database))
        took: list[float] = []
        with _jobs.crew(settings, ("dispatcher",)):
            for pair in range(arguments.pairs):
                with _jobs.crew(settings, ("worker", "8"), ("worker", "8")) as (victim, _other):
                    time.sleep(STARTED_S)
                    _jobs.warm(database, tenant, KIND)
                    _jobs.write(database, tenant, KIND, arguments.n, prefix=f"{pair}-")
                    while not leased(database):
                        time.sleep(0.005)
                    time.sleep(0.1)
                    victim.kill()
                    victim.wait()
                    killed = time.perf_counter()
                    _jobs.until_done(database, KIND)
                    took.append(time.perf_counter() - killed)
        ordered = sorted(took)
        work_s = arguments.n * 0.02 / 8
        harness.tell(
            "recovery", n=arguments.n, lease_s=LEASE_S, median_s=round(ordered[len(ordered) // 2], 2),
            longest_s=round(ordered[-1], 2), work_alone_s=round(work_s, 2), goal_s=round(LEASE_S + 2, 1),
        )  # fmt: skip


if __name__ == "__main__":
    main()
