"""``billwright up --demo``: two partners and four firms, twelve weeks of their work through the running system."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from billwright.cli.demo_input import FIRMS, Calendar, DemoFirm, read_firm, read_records, weeks_of
from billwright.cli.demo_onboard import Install, onboard_partners, run_firm, unfinished
from billwright.cli.demo_pace import Pace, RunningWorkers
from billwright.cli.demo_report import show_firms, show_log_ins
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.directory import load_tenant
from billwright.web.composition import database_of

HTTP_TIMEOUT_S = 60


def run_demo(settings: Settings) -> None:
    """Onboard, feed, tell. What is done already is not done again: a second start tells only.

    Raises:
        DemoFailedError: something did not go as written; started again it goes on from there.
    """
    console = Console()
    database = database_of(settings)
    try:
        if firms := unfinished(database):
            _run(database, settings, firms, console)
        show_firms(database, console)
        show_log_ins(settings, console)
    finally:
        database.close()


def _run(database: Database, settings: Settings, firms: Sequence[DemoFirm], console: Console) -> None:
    stop = threading.Event()
    url = f"http://{settings.host}:{settings.port}"
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        httpx.Client(base_url=url, timeout=HTTP_TIMEOUT_S) as client,
        Progress(*columns, console=console) as progress,
    ):
        install = Install(database, settings, client, RunningWorkers(database, stop))
        try:
            _feed(install, firms, onboard_partners(install), progress, stop)
        finally:
            stop.set()


def _feed(
    install: Install, firms: Sequence[DemoFirm], calendar: Calendar, progress: Progress, stop: threading.Event
) -> None:
    """All firms at once, each with its own clock; real time begins for all of them together, at the end."""
    with ThreadPoolExecutor(max_workers=len(FIRMS)) as pool:
        try:
            running = [pool.submit(_one, install, firm, calendar, progress) for firm in firms]
            _all(running)
        finally:
            stop.set()
    pace = Pace(install.database, RunningWorkers(install.database, threading.Event()))
    task = progress.add_task("Into real time", total=len(firms))
    for firm in firms:
        pace.release(load_tenant(install.database, firm.slug))
        progress.advance(task)


def _one(install: Install, firm: DemoFirm, calendar: Calendar, progress: Progress) -> None:
    steps = 1 + len(list(weeks_of(firm, read_records(firm))))
    task = progress.add_task(read_firm(firm).tenant.name, total=steps)
    run_firm(install, firm, calendar, lambda _day: progress.advance(task))


def _all(running: Sequence[Future[None]]) -> None:
    """Wait for all; the first failure ends the others."""
    done, _ = wait(running, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
