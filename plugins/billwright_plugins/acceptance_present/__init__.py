"""Rule ``acceptance_present``: a milestone that needs the customer's acceptance has it.

In: a draft. Does: looks at the lines of milestones that need an acceptance. Out: a blocking finding without one; a
warning (or a blocking finding, as set) when the customer accepted but left items open.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import DraftView, Finding, LineView

# An acceptance that is missing is never let pass: nothing is billed that the customer has not taken. What an acceptance
# left open is for the two firms to weigh.
WAIVABLE: Final = frozenset({"acceptance_with_open_items"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    open_items: Annotated[
        Literal["ignore", "warning", "blocking"],
        Meta(description="What an acceptance with open items is: ignore, warning or blocking."),
    ] = "warning"


@hookimpl
def examine_draft(draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """At most one finding per line."""
    chosen = msgspec.convert(settings, Settings)
    needing = [line for line in draft.lines if line.kind == "milestone" and line.acceptance_required]
    missing = [_missing(line) for line in needing if line.accepted_at is None]
    if chosen.open_items == "ignore":
        return missing
    open_lines = [line for line in needing if line.accepted_at is not None and line.acceptance_items_open > 0]
    return missing + [_open_items(line, chosen.open_items) for line in open_lines]


def _missing(line: LineView) -> Finding:
    return Finding(
        code="acceptance_missing",
        severity="blocking",
        subject=f"lines/{line.id}",
        message=f"The customer has not accepted “{line.description}” ({line.net}).",
        remedy="Obtain the customer's acceptance and send it, or take the line off the draft.",
        owner_role="project_operations",
        evidence={"milestone": line.milestone_number, "contract": line.contract_number},
    )


def _open_items(line: LineView, severity: Literal["warning", "blocking"]) -> Finding:
    count = line.acceptance_items_open
    items = "one item" if count == 1 else f"{count} items"
    return Finding(
        code="acceptance_with_open_items",
        severity=severity,
        subject=f"lines/{line.id}",
        message=f"The customer accepted “{line.description}” ({line.net}) and left {items} open.",
        remedy="Settle the open items with the customer, or confirm that the acceptance holds in spite of them.",
        owner_role="project_operations",
        evidence={"milestone": line.milestone_number, "contract": line.contract_number, "items_open": count},
    )
