"""What breaks invariant 1, billed once net of credits, asked of the database. Raw SQL for the reasons of insight/queries.py.

What is billed of an item are its allocations on invoices that are not void, less those of issued credit notes.
"""

from typing import Final

from sqlalchemy import text

KEYS_TWICE: Final = text(
    "SELECT transaction_key AS subject, count(*) AS items FROM billable_item GROUP BY 1 HAVING count(*) > 1"
)
QUANTITIES: Final = text(
    """
    SELECT item.transaction_key AS subject, item.state, item.quantity, item.kept_quantity, item.written_off_quantity,
           coalesce(sum(bills.quantity), 0) AS allocated
      FROM billable_item item
      LEFT JOIN (
           SELECT allocation.item_id, allocation.quantity
             FROM allocation JOIN invoice ON invoice.id = allocation.invoice_id AND invoice.phase <> 'void'
            WHERE invoice.document_type <> 'credit_note' OR invoice.issued_at IS NOT NULL
           ) bills ON bills.item_id = item.id
     GROUP BY item.id
    HAVING coalesce(sum(bills.quantity), 0) <> CASE
           WHEN item.state = 'written_off' THEN item.quantity - item.written_off_quantity
           WHEN item.state IN ('drafted', 'billed') THEN item.quantity - item.written_off_quantity
           ELSE item.kept_quantity END
        OR item.state = 'written_off' AND item.written_off_quantity <> item.quantity
    """
)
# What earlier invoices keep of an item may stand on others than the one that it is on now.
PLACES: Final = text(
    """
    SELECT item.transaction_key AS subject, item.state, invoice.id AS invoice
      FROM allocation
      JOIN billable_item item ON item.id = allocation.item_id
      JOIN invoice ON invoice.id = allocation.invoice_id AND invoice.phase <> 'void'
       AND invoice.document_type <> 'credit_note'
      LEFT JOIN (
           SELECT taken.credits_id, sum(taken.quantity) AS quantity
             FROM allocation taken JOIN invoice note ON note.id = taken.invoice_id AND note.issued_at IS NOT NULL
            WHERE taken.credits_id IS NOT NULL GROUP BY 1
           ) credited ON credited.credits_id = allocation.id
     WHERE allocation.quantity + coalesce(credited.quantity, 0) <> 0 AND (
           item.customer_id IS DISTINCT FROM invoice.customer_id
        OR item.kept_quantity = 0 AND item.written_off_quantity = 0 AND (
           item.invoice_id IS DISTINCT FROM invoice.id
        OR item.state <> CASE WHEN invoice.issued_at IS NULL THEN 'drafted' ELSE 'billed' END))
    """
)
# Entries that share a line are rounded once, as a line: a share may be one minor unit off its entry's own amount.
AMOUNTS: Final = text(
    """
    SELECT item.transaction_key AS subject, item.currency, item.amount_minor, item.kept_minor, item.written_off_minor,
           item.state, billed.minor AS billed_minor
      FROM billable_item item
      JOIN (
           SELECT share.item_id, sum(share.amount_minor) AS minor,
                  count(*) FILTER (WHERE share.sharers > 1) AS rounded, min(share.currency) AS currency,
                  count(DISTINCT share.currency) AS currencies
             FROM (
                  SELECT allocation.item_id, allocation.amount_minor, invoice.currency,
                         count(*) OVER (PARTITION BY coalesce(original.line_id, allocation.line_id)) AS sharers
                    FROM allocation
                    LEFT JOIN allocation original ON original.id = allocation.credits_id
                    JOIN invoice ON invoice.id = allocation.invoice_id AND invoice.phase <> 'void'
                   WHERE invoice.document_type <> 'credit_note' OR invoice.issued_at IS NOT NULL
                  ) share
            GROUP BY share.item_id
           ) billed ON billed.item_id = item.id
     WHERE item.amount_minor IS NULL AND billed.minor <> 0
        OR item.state IN ('drafted', 'billed') AND (billed.currencies > 1 OR billed.currency <> item.currency)
        OR abs(billed.minor - CASE WHEN item.state IN ('drafted', 'billed', 'written_off')
               THEN item.amount_minor - item.written_off_minor ELSE item.kept_minor END) > billed.rounded
    """
)
# Credit notes that wait for approval count: nobody may ask for more than is left beside them.
CREDITS: Final = text(
    """
    SELECT invoice.id AS subject, line.position, share.quantity, taken.quantity AS credited_quantity,
           invoice.currency, share.amount_minor, taken.amount_minor AS credited_minor
      FROM allocation share
      JOIN invoice ON invoice.id = share.invoice_id
      JOIN invoice_line line ON line.id = share.line_id
      JOIN (
           SELECT allocation.credits_id, -sum(allocation.quantity) AS quantity,
                  -sum(allocation.amount_minor) AS amount_minor
             FROM allocation JOIN invoice note ON note.id = allocation.invoice_id AND note.phase <> 'void'
            WHERE allocation.credits_id IS NOT NULL GROUP BY 1
           ) taken ON taken.credits_id = share.id
     WHERE abs(taken.quantity) > abs(share.quantity) OR taken.quantity * share.quantity < 0
        OR abs(taken.amount_minor) > abs(share.amount_minor) OR taken.amount_minor * share.amount_minor < 0
        OR taken.quantity = share.quantity AND taken.amount_minor <> share.amount_minor
    """
)
CREDITED_TAX: Final = text(
    """
    SELECT invoice.id AS subject, invoice.currency, invoice.tax_minor, -notes.tax AS credited_minor
      FROM invoice
      JOIN (
           SELECT credits_invoice_id AS id, sum(net_minor) AS net, sum(tax_minor) AS tax FROM invoice
            WHERE credits_invoice_id IS NOT NULL AND phase <> 'void' GROUP BY 1
           ) notes ON notes.id = invoice.id
     WHERE NOT EXISTS (
           SELECT FROM allocation share
            WHERE share.invoice_id = invoice.id AND share.quantity + coalesce((
                  SELECT sum(taken.quantity) FROM allocation taken
                    JOIN invoice note ON note.id = taken.invoice_id AND note.phase <> 'void'
                   WHERE taken.credits_id = share.id), 0) <> 0)
       AND (notes.net, notes.tax) IS DISTINCT FROM (-invoice.net_minor, -invoice.tax_minor)
    """
)
