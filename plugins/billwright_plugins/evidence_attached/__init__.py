"""Rule ``evidence_attached``: a milestone is billed with the proof of its delivery.

In: a draft. Does: counts the evidence of each milestone line. Out: a warning (or a blocking finding, as set) per line with
too little of it.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import DraftView, Finding, LineView

WAIVABLE: Final = frozenset({"evidence_missing"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    severity: Annotated[
        Literal["warning", "blocking"], Meta(description="What missing evidence is: warning or blocking.")
    ] = "warning"
    minimum: Annotated[
        int,
        Meta(ge=1, le=100, description="How many pieces of evidence a milestone needs: a whole number from 1 to 100."),
    ] = 1
    without_acceptance: Annotated[
        bool,
        Meta(
            description="Whether milestones that need no acceptance, such as a mobilisation, need evidence: true or false."
        ),
    ] = False


@hookimpl
def examine_draft(draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """At most one finding per line."""
    chosen = msgspec.convert(settings, Settings)
    return [
        _missing(line, chosen)
        for line in draft.lines
        if line.kind == "milestone"
        and (line.acceptance_required or chosen.without_acceptance)
        and line.evidence_count < chosen.minimum
    ]


def _missing(line: LineView, chosen: Settings) -> Finding:
    attached = (
        "no evidence"
        if line.evidence_count == 0
        else f"only {line.evidence_count} of {chosen.minimum} pieces of evidence"
    )
    return Finding(
        code="evidence_missing",
        severity=chosen.severity,
        subject=f"lines/{line.id}",
        message=f"“{line.description}” ({line.net}) has {attached} of its delivery.",
        remedy="Attach what was delivered, such as a report or a signed protocol, to the milestone at the source.",
        owner_role="project_operations",
        evidence={
            "milestone": line.milestone_number,
            "contract": line.contract_number,
            "attached": line.evidence_count,
            "minimum": chosen.minimum,
        },
    )
