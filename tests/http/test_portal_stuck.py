"""An operator mends what is stuck from the portal alone: each cause stands on one page with owner, reason, remedy, button."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from billwright.billing.tables import InvoiceRow
from billwright.checks.tables import ExceptionRow
from billwright.intake.tables import HeldMessageRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id, show
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import control_transaction, transaction
from support.forms import buttons, press
from support.lists import entries
from support.pipeline import Firm
from support.stuck import accepted, add, dead_job, fail_outside
from support.visitors import LogIn, counted_statements, log_in_to, text_of

__all__ = ["log_in_to"]
ADMIN = "integration_administrator"


@pytest.fixture
def firm(make_firm: Callable[[TenantConfiguration], Firm]) -> Firm:
    """A milestone whose acceptance came in a version that nobody knows."""
    made = make_firm(TenantConfiguration(render_documents=False, deliver_by_mail=False))
    made.customer()
    made.contract()
    made.milestone()
    made.send("evidence", ref="E1", contract="K1", milestones=["M1"], title="Protocol")
    made.store([made.event("acceptance", accepted(made)) | {"type": "billwright.acceptance.v7"}])
    made.drain()
    return made


def job_states(firm: Firm) -> dict[str, str]:
    with control_transaction(firm.database, SYSTEM) as tx:
        query = select(JobRow.key, JobRow.state).where(
            JobRow.tenant_id == firm.tenant.id, JobRow.key.in_(("render:1", "post:1"))
        )
        return {row.key: row.state for row in tx.session.execute(query)}


def test_an_operator_mends_a_stuck_invoice_from_the_portal_alone(firm: Firm, log_in_to: LogIn) -> None:
    """From a message that nobody understands to what failed outside, by the links and buttons of the page alone."""
    ana, ben = log_in_to(firm, "ana@acme.example", ADMIN), log_in_to(firm, "ben@acme.example", "billing_clerk")
    manager = log_in_to(firm, "manager@acme.example", "manager_approver")
    finance = log_in_to(firm, "finance@acme.example", "finance_approver")

    text = text_of(ana.get("stuck")[1])
    assert "Messages that are held 1" in text
    assert "acceptance.v7" in text
    assert "acceptance: 1 item" in text.lower()
    assert press(ana, "stuck", "Try it again") == "stuck"
    firm.drain()
    held = with_desk(firm)
    assert held.tries == 2
    path = f"messages/{show('msg', held.message_id)}"
    data = '{"ref": "A1", "contract": "K1", "milestones": ["M1"], "decision": "accepted", "decided_by": "Client PM", '
    data += f'"decided_at": "{firm.clock.now().isoformat()}"}}'
    wish = {"data": data, "type": "billwright.acceptance.v1", "reason": "The PSA was upgraded too early."}
    assert ana.post(f"{path}/corrections", **wish)[0] == 303
    assert "Somebody else decides about the correction" in text_of(ben.get("stuck")[1])
    correction = with_desk(firm).proposal_id
    assert correction is not None
    ben.post(f"corrections/{show('cor', correction)}/decide", decision="approve", reason="Seen in the PSA.")
    firm.drain()
    assert "Messages that are held" not in text_of(ana.get("stuck")[1])

    text = text_of(manager.get("stuck")[1])
    assert "Wait for an approval 1" in text
    assert "Draft to Client SA" in text
    invoice = firm.invoice()
    manager.post(
        f"invoices/{show('inv', invoice.id)}/decide", decision="return", reason="Add the order number.",
        content_sha256=invoice.content_sha256,
    )  # fmt: skip
    assert firm.invoice().detail == "returned"
    text = text_of(ben.get("stuck")[1])
    assert "Held by a check or returned 1" in text
    assert press(ben, "stuck", "Check it again") == "stuck"
    firm.drain()
    for by in (manager, finance):
        now = firm.invoice()
        answer = by.post("approvals", draft=[f"{show('inv', now.id)}:{now.content_sha256}"])
        assert answer[0] == 200
        firm.drain()
    assert firm.invoice().number

    fail_outside(firm, firm.invoice().id)
    text = text_of(ana.get("stuck")[1])
    for words in (
        "Issued, without a document 1", "Mails that did not arrive 1", "Not in the books 1", "Webhooks that take nothing 1",
        "Systems that do not answer 1", "Jobs that gave up 1", "To mend: Add the account.", "550 no such user",
    ):  # fmt: skip
        assert words in text, words
    for label in ("Run it again: ACME", "Run it again: connectors.post", "Send it again", "Post it again", "Ask now"):
        assert press(ana, "stuck", label) == "stuck", label
    assert set(job_states(firm).values()) == {"queued"}
    assert [each.action for each in entries(firm, "job.retried")] == ["job.retried"] * 2
    for action in ("posting.retried", "delivery.retried", "breaker.asked"):
        assert len(entries(firm, action)) == 1, action


def with_desk(firm: Firm) -> HeldMessageRow:
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        return tx.session.scalars(select(HeldMessageRow)).one()


def test_an_approved_invoice_that_could_not_be_issued_is_tried_again(firm: Firm, log_in_to: LogIn) -> None:
    firm.accept()
    ben = log_in_to(firm, "ben@acme.example", "billing_clerk")
    invoice = firm.invoice()
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        tx.session.execute(update(InvoiceRow).values(phase="finance_approved", detail="issue_failed"))
    add(
        firm, ExceptionRow, subject_kind="invoice", subject_id=invoice.id, code="series_missing", title="Series missing",
        reason="There is no series for 2027.", remedy="Add one.", owner_role="billing_clerk", technical=True,
        opened_at=firm.clock.now(), due_at=firm.clock.now(),
    )  # fmt: skip
    page = ben.get("stuck")[1]
    assert "Approved, but not issued 1" in text_of(page)
    assert press(ben, "stuck", "Issue it again") == "stuck"
    assert firm.invoice().detail == "submitted"


def test_buttons_are_for_those_who_may_and_the_rest_is_empty(
    firm: Firm, log_in_to: LogIn, make_firm: Callable[[TenantConfiguration], Firm]
) -> None:
    reader = log_in_to(firm, "reader@acme.example", "auditor")
    page = reader.get("stuck")[1]
    assert "Messages that are held 1" in text_of(page)
    assert [each for each in buttons(page) if "again" in each] == []
    other = make_firm(TenantConfiguration())
    quiet = log_in_to(other, "ana@quiet.example", ADMIN)
    assert "Nothing is stuck" in text_of(quiet.get("stuck")[1])
    stranger = log_in_to(firm, "mole@acme.example", ADMIN, tenant=other.tenant)
    assert stranger.get("stuck")[0] == 404


def test_what_rests_is_not_stuck_and_only_the_first_are_listed(firm: Firm, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    path = f"messages/{show('msg', with_desk(firm).message_id)}"
    ana.post(f"{path}/snooze", until="2026-03-20", reason="The upgrade comes.")
    assert "Messages that are held" not in text_of(ana.get("stuck")[1])
    for number in range(7):
        dead_job(firm, f"p{number}")
    text = text_of(ana.get("stuck")[1])
    assert "Jobs that gave up 7" in text
    assert text.count("connectors.post") == 10  # five, each with its button's words for screen readers
    assert "All 7" in text


def test_the_page_takes_the_same_statements_however_much_is_stuck(firm: Firm, log_in_to: LogIn) -> None:
    ana = log_in_to(firm, "ana@acme.example", ADMIN)
    firm.accept()
    taken = []
    for _ in range(2):
        with counted_statements(firm.database) as statements:
            assert ana.get("stuck")[0] == 200
        taken.append(len(statements) - 3)
        fail_outside(firm, firm.invoice().id) if len(taken) == 1 else None
    assert taken == [10, 11]  # one more for the jobs that wait for a silent system


def test_an_exceptions_clock_is_stopped_and_goes_on(firm: Firm, log_in_to: LogIn) -> None:
    firm.customer("C2", name="Held Ltd", po_required=True)
    firm.contract("K2", customer="C2")
    firm.milestone("M2", "K2")
    firm.accept("M2", "K2")
    ben = log_in_to(firm, "ben@acme.example", "billing_clerk")
    with transaction(firm.database, firm.tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(select(ExceptionRow)).first()
    assert row is not None
    path = f"exceptions/{show('exc', row.id)}"
    assert path in ben.get("exceptions?owner=all")[1]
    assert "Its clock" in text_of(ben.get(path)[1])
    assert ben.post(f"{path}/pause", until="2026-03-20", reason="The client asks its purchasing.")[0] == 303
    text = text_of(ben.get(path)[1])
    assert "It stands until 20 Mar 2026, 00:00 UTC" in text
    assert "“The client asks its purchasing.”" in text
    assert "Paused" in text_of(ben.get("exceptions?owner=all")[1])
    assert press(ben, path, "Let the clock go on now") == path
    assert "It stands until" not in text_of(ben.get(path)[1])
    for until, reason in (("2026-01-01", "The client asks."), ("2026-03-20", "x"), ("tomorrow", "The client asks.")):
        status, page = ben.post(f"{path}/pause", until=until, reason=reason)
        assert (status, 'role="alert"' in page) == (422, True)
    ben.post(f"{path}/assign", person="me")
    assert "Taken by Ben" in text_of(ben.get(path)[1])
    ben.post(f"{path}/assign", person="")
    assert [each.action for each in entries(firm, "exception.paused")] == ["exception.paused"]
    reader = log_in_to(firm, "reader@acme.example", "auditor")
    assert "Stop the clock" not in text_of(reader.get(path)[1])
    for deed in ("pause", "resume", "assign"):
        assert reader.post(f"{path}/{deed}", until="2026-03-20", reason="Mine now.")[0] == 403, deed
    assert ben.get(f"exceptions/{show('exc', new_id())}")[0] == 404
