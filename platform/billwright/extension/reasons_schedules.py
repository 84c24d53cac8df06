"""Words of the reasons that the triggers of schedules give."""

from typing import Final

from billwright.extension.reason import Reason

SCHEDULE_REASONS: Final = (
    Reason(
        code="closing_day_missing",
        title="Closing day missing",
        sentence="The contract is over, and nothing says on which day its periods end.",
        remedy="Send the contract with the day on which it ended, or the billing schedule with its last day.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="too_many_periods",
        title="Too many periods",
        sentence="The billing schedule has more than 600 periods, so its start is hardly right.",
        remedy="Correct the start of the schedule, or close it and send a new one that goes on from here.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="index_value_missing",
        title="Index value missing",
        sentence="The price follows an index whose value for this period is not published or not sent yet.",
        remedy="Send the billing schedule with the index value and its source.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="period_not_due",
        title="Period not due",
        sentence="The period is billed on a day that has not come yet.",
        remedy="Nothing to do: the item moves on by itself on that day.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="waits_for_others",
        title="Waits for other milestones",
        sentence="The milestone depends on other ones that are not earned yet.",
        remedy="Have the other milestones accepted; if the order no longer holds, send the milestone without them.",
        owner_role="project_operations",
    ),
    Reason(
        code="accepted_anew",
        title="Accepted anew",
        sentence="It was billed and credited; the customer accepted it anew since, and that is billed as another item.",
        remedy="Nothing to do.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="advance_left_over",
        title="Advance left over",
        sentence="The contract is over, and more was paid in advance than there was work to take it from.",
        remedy="Pay the rest back: credit that part of the invoice that billed it.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="schedule_unknown",
        title="Billing schedule unknown",
        sentence="Usage or progress was reported for a billing schedule that has not arrived from any source yet.",
        remedy="Send the billing schedule, or correct the reference to it at the source; the item then moves on by itself.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="outside_schedule",
        title="Outside the schedule",
        sentence="The usage was counted before the billing schedule begins or after it ends.",
        remedy="Correct the day of the record, or the first or last day of the schedule.",
        owner_role="project_operations",
    ),
    Reason(
        code="report_not_approved",
        title="Report not approved",
        sentence="Usage or progress was reported, and nobody has approved the report yet.",
        remedy="Approve or reject the report, and send it again with its status.",
        owner_role="project_operations",
    ),
    Reason(
        code="not_in_schedule",
        title="Not in the schedule of values",
        sentence="The progress report names an item that the schedule of values does not have, or not in that measure.",
        remedy="Correct the item in the report, or send the schedule with it.",
        owner_role="project_operations",
    ),
    Reason(
        code="above_agreed_quantity",
        title="Above the agreed quantity",
        sentence="More was measured of this item than was agreed.",
        remedy="Agree the greater quantity and send the schedule with it, or correct the report.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="progress_superseded",
        title="Superseded by a later report",
        sentence="A report of a later day is billed already, and says in all what was done.",
        remedy="Nothing to do; a difference is billed with the next report.",
        owner_role="project_operations",
    ),
)
