"""Posts an invoice at most once, also when callers die half-way or work at the same time.

The rule: **a draft is posted only if one search, made after it was stored, found nothing else under its key.** Tryton has
no unique column for the key, but this is enough. Say X and Y were both posted. X was alone when it was searched for, so Y
was stored after that search; and Y was alone, so X was stored after the other search. Each search follows the storing of
its own draft, so X would be stored before itself. A surplus draft is deleted, which Tryton refuses once it is posted; and
two callers that post the same draft post it once, since Tryton locks it and knows its state.
"""

from contextlib import suppress
from typing import Final

from billwright.extension.connectors import PostingInvoice, RejectedError, TransientError
from billwright_connectors.tryton import lookup, mapping
from billwright_connectors.tryton.client import Record, Session, WarningRaisedError
from billwright_connectors.tryton.manifest import Settings

_MODEL: Final = "account.invoice"
_ROUNDS: Final = 12  # a lone caller needs two, one that takes up a wrong draft four
_POST_ATTEMPTS: Final = 4
# Our due date stands on the invoice that the customer holds, so that it may be past needs nobody's confirmation.
_PAST_DUE: Final = "invoice_payment_term"


def documents(session: Session, company_id: int, key: str) -> list[Record]:
    """All invoices that live under ``key`` at one moment, drafts too, oldest first."""
    found = session.search(_MODEL, mapping.under_key(company_id, key), mapping.INVOICE_FIELDS)
    return [record for record in found if mapping.carries(record, key)]


def post_once(session: Session, settings: Settings, invoice: PostingInvoice) -> str:
    """Post ``invoice`` and return Tryton's id of it.

    Raises:
        RejectedError: Tryton's amounts are not ours, or it refuses; a draft of ours with wrong amounts is gone again.
        TransientError: other callers with the same key kept getting in the way.
    """
    company_id = lookup.company(session, settings)
    known = lookup.all_known(session, settings, invoice, company_id)
    made: int | None = None
    for _ in range(_ROUNDS):
        alive = documents(session, company_id, invoice.key)
        posted = [record for record in alive if record["number"]]
        surplus = [record for record in alive if record not in posted][0 if posted else 1 :]
        for record in surplus:
            _discard(session, record)
        if posted:
            return str(posted[0]["id"])
        if surplus:
            continue
        if not alive:
            made = session.create(_MODEL, mapping.invoice_values(invoice, known))
            continue
        (draft,) = alive
        try:
            wrong = _differences(session, invoice, draft, known)
            if not wrong:
                _post(session, draft, company_id)
                return str(draft["id"])
        except RejectedError:
            if _still_alone(session, draft, company_id, invoice.key):
                raise
            continue  # refused because another caller deleted or posted it under our hands
        _discard(session, draft)
        if draft["id"] == made:
            raise _mismatch(invoice, wrong)
    raise TransientError(f"Others are posting invoice {invoice.number} to Tryton at the same time.")


def _still_alone(session: Session, draft: Record, company_id: int, key: str) -> bool:
    """Whether the draft is still the only invoice under its key, and still a draft."""
    return [(now["id"], now["number"]) for now in documents(session, company_id, key)] == [(draft["id"], None)]


def _differences(session: Session, invoice: PostingInvoice, draft: Record, known: mapping.Known) -> list[str]:
    """Where the draft is not the invoice, after differences of mere rounding were set right in it."""
    rows: list[Record] = session.call("model.account.invoice.tax.read", draft["taxes"], ["tax", "base", "amount"])
    corrections = mapping.rounding_corrections(invoice, known.taxes, rows)
    for row, amount in corrections:
        session.call("model.account.invoice.tax.write", [row], {"amount": amount})
    if corrections:
        (draft,) = session.call(f"model.{_MODEL}.read", [draft["id"]], list(mapping.INVOICE_FIELDS))
    return mapping.differences(invoice, draft, known)


def _mismatch(invoice: PostingInvoice, wrong: list[str]) -> RejectedError:
    return RejectedError(
        f"Tryton makes something else of invoice {invoice.number}: {', '.join(wrong)}. Nothing was posted.",
        remedy=(
            "Compare the rate of Tryton's taxes with 'taxes' in the connection's settings, and the decimals of the "
            "currency; then post again."
        ),
    )


def _discard(session: Session, record: Record) -> None:
    """Delete a draft. If that is refused, somebody posted or deleted it meanwhile: the next search tells."""
    with suppress(RejectedError):
        if record["state"] == "validated":
            session.call(f"model.{_MODEL}.draft", [record["id"]])
        session.call(f"model.{_MODEL}.delete", [record["id"]])


def _post(session: Session, draft: Record, company_id: int) -> None:
    """Post the draft, confirming what needs no person and giving way to Tryton's order of dates."""
    for attempt in range(_POST_ATTEMPTS):
        try:
            session.call(f"model.{_MODEL}.post", [draft["id"]])
            return
        except WarningRaisedError as warning:
            if not warning.name.endswith(f".{_PAST_DUE}") or attempt == _POST_ATTEMPTS - 1:
                raise
            session.skip(warning.name)
        except RejectedError:
            if attempt == _POST_ATTEMPTS - 1 or not _moved_behind_later(session, draft, company_id):
                raise


def _moved_behind_later(session: Session, draft: Record, company_id: int) -> bool:
    """Whether the draft had to take the date of a later invoice: Tryton numbers in the order of invoice dates.

    The ledger is not touched by this: its date, and that of the taxes, is the accounting date, which stays.
    """
    later = [
        ["company", "=", company_id],
        ["type", "=", "out"],
        ["number", "!=", None],
        ["invoice_date", ">", draft["invoice_date"]],
    ]
    found = session.search(_MODEL, later, ["invoice_date"], order="invoice_date DESC", limit=1)
    if not found:
        return False
    draft["invoice_date"] = found[0]["invoice_date"]
    session.call(f"model.{_MODEL}.write", [draft["id"]], {"invoice_date": draft["invoice_date"]})
    return True
