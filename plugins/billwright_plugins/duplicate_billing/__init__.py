"""Rule ``duplicate_billing``: the same thing is not billed twice, under the same key or under another name.

In: a draft with the lines of the customer's other drafts and invoices. Does: compares each line with those and with the
lines before it. Out: a blocking finding for the same transaction key or the same subject; a warning (or as set) for a line
that looks like another one.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from billwright.extension.hookspecs import hookimpl
from billwright.extension.views import BilledLineView, DraftView, Finding, LineView
from billwright_plugins.duplicate_billing.likeness import Index, Likeness, comes_in_parts

# Only what merely looks alike. The same transaction key or subject twice is never owed twice.
WAIVABLE: Final = frozenset({"near_duplicate"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    near: Annotated[
        Literal["ignore", "warning", "blocking"],
        Meta(description="What a near-duplicate is: ignore, warning or blocking."),
    ] = "warning"
    similarity_percent: Annotated[
        int,
        Meta(
            ge=50, le=100, description="From which likeness on two descriptions are alike: a whole number, 50 to 100."
        ),
    ] = 90
    window_days: Annotated[
        int, Meta(ge=0, le=3_660, description="How many days two periods may lie apart: a whole number from 0 to 3660.")
    ] = 45


@hookimpl
def examine_draft(draft: DraftView, settings: Mapping[str, Any]) -> Sequence[Finding]:
    """At most one finding per line, the surest one: same key, else same subject, else near-duplicate."""
    chosen = msgspec.convert(settings, Settings)
    index = Index(Likeness(similarity_percent=chosen.similarity_percent, window_days=chosen.window_days))
    for billed in draft.history:
        index.add(billed)
    findings = []
    for line in draft.lines:
        finding = _examine(line, index, chosen.near)
        if finding is not None:
            findings.append(finding)
        index.add(_as_billed(draft, line))
    return findings


def _examine(line: LineView, index: Index, near: Literal["ignore", "warning", "blocking"]) -> Finding | None:
    same_key = index.same_key(line)
    if same_key:
        return _duplicate("billed_twice", line, same_key)
    same_subject = [] if comes_in_parts(line) else index.same_subject(line)
    if same_subject:
        return _duplicate("subject_billed_twice", line, same_subject)
    alike = index.alike(line) if near != "ignore" else []
    return _near(line, alike, near) if near != "ignore" and alike else None


def _duplicate(code: str, line: LineView, others: Sequence[BilledLineView]) -> Finding:
    return Finding(
        code=code,
        severity="blocking",
        subject=f"lines/{line.id}",
        message=f"“{line.description}” ({line.net}) is billed already: {_places(others)}.",
        remedy="Take the line off this draft, or credit the other one first.",
        owner_role="billing_clerk",
        evidence=_evidence(line, others),
    )


def _near(line: LineView, others: Sequence[BilledLineView], severity: Literal["warning", "blocking"]) -> Finding:
    return Finding(
        code="near_duplicate",
        severity=severity,
        subject=f"lines/{line.id}",
        message=(
            f"“{line.description}” ({line.net}) looks like “{others[0].description}”, with the same amount on the same "
            f"contract: {_places(others)}."
        ),
        remedy="Compare the two; if they are the same work, take the line off this draft, else confirm that both are owed.",
        owner_role="billing_clerk",
        evidence=_evidence(line, others),
    )


def _places(others: Sequence[BilledLineView]) -> str:
    labels = list(dict.fromkeys(other.invoice_label for other in others))
    shown = ", ".join(labels[:3])
    return shown if len(labels) <= 3 else f"{shown} and {len(labels) - 3} more"


def _evidence(line: LineView, others: Sequence[BilledLineView]) -> dict[str, Any]:
    return {
        "transaction_key": line.transaction_key,
        "others": [{"invoice_id": other.invoice_id, "transaction_key": other.transaction_key} for other in others],
    }


def _as_billed(draft: DraftView, line: LineView) -> BilledLineView:
    return BilledLineView(
        invoice_id=draft.id,
        invoice_label="this draft",
        transaction_key=line.transaction_key,
        subject_id=line.subject_id,
        contract_id=line.contract_id,
        description=line.description,
        net=line.net,
        service_from=line.service_from,
        service_to=line.service_to,
    )
