"""A server process that is killed takes those along that it forked, also while they are still starting."""

import os
import signal
import subprocess
import sys

from support.processes import living, until

# What the HTTP server is like: it has a handler of its own when it forks. The child never comes to the loop that would
# bring another, as one that is still starting.
SERVER = """
import multiprocessing, signal, time
from billwright.web.leaving import end_with_the_server

def starting():
    end_with_the_server()
    print(multiprocessing.current_process().pid, flush=True)
    while True:
        time.sleep(1)

signal.signal(signal.SIGTERM, lambda *_: None)
multiprocessing.get_context("fork").Process(target=starting).start()
"""


def test_a_child_that_is_still_starting_ends_with_its_server() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    assert server.stdout
    child = int(server.stdout.readline())
    try:
        server.kill()
        until(lambda: living([child]) == [], f"{child} ended")
    finally:
        for pid in living([child]):
            os.kill(pid, signal.SIGKILL)
        server.communicate()


def test_the_process_that_nobody_forked_stays() -> None:
    stays = "from billwright.web.leaving import end_with_the_server; end_with_the_server(); print('stays')"
    said = subprocess.run([sys.executable, "-c", stays], capture_output=True, check=True)
    assert said.stdout.strip() == b"stays"
