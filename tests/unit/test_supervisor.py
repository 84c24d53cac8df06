"""The supervisor with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billwright.cli.supervisor import Supervisor

SLEEP = ["/bin/sleep", "60"]
TRIES = 200


def until(supervisor: Supervisor, done: Callable[[], bool]) -> None:
    for _ in range(TRIES):
        supervisor.poll()
        if done():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that in 10 s")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(say=said.append, restarts_max=2, backoff_first_s=0.01, stop_timeout_s=5)
    yield made
    made.stop()


def test_a_killed_child_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start("worker", SLEEP)
    first = supervisor.pid("worker")
    assert first is not None
    os.kill(first, signal.SIGKILL)

    until(supervisor, lambda: supervisor.pid("worker") not in (None, first))

    assert said == ["worker was ended by SIGKILL; starting it again in 0.01 s."]


def test_a_child_that_always_crashes_is_given_up_and_the_others_go_on(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start("steady", SLEEP)
    supervisor.start("broken", ["/bin/false"])

    until(supervisor, lambda: supervisor.given_up == ["broken"])

    assert said[-1] == "broken ended with status 1 again; given up after 2 restarts in a row."
    assert [line for line in said if "starting it again" in line] == [
        "broken ended with status 1; starting it again in 0.01 s.",
        "broken ended with status 1; starting it again in 0.02 s.",
    ]
    assert supervisor.pid("steady") is not None


def test_stop_asks_first_and_then_kills(said: list[str]) -> None:
    supervisor = Supervisor(say=said.append, stop_timeout_s=0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    supervisor.start("polite", SLEEP)
    supervisor.start("deaf", [sys.executable, "-c", deaf])
    pids = [supervisor.pid(name) for name in ("polite", "deaf")]
    time.sleep(0.5)

    supervisor.stop()

    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    supervisor.poll()
    assert said == []


def test_output_goes_to_the_log_and_variables_are_added(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    shell = ["/bin/sh", "-c", "echo $GREETING $HOME; exec sleep 60"]
    supervisor.start("child", shell, env={"GREETING": "good morning"}, log=log)

    until(supervisor, lambda: log.exists() and "\n" in log.read_text())

    assert log.read_text().strip() == f"good morning {os.environ.get('HOME', '')}".strip()


def test_run_prints_with_the_name_and_stops_at_sigterm() -> None:
    """In a process of its own: run() takes over the signals."""
    script = (
        "from billwright.cli.supervisor import Supervisor\n"
        "s = Supervisor()\n"
        "s.start('talker', ['/bin/sh', '-c', 'echo hello; exec sleep 60'])\n"
        "raise SystemExit(s.run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "talker     | hello\n"
        process.terminate()
        assert process.wait(10) == 0


def test_children_die_with_a_killed_parent() -> None:
    script = (
        "import time\n"
        "from billwright.cli.supervisor import Supervisor\n"
        "s = Supervisor()\n"
        "s.start('child', ['/bin/sh', '-c', 'echo $$; exec sleep 60'])\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split("|")[1])
        process.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/cmdline").exists() and time.monotonic() < deadline:
        if not Path(f"/proc/{child}/cmdline").read_bytes():
            break  # a zombie that nobody has collected yet
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{child}").exists()
