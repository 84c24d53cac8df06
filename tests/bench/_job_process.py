"""A dispatcher or worker whose jobs do next to nothing: ``python -m bench._job_process dispatcher|worker [THREADS]``.

Kinds: ``webhooks.bench`` waits for another system that takes 20 ms, ``webhooks.slow`` for one that takes 50 ms;
``billing.bench`` is done in its transaction, gathered into batches like the platform's own; ``billing.single`` the same, one
by one.
"""

import sys
import time
from collections.abc import Sequence

from bench import _harness as harness
from billwright.cli.processes import settings_with_servers, stop_on_signals
from billwright.jobs.broker import declare_actor, dispatch, work
from billwright.jobs.brokers.choose import make_broker
from billwright.jobs.handlers import QUEUES, Handler, Handlers, Job
from billwright.tenancy.transaction import Tenant, Tx
from billwright.web.composition import database_of

assert harness
WAIT_S = 0.02
SLOW_S = 0.05


def wait(_tenant: Tenant, _job: Job) -> None:
    time.sleep(WAIT_S)


def wait_long(_tenant: Tenant, _job: Job) -> None:
    time.sleep(SLOW_S)


def nothing(_tx: Tx, _jobs: Sequence[Job]) -> None:
    return


HANDLERS = Handlers.of(
    Handler(kind="webhooks.bench", outside=wait, lease_s=5),
    Handler(kind="webhooks.slow", outside=wait_long, lease_s=5),
    Handler(kind="billing.bench", in_transaction=nothing, batch_max=100, lease_s=5),
    Handler(kind="billing.single", in_transaction=nothing, lease_s=5),
)


def main() -> None:
    settings = settings_with_servers()
    stop, database = stop_on_signals(), database_of(settings)
    assert settings.broker is not None
    if sys.argv[1] == "dispatcher":
        dispatch(database, HANDLERS, make_broker(settings.broker, QUEUES), stop)
    else:
        queues = ["billing", "webhooks"]
        broker = make_broker(settings.broker, queues)
        declare_actor(broker, database, HANDLERS, stop)
        work(broker, queues, int(sys.argv[2]), stop)
    database.close()


if __name__ == "__main__":
    main()
