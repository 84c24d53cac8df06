"""What the API and the command load at their start: nothing that parses or checks."""

import subprocess
import sys

import pytest

HEAVY = ("lxml", "saxonche", "facturx", "pypdf")


@pytest.mark.parametrize(
    "module", ["billwright.einvoice.api", "billwright.einvoice.keep_rules", "billwright.cli.einvoice_command"]
)
def test_the_rule_engine_is_loaded_by_the_checking_process_alone(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
