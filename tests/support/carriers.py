"""Brokers of a test's own, of either kind: started, stopped, emptied."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pika  # type: ignore[import-untyped]  # pika ships no types
import redis

from billwright.cli.embedded_process import Running, free_port, last_lines, spawn
from billwright.cli.embedded_redis import start_redis, url_of
from billwright.jobs.brokers.choose import answers, make_broker
from billwright.jobs.handlers import QUEUES

START_WITHIN_S = 90.0
STOP_WITHIN_S = 30.0
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")


class Carrier(Protocol):
    """A broker on a port that stays."""

    @property
    def url(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def forget(self) -> None: ...


def waiting(carrier: Carrier) -> set[str]:
    """Leases that nobody has fetched."""
    broker = make_broker(carrier.url, [])
    try:
        return {str(lease) for lease in broker.waiting()}
    finally:
        broker.close()


@dataclass
class RedisCarrier:
    """Keeps nothing on disk."""

    folder: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    port: int | None = None
    running: Running | None = None

    @property
    def url(self) -> str:
        assert self.port
        return url_of(self.port, self.password)

    def start(self) -> None:
        port, self.running = start_redis(self.folder, port=self.port, password=self.password, durable=False)
        assert self.port in {None, port}, "somebody took the port meanwhile"
        self.port = port

    def stop(self) -> None:
        if self.running is not None:
            self.running.ask_to_stop()
            self.running.wait_stopped()
            self.running = None

    def forget(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users.guest = false
log.file = false
log.console = true
log.console.level = warning
disk_free_limit.absolute = 1MB
"""


class PortTakenError(Exception):
    """Somebody else listens there."""


@dataclass
class RabbitCarrier:
    """Debian's RabbitMQ with a home, a cookie, a node and a port mapper of its own, below ``folder``.

    It runs as whoever runs the tests, never as the system's service, and ends with this process. ``stop`` throws away what
    it kept, as a lost disk would.
    """

    folder: Path
    port: int = 0
    epmd_port: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """A port that was free a moment ago may be somebody's by now: then another one, if nobody knows the first yet."""
        known = self.port != 0
        for last in (False, False, True):
            try:
                self._start()
            except PortTakenError:
                self._end()
                if known or last:
                    raise
                self.port = self.epmd_port = 0
            else:
                return

    def _start(self) -> None:
        self.port = self.port or free_port(None)
        self.epmd_port = self.epmd_port or free_port(None)
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20), encoding="ascii")
        (self.folder / "rabbitmq.conf").write_text(CONFIG.format(port=self.port), encoding="ascii")
        (self.folder / "plugins").write_text("[].\n", encoding="ascii")
        deadline = time.monotonic() + START_WITHIN_S
        self._spawn(str(EPMD), "-address", "127.0.0.1", "-port", str(self.epmd_port))
        while not _listens(self.epmd_port):  # else Erlang starts another one, which would outlive us
            assert time.monotonic() < deadline, "the port mapper does not listen"
            time.sleep(0.02)
        server = self._spawn(str(RABBITMQ))
        while not answers(self.url, within_s=2):
            log = last_lines(self.folder / "log" / "server.log", 20)
            if server.poll() is not None and "eaddrinuse" in log:
                raise PortTakenError(log)
            assert server.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.1)

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def restart(self) -> None:
        """What it keeps is kept; every connection is lost."""
        self._end()
        self.start()

    def _end(self) -> None:
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def forget(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        for queue in QUEUES:
            with suppress(pika.exceptions.ChannelClosedByBroker):  # a queue that nothing was ever sent to
                connection.channel().queue_purge(queue)
        connection.close()

    def _spawn(self, *argv: str) -> subprocess.Popen[bytes]:
        process = spawn(
            argv,
            account=None,
            death_signal=signal.SIGTERM,  # a script, which passes it on
            cwd=self.folder,
            log=self.folder / "log" / "server.log",
            env={
                "PATH": os.defpath,
                "LC_ALL": "C.UTF-8",
                "HOME": str(self.folder / "home"),
                "ERL_EPMD_PORT": str(self.epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": f"test{self.port}@localhost",
                "RABBITMQ_DIST_PORT": str(free_port(None)),
                "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
                "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
                "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
                "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                "RABBITMQ_PID_FILE": str(self.folder / "pid"),
                # One scheduler that sleeps when idle: beside everything else that a test runs.
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
            },
        )
        self.running.append(process)
        return process


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
