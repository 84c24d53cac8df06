"""Rule ``change_order_signed``: work that rests on a change order is billed only once that is signed.

In: a draft. Does: looks at the lines that name a change order. Out: a blocking finding per line whose change order is
unsigned or unknown. Nothing to set.
"""

from collections.abc import Sequence
from typing import Final

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import DraftView, Finding, LineView

# A customer who agreed by letter before the signature: that letter is the evidence of a waiver.
WAIVABLE: Final = frozenset({"change_order_unsigned"})


@hookimpl
def examine_draft(draft: DraftView) -> Sequence[Finding]:
    """At most one finding per line."""
    return [
        _unsigned(line)
        for line in draft.lines
        if line.change_order_id is not None and line.change_order_signed is not True
    ]


def _unsigned(line: LineView) -> Finding:
    order = line.change_order_number or line.change_order_id
    return Finding(
        code="change_order_unsigned",
        severity="blocking",
        subject=f"lines/{line.id}",
        message=f"“{line.description}” ({line.net}) rests on change order {order}, which is not signed.",
        remedy="Have the change order signed and send it with the date of the signature, or take the line off the draft.",
        owner_role="contract_administrator",
        evidence={"change_order": order, "contract": line.contract_number},
    )
