"""The chart's second fence: the pod that makes documents holds all their processes at their caps, and is stopped late enough."""

import re
from pathlib import Path

import yaml

from billwright.documents.limits import Limits
from billwright.kernel.settings import read_settings

VALUES = yaml.safe_load((Path(__file__).parents[2] / "helm" / "billwright" / "values.yaml").read_text(encoding="utf-8"))
MIB = {"Mi": 1, "Gi": 1024}
BESIDES_MIB = 384
"""The worker and the nursery."""


def mib(text: str) -> int:
    found = re.fullmatch(r"(\d+)(Mi|Gi)", text)
    assert found, text
    return int(found[1]) * MIB[found[2]]


def test_the_pods_limit_holds_all_processes_at_their_caps() -> None:
    config = VALUES["config"]
    needed = config["renderProcesses"] * config["renderMemoryMib"] + BESIDES_MIB
    groups = [group for group in VALUES["workers"].values() if "documents" in group["queues"]]
    assert groups
    for group in groups:
        assert mib(group["resources"]["limits"]["memory"]) >= needed
        assert group["terminationGracePeriodSeconds"] > 3 * config["renderCpuS"]


def test_chart_settings_and_code_agree_on_the_defaults() -> None:
    config, settings, limits = VALUES["config"], read_settings({}), Limits()
    told = (config["renderProcesses"], config["renderMemoryMib"], config["renderCpuS"])
    assert told == (settings.render_processes, settings.render_memory_mib, settings.render_cpu_s)
    assert told[1:] == (limits.memory_bytes // 1024**2, limits.cpu_s)
