"""The source root ``platform/`` must never stand in for the standard library's ``platform``."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def answer_of(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python at the repository root, as a developer would."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("as_module", [False, True])
def test_platform_is_the_standard_library(as_module: bool) -> None:
    code = "import platform; print(platform.system(), platform.__file__)"
    # `python -m timeit` puts the current folder first on the path, exactly as `python -m pytest` does.
    arguments = ["-m", "timeit", "-n1", "-r1", code] if as_module else ["-c", code]

    answer = answer_of(*arguments)

    assert answer.returncode == 0, answer.stderr
    assert "platform.py" in answer.stdout
    assert str(ROOT / "platform") not in answer.stdout


def test_pytest_itself_sees_the_standard_library() -> None:
    import platform

    assert platform.system() == "Linux"
    assert not Path(str(platform.__file__)).is_relative_to(ROOT / "platform")


def test_the_package_runs_as_a_module_from_the_root() -> None:
    answer = answer_of("-m", "billwright", "--help")

    assert answer.returncode == 0, answer.stderr
    assert "Commands:" in answer.stdout


def test_python_without_assertions_is_refused() -> None:
    answer = answer_of("-O", "-m", "billwright", "--help")

    assert answer.returncode != 0
    assert "python -O" in answer.stderr


def test_every_listed_command_can_be_imported() -> None:
    from billwright.cli.main import COMMANDS

    for name in COMMANDS:
        answer = answer_of("-m", "billwright", name, "--help")
        assert answer.returncode == 0, (name, answer.stderr)
