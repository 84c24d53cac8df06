"""The words of the portal for states and roles, and what each state means: its label never stands on colour alone."""

from typing import Final

from billwright.extension.reasons import REASONS, explain

__all__ = ["REASONS", "explain"]  # the texts of reason codes, for templates
Status = tuple[str, str]
"""Words, and one of ``quiet``, ``waiting``, ``blocked``, ``done``, ``overdue``."""

ROLES: Final = {
    "manager": "Manager",
    "finance": "Finance",
    "project_operations": "Project operations",
    "contract_administrator": "Contract administrator",
    "billing_clerk": "Billing clerk",
    "manager_approver": "Manager approver",
    "finance_approver": "Finance approver",
    "collector": "Collector",
    "integration_administrator": "Integration administrator",
    "auditor": "Auditor",
    "tenant_administrator": "Tenant administrator",
}
DETAILS: Final[dict[str, Status]] = {
    "grouped": ("Draft", "quiet"),
    "submitted": ("Being checked", "quiet"),
    "clean": ("Checks passed", "quiet"),
    "blocked": ("Held by a check", "blocked"),
    "returned": ("Returned", "blocked"),
    "issue_failed": ("Approved, could not be issued", "blocked"),
    "awaiting_manager": ("Waits for manager", "waiting"),
    "awaiting_finance": ("Waits for finance", "waiting"),
    "approved": ("Approved", "done"),
    "issued": ("Issued", "done"),
    "document_ready": ("Issued, document made", "done"),
    "document_failed": ("Issued, document failed", "blocked"),
    "delivered": ("Issued and sent", "done"),
    "delivery_failed": ("Issued, sending failed", "blocked"),
    "posting": ("Issued, being posted", "quiet"),
    "posting_failed": ("Issued, posting failed", "blocked"),
    "posted": ("Posted", "done"),
}
PHASES: Final[dict[str, Status]] = {
    "draft": ("Draft", "quiet"),
    "validation_pending": ("In checks", "quiet"),
    "manager_approved": ("Manager approved", "waiting"),
    "finance_approved": ("Approved", "done"),
    "issued": ("Issued", "done"),
    "posted": ("Posted", "done"),
    "disputed": ("Disputed", "overdue"),
    "settled": ("Paid", "done"),
    "credited": ("Credited", "quiet"),
    "void": ("Void", "quiet"),
    "written_off": ("Written off", "quiet"),
}
FINDING: Final[dict[str, Status]] = {
    "blocking": ("Blocking", "blocked"),
    "warning": ("Warning", "waiting"),
    "info": ("Note", "quiet"),
    "waived": ("Waived", "done"),
}
EINVOICE: Final[dict[str, Status]] = {
    "none": ("Not made", "quiet"),
    "waiting": ("Being checked", "waiting"),
    "passed": ("Passed the rules", "done"),
    "failed": ("Breaks the rules", "blocked"),
    "unchecked": ("Could not be checked", "blocked"),
    "sent": ("Made", "done"),
}
RULE: Final[dict[str, Status]] = {
    "fatal": ("Fatal", "blocked"),
    "unchecked": ("Not checked", "blocked"),
    "warning": ("Warning", "waiting"),
    "info": ("Note", "quiet"),
}
WAIVER: Final[dict[str, Status]] = {
    "waiting": ("Asked to let pass", "waiting"),
    "granted": ("May pass", "done"),
}
STEP: Final[dict[str, Status]] = {
    "waiting": ("Waiting", "waiting"),
    "approved": ("Approved", "done"),
    "returned": ("Returned", "blocked"),
    "dropped": ("Dropped", "quiet"),
}
POSTING: Final[dict[str, Status]] = {
    "intended": ("On its way", "quiet"),
    "posted": ("Posted", "done"),
    "failed": ("Failed", "blocked"),
    "rejected": ("Rejected", "blocked"),
    "mismatch": ("Does not agree", "blocked"),
}
DELIVERY: Final[dict[str, Status]] = {
    "intended": ("On its way", "quiet"),
    "sent": ("Sent", "done"),
    "failed": ("Failed", "blocked"),
    "refused": ("Refused", "blocked"),
}
DISPUTE: Final[dict[str, Status]] = {
    "open": ("Open", "overdue"),
    "upheld": ("Upheld", "done"),
    "withdrawn": ("Withdrawn", "quiet"),
    "credited": ("Credited", "done"),
}
MESSAGE: Final[dict[str, Status]] = {
    "received": ("Received", "quiet"),
    "applied": ("Applied", "done"),
    "held": ("Held", "blocked"),
    "superseded": ("Superseded", "quiet"),
}
HELD: Final = {
    "no_mapping": "No mapping",
    "unknown_version": "Version unknown",
    "wrong_content": "Content is wrong",
    "mapping_failed": "Mapping broke",
    "connection": "Connection's settings",
}
"""Why a message is held."""
HELD_MENDS: Final = {
    "no_mapping": (
        "integration_administrator",
        "Configure a connection that maps it, or correct its type; then try it again.",
    ),
    "unknown_version": (
        "integration_administrator",
        "Try it again after the upgrade that knows the version, or correct it to a version that is known.",
    ),
    "wrong_content": (
        "billing_clerk",
        "Mend it at the source and send it again, or propose a correction that somebody else approves.",
    ),
    "mapping_failed": (
        "integration_administrator",
        "Tell the maker of the connector what is said here; try it again when the connector is mended.",
    ),
    "connection": (
        "integration_administrator",
        "Correct the connection's settings in the blueprint, then try it again.",
    ),
}
"""Who mends a held message, and how."""
CORRECTION: Final[dict[str, Status]] = {
    "waiting": ("Waits for a decision", "waiting"),
    "approved": ("Approved", "done"),
    "rejected": ("Rejected", "blocked"),
    "withdrawn": ("Taken back", "quiet"),
    "overtaken": ("Mended otherwise", "quiet"),
}
FAILURES: Final = {
    "transient": "Did not answer",
    "throttled": "Asked to come later",
    "business": "Was refused",
    "programming": "Error on our side",
    "lease": "Its worker fell silent",
}
"""Why a job gave up."""
JOB: Final[dict[str, Status]] = {
    "queued": ("Waits", "waiting"),
    "leased": ("Is being done", "waiting"),
    "retry": ("Is tried again", "waiting"),
    "dead": ("Gave up", "blocked"),
    "done": ("Done", "done"),
    "resolved": ("Done by another job", "done"),
}
TENANT: Final[dict[str, Status]] = {
    "active": ("Active", "done"),
    "suspended": ("Suspended", "blocked"),
}
ITEM_KINDS: Final = {
    "milestone": "Milestone",
    "time": "Time",
    "expense": "Expense",
    "retainer": "Retainer",
    "subscription": "Subscription",
    "usage": "Usage",
    "progress": "Progress",
    "drawdown": "Drawn from an advance",
}
ITEM: Final[dict[str, Status]] = {
    "waiting": ("Waits", "waiting"),
    "ready": ("Ready", "done"),
    "drafted": ("In a draft", "quiet"),
    "billed": ("Billed", "done"),
    "written_down": ("Written down", "quiet"),
    "written_off": ("Written off", "quiet"),
    "cancelled": ("Cancelled", "quiet"),
}
OF_CONTRACT: Final = ("milestones_do_not_match_total",)
"""Notes that each item bears though they are about its contract as a whole: said once, on the contract."""
CONTRACT: Final[dict[str, Status]] = {
    "active": ("Active", "done"),
    "completed": ("Completed", "quiet"),
    "terminated": ("Terminated", "blocked"),
}
WORK: Final[dict[str, Status]] = {
    "submitted": ("Not approved", "waiting"),
    "approved": ("Approved", "done"),
    "rejected": ("Rejected", "blocked"),
}


def items_of_kind(kind: str) -> tuple[str, str]:
    """What one item of the kind is called, and several."""
    known = {"time": ("time entry", "time entries")}
    return known.get(kind) or (kind.replace("_", " "), f"{kind.replace('_', ' ')}s")


def role(name: str) -> str:
    return ROLES.get(name) or name.replace("_", " ").capitalize()


def look(table: dict[str, Status], name: str) -> Status:
    """The entry, or the name itself in plain letters for one that a later release added."""
    return table.get(name) or (name.replace("_", " ").capitalize(), "quiet")


def phase(invoice_phase: str, detail: str = "") -> Status:
    """Where an invoice stands: the detail where it says more than the phase."""
    if invoice_phase == "posted" and detail in {"issued", "document_ready", "delivered"}:
        return PHASES["posted"]
    if (
        invoice_phase in {"draft", "validation_pending", "manager_approved", "finance_approved", "issued", "posted"}
        and detail
    ):
        return DETAILS.get(detail) or look(PHASES, invoice_phase)
    return look(PHASES, invoice_phase)
