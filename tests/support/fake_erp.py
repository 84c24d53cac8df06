"""An ERP at the connector port that can be told to misbehave as real ones do."""

from dataclasses import dataclass, field, replace

import msgspec

from billwright.extension.connectors import (
    Context,
    PostedDocument,
    PostingInvoice,
    RejectedError,
    ThrottledError,
    TransientError,
)
from billwright.extension.manifest import Manifest

PASSWORD = "Tr0ub4dor&3"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    journal: str = "sales"


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: str = ""


MANIFEST = Manifest(
    name="fake", vendor="Fake", version="1", api_version="1", capabilities=frozenset({"erp"}), authentication="basic",
    settings_model=Settings, secrets_model=Secrets,
)  # fmt: skip


@dataclass
class FakeErp:
    """``mode``: how ``post`` ends. ``away``: ``find`` fails too. ``changes``: what it holds differently."""

    mode: str = "good"
    changes: dict[str, object] = field(default_factory=dict)
    documents: dict[str, list[PostedDocument]] = field(default_factory=dict)
    invoices: list[PostingInvoice] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    manifest: Manifest = MANIFEST

    def find(self, context: Context, key: str) -> PostedDocument | None:
        self.contexts.append(context)
        if self.mode == "away":
            raise TransientError("no answer", request=f"find with {PASSWORD}", response="")
        held = self.documents.get(key, [])
        if not held or self.mode == "hides":
            return None
        return replace(held[0], **self.changes)  # type: ignore[arg-type]  # fields by name, given by the test

    def post(self, context: Context, invoice: PostingInvoice) -> str:
        if self.mode == "refuses":
            raise RejectedError(
                f"no such party, says {PASSWORD}", remedy="Add the party.", request=f"password={PASSWORD}",
                response=f"Authorization: Basic {PASSWORD}",
            )  # fmt: skip
        if self.mode == "throttles":
            raise ThrottledError("slow down", retry_after_s=90)
        if self.mode == "broken":
            raise ZeroDivisionError(f"a bug near {PASSWORD}")
        self.invoices.append(invoice)
        held = self.documents.setdefault(invoice.key, [])
        held.append(
            PostedDocument(
                external_id=f"account.move/{len(self.documents)}.{len(held) + 1}", number=f"FAKE/{len(self.documents)}",
                state="posted", party=invoice.customer_name, party_key=invoice.customer_key, issued_on=invoice.issued_on,
                currency=invoice.currency, net_minor=invoice.net_minor, tax_minor=invoice.tax_minor,
                gross_minor=invoice.gross_minor,
            )
        )  # fmt: skip
        if self.mode == "times_out_after_posting":
            raise TransientError("timed out")
        return held[0].external_id
