"""What the Tryton connector's tests share: invoices of their own, settings to vary, a look into Tryton."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from billwright.extension.connectors import Context, PostedDocument, PostingInvoice
from billwright_connectors import tryton
from billwright_connectors.tryton.client import Session
from billwright_connectors.tryton.manifest import Settings
from support.posting_invoices import posting_invoice


def with_settings(context: Context, **changes: Any) -> Context:
    assert isinstance(context.settings, Settings)
    values = {name: getattr(context.settings, name) for name in Settings.__struct_fields__}
    return replace(context, settings=Settings(**(values | changes)))


def an_invoice(*lines: Any, **changes: Any) -> PostingInvoice:
    """An invoice of its own customer, issued today, so that tests share one server without meeting."""
    key = str(uuid4())
    today = date.today()  # noqa: DTZ011 - Tryton's server takes the date of this machine
    own: dict[str, Any] = {
        "key": key,
        "customer_key": f"C-{key[:8]}",
        "issued_on": today,
        "due_on": today + timedelta(days=30),
    }
    return posting_invoice(*lines, **(own | changes))


def invoices_under(accountant: Session, key: str, *fields: str) -> list[dict[str, Any]]:
    """What an accountant would see in Tryton."""
    domain = [["reference", "like", f"%{key}"]]
    return accountant.search("account.invoice", domain, ["state", "number", *fields])


def states_under(accountant: Session, key: str) -> list[str]:
    return [record["state"] for record in invoices_under(accountant, key)]


def assert_posted_once(context: Context, accountant: Session, invoice: PostingInvoice) -> PostedDocument:
    """Exactly one invoice under the key, posted, and equal to ours in all that is compared."""
    assert states_under(accountant, invoice.key) == ["posted"]
    found = tryton.find(context, invoice.key)
    assert found is not None
    assert found.number
    assert found == PostedDocument(
        external_id=found.external_id,
        number=found.number,
        state="posted",
        party=invoice.customer_name,
        party_key=invoice.customer_key,
        issued_on=invoice.issued_on,
        currency=invoice.currency,
        net_minor=invoice.net_minor,
        tax_minor=invoice.tax_minor,
        gross_minor=invoice.gross_minor,
    )
    return found
