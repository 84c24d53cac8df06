"""Background jobs over HTTP: what died, why, and another try."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from billwright.jobs.drain import drain
from billwright.jobs.enqueue import enqueue
from billwright.jobs.handlers import Handler, Handlers
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.events import JobSpec
from billwright.kernel.ids import new_id, show
from billwright.kernel.redact import redact
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.api import Api

Dies = Callable[..., str]


def _raise(_tx: Any, _jobs: Any) -> None:
    raise ValueError("broken")


@pytest.fixture
def dies(api: Api) -> Dies:
    """``dies("key")``: a job that failed for good; returns its identifier."""

    def make(key: str = "one", **columns: Any) -> str:
        with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
            enqueue(tx, [JobSpec(kind="billing.fails", key=key, payload={"n": 1})])
        handlers = Handlers.of(Handler(kind="billing.fails", in_transaction=_raise))
        drain(api.firm.database, handlers, tenant_id=api.firm.tenant.id)
        with transaction(api.firm.database, api.firm.tenant, SYSTEM) as tx:
            query = select(JobRow.id).where(JobRow.key == key, JobRow.state == "dead").order_by(JobRow.id.desc())
            job_id = tx.session.scalars(query).first()
            assert job_id is not None
            if columns:
                tx.session.execute(update(JobRow).where(JobRow.id == job_id).values(**columns))
        return show("job", job_id)

    return make


@pytest.fixture
def integrator(api: Api) -> str:
    return api.person("integrator", "integration_administrator")


def test_a_dead_job_says_why_it_died(api: Api, dies: Dies) -> None:
    job_id = dies()
    (job,) = api.get("/v1/jobs", state="dead")["items"]
    assert (job["id"], job["state"], job["kind"]) == (job_id, "dead", "billing.fails")
    assert (job["error_class"], job["error"]) == ("programming", "ValueError: broken")
    assert "traceback" not in job
    assert api.get(f"/v1/jobs/{job_id}") == job
    assert api.get("/v1/jobs", state="queued")["items"] == []
    assert api.get("/v1/jobs", kind="billing.else")["items"] == []


def test_what_is_kept_of_a_request_is_shown_without_secrets(api: Api, dies: Dies) -> None:
    request = (
        'POST https://joe:s3same@erp.example/x\nAuthorization: Basic abcdefghijkl\n\n{"password": "hush-hush", "n": 1}'
    )
    job = api.get(f"/v1/jobs/{dies(request=request, response='token=deadbeef rest')}")
    assert "erp.example" in job["request"]
    assert '"n": 1' in job["request"]
    assert "rest" in job["response"]
    for secret in ("s3same", "joe", "abcdefghijkl", "hush-hush", "deadbeef"):
        assert secret not in job["request"] + job["response"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"api_key":"a b","x":"y"}', '{"api_key":[removed],"x":"y"}'),
        (r'"{\"secret\":\"a b\",\"x\":1}"', r'"{\"secret\":[removed],\"x\":1}"'),
        ("password=abc&x=1", "password=[removed]&x=1"),
        ("Bearer abcdefgh1234 done", "Bearer [removed] done"),
        ("nothing to hide: 12,400.00 EUR", "nothing to hide: 12,400.00 EUR"),
    ],
)
def test_secrets_are_known_by_name_and_shape(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_dead_job_is_queued_again_once(api: Api, dies: Dies, integrator: str) -> None:
    job_id = dies()
    first = api.post(f"/v1/jobs/{job_id}/retry", token=integrator)
    again = api.post(f"/v1/jobs/{job_id}/retry", token=integrator)
    assert (first["state"], first["attempts"]) == ("queued", 0)
    assert again == first
    auditor = api.person("auditor", "auditor")
    (entry,) = api.get("/v1/audit", token=auditor, subject=job_id)["items"]
    assert (entry["action"], entry["actor"], entry["before"]["state"]) == ("job.retried", "Integrator (test)", "dead")
    done: list[str] = []
    handler = Handler(kind="billing.fails", in_transaction=lambda _, jobs: done.extend(job.key for job in jobs))
    drain(api.firm.database, Handlers.of(handler), tenant_id=api.firm.tenant.id)
    assert done == ["one"]
    assert api.post(f"/v1/jobs/{job_id}/retry", token=integrator)["state"] == "done"


def test_the_same_key_gives_the_same_answer(api: Api, dies: Dies, integrator: str) -> None:
    job_id = dies()
    first = api.post(f"/v1/jobs/{job_id}/retry", token=integrator, key="k1")
    handler = Handler(kind="billing.fails", in_transaction=lambda *_: None)
    drain(api.firm.database, Handlers.of(handler), tenant_id=api.firm.tenant.id)
    assert api.post(f"/v1/jobs/{job_id}/retry", token=integrator, key="k1") == first


def test_work_that_waits_already_is_not_queued_twice(api: Api, dies: Dies, integrator: str) -> None:
    older, newer = dies(), dies()
    assert api.post(f"/v1/jobs/{newer}/retry", token=integrator)["state"] == "queued"
    assert api.post(f"/v1/jobs/{older}/retry", token=integrator)["state"] == "resolved"
    assert [job["id"] for job in api.get("/v1/jobs", state="queued")["items"]] == [newer]


def test_jobs_ask_for_permissions(api: Api, dies: Dies) -> None:
    job_id = dies()
    blind = api.person("blind", "billing_clerk", scopes=frozenset({"message:write"}))
    for path in ("/v1/jobs", f"/v1/jobs/{job_id}"):
        assert api.get(path, token=blind, expect=403)["permission"] == "job:read"
    assert api.post(f"/v1/jobs/{job_id}/retry", expect=403)["permission"] == "job:retry"
    assert api.get(f"/v1/jobs/{job_id}")["state"] == "dead"


def test_jobs_of_other_tenants_do_not_exist(dies: Dies, make_api: Callable[[TenantConfiguration], Api]) -> None:
    job_id = dies()
    other = make_api(TenantConfiguration())
    integrator = other.person("mole", "integration_administrator")
    assert other.get("/v1/jobs")["items"] == []
    for text in (job_id, show("job", new_id()), "garbage"):
        other.get(f"/v1/jobs/{text}", expect=404)
        other.post(f"/v1/jobs/{text}/retry", token=integrator, expect=404)


def test_a_walk_meets_every_dead_job_once(api: Api, dies: Dies) -> None:
    keys = [dies(f"k{number}") for number in range(5)]
    late = iter(range(100, 200))
    walked = api.walk("/v1/jobs", limit=2, between=lambda: dies(f"k{next(late)}"))
    assert [job["id"] for job in walked] == keys[::-1]
    api.get("/v1/jobs", expect=422, state="done")
