"""The launcher with real servers in folders of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from billwright.cli.embedded import Servers, start_servers
from billwright.kernel.settings import Settings, read_settings

LAUNCH = (
    "import sys, time\n"
    "from billwright.cli.embedded import start_servers\n"
    "from billwright.kernel.settings import read_settings\n"
    "servers = start_servers(read_settings({'BILLWRIGHT_HOME': sys.argv[1]}), durable=False)\n"
    "print(servers.database_url, servers.redis_url, flush=True)\n"
    "time.sleep(600)\n"
)


def quiet(_line: str) -> None:
    """The tests' own output matters here, not the launcher's."""


@pytest.fixture
def home() -> Iterator[Path]:
    """Not tmp_path, whose parents pytest closes to other accounts: the usual case has an open parent."""
    folder = Path(tempfile.mkdtemp(prefix="billwright-home-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def settings(home: Path) -> Settings:
    return read_settings({"BILLWRIGHT_HOME": str(home)})


def leave_a_mark(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("create table mark as select 7 as n")
    with redis.Redis.from_url(servers.redis_url) as client:
        client.set("mark", "7")


def read_the_mark(servers: Servers) -> tuple[object, object]:
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute("select n from mark").fetchone()
    assert row is not None
    with redis.Redis.from_url(servers.redis_url) as client:
        return row[0], client.get("mark")


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def test_a_second_start_finds_data_and_addresses_again(settings: Settings) -> None:
    first = start_servers(settings, say=quiet)
    try:
        leave_a_mark(first)
    finally:
        first.stop()

    second = start_servers(settings, say=quiet)
    try:
        assert read_the_mark(second) == (7, b"7")
        assert (second.database_url, second.redis_url) == (first.database_url, first.redis_url)
    finally:
        second.stop()


def test_settings_and_protection(settings: Settings, home: Path) -> None:
    servers = start_servers(settings, durable=False, say=quiet)
    try:
        with psycopg.connect(servers.database_url) as connection:
            shown = {
                name: connection.execute("select current_setting(%s)", [name]).fetchone()
                for name in ("listen_addresses", "max_locks_per_transaction", "password_encryption", "server_encoding")
            }
        assert shown == {
            "listen_addresses": ("127.0.0.1",),
            "max_locks_per_transaction": ("256",),
            "password_encryption": ("scram-sha-256",),
            "server_encoding": ("UTF8",),
        }
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url, password="wrong")
        without_password = f"redis://{servers.redis_url.rpartition('@')[2]}"
        with redis.Redis.from_url(without_password) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        assert (home / "servers.json").stat().st_mode & 0o077 == 0
        assert (home / "postgres").stat().st_mode & 0o077 == 0
        if os.geteuid() == 0:
            assert Path(f"/proc/{postmaster_pid(home)}").stat().st_uid != 0
    finally:
        servers.stop()


def test_after_a_killed_launcher_the_next_start_works(settings: Settings, home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(home)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as launcher:
        assert launcher.stdout is not None
        urls = launcher.stdout.readline().split()
        # A second command on the same home uses the first one's servers and leaves them alone.
        guest = start_servers(settings, say=quiet)
        assert [guest.database_url, guest.redis_url] == urls
        leave_a_mark(guest)
        guest.stop()
        assert read_the_mark(guest) == (7, b"7")
        before = postmaster_pid(home)
        launcher.kill()

    servers = start_servers(settings, durable=False, say=quiet)
    try:
        with psycopg.connect(servers.database_url) as connection:
            assert connection.execute("select n from mark").fetchone() == (7,)
        assert postmaster_pid(home) != before
    finally:
        servers.stop()


def test_after_a_killed_server_the_next_start_works(settings: Settings, home: Path) -> None:
    first = start_servers(settings, say=quiet)
    try:
        leave_a_mark(first)
        for server in first.running:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
    finally:
        first.stop()

    second = start_servers(settings, say=quiet)
    try:
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("select n from mark").fetchone() == (7,)
    finally:
        second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that another account cannot reach")
def test_a_home_below_a_closed_folder_works_and_opens_nothing(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    servers = start_servers(read_settings({"BILLWRIGHT_HOME": str(closed / "inner")}), durable=False, say=quiet)
    try:
        leave_a_mark(servers)
        assert closed.stat().st_mode & 0o077 == 0
        process = Path(f"/proc/{postmaster_pid(closed / 'inner')}")
        assert process.stat().st_uid != 0
        rights = re.findall(r"Cap(?:Prm|Eff):\s+([0-9a-f]+)", (process / "status").read_text())
        assert [int(mask, 16).bit_count() for mask in rights] == [1, 1], "no more than to pass closed folders"
    finally:
        servers.stop()


def test_the_shared_servers_are_real_and_separate(database_url: str, redis_url: str, servers: Servers) -> None:
    assert database_url != servers.database_url
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
