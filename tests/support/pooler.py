"""PgBouncer, Debian's, in transaction mode before the tests' PostgreSQL."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from billwright.cli.embedded_process import (
    Running,
    free_port,
    last_lines,
    open_home,
    private_file,
    private_folder,
    service_account,
    spawn,
)

PGBOUNCER = Path("/usr/sbin/pgbouncer")
START_WITHIN_S = 20.0
# Fewer server connections than clients: each gets another's all the time, with whatever that one left behind.
CONFIG = """\
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
auth_type = plain
auth_file = {users}
server_reset_query =
server_idle_timeout = 5
log_connections = 0
log_disconnections = 0
"""


@contextmanager
def pooled(server_url: str, folder: Path) -> Iterator[str]:
    """``server_url`` through a PgBouncer of its own, any database of the server. It refuses to run as root, so it does not."""
    given = conninfo_to_dict(server_url)
    account = open_home(folder, service_account(folder / "pgbouncer"))
    home, log = folder / "pgbouncer", folder / "logs" / "pgbouncer.log"
    private_folder(home, account)
    private_file(home / "users", f'"{given["user"]}" "{given["password"]}"\n', account)
    port = free_port(None)
    config = CONFIG.format(host=given["host"], server_port=given["port"], port=port, users=home / "users")
    private_file(home / "pgbouncer.ini", config, account)
    argv = [str(PGBOUNCER), str(home / "pgbouncer.ini")]
    process = spawn(argv, account=account, death_signal=signal.SIGTERM, cwd=home, log=log)
    url = f"postgresql://{given['user']}:{given['password']}@127.0.0.1:{port}/{given['dbname']}"
    try:
        _wait_until_ready(url, log)
        yield url
    finally:
        Running("PgBouncer", process, signal.SIGTERM, START_WITHIN_S).ask_to_stop()
        process.wait(START_WITHIN_S)


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, last_lines(log, 10)
            time.sleep(0.05)
        else:
            return
