"""The words of reasons and notes about time, expenses, caps and write-downs; ``extension/reasons.py`` gathers them."""

from typing import Final

from billwright.extension.reason import Reason

TIME_REASONS: Final = (
    Reason(
        code="after_contract_end",
        title="After the contract's end",
        sentence="The work was done after the day on which the contract ended.",
        remedy="Correct the day or the contract of the entry, or send the contract with a later end.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="correction_unknown",
        title="Correction of nothing",
        sentence="The entry takes hours back, and the entry that it corrects is not on this contract.",
        remedy="Send the entry that is corrected, or name the right one; a correction cannot be corrected itself.",
        owner_role="project_operations",
    ),
    Reason(
        code="correction_too_large",
        title="Correction too large",
        sentence="The corrections of an entry take more hours back than were entered.",
        remedy="Correct the hours of the corrections, or reject one of them.",
        owner_role="project_operations",
    ),
    Reason(
        code="correction_waits",
        title="Corrected entry waits",
        sentence="The entry that is corrected is not billable itself yet.",
        remedy="Nothing to do here: mend what the corrected entry waits for, and both move on.",
        owner_role="project_operations",
    ),
    Reason(
        code="work_kind_without_rate",
        title="No rate for this kind of work",
        sentence="The kind of work has no rate of its own and no multiplier in the contract's terms of time.",
        remedy="Send a rate card with a rate for this kind of work, or the contract with a multiplier for it.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="expense_category_unknown",
        title="Category not agreed",
        sentence="The contract lists the categories of expenses that are billed, and this one is not among them.",
        remedy="Correct the category of the expense, or send the contract with a term for it.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="expense_not_billable",
        title="Category is not billed",
        sentence="The contract says that expenses of this category are not billed.",
        remedy="Nothing to do; if the category is wrong, correct it at the source.",
        owner_role="project_operations",
    ),
    Reason(
        code="receipt_missing",
        title="Receipt missing",
        sentence="The contract asks for a receipt above a certain amount, and there is none.",
        remedy="Send the expense with the place of its receipt.",
        owner_role="project_operations",
    ),
    Reason(
        code="over_item_limit",
        title="Over the limit of an expense",
        sentence="The expense is above what the contract allows for one of its category.",
        remedy="Agree the expense with the customer and have the limit changed, or reduce the expense at the source.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="over_day_limit",
        title="Over the limit of the day",
        sentence="With this expense the person's day is above what the contract allows for its category.",
        remedy="Agree it with the customer and have the limit changed, or reduce the expense at the source.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="expense_limit_currency",
        title="Limit in another currency",
        sentence="The limit or the receipt rule of the category is in another currency than the expense.",
        remedy="Send the contract with a currency for expenses and a rate for this one, or with a limit in its currency.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="supplier_tax_missing",
        title="Supplier's tax missing",
        sentence="The expense is billed net of the supplier's tax, and the expense does not say how much tax it holds.",
        remedy="Send the expense with its tax amount, zero if there is none.",
        owner_role="project_operations",
    ),
    Reason(
        code="mileage_rate_missing",
        title="No mileage rate",
        sentence="The contract has no mileage rate for this unit of distance on that day.",
        remedy="Send the contract with a mileage table that covers the day.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="per_diem_missing",
        title="No per diem",
        sentence="The contract has no per diem for this country on that day.",
        remedy="Send the contract with a per diem for the country that covers the day.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="expense_rate_missing",
        title="No exchange rate",
        sentence="The contract converts expenses, and no declared rate of this currency holds on that day.",
        remedy="Send the contract with a rate of this currency and its source.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="cap_held",
        title="Cap reached",
        sentence="A cap of the contract is used up, and what is above it waits for a higher one.",
        remedy="Have a change order signed that raises the cap, and send it; the item then moves on by itself.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="cap_currency",
        title="Cap in another currency",
        sentence="The contract has a cap, and the work is priced in another currency than the contract's.",
        remedy="Send a rate card in the contract's currency, or the contract in the currency of the work.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="adjustment_outdated",
        title="Write-down no longer fits",
        sentence="A person set another amount for this item, and its price has changed since then.",
        remedy="Look at the new price: set the amount again, or withdraw the write-down or write-up.",
        owner_role="billing_clerk",
    ),
)

TIME_NOTES: Final = (
    Reason(
        code="within_rounding",
        title="Within the rounding",
        sentence="The agreed rounding leaves nothing of this entry to be billed.",
        remedy="Nothing to do; the hours are kept as worked.",
        owner_role="billing_clerk",
    ),
    Reason(
        code="cap_written_down",
        title="Written down by a cap",
        sentence="A cap of the contract is reached; what is above it is written down.",
        remedy="Nothing to do; if the customer agrees to more, have a change order signed that raises the cap.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="over_soft_cap",
        title="Over a soft cap",
        sentence="The work goes over a cap of the contract that only warns; it is billed in full.",
        remedy="Ask the customer whether the overrun is agreed before the invoice goes out.",
        owner_role="contract_administrator",
    ),
    Reason(
        code="adjusted_by_person",
        title="Written down or up",
        sentence="A person set another amount than the agreed price makes; who and why is kept with the item.",
        remedy="Nothing to do; withdraw it while the item is not billed, if the agreed price is right.",
        owner_role="billing_clerk",
    ),
)
