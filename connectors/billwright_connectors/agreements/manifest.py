"""What this connector says of itself, and its settings."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from billwright.extension.manifest import Manifest
from billwright.extension.message_types import MessageType, Version
from billwright_connectors.agreements import rows


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the record is understood.

    An acceptance counts once it stood for ``acceptance_settles_after_days``: this buyer takes one back within days (the
    cases are in docs/connectors/agreements.md).
    """

    acceptance_settles_after_days: Annotated[int, Meta(ge=0, le=90)] = 14


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """None: the connector reads files."""


MANIFEST: Final = Manifest(
    name="agreements",
    vendor="Billwright",
    version="1.0.0",
    api_version="record of 2020-2025",
    capabilities=frozenset({"source"}),
    authentication="none",
    settings_model=Settings,
    secrets_model=Secrets,
    idempotency="Message ids are the record's own identifiers; the intake drops what it has seen.",
    reads={
        "contracts.jsonl": "customer, project, contract version 1",
        "milestones.jsonl": "milestone as first agreed",
        "amendments.jsonl": "change order with term changes",
        "deliveries.jsonl": "evidence, signal",
        "evaluations.jsonl": "one acceptance decision per entry of status_history",
        "status_events.jsonl": "signal",
        "invoice_events.jsonl": "signal, payment",
        "documents.jsonl": "evidence",
    },
    message_types=tuple(
        MessageType(name=f"agreements.{kind}", summary=summary, versions=(Version(number=1, model=model),))
        for kind, model, summary in (
            ("contract", rows.ContractRow, "A row of contracts.jsonl with what its neighbours say."),
            ("milestone", rows.MilestoneRow, "A milestone as first agreed."),
            ("amendment", rows.AmendmentRow, "A change of terms."),
            ("delivery", rows.DeliveryRow, "What was delivered, and for which milestones."),
            ("evaluation", rows.EvaluationRow, "One decision about a delivery."),
            ("status_event", rows.StatusEventRow, "A change of a contract's or milestone's status."),
            ("invoice_event", rows.InvoiceEventRow, "What is said about an invoice: paid, disputed."),
            ("document", rows.DocumentRow, "A document of the record, by its path."),
        )
    ),
    proved_against="the whole public record of 275 agreements",
)
