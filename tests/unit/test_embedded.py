"""The launcher's decisions that need no server."""

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from billwright.cli import embedded_database, embedded_process
from billwright.cli.embedded import Servers, start_servers
from billwright.cli.embedded_process import Account, free_port, may_pass, private_file, runs_in, usable_copy
from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import read_settings

STRANGER = Account(uid=54321, gid=54321)


def test_a_free_port_is_kept_and_a_taken_one_is_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    private_file(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Not tmp_path, whose parents pytest closes to other accounts."""
    with tempfile.TemporaryDirectory(prefix="billwright-unit-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(("mode", "passes"), [(0o700, False), (0o710, False), (0o711, True), (0o755, True)])
def test_an_account_passes_a_folder_by_its_mode(open_folder: Path, mode: int, passes: bool) -> None:
    folder = open_folder / "inner"
    folder.mkdir()
    folder.chmod(mode)

    assert may_pass(folder, STRANGER) is passes
    assert may_pass(folder, Account(os.getuid(), os.getgid()))


def test_binaries_are_copied_with_their_libraries_only_where_they_cannot_be_reached(tmp_path: Path) -> None:
    package = tmp_path / "closed" / "wheel"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "server").write_text("program")
    libraries = package.with_name("wheel.libs")
    libraries.mkdir()
    (libraries / "lib.so").write_text("library")
    package.parent.chmod(0o700)

    assert usable_copy(package, name="wheel-1", home=tmp_path / "home", account=None) == package
    copy = usable_copy(package, name="wheel-1", home=tmp_path / "home", account=STRANGER)

    assert (copy / "bin" / "server").read_text() == "program"
    assert (copy.with_name("wheel.libs") / "lib.so").read_text() == "library"
    assert stat.S_IMODE((copy / "bin").stat().st_mode) & 0o555 == 0o555


def test_a_stale_process_id_is_not_taken_for_a_server(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    assert not runs_in(tmp_path, pid_file)
    pid_file.write_text(f"{os.getpid()}\n")
    assert not runs_in(tmp_path, pid_file)
    assert runs_in(Path.cwd(), pid_file)


def test_data_of_another_version_are_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9\n")

    with pytest.raises(SettingsInvalidError, match="made by PostgreSQL 9, which is no longer installed"):
        embedded_database.find_binaries(tmp_path)


def test_passwords_are_not_in_the_repr() -> None:
    servers = Servers("postgresql://u:secret@h/d", "redis://:secret@h/0")

    assert "secret" not in repr(servers)


@pytest.mark.parametrize(
    ("database_url", "sentence"),
    [
        ("postgresql://u:secret@127.0.0.1:1/d", "Connection refused"),
        ("jdbc:secret", "not of the form"),
        ("postgresql://u:secret@127.0.0.1:port/d", "port"),
    ],
)
def test_a_wrong_database_url_gives_a_clear_sentence(tmp_path: Path, database_url: str, sentence: str) -> None:
    settings = read_settings({"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path / "home")})

    with pytest.raises(SettingsInvalidError, match="DATABASE_URL does not lead to a PostgreSQL") as refusal:
        start_servers(settings)

    assert sentence in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("redis_url", ["redis://:secret@127.0.0.1:1/0", "http:secret"])
def test_a_wrong_redis_url_gives_a_clear_sentence(tmp_path: Path, redis_url: str) -> None:
    settings = read_settings({"REDIS_URL": redis_url, "BILLWRIGHT_HOME": str(tmp_path / "home")})

    with pytest.raises(SettingsInvalidError, match="REDIS_URL does not lead to a Redis") as refusal:
        start_servers(settings)

    assert "secret" not in str(refusal.value)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalidError, match="cannot be created"):
        embedded_process.open_home(tmp_path / "file" / "home", None)
