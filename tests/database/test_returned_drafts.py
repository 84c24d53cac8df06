"""A draft that an approver returned stays with the billing clerk, whatever check was still on its way."""

from collections.abc import Callable

from billwright.billing.events import DraftsChanged
from billwright.checks.submit_draft import submit_draft
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.configuration import ApprovalRule, TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import Firm, person

MATRIX = (ApprovalRule(name="all", steps=("manager",)),)
MANAGER = person("Max Manager", "invoice:approve_manager")
CLERK = person("Clara Clerk", "invoice:submit")


def test_a_check_that_was_late_does_not_bring_it_back_to_the_approver(
    make_firm: Callable[[TenantConfiguration], Firm],
) -> None:
    """A wish for a check may wait while an earlier one is done: a worker was silent, or the line is long."""
    firm = make_firm(TenantConfiguration(approvals=MATRIX, render_documents=False, deliver_by_mail=False))
    firm.customer()
    firm.contract()
    firm.milestone()
    firm.accept()
    firm.decide(MANAGER, "return", "The amount is wrong.")
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        publish(tx, DraftsChanged(invoice_ids=(firm.invoice().id,)))
    firm.drain()
    assert (firm.invoice().phase, firm.invoice().detail) == ("validation_pending", "returned")
    submit_draft(firm.database, firm.tenant, CLERK, firm.invoice().id)
    firm.drain()
    assert firm.invoice().detail == "awaiting_manager"
