"""A partner's package of plugins that misbehave as soon as they meet the word BOOM, and behave otherwise."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from billwright.extension import loading

# What each does when it meets the word. ``regex`` and ``memory`` hold the interpreter in C.
DEEDS: Final = {
    "raises": "raise RuntimeError('no such luck')",
    "exits": "raise SystemExit(1)",
    "sleeps": "time.sleep(600)",
    "loops": "while True: pass",
    "clings": "cling()",
    "regex": "re.match(r'(a+)+$', 'a' * 64 + 'b')",
    "nonsense": "return ['no finding']",
    "lazy": "return (1 / 0 for _ in range(1))",
    "fatal": "return [Finding(code='x', severity='fatal', subject='draft', message='m', remedy='r')]",
}
HEAD: Final = '''
import re, time
from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import Finding

def cling():
    """Swallows whatever is raised in it, and ends when the test does."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            while time.monotonic() < end:
                pass
        except BaseException:
            pass
'''
RULE: Final = """
@hookimpl
def examine_draft(draft):
    if any("BOOM" in line.description for line in draft.lines):
        {deed}
    return []
"""
TRIGGER: Final = """
@hookimpl
def propose_items(contract):
    if "BOOM" in contract.title:
        {deed}
    return []
"""


def write_plugins(folder: Path) -> None:
    """The package and its metadata, as an installer would leave them in ``folder``."""
    package, metadata = folder / "misbehaving", folder / "misbehaving-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").write_text("")
    entries: dict[str, list[str]] = {"rules": [], "triggers": []}
    for kind, body in (("rule", RULE), ("trigger", TRIGGER)):
        for name, deed in DEEDS.items():
            (package / f"{kind}_{name}.py").write_text(HEAD + body.format(deed=deed))
            entries[f"{kind}s"].append(f"{kind}_{name} = misbehaving.{kind}_{name}")
    (package / "rule_absent.py").write_text("import no_such_module_anywhere\n")
    entries["rules"].append("rule_absent = misbehaving.rule_absent")
    groups = "".join(f"[billwright.{group}]\n" + "\n".join(lines) + "\n" for group, lines in entries.items())
    (metadata / "entry_points.txt").write_text(groups)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")


@contextmanager
def installed_plugins(folder: Path) -> Iterator[None]:
    """As long as this lasts, this process finds them installed."""
    write_plugins(folder)
    sys.path.insert(0, str(folder))
    loading.installed.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        loading.installed.cache_clear()
        loading._manager.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "misbehaving"]:
            del sys.modules[name]
