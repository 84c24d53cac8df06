"""Tryton: posts invoices to a Tryton server with the module account_invoice.

In: an issued invoice. Does: looks, makes the draft, compares Tryton's amounts with ours, posts; at most once per key.
Out: Tryton's id, and the posted invoice as Tryton holds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from billwright.extension.connectors import Context, PostedDocument, PostingInvoice
from billwright_connectors.tryton import client, lookup, mapping, posting
from billwright_connectors.tryton.manifest import MANIFEST, Secrets, Settings

__all__ = ["find", "manifest", "post"]

manifest = MANIFEST


def find(context: Context, key: str) -> PostedDocument | None:
    """The invoice that Tryton numbered under ``key``, read now; ``None`` if there is none, or only a draft.

    One that was cancelled after posting is returned, with that state.

    Raises:
        RejectedError, ThrottledError, TransientError: as ``client.session`` and its calls.
    """
    with _session(context) as (session, settings):
        company_id = lookup.company(session, settings)
        posted = [record for record in posting.documents(session, company_id, key) if record["number"]]
        if not posted:
            return None
        party = posted[0]["party"]
        identifiers = session.search("party.identifier", [["party", "=", party]], ["code"])
        codes = [posted[0]["party."]["code"], *(row["code"] for row in identifiers)]
        return mapping.posted_document(posted[0], codes=codes, prefix=settings.party_code_prefix)


def post(context: Context, invoice: PostingInvoice) -> str:
    """Post ``invoice`` unless it is; return Tryton's id of it. Takes up what a call that died left behind.

    Raises:
        RejectedError: as ``posting.post_once``; the remedy names the setting or the record in Tryton.
        ThrottledError, TransientError: call again later; whether the invoice was posted, ``find`` knows.
    """
    with _session(context) as (session, settings):
        return posting.post_once(session, settings, invoice)


@contextmanager
def _session(context: Context) -> Iterator[tuple[client.Session, Settings]]:
    settings, secrets = context.settings, context.secrets
    assert isinstance(settings, Settings), type(settings)
    assert isinstance(secrets, Secrets), type(secrets)
    with client.session(
        context.http,
        base_url=settings.base_url,
        database=settings.database,
        user=secrets.user,
        password=secrets.password,
    ) as session:
        yield session, settings
