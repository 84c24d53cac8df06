"""CSV journal: posts each invoice as one balanced entry to a CSV file that any accounting system can import.

In: an issued invoice. Does: appends the entry to the file of its month and legal entity, once per idempotency key.
Out: the file, and the entry read back from it.
"""

from pathlib import Path

from billwright.extension.connectors import Context, PostedDocument, PostingInvoice, TransientError
from billwright_connectors.csv_journal import client, mapping
from billwright_connectors.csv_journal.manifest import MANIFEST, Settings

__all__ = ["find", "manifest", "post"]

manifest = MANIFEST


def find(context: Context, key: str) -> PostedDocument | None:
    """The entry with ``key`` in any file of the folder, or ``None``.

    Raises:
        TransientError: the folder cannot be read.
        RejectedError: a file was saved in another shape.
    """
    try:
        entry = client.find_entry(Path(context.folder), key)
    except OSError as error:
        raise TransientError(f"The journal folder cannot be read: {error}.") from error
    return mapping.posted_document(entry[1], file=entry[0]) if entry else None


def post(context: Context, invoice: PostingInvoice) -> str:
    """Write the entry of ``invoice`` unless one with its key is there; return ``{file}#{key}``.

    Raises:
        TransientError: the folder cannot be written (disk full, no permission).
        RejectedError: the invoice does not balance, or the file was saved in another shape.
    """
    assert isinstance(context.settings, Settings), type(context.settings)
    folder = Path(context.folder)
    rows = mapping.entry_rows(invoice, context.settings)
    name = client.file_name(invoice.legal_entity, invoice.issued_on)
    try:
        with client.locked(folder):
            there = client.find_entry(folder, invoice.key)
            if there is None:
                client.append_entry(folder, name, rows)
    except OSError as error:
        raise TransientError(f"The journal folder cannot be written: {error}.") from error
    return f"{there[0] if there else name}#{invoice.key}"
