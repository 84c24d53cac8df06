"""Dead jobs in hand: given to somebody, laid to rest, tried again one by one, by filter, or all; over API and command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from billwright.cli.main import billwright
from billwright.extension.connectors import RejectedError
from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.api import Api

UNTIL = "2026-03-09T08:00:00Z"


def bug(_tx: Any, _jobs: Any) -> None:
    raise ValueError("broken")


def refusal(_tx: Any, _jobs: Any) -> None:
    raise RejectedError("The ERP says no.", remedy="Mend it.")


HANDLERS = Handlers.of(
    Handler(kind="billing.bug", in_transaction=bug), Handler(kind="connectors.refused", in_transaction=refusal)
)


@pytest.fixture
def dead(api: Api) -> dict[str, str]:
    """Two bugs and a refusal, by their keys."""
    with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.bug", key=key) for key in ("b1", "b2")])
        enqueue(tx, [JobSpec(kind="connectors.refused", key="r1")])
    drain(api.firm.database, HANDLERS, tenant_id=api.firm.tenant.id)
    with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
        query = select(JobRow.key, JobRow.id).where(JobRow.state == "dead", JobRow.key.in_(("b1", "b2", "r1")))
        return {row.key: show("job", row.id) for row in tx.session.execute(query)}


@pytest.fixture
def integrator(api: Api) -> str:
    return api.person("integrator", "integration_administrator")


def states(api: Api) -> dict[str, str]:
    with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
        query = select(JobRow.key, JobRow.state).where(JobRow.key.in_(("b1", "b2", "r1"))).order_by(JobRow.id)
        return {row.key: row.state for row in tx.session.execute(query)}


def test_given_to_somebody_who_works_here_and_taken_back(api: Api, dead: dict[str, str], integrator: str) -> None:
    person = show("per", api.people.person("mender@acme.example", "integration_administrator", tenant=api.firm.tenant))
    path = f"/v1/jobs/{dead['b1']}/assign"
    assert api.post(path, {"person": person}, token=integrator, expect=200)["assignee"] == person
    assert api.get(f"/v1/jobs/{dead['b1']}")["assignee"] == person
    assert api.post(path, {"person": None}, token=integrator, expect=200)["assignee"] is None
    stranger = show("per", api.people.person("stranger@else.example"))
    assert api.post(path, {"person": stranger}, token=integrator, expect=422)["field"] == "person"
    assert api.post(path, {"person": person}, expect=403)["permission"] == "job:retry"


def test_laid_to_rest_until_a_day_with_a_reason(api: Api, dead: dict[str, str], integrator: str) -> None:
    path = f"/v1/jobs/{dead['r1']}/snooze"
    shown = api.post(path, {"until": UNTIL, "reason": "The vendor mends it."}, token=integrator, expect=200)
    assert (shown["snoozed_until"], shown["note"], shown["state"]) == (UNTIL, "The vendor mends it.", "dead")
    for until in ("2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"):
        api.post(path, {"until": until, "reason": "why not"}, token=integrator, expect=422)
    api.post(path, {"until": UNTIL, "reason": "x"}, token=integrator, expect=422)
    api.post(path, {"until": UNTIL, "reason": "why not"}, expect=403)
    assert api.post(f"/v1/jobs/{dead['r1']}/retry", token=integrator)["snoozed_until"] is None
    assert (
        "there is nothing to mend"
        in api.post(path, {"until": UNTIL, "reason": "late"}, token=integrator, expect=409)["detail"]
    )


def test_found_by_failure_by_who_has_it_and_whether_it_rests(api: Api, dead: dict[str, str], integrator: str) -> None:
    def found(**filters: Any) -> set[str]:
        items = api.get("/v1/jobs", token=integrator, **filters)["items"]
        return {key for key, shown in dead.items() if shown in {each["id"] for each in items}}

    api.post(f"/v1/jobs/{dead['r1']}/snooze", {"until": UNTIL, "reason": "Known."}, token=integrator, expect=200)
    person = show("per", api.people.person("mender@acme.example", "integration_administrator", tenant=api.firm.tenant))
    api.post(f"/v1/jobs/{dead['b1']}/assign", {"person": person}, token=integrator, expect=200)
    assert found(error_class="programming") == {"b1", "b2"}
    assert (found(resting=True), found(resting=False)) == ({"r1"}, {"b1", "b2"})
    assert (found(assignee=person), found(assignee="nobody"), found(assignee="me")) == ({"b1"}, {"b2", "r1"}, set())
    api.get("/v1/jobs", token=integrator, assignee="per_0", expect=404)


@pytest.mark.parametrize(
    ("body", "queued"),
    [
        ({"kind": "billing.bug"}, {"b1", "b2"}),
        ({"error_class": "business"}, {"r1"}),
        ({"kind": "billing.bug", "error_class": "business"}, set()),
        ({}, {"b1", "b2", "r1"}),
    ],
)
def test_tried_again_by_filter(
    api: Api, dead: dict[str, str], integrator: str, body: dict[str, str], queued: set[str]
) -> None:
    done = api.post("/v1/jobs/retry", body, token=integrator)
    assert done == {"queued": len(queued), "resolved": 0, "left": 0}
    assert {key for key, state in states(api).items() if state == "queued"} == queued
    assert len(dead) == 3


def test_tried_again_by_name_and_what_waits_already_is_resolved(
    api: Api, dead: dict[str, str], integrator: str
) -> None:
    with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
        enqueue(tx, [JobSpec(kind="billing.bug", key="b1")])
    done = api.post("/v1/jobs/retry", {"job_ids": [dead["b1"], dead["r1"]]}, token=integrator)
    assert done == {"queued": 1, "resolved": 1, "left": 0}
    auditor = api.person("auditor", "auditor")
    assert api.get("/v1/audit", token=auditor)["items"][0]["action"] == "jobs.retried"
    api.post("/v1/jobs/retry", {}, expect=403)
    api.post("/v1/jobs/retry", {"error_class": "bad luck"}, token=integrator, expect=422)


def test_of_another_tenant_nothing_is_touched(
    api: Api, dead: dict[str, str], make_api: Callable[[TenantConfiguration], Api]
) -> None:
    other = make_api(TenantConfiguration())
    mole = other.person("mole", "integration_administrator")
    assert other.post("/v1/jobs/retry", {"job_ids": list(dead.values())}, token=mole)["queued"] == 0
    other.post(f"/v1/jobs/{dead['b1']}/snooze", {"until": UNTIL, "reason": "mine"}, token=mole, expect=404)
    other.post(f"/v1/jobs/{dead['b1']}/assign", {"person": None}, token=mole, expect=404)
    assert set(states(api).values()) == {"dead"}


def test_the_command_lists_and_tries_again(api: Api, dead: dict[str, str], database_url: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path)}

    def run(*arguments: str, status: int = 0) -> str:
        command = ["jobs", *arguments, "--tenant", api.firm.tenant.slug]
        result = CliRunner().invoke(billwright, command, env=environment, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return str(result.stdout)

    assert "3 dead jobs" in run("list")
    listed = json.loads(run("list", "--class", "business", "--json"))
    assert [each["id"] for each in listed] == [dead["r1"]]
    shown = CliRunner().invoke(
        billwright, ["jobs", "show", dead["b1"], "--tenant", api.firm.tenant.slug], env=environment
    )
    assert json.loads(shown.stdout)["error"] == "ValueError: broken"
    assert 'raise ValueError("broken")' in shown.stderr
    assert "Traceback" not in shown.stdout
    assert "rests until" in run("snooze", dead["r1"], "--until", "2026-12-20", "--reason", "The vendor mends it.")
    run("retry", status=2)
    assert "2 queued again" in run("retry", "--kind", "billing.bug")
    assert "1 queued again" in run("retry", dead["r1"])
