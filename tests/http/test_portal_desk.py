"""Held messages and dead jobs in the portal: seen whole but without secrets, taken, at rest, tried again, corrected by two."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from billwright.canon.tables import CustomerRow
from billwright.intake.tables import HeldMessageRow, SourceMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import Tenant, control_transaction, transaction
from support.lists import entries
from support.pipeline import Firm
from support.stuck import dead_job
from support.visitors import LogIn, Person, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
ADMIN = "integration_administrator"
MENDED = '{"ref": "C9", "name": "Mended Ltd", "api_key": "[removed]"}'
RIGHT = '{"ref": "C9", "name": "Mended Ltd"}'
REASON = "The CRM sent the shape of next year."


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A held message with a secret in it, and another one that nothing maps."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    version = made.event("customer", {"ref": "C9", "name": "As it came", "api_key": "k-123456"})
    made.store([version | {"type": "billwright.customer.v9"}, made.event("spaceship", {"ref": "X-1"})])
    made.drain()
    return made


@pytest.fixture
def held(firm: Firm) -> str:
    return message_of(firm, "customer.v9")


def message_of(firm: Firm, kind: str) -> str:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        query = select(SourceMessageRow.id).where(SourceMessageRow.type.contains(kind))
        return f"messages/{show('msg', tx.session.scalars(query).one())}"


def job_states(firm: Firm) -> dict[str, str]:
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(JobRow.key, JobRow.state).where(
            JobRow.tenant_id == firm.tenant.id, JobRow.kind == "connectors.post"
        )
        return {row.key: row.state for row in tx.session.execute(query)}


def on_desk(firm: Firm) -> HeldMessageRow:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return tx.session.scalars(select(HeldMessageRow).where(HeldMessageRow.object_ref == "C9")).one()


def states(firm: Firm) -> list[str]:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(SourceMessageRow.state).order_by(SourceMessageRow.type)))


def propose(by: Person, held: str, **more: str) -> tuple[int, str]:
    return by.post(f"{held}/corrections", **({"data": RIGHT, "type": "customer.v1", "reason": REASON} | more))


def wish_of(firm: Firm) -> str:
    proposal = on_desk(firm).proposal_id
    assert proposal is not None
    return f"corrections/{show('cor', proposal)}"


def test_a_held_message_says_why_since_when_and_how_it_is_mended(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    status, page = ana.get(held)
    text = text_of(page)
    assert status == 200
    assert "k-123456" not in page
    assert '"api_key": "[removed]"' in text
    assert "Cause Version unknown Owner Integration administrator" in text
    assert "Tried 1 time" in text
    assert "To mend: Try it again after the upgrade" in text
    for words in ("Try it again", "Take it", "Let it rest", "Propose a correction"):
        assert words in text
    reader = log_in_to(firm, "reader@acme.example", "auditor")
    text = text_of(reader.get(held)[1])
    for words in ("Take it", "Let it rest", "Propose a correction"):
        assert words not in text
    assert "Held." in text


def test_found_by_filter_and_tried_again_by_filter(firm: Firm, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    assert "spaceship" not in text_of(ana.get("messages?status=held&why=unknown_version")[1])
    assert "Version unknown" in text_of(ana.get("messages?status=held&rest=no")[1])
    state = "status=held&why=unknown_version"
    assert ana.post("messages/retry", state=state) == (303, f"{ana.base}/messages")
    (entry,) = entries(firm, "messages.retried")
    assert (entry.after or {})["count"] == 1
    ana.post("messages/retry", state="status=all&type=spaceship")
    assert len(entries(firm, "messages.retried")) == 2
    assert ana.post("messages/retry", state="why=bad_luck")[0] == 422


def test_taken_given_back_and_laid_to_rest(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    assert ana.post(f"{held}/assign", person="me")[0] == 303
    assert "Taken by Ana" in text_of(ana.get(held)[1])
    assert "customer.v9" in text_of(ana.get("messages?status=held&assigned=me")[1])
    ana.post(f"{held}/assign", person="")
    assert on_desk(firm).assignee_id is None
    assert ana.post(f"{held}/snooze", until="2026-03-20", reason="The upgrade.")[0] == 303
    text = text_of(ana.get(held)[1])
    assert "Rests until 20 Mar 2026, 00:00 UTC The upgrade." in text
    assert "customer.v9" not in text_of(ana.get("messages?status=held&rest=no")[1])
    for until, reason in (("2026-03-01", "The upgrade."), ("soon", "The upgrade."), ("2026-03-20", "")):
        status, page = ana.post(f"{held}/snooze", until=until, reason=reason)
        assert (status, 'role="alert"' in page) == (422, True)
    assert [entry.action for entry in entries(firm, "message.assigned")] == ["message.assigned"] * 2


def test_a_correction_is_proposed_seen_and_approved_by_another(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana, ben = log_in_to(firm, "ana@acme.example", ADMIN), log_in_to(firm, "ben@acme.example", "billing_clerk")
    assert propose(ana, held)[0] == 303
    text = text_of(ana.get(held)[1])
    assert "You proposed this correction; somebody else has to decide about it." in text
    assert "Approve this content" not in text
    assert "Correction waits" in text_of(ben.get("messages?status=held&correction=waiting")[1])
    text = text_of(ben.get(held)[1])
    assert f"Ana proposed it just now : “{REASON}”" in text
    assert '− "name": "As it came"' in text
    assert '+ "name": "Mended Ltd"' in text
    assert "+ type: customer.v1" in text
    decide = f"{wish_of(firm)}/decide"
    assert ana.post(decide, decision="approve", reason="Mine is right.")[0] == 403
    status, page = ben.post(decide, decision="approve", reason="", message=held.removeprefix("messages/"))
    assert (status, "Say in 3 to 500 characters" in page) == (422, True)
    assert ben.post(decide, decision="approve", reason="Seen in the CRM.")[0] == 303
    firm.drain()
    assert states(firm) == ["applied", "held"]
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        assert tx.session.scalars(select(CustomerRow.name)).all() == ["Mended Ltd"]
    text = text_of(ben.get(held)[1])
    assert "As it is mapped, corrected By Ana, approved by Ben" in text
    assert '"name": "As it came"' in text


def test_what_was_typed_is_kept_when_it_is_refused(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    status, page = propose(ana, held, data='{"ref": "C9", "colour": "red"}')
    assert status == 422
    assert "&#34;colour&#34;: &#34;red&#34;" in page
    assert REASON in text_of(page)
    status, page = propose(ana, held, data=MENDED)
    assert (status, "There is no field" in text_of(page)) == (422, True)
    assert "k-123456" not in page
    assert propose(ana, held)[0] == 303
    status, page = propose(ana, held)
    assert (status, "waits for a decision already" in text_of(page)) == (422, True)


def test_a_correction_is_rejected_or_taken_back(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana, ben = log_in_to(firm, "ana@acme.example", ADMIN), log_in_to(firm, "ben@acme.example", "billing_clerk")
    propose(ana, held)
    assert ben.post(f"{wish_of(firm)}/decide", decision="perhaps", reason="Hm, who knows.")[0] == 422
    ben.post(f"{wish_of(firm)}/decide", decision="reject", reason="It is Mended GmbH.")
    propose(ben, held, data='{"ref": "C9", "name": "Mended GmbH"}')
    message = held.removeprefix("messages/")
    status, page = ana.post(f"{wish_of(firm)}/withdraw", reason="Not mine.", message=message)
    assert (status, "only they can take it back" in page) == (422, True)
    assert ben.post(f"{wish_of(firm)}/withdraw", reason="It resolves itself.", message=message)[0] == 303
    text = text_of(ana.get(held)[1])
    assert "Taken back Ben" in text
    assert "Rejected Ana" in text
    assert "“It is Mended GmbH.”" in text
    assert states(firm) == ["held", "held"]


def test_nothing_of_it_without_the_permission_or_from_another_tenant(
    firm: Firm, held: str, log_in_to: LogIn, make_tenant: Callable[[str], Tenant]
) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    propose(ana, held)
    wish, job = wish_of(firm), dead_job(firm, "p1")
    deeds: tuple[tuple[str, dict[str, str]], ...] = (
        ("messages/retry", {}), (f"{held}/assign", {"person": "me"}),
        (f"{held}/snooze", {"until": "2026-03-20", "reason": "Upgrade."}), (f"{held}/corrections", {"reason": REASON}),
        (f"{wish}/decide", {"decision": "approve", "reason": "Yes."}), (f"{wish}/withdraw", {"reason": "No."}),
        ("connectors/jobs/retry", {"state": ""}), (f"{job}/retry", {}), (f"{job}/assign", {"person": "me"}),
        (f"{job}/snooze", {"until": "2026-03-20", "reason": "Upgrade."}),
    )  # fmt: skip
    reader = log_in_to(firm, "reader@acme.example", "auditor")
    stranger = log_in_to(firm, "mole@acme.example", ADMIN, tenant=make_tenant("other"))
    for path, sent in deeds:
        assert reader.post(path, **sent)[0] == 403, path
        assert stranger.post(path, **sent)[0] == 404, path
    assert (stranger.get(held)[0], stranger.get(job)[0]) == (404, 404)
    ana.csrf = "another"
    assert [ana.post(path, **sent)[0] for path, sent in deeds] == [403] * len(deeds)
    assert (states(firm), job_states(firm)) == (["held", "held"], {"p1": "dead"})


def test_a_dead_job_shows_both_sides_and_its_traceback_to_those_who_mend(firm: Firm, log_in_to: LogIn) -> None:
    trace = 'Traceback (most recent call last):\n  File "post.py", line 7\nValueError: password=hunter2'
    job = dead_job(firm, "p1", traceback=trace)
    ana, reader = log_in_to(firm, "ana@acme.example", ADMIN), log_in_to(firm, "reader@acme.example", "auditor")
    page = ana.get(job)[1]
    assert not any(secret in page for secret in ("abcdefghijkl", "hush-hush", "hunter2"))
    text = text_of(page)
    assert "POST /invoices Authorization: [removed]" in text
    assert 'File "post.py", line 7' in text
    assert "Was refused. RejectedError: The books said no." in text
    assert 'href="' + ana.base + "/invoices/inv_" in page
    seen = text_of(reader.get(job)[1])
    assert "POST /invoices" in seen
    for words in ("post.py", "Run it again", "Take it", "Let it rest"):
        assert words not in seen


def test_dead_jobs_are_taken_laid_to_rest_and_run_again_by_filter(firm: Firm, log_in_to: LogIn) -> None:
    one, two = dead_job(firm, "p1"), dead_job(firm, "p2", error_class="programming")
    dead_job(firm, "p3")
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    ana.post(f"{one}/assign", person="me")
    assert "Taken by Ana" in text_of(ana.get(one)[1])
    assert ana.post(f"{two}/snooze", until="2026-03-20", reason="The vendor mends it.")[0] == 303
    assert ana.post(f"{two}/snooze", until="2026-03-20", reason="")[0] == 422
    assert "The vendor mends it." in text_of(ana.get(two)[1])
    listed = ana.get("connectors/jobs?assigned=me")[1]
    assert (one in listed, two in listed) == (True, False)
    assert two not in ana.get("connectors/jobs?rest=no")[1]
    assert ana.post("connectors/jobs/retry", state="class=business&assigned=nobody") == (
        303,
        f"{ana.base}/connectors/jobs",
    )
    assert job_states(firm) == {"p1": "dead", "p2": "dead", "p3": "queued"}
    ana.post("connectors/jobs/retry", state="")
    assert set(job_states(firm).values()) == {"queued"}
    assert "Waits" in text_of(ana.get(one)[1])
    assert ana.post(f"{one}/snooze", until="2026-03-20", reason="Too late.")[0] == 422


def test_the_pages_take_a_known_number_of_statements(firm: Firm, held: str, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    propose(ana, held)
    job = dead_job(firm, "p1")
    taken = {}
    for path in (held, "connectors/jobs", job):
        with counted_statements(firm.database) as statements:
            assert ana.get(path)[0] == 200
        taken[path] = len(statements) - 3
    assert taken == {held: 3, "connectors/jobs": 4, job: 3}
