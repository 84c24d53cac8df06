"""What a thousand idle tenants cost: CPU of an idle dispatcher with them and with ten. ``make bench NAME=tenants_1000 [N=1000]``.

Goal: half a percent of a core.
"""

import time

import psutil

from bench import _harness as harness

QUIET_S = 60.0
SETTLE_S = 8.0


def share(pid: int, seconds: float) -> float:
    """Percent of one core over ``seconds``."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used: float = after.user + after.system - before.user - before.system
    return 100 * used / seconds


def main() -> None:
    arguments = harness.parse(__doc__, 1_000, pairs=1)
    with harness.servers() as (settings, database):
        partner = harness.make_partner(database)
        made, found = 0, []
        for number in (10, arguments.n):
            for _ in range(number - made):
                harness.make_tenant(database, partner)
            made = number
            with harness.processes(settings, ("dispatcher",)):
                time.sleep(SETTLE_S)
                (dispatcher,) = [each for each in psutil.Process().children() if "dispatcher" in each.cmdline()]
                found.append(share(dispatcher.pid, QUIET_S))
        harness.tell(
            "tenants_1000", n=arguments.n, dispatcher_percent=round(found[1], 2), with_ten_percent=round(found[0], 2),
            goal_percent=0.5,
        )  # fmt: skip


if __name__ == "__main__":
    main()
