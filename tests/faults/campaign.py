"""A campaign: load, faults, quiet, verdict. ``python -m faults --seed 7`` from the folder of the tests; the seed makes it again."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.transaction import control_transaction
from faults.accounting import Accounting, accounting_running
from faults.feed import Feeder
from faults.plan import Size, describe, events, schedule
from faults.verify import doubled, expected, standing, wrongs
from faults.world import World, world
from support.mail_server import MailServerHandler, mail_server

QUIET_PATIENCE_S = 1_800.0
PATIENCE_S = 5.0
Say = Callable[[str], None]


@dataclass
class Report:
    """What was done, how long it took, and what was wrong: nothing, or the campaign failed."""

    plan: dict[str, Any]
    wrongs: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.wrongs


def run(size: Size, seed: int, home: Path, say: Say) -> Report:
    """One campaign in the empty folder ``home``."""
    report = Report(describe(size, seed))
    say(f"seed {seed}: {report.plan}")
    with accounting_running(seed) as accounting, mail_server() as mail:
        started = time.monotonic()
        with world(size, seed, home, accounting, mail.url) as running:
            report.seconds["set up"] = time.monotonic() - started
            _campaign(running, size, seed, accounting, mail, report, say)
    return report


def _campaign(
    running: World, size: Size, seed: int, accounting: Accounting, mail: MailServerHandler, report: Report, say: Say
) -> None:
    feeder = Feeder(running.api, running.tokens, events(size, seed), seed)
    started = time.monotonic()
    feeder.start()
    wanted = sum(map(len, expected(size, seed).values()))
    conductor = Conductor(running, size, seed, lambda: (feeder.share + len(accounting.documents) / wanted) / 2, say)
    conductor.conduct(feeder)
    report.seconds["load and faults"] = time.monotonic() - started
    running.free_disk()
    running.crew.mend_clocks()
    started = time.monotonic()
    papered = sum(len(each) for number, each in expected(size, seed).items() if number < size.papered)
    report.wrongs += _until_quiet(running, feeder, wanted, papered, say)
    report.seconds["until quiet"] = time.monotonic() - started
    mails = Counter(str(each["Message-ID"]) for each in mail.taken)
    report.wrongs += feeder.failures
    report.wrongs += wrongs(running, size, seed, accounting, mails)
    report.counts = {
        "invoices": wanted,
        "messages by answer": dict(feeder.answers),
        "faults": dict(conductor.done),
        "accounting system": dict(accounting.faults),
        "processes started": dict(running.crew.starts),
        "mails": sum(mails.values()),
        "mails that came twice": doubled(mails),
    }


class Conductor:
    """Does one fault after the other, spread over the work as evenly as its pace lets it: ``progress`` is 1.0 when all is
    sent and posted.
    """

    def __init__(self, running: World, size: Size, seed: int, progress: Callable[[], float], say: Say) -> None:
        self.running, self.size, self.progress, self.say = running, size, progress, say
        self.faults = schedule(size, seed)
        self.dice = random.Random(f"conductor {seed}")
        self.done: Counter[str] = Counter()

    def conduct(self, feeder: Feeder) -> None:
        """Until all faults are done and all is sent."""
        for number, fault in enumerate(self.faults):
            self._wait_for_turn(number)
            said = self._do(fault)
            self.done[fault] += 1
            self.say(f"{number + 1}/{len(self.faults)} {fault} {said} ({self.progress():.0%} done)")
        while not feeder.done:
            self.running.crew.watch()
            time.sleep(0.2)

    def _wait_for_turn(self, number: int) -> None:
        """A breath between two faults; longer when the work is behind, so that they meet work under way."""
        time.sleep(self.dice.uniform(0.1, 1.5))
        deadline = time.monotonic() + PATIENCE_S
        while self.progress() < number / len(self.faults) and time.monotonic() < deadline:
            self.running.crew.watch()
            time.sleep(0.1)

    def _do(self, fault: str) -> str:
        backing, crew = self.running.backing, self.running.crew
        kind, _, role = fault.partition(" ")
        if kind == "kill":
            return crew.kill(role)
        match fault:
            case "redis flushed":
                backing.flush_redis()
            case "redis stopped":
                backing.kill_redis()
                time.sleep(self.size.redis_away_s)
                backing.start_redis()
            case "postgres restarted":
                backing.crash_postgres()
            case "disk full":
                full = self.running.fill_disk()
                time.sleep(self.size.disk_full_s if full else 0)
                self.running.free_disk()
                return "" if full else "not done: no right to mount a small disk here"
            case "clock step":
                return crew.step_clock()
        return ""


def _until_quiet(running: World, feeder: Feeder, wanted: int, papered: int, say: Say) -> list[str]:
    """Wait until nothing is due and all is billed, posted and delivered. Dead letters are a failure at once."""
    deadline = time.monotonic() + QUIET_PATIENCE_S
    told = 0.0
    while True:
        running.crew.watch()
        now = standing(running)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"quiet? {now}")
        complete = now.issued >= wanted and now.posted >= wanted and now.delivered >= papered
        if complete and not now.due and feeder.done:
            return [f"{now.dead} dead letters: {_dead(running)}"] if now.dead else []
        if time.monotonic() > deadline:
            return [
                f"not quiet in {QUIET_PATIENCE_S:.0f} s: {now}, wanted {wanted} billed, {papered} delivered; dead: {_dead(running)}"
            ]
        time.sleep(0.5)


def _dead(running: World) -> list[str]:
    with control_transaction(running.database, SYSTEM) as tx:
        query = select(JobRow.kind, JobRow.key, JobRow.error).where(JobRow.state == "dead").limit(5)
        return [f"{row.kind} {row.key}: {(row.error or '')[:200]}" for row in tx.session.execute(query)]
