"""Durable jobs per second, end to end, beside a bare SKIP LOCKED queue and dramatiq's no-ops on the same servers.

``make bench NAME=jobs [N=5000]``. One line per way: gathered into batches, as all of the platform's jobs in the database are
(the goal is theirs); one by one over twenty tenants, for comparison; and jobs that wait 20 and 50 ms for another system, with one
and two worker processes.
"""

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import psycopg
from dramatiq.brokers.redis import RedisBroker

from bench import _harness as harness
from bench import _jobs
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

THREADS = 8
TENANTS = 20


def bare_queue(settings: Settings, number: int) -> float:
    """Jobs/s of the least that is durable: eight connections, each takes one row, deletes nothing, commits."""
    assert settings.database_url is not None
    url = settings.database_url
    with psycopg.connect(url, autocommit=True) as setup:
        setup.execute("DROP TABLE IF EXISTS public.bare_job")
        setup.execute("CREATE TABLE public.bare_job (id bigint PRIMARY KEY, state text NOT NULL)")
        setup.execute("CREATE INDEX ON public.bare_job (id) WHERE state = 'queued'")
        setup.execute("INSERT INTO public.bare_job SELECT n, 'queued' FROM generate_series(1, %s) n", (number,))
    take = """
        UPDATE public.bare_job SET state = 'done' WHERE id = (
            SELECT id FROM public.bare_job WHERE state = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
    """

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while connection.execute(take).rowcount:
                continue

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return number / (time.perf_counter() - started)


def no_ops(settings: Settings, number: int) -> float:
    """Messages/s of dramatiq alone: nothing is kept anywhere but in Redis."""
    assert settings.redis_url is not None
    broker = RedisBroker(url=settings.redis_url, namespace="noop", middleware=[])  # type: ignore[no-untyped-call]
    broker.declare_queue("noop")
    done = threading.Semaphore(0)

    @dramatiq.actor(broker=broker, queue_name="noop")
    def nothing() -> None:
        done.release()

    for _ in range(number):
        nothing.send()
    worker = dramatiq.Worker(broker, queues={"noop"}, worker_threads=THREADS, worker_timeout=50)
    started = time.perf_counter()
    worker.start()
    for _ in range(number):
        done.acquire()
    seconds = time.perf_counter() - started
    worker.stop()
    broker.close()
    return number / seconds


def ours(settings: Settings, database: Database, tenants: list[Tenant], kind: str, number: int, workers: int) -> float:
    worker = ("worker", str(THREADS))
    with _jobs.crew(settings, ("dispatcher",), *[worker] * workers):
        _jobs.warm(database, tenants[0], kind)
        run, started = f"{time.time()}-", time.perf_counter()
        for tenant in tenants:
            _jobs.write(database, tenant, kind, number // len(tenants), prefix=run)
        _jobs.until_done(database, kind)
        return number / (time.perf_counter() - started)  # writing them is part of ours, not of the baseline


def main() -> None:
    arguments = harness.parse(__doc__, 5_000, pairs=3)
    with harness.servers() as (settings, database):
        partner = harness.make_partner(database)
        tenants = [harness.make_tenant(database, partner) for _ in range(TENANTS)]
        number = arguments.n

        def pairs(name: str, run: Callable[[], float], base: Callable[[], float], **facts: Any) -> None:
            found = [(run(), base()) for _ in range(arguments.pairs)]
            mine, other = (statistics.median(each[side] for each in found) for side in (0, 1))
            harness.tell(
                "jobs", way=name, n=number, jobs_per_s=round(mine, 1), baseline_per_s=round(other, 1),
                ratio=round(statistics.median(a / b for a, b in found), 2), **facts,
            )  # fmt: skip

        def bare() -> float:
            return bare_queue(settings, number)

        def run(kind: str, over: list[Tenant], workers: int = 1, count: int = number) -> float:
            return ours(settings, database, over, kind, count, workers)

        pairs("batches, 1 tenant", lambda: run("billing.bench", tenants[:1]), bare, baseline="SKIP LOCKED", goal=0.5)
        pairs("batches, 20 tenants", lambda: run("billing.bench", tenants), bare, baseline="SKIP LOCKED", goal=0.5)
        pairs("one by one, 20 tenants", lambda: run("billing.single", tenants), bare, baseline="SKIP LOCKED")
        pairs(
            "beside dramatiq",
            lambda: run("billing.bench", tenants),
            lambda: no_ops(settings, number),
            baseline="no-ops",
        )
        some = max(200, number // 5)
        for milliseconds, kind in ((20, "webhooks.bench"), (50, "webhooks.slow")):
            pairs(
                f"waiting {milliseconds} ms each, 2 processes beside 1",
                lambda kind=kind: run(kind, tenants, 2, some), lambda kind=kind: run(kind, tenants, 1, some),
                baseline="one process", goal=1.7,
            )  # fmt: skip


if __name__ == "__main__":
    main()
