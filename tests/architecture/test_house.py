"""The rules of the house that no linter knows, held against every tracked file."""

import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "platform": "billwright",
    "tenants": "billwright_tenants",
    "plugins": "billwright_plugins",
    "connectors": "billwright_connectors",
    "templates": "billwright_templates",
    "migrations": "billwright_migrations",
}
FUNCTION_LINES_MAX, FILE_LINES_MAX = 70, 400
GENERATED = re.compile(r"migrations/.*/versions/|/vendor/")
BINARY = {".ttf", ".woff2", ".png", ".svg", ".icc", ".pdf"}

# Seconds are what a float is for here: names say it with their last part.
SECONDS = re.compile(r"(^|_)(s|at|seconds|deadline)$")
FLOATS_MADE = {
    "platform/billwright/cli/supervisor.py": "seconds until a restart: never",
    "connectors/billwright_connectors/tryton/client.py": "seconds of a Retry-After header",
}
TRANSACTIONS = {
    "platform/billwright/tenancy/transaction.py": "the transaction",
    "platform/billwright/tenancy/owner.py": "the owner's transaction, for provisioning",
    "platform/billwright/tenancy/pooling.py": "SET ROLE on a new connection, before anybody has it",
}
READERS_OF_THE_ENVIRONMENT = {"platform/billwright/kernel/settings.py"}


@cache
def tracked() -> tuple[str, ...]:
    """Files of the repository as git lists them, those that still exist; what is being written elsewhere is not judged."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(name for name in answer.stdout.split("\0") if name and (ROOT / name).is_file())


def python_files(*roots: str) -> list[str]:
    return [
        name
        for name in tracked()
        if name.endswith(".py") and name.partition("/")[0] in roots and not GENERATED.search(name)
    ]


SOURCES = python_files(*PACKAGES)
EVERYTHING = [*SOURCES, *python_files("tests")]


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def found(names: list[str], problem: str) -> str:
    return f"{problem}:\n" + "\n".join(names)


def long_functions(name: str) -> Iterator[str]:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno} {node.name}: {lines} lines"


def test_functions_are_short() -> None:
    offenders = [each for name in EVERYTHING for each in long_functions(name)]
    assert not offenders, found(offenders, f"functions of more than {FUNCTION_LINES_MAX} lines")


def test_files_are_short() -> None:
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in EVERYTHING}
    offenders = [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > FILE_LINES_MAX]
    assert not offenders, found(offenders, f"files of more than {FILE_LINES_MAX} lines")


def uses_of(name: str, module: str, attributes: set[str]) -> Iterator[str]:
    """Places in file ``name`` that use ``module.attribute`` or import the attribute from the module."""
    for node in ast.walk(parsed(name)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute) if owner == module and attribute in attributes:
                yield f"{name}:{node.lineno} {module}.{attribute}"
            case ast.ImportFrom(module=source, names=names) if source == module:
                yield from (f"{name}:{node.lineno} {each.name}" for each in names if each.name in attributes)


def test_settings_alone_read_the_environment() -> None:
    names = [name for name in SOURCES if name not in READERS_OF_THE_ENVIRONMENT]
    offenders = [each for name in names for each in uses_of(name, "os", {"environ", "environb", "getenv", "getenvb"})]
    assert not offenders, found(offenders, "only kernel/settings.py reads the environment")


def floats(name: str) -> Iterator[str]:
    """Values made into floats, and names annotated as floats that are no seconds."""
    for node in ast.walk(parsed(name)):
        match node:
            case ast.Call(func=ast.Name(id="float")) if name not in FLOATS_MADE:
                yield f"{name}:{node.lineno} float(...)"
            case (
                ast.arg(arg=target, annotation=ast.expr() as kind)
                | ast.AnnAssign(target=ast.Name(id=target), annotation=kind)
                | ast.FunctionDef(name=target, returns=ast.expr() as kind)
            ):
                mentions = any(isinstance(each, ast.Name) and each.id == "float" for each in ast.walk(kind))
                if mentions and not SECONDS.search(target.lower()):
                    yield f"{name}:{node.lineno} {target}: float"


def test_no_float_touches_money() -> None:
    offenders = [each for name in python_files("platform", "plugins", "connectors", "tenants") for each in floats(name)]
    assert not offenders, found(offenders, "floats are for seconds (names ending in _s); amounts are Money and Decimal")


def transactions(name: str) -> Iterator[str]:
    tree = parsed(name)
    sessions = {
        each.asname or each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for each in node.names
        if each.name in {"Session", "sessionmaker", "scoped_session"}
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit" | "rollback" as verb)):
                yield f"{name}:{node.lineno} .{verb}()"
            case ast.Call(func=ast.Name(id=called)) if called in sessions:
                yield f"{name}:{node.lineno} {called}(...)"


def test_nobody_but_tenancy_opens_or_ends_a_transaction() -> None:
    names = [name for name in SOURCES if name not in TRANSACTIONS and not name.startswith("migrations/")]
    offenders = [each for name in names for each in transactions(name)]
    assert not offenders, found(offenders, "use `with transaction(...)`; it commits")


def may_hold_sql(name: str) -> bool:
    """Tables have predicates of partial indexes; a room's queries.py says why."""
    own = name.startswith(("platform/billwright/tenancy/", "migrations/"))
    return own or Path(name).name in {"queries.py", "tables.py"}


def test_raw_sql_stands_where_it_is_expected() -> None:
    writers = {name: list(uses_of(name, "sqlalchemy", {"text"})) for name in SOURCES}
    offenders = [each for name, places in writers.items() if not may_hold_sql(name) for each in places]
    assert not offenders, found(offenders, "raw SQL belongs in tenancy/, migrations/ or a queries.py")
    silent = [
        name
        for name, places in writers.items()
        if places and name.endswith("/queries.py") and "Raw SQL" not in (ast.get_docstring(parsed(name)) or "")
    ]
    assert not silent, found(silent, "say `Raw SQL: <why>` in the docstring")


ROOMS = sorted(
    name
    for name in SOURCES
    if re.fullmatch(
        r"(platform/billwright|plugins/billwright_plugins|connectors/billwright_connectors)/\w+/__init__\.py", name
    )
)


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_says_what_comes_in_what_it_does_what_goes_out(name: str) -> None:
    text = ast.get_docstring(parsed(name)) or ""
    places = [text.find(part) for part in ("In:", "Does:", "Out:")]
    assert -1 not in places, text
    assert places == sorted(places), text


def test_the_core_prints_at_the_console_only() -> None:
    names = [name for name in SOURCES if not name.startswith("platform/billwright/cli/")]
    offenders = [
        f"{name}:{node.lineno}"
        for name in names
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not offenders, found(offenders, "log, or give it back")


def importable() -> Iterator[str]:
    for package in PACKAGES.values():
        yield package
        module = importlib.import_module(package)
        for each in pkgutil.walk_packages(module.__path__, f"{package}."):
            # Alembic runs its env.py itself; __main__ starts the command.
            if not each.name.endswith((".__main__", ".env")) and ".versions" not in each.name:
                yield each.name


def test_every_module_can_be_imported_by_itself() -> None:
    names = sorted(importable())
    assert len(names) > 100
    for name in names:
        importlib.import_module(name)


@cache
def texts() -> dict[str, str]:
    names = [name for name in tracked() if not GENERATED.search(name) and Path(name).suffix not in BINARY]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}


def places_of(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_put_off() -> None:
    marks = ("TO" + "DO", "FIX" + "ME")  # in two parts, or this file would be found
    offenders = places_of(re.compile(rf"\b({'|'.join(marks)})\b"))
    assert not offenders, found(offenders, "do it, or write an issue")


def machine_paths() -> set[str]:
    """Where this checkout lies, and the folder around it unless that is a place which every machine has."""
    common = {"", "/", "/tmp", "/home", "/root", "/usr", "/var", "/opt", "/srv", "/mnt", "/builds", "/app", "/src"}
    return {str(ROOT), str(ROOT.parent)} - common


def registry_hosts() -> set[str]:
    """Hosts from which this machine takes packages, as pip and uv are configured."""
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    known = [answer.stdout, *(value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))]
    return set(re.findall(r"https?://(?:[^/@\s']*@)?([\w.-]+\.[\w.-]+)", "\n".join(known)))


def test_no_tracked_file_knows_a_machine() -> None:
    # A place begins where its first slash does: the end of a longer address (`/t/{slug}/x`) is none.
    words = [rf"(?<![\w.}}]){re.escape(path)}(?=[/\s\"'`]|$)" for path in machine_paths()]
    words += [re.escape(h) for h in registry_hosts()]
    personal = r"(?<![\w.])/(?:home|Users)/\w+/"
    offenders = places_of(re.compile("|".join([personal, *words]), re.MULTILINE))
    assert not offenders, found(offenders, "paths and hosts of one machine mean nothing on another")


@pytest.mark.parametrize("name", [name for name in tracked() if name.endswith(".lock")])
def test_lock_files_name_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "==" in text
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)
