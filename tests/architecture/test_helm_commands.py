"""The commands that the chart starts: they know their options, serve every queue, and end before they are killed."""

import json

import pytest

from architecture.test_helm import SCENARIOS, of_kind
from billwright.cli import api_command, dispatcher_command, up_command, worker_command
from billwright.jobs.handlers import QUEUES

COMMANDS = {"api": api_command.command, "dispatcher": dispatcher_command.command, "worker": worker_command.command}
SPARE_S = 10
FORGOTTEN_AFTER_S = 8  # by an ingress controller


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_under_way_may_end_before_the_pod_is_killed(scenario: str) -> None:
    for deployment in of_kind(scenario, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        name, *options = pod["containers"][0]["args"]
        given = COMMANDS[name].make_context(name, list(options)).params
        leave_after_s = given.get("leave_after_seconds", 0)
        assert leave_after_s + given.get("stop_within_seconds", 0) <= pod["terminationGracePeriodSeconds"] - SPARE_S
        assert leave_after_s == (FORGOTTEN_AFTER_S if name == "api" else 0)
        assert "preStop" not in json.dumps(pod)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_queue_is_served_by_one_group(scenario: str) -> None:
    served = []
    for deployment in of_kind(scenario, "Deployment"):
        match deployment["spec"]["template"]["spec"]["containers"][0]["args"]:
            case ["worker", "--queues", queues, *_]:
                served += queues.split(",")
            case [command, *_]:
                assert command in {"api", "dispatcher"}
    assert sorted(served) == sorted(QUEUES)


def test_one_machine_serves_every_queue_too() -> None:
    served = [queue for _, queues, _ in up_command.WORKERS for queue in queues.split(",")]
    assert sorted(served) == sorted(QUEUES)
