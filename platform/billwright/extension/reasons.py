"""Why a billable item waits, and what is worth knowing about it: the words that people read for each code.

Triggers give codes, portal and API show these texts. ``docs/reasons.md`` is the same for readers; a test holds them together.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from billwright.extension.reason import Reason
from billwright.extension.reasons_schedules import SCHEDULE_REASONS
from billwright.extension.reasons_time import TIME_NOTES, TIME_REASONS

__all__ = ["NOTES", "REASONS", "Reason", "explain"]


def explain(code: str) -> Reason:
    """The texts of ``code``; for a code of a partner's own plugin that has none, the code in plain letters."""
    known = REASONS.get(code) or NOTES.get(code)
    if known is not None:
        return known
    title = code.replace("_", " ").capitalize()
    return Reason(
        code=code,
        title=title,
        sentence=f"{title}.",
        remedy="Look the reason up in the documentation of the plugin that gave it.",
        owner_role="billing_clerk",
    )


def _by_code(*reasons: Reason) -> Mapping[str, Reason]:
    return MappingProxyType({reason.code: reason for reason in reasons})


REASONS: Final = _by_code(
    # The parties and the agreement
    Reason(
        code="contract_unknown",
        title="Contract unknown",
        sentence="The work belongs to a contract that has not arrived from any source yet.",
        remedy="Send the contract, or correct the reference to it at the source; the item then moves on by itself.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="customer_unknown",
        title="Customer unknown",
        sentence="The contract names a customer that has not arrived from any source yet.",
        remedy="Send the customer, or correct the reference in the contract.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="not_in_agreement",
        title="Not in the agreement",
        sentence="The customer decided about a milestone that the agreement does not contain.",
        remedy="Add the milestone by a signed change order, or correct its number in the customer's decision.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="removed_from_agreement",
        title="Removed from the agreement",
        sentence="The milestone was taken out of the agreement before it was earned.",
        remedy="Nothing is to be billed; if it was removed by mistake, send the milestone again.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="change_order_unsigned",
        title="Change order not signed",
        sentence="The work rests on a change order that nobody has signed yet.",
        remedy="Have the change order signed, and send it with the date of the signature.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="contract_not_signed",
        title="Contract not signed",
        sentence="The amount is due on signature, and the contract is not signed yet.",
        remedy="Send the contract with the day on which it was signed.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="contract_terminated",
        title="Contract terminated",
        sentence="The contract was terminated before the milestone was earned.",
        remedy="Nothing is to be billed, unless the customer still accepts the work; then send the acceptance.",
        owner_role="contract_administrator",
    ),
    # The customer's decision
    Reason(
        code="no_acceptance",
        title="No acceptance",
        sentence="The customer has not accepted the milestone yet.",
        remedy="Ask the customer for the acceptance, and send it as soon as it is there.",
        owner_role="project_operations",
    ),
    Reason(
        code="rejected",
        title="Rejected by the customer",
        sentence="The customer looked at the delivery and rejected it.",
        remedy="Mend what the customer found, deliver again, and send the new acceptance.",
        owner_role="project_operations",
    ),
    Reason(
        code="reopened",
        title="Re-opened by the customer",
        sentence="The customer accepted the milestone and took the acceptance back before it counted.",
        remedy="Settle the open points with the customer, and send the new acceptance.",
        owner_role="project_operations",
    ),
    Reason(
        code="acceptance_settling",
        title="Acceptance settling",
        sentence="The customer accepted; the contract gives a few days in which the acceptance may still be taken back.",
        remedy="Nothing to do: the item moves on by itself when the time has passed.",
        owner_role="project_operations",
    ),
    Reason(
        code="no_due_date",
        title="No due date",
        sentence="The milestone needs no acceptance, but nothing says when it falls due.",
        remedy="Send the milestone with its due date, or send an acceptance.",
        owner_role="project_operations",
    ),
    Reason(
        code="not_yet_due",
        title="Not yet due",
        sentence="The milestone falls due on a day that has not come yet.",
        remedy="Nothing to do: the item moves on by itself on that day.",
        owner_role="project_operations",
    ),
    # The amount
    Reason(
        code="no_amount",
        title="No amount",
        sentence="No amount can be read from the agreement.",
        remedy="Send the milestone, expense or contract value with a plain amount such as 12500.00.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="zero_amount",
        title="Amount is zero",
        sentence="The agreed amount is zero, so there is nothing to bill.",
        remedy="If the work is to be paid, send the right amount; else leave the item here.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="negative_amount",
        title="Amount is negative",
        sentence="The agreed amount is below zero, and an invoice line charges; it does not refund.",
        remedy="Correct the amount at the source, or credit the earlier invoice instead.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="unknown_currency",
        title="Currency unknown",
        sentence="The price is in no ISO 4217 currency, or no currency is stated (crypto-assets are no currencies).",
        remedy="Send the price in an ISO currency, or declare a settlement currency and a rate for this unit.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="amount_too_precise",
        title="Amount too precise",
        sentence="The amount has more decimals than its currency allows.",
        remedy="Round the amount at the source, and send it again.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="amount_out_of_range",
        title="Amount out of range",
        sentence="The amount is too large to be a real one.",
        remedy="Correct the amount at the source; often a decimal sign was lost.",
        owner_role="contract_administrator",
    ),
    # Time and expenses
    Reason(
        code="time_not_approved",
        title="Time not approved",
        sentence="The time entry is submitted but not approved.",
        remedy="Approve or reject the entry in the time system.",
        owner_role="project_operations",
    ),
    Reason(
        code="time_rejected",
        title="Time rejected",
        sentence="The time entry was rejected and is not billed.",
        remedy="Correct the entry in the time system and submit it again, or leave it rejected.",
        owner_role="project_operations",
    ),
    Reason(
        code="no_rate",
        title="No rate",
        sentence="No rate of the contract fits this person or role on the day of the work.",
        remedy="Send a rate card of the contract that covers the person or the role from that day on.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="rate_ambiguous",
        title="Two rates at once",
        sentence="Two different rates apply to this person or role from the same day on.",
        remedy="Correct the rate cards of the contract so that one rate is left.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="billing_is_fixed_price",
        title="Contract is fixed-price",
        sentence="The contract has a fixed price, so its hours are not billed.",
        remedy="Nothing to do; if hours are to be billed, change the contract's billing to mixed or time and materials.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="expense_not_approved",
        title="Expense not approved",
        sentence="The expense is submitted but not approved.",
        remedy="Approve or reject the expense in the expense system.",
        owner_role="project_operations",
    ),
    Reason(
        code="expense_rejected",
        title="Expense rejected",
        sentence="The expense was rejected and is not billed.",
        remedy="Correct the expense and submit it again, or leave it rejected.",
        owner_role="project_operations",
    ),
    # What billing itself finds
    Reason(
        code="legal_entity_unknown",
        title="Legal entity unknown",
        sentence="The contract names a legal entity that this firm does not have, so nobody can issue the invoice.",
        remedy="Correct the legal entity in the contract, or add it to the firm's blueprint and send the contract again.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="billed_on_another_contract",
        title="Billed on another contract",
        sentence="The work moved here from another contract, on which it was billed already.",
        remedy="Nothing is to be billed twice; if it was billed to the wrong customer, credit that invoice.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="below_minimum",
        title="Below the minimum amount",
        sentence="The contract sends no invoice below its minimum amount, and what is ready does not come to it yet.",
        remedy="Nothing to do: it is billed with what comes, on the agreed day, or when the contract has ended.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="holdback_not_due",
        title="Holdback not due",
        sentence="The money was withheld from earlier invoices; what the contract agreed for its release has not come yet.",
        remedy="Nothing to do until then; send the event, the acceptance or the contract's end when it comes.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="trigger_failed",
        title="Trigger could not run",
        sentence="The trigger that makes this work billable could not look at it again, so nobody knows whether it still is.",
        remedy="Tell the integration administrator; the contract is looked at again by itself, and the item goes on then.",
        owner_role="integration_administrator",
    ),
    Reason(
        code="withdrawn",
        title="Withdrawn at the source",
        sentence="The source no longer has this work on the contract, or its trigger was switched off.",
        remedy="Nothing to do; if the work is to be billed, send it again.",
        owner_role="project_operations",
    ),
    Reason(
        code="released_by_credit",
        title="Released by a credit note",
        sentence="A credit note took this back, and nobody has decided yet whether it is billed again.",
        remedy="Bill it again from its page or write it off; if its facts change at the source, it goes on by itself.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="billed_beyond_worth",
        title="Billed beyond its worth",
        sentence="Earlier invoices bill more of this than it is worth by what the source says now.",
        remedy="Credit the difference on the earlier invoice.",
        owner_role="billing_clerk",
    ),
    *TIME_REASONS,
    *SCHEDULE_REASONS,
)

NOTES: Final = _by_code(
    Reason(
        code="reopened_after_acceptance",
        title="Re-opened after it was earned",
        sentence="The customer took up the milestone again after its acceptance had counted; the amount stays earned.",
        remedy="Talk to the customer; if the work is not owed, credit the invoice.",
        owner_role="project_operations",
    ),
    Reason(
        code="removed_after_acceptance",
        title="Removed after it was earned",
        sentence="The milestone was taken out of the agreement after it was earned; it is billed as earned.",
        remedy="If both sides agreed not to bill it, write the item off or credit the invoice.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="accepted_with_open_items",
        title="Accepted with open items",
        sentence="The customer accepted the milestone as a whole and left single items open.",
        remedy="Deliver the open items, so that the customer has no cause to dispute the invoice.",
        owner_role="project_operations",
    ),
    Reason(
        code="price_changed_after_acceptance",
        title="Price changed after it was earned",
        sentence="A different price came into force after the milestone was earned; the earlier price is billed.",
        remedy="If the new price was meant for this milestone too, bill or credit the difference by agreement.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="milestones_do_not_match_total",
        title="Milestones do not match the total",
        sentence="The milestones of the contract do not add up to its value, or they are in different currencies.",
        remedy="Correct the milestones or the contract's value, by a change order if the agreement itself is wrong.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="converted",
        title="Converted",
        sentence="The agreed price was converted at the rate that the firm declared for its unit.",
        remedy="Nothing to do; the rate and its source are on the line.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="changed_after_billing",
        title="Changed after it was billed",
        sentence="What the source says now differs from what was billed; the invoice stays as it was issued.",
        remedy="Compare both; credit the invoice or bill the difference by agreement.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="withdrawn_after_billing",
        title="Withdrawn after it was billed",
        sentence="The source took this work back after it was billed; the invoice stays as it was issued.",
        remedy="If the customer does not owe it, credit the invoice.",
        owner_role="billing_clerk",
    ),
    *TIME_NOTES,
)
