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
)
