"""What breaks the invariants of the model, asked of the database.

Raw SQL: each statement compares what two or more rooms wrote, set-based with lateral joins, window functions and JSON
paths; in SQL it reads as the invariant does. None takes any text of a user. Every statement gives one row per offender:
``subject`` names it, the other columns fill the sentence (``*_minor`` are amounts in ``currency``).
"""

from typing import Final

from sqlalchemy import text

# 2. Numbers of a series are contiguous. A series may start anywhere; its first number is the lowest that was taken.
NUMBERS_MISSING: Final = text(
    """
    SELECT concat_ws('/', entity.code, taken.document_type, taken.year) AS subject,
           taken.number + 1 AS first, taken.following - 1 AS last
      FROM (
           SELECT series.legal_entity_id, series.document_type, series.year, invoice.sequence_number AS number,
                  lead(invoice.sequence_number, 1, series.next_number) OVER (
                      PARTITION BY series.legal_entity_id, series.document_type, series.year
                      ORDER BY invoice.sequence_number) AS following
             FROM number_series series
             JOIN invoice ON invoice.legal_entity_id = series.legal_entity_id
              AND invoice.document_type = series.document_type AND invoice.number_year = series.year
           ) taken
      JOIN legal_entity entity ON entity.id = taken.legal_entity_id
     WHERE taken.following > taken.number + 1
    """
)
NUMBERS_TWICE: Final = text(
    """
    SELECT number AS subject, count(*) AS invoices FROM invoice WHERE number IS NOT NULL GROUP BY 1 HAVING count(*) > 1
     UNION
    SELECT min(number), count(*) FROM invoice WHERE number IS NOT NULL
     GROUP BY legal_entity_id, document_type, number_year, sequence_number HAVING count(*) > 1
    """
)
NUMBERS_OUTSIDE: Final = text(
    """
    SELECT invoice.id AS subject, invoice.number
      FROM invoice
      LEFT JOIN number_series series ON series.legal_entity_id = invoice.legal_entity_id
       AND series.document_type = invoice.document_type AND series.year = invoice.number_year
     WHERE invoice.number IS NOT NULL AND (invoice.sequence_number < series.next_number) IS NOT TRUE
    """
)
NUMBERS_AND_PHASES: Final = text(
    """
    SELECT id AS subject, phase, coalesce(number, 'no number') AS number FROM invoice
     WHERE (number IS NULL) <> (issued_at IS NULL)
        OR phase <> 'void' AND (number IS NULL)
           <> (phase IN ('draft', 'validation_pending', 'manager_approved', 'finance_approved'))
    """
)

# 3. Line sums, tax breakdown and totals agree to the cent.
TOTALS: Final = text(
    """
    SELECT invoice.id AS subject, invoice.currency, invoice.net_minor, invoice.tax_minor, invoice.gross_minor,
           coalesce(found.net, 0) AS lines_minor, taxed.minor AS computed_tax_minor
      FROM invoice
      LEFT JOIN credit_note note ON note.invoice_id = invoice.id AND invoice.phase <> 'void'
      LEFT JOIN (
           SELECT invoice_id, sum(net) AS net,
                  sum(CASE WHEN components = '[]' THEN round(net * rate / 10000.0) ELSE (
                      SELECT sum(round(net * CAST(part ->> 'rate_ppm' AS bigint) / 1000000.0))
                        FROM jsonb_array_elements(components) part) END) AS tax
             FROM (SELECT invoice_id, tax_rate_basis_points AS rate, tax_components AS components, sum(net_minor) AS net
                     FROM invoice_line
                    GROUP BY invoice_id, tax_category, tax_rate_basis_points, tax_reason, tax_components) breakdown
            GROUP BY invoice_id
           ) found ON found.invoice_id = invoice.id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN note.invoice_id IS NULL THEN coalesce(found.tax, 0) ELSE (
                  SELECT coalesce(sum(CAST(row ->> 'tax_minor' AS bigint)), 0)
                    FROM jsonb_array_elements(note.taxes) row) END AS minor
           ) taxed
     WHERE (invoice.net_minor, invoice.tax_minor, invoice.gross_minor)
           IS DISTINCT FROM (coalesce(found.net, 0), taxed.minor, coalesce(found.net, 0) + taxed.minor)
    """
)
LINES: Final = text(
    """
    SELECT line.id AS subject, line.invoice_id AS invoice, line.position, invoice.currency, line.net_minor,
           line.quantity, coalesce(sum(share.amount_minor), 0) AS shares_minor,
           coalesce(sum(share.quantity), 0) AS shares_quantity
      FROM invoice_line line
      JOIN invoice ON invoice.id = line.invoice_id
      LEFT JOIN allocation share ON share.line_id = line.id
     GROUP BY line.id, invoice.currency
    HAVING (line.net_minor, line.quantity)
           IS DISTINCT FROM (coalesce(sum(share.amount_minor), 0), coalesce(sum(share.quantity), 0))
        OR coalesce(line.standard_minor, line.net_minor) IS DISTINCT FROM round(line.unit_price * line.quantity
           * power(10::numeric, CAST(CAST(:digits AS jsonb) ->> invoice.currency AS numeric)))
    """
)
SNAPSHOT_TOTALS: Final = text(
    """
    SELECT invoice.id AS subject, invoice.currency, invoice.gross_minor,
           CAST(frozen.content ->> 'gross_minor' AS bigint) AS frozen_minor
      FROM invoice
      JOIN invoice_snapshot frozen ON frozen.invoice_id = invoice.id
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(CAST(row ->> 'taxable_minor' AS bigint)), 0) AS net,
                  coalesce(sum(CAST(row ->> 'tax_minor' AS bigint)), 0) AS tax,
                  coalesce(bool_and(CAST(row ->> 'tax_minor' AS bigint) = coalesce(
                      (SELECT sum(round(CAST(row ->> 'taxable_minor' AS bigint) * CAST(part ->> 'rate_ppm' AS bigint)
                              / 1000000.0))
                         FROM jsonb_array_elements(coalesce(row -> 'components', '[]')) part),
                      round(CAST(row ->> 'taxable_minor' AS bigint) * CAST(row ->> 'rate_basis_points' AS bigint)
                          / 10000.0))), true) AS each_right
             FROM jsonb_array_elements(frozen.content -> 'taxes') row
           ) breakdown
     WHERE (CAST(frozen.content ->> 'net_minor' AS bigint), CAST(frozen.content ->> 'tax_minor' AS bigint),
            CAST(frozen.content ->> 'gross_minor' AS bigint), frozen.content ->> 'currency')
           IS DISTINCT FROM (invoice.net_minor, invoice.tax_minor, invoice.gross_minor, invoice.currency)
        OR (breakdown.net, breakdown.tax) IS DISTINCT FROM (invoice.net_minor, invoice.tax_minor)
        OR NOT breakdown.each_right AND invoice.document_type <> 'credit_note'
    """
)
SNAPSHOT_LINES: Final = text(
    """
    SELECT DISTINCT coalesce(frozen.invoice_id, kept.invoice_id) AS subject,
           coalesce(frozen.position, kept.position) AS position
      FROM (
           SELECT invoice_id, CAST(row ->> 'position' AS bigint) AS position, CAST(row ->> 'net_minor' AS bigint) AS net,
                  row ->> 'tax_category' AS category, CAST(row ->> 'tax_rate_basis_points' AS bigint) AS rate
             FROM invoice_snapshot, jsonb_array_elements(content -> 'lines') row
           ) frozen
      FULL JOIN (
           SELECT line.invoice_id, line.position, line.net_minor AS net, line.tax_category AS category,
                  line.tax_rate_basis_points AS rate
             FROM invoice_line line JOIN invoice ON invoice.id = line.invoice_id AND invoice.issued_at IS NOT NULL
           ) kept ON kept.invoice_id = frozen.invoice_id AND kept.position = frozen.position
     WHERE (frozen.net, frozen.category, frozen.rate) IS DISTINCT FROM (kept.net, kept.category, kept.rate)
    """
)

# 4. An issued invoice's content hash never changes.
SNAPSHOTS_MISSING: Final = text(
    """
    SELECT coalesce(invoice.id, frozen.invoice_id) AS subject,
           CASE WHEN invoice.id IS NULL THEN 'frozen, but not issued' ELSE 'issued, but not frozen' END AS problem
      FROM (SELECT id FROM invoice WHERE issued_at IS NOT NULL) invoice
      FULL JOIN invoice_snapshot frozen ON frozen.invoice_id = invoice.id
     WHERE invoice.id IS NULL OR frozen.invoice_id IS NULL
    """
)
HASHES_ELSEWHERE: Final = text(
    """
    SELECT frozen.invoice_id AS subject, said.place, said.sha256, frozen.sha256 AS frozen_sha256
      FROM invoice_snapshot frozen
      JOIN (
           SELECT subject_id, name AS place, content_sha256 AS sha256 FROM document WHERE kind = 'invoice_pdf'
            UNION ALL
           SELECT subject_id, 'audit entry', after ->> 'content_sha256' FROM audit_entry WHERE action = 'invoice.issued'
           ) said ON said.subject_id = frozen.invoice_id
     WHERE said.sha256 IS DISTINCT FROM frozen.sha256
    """
)

# 5. Every journal entry balances; a receivable's balance is what is owed.
ENTRIES: Final = text(
    """
    SELECT entry.id AS subject, entry.kind, line.currency, sum(line.amount_minor) AS balance_minor
      FROM journal_entry entry JOIN journal_line line ON line.entry_id = entry.id
     GROUP BY entry.id, line.currency HAVING sum(line.amount_minor) <> 0
    """
)
BALANCES: Final = text(
    """
    SELECT receivable.id AS subject, receivable.invoice_id AS invoice, receivable.currency, receivable.open_minor,
           receivable.gross_minor - coalesce(taken.minor, 0) AS owed_minor, coalesce(ledger.minor, 0) AS ledger_minor
      FROM receivable
      LEFT JOIN (
           SELECT receivable_id, sum(amount_minor) AS minor FROM (
                  SELECT receivable_id, amount_minor FROM payment_application
                   UNION ALL
                  SELECT receivable_id, amount_minor FROM credit_application
                   UNION ALL
                  SELECT credit_id, -amount_minor FROM credit_application
                   UNION ALL
                  SELECT credit_id, -amount_minor FROM refund
                   UNION ALL
                  SELECT receivable_id, amount_minor FROM write_off WHERE state = 'booked'
                   UNION ALL
                  SELECT void.id, void.gross_minor FROM receivable void
                    JOIN invoice ON invoice.id = void.invoice_id AND invoice.phase = 'void'
                  ) each_taken GROUP BY 1
           ) taken ON taken.receivable_id = receivable.id
      LEFT JOIN (SELECT receivable_id, currency, sum(amount_minor) AS minor FROM journal_line GROUP BY 1, 2) ledger
        ON ledger.receivable_id = receivable.id AND ledger.currency = receivable.currency
     WHERE receivable.open_minor <> receivable.gross_minor - coalesce(taken.minor, 0)
        OR receivable.open_minor <> coalesce(ledger.minor, 0)
    """
)
RECEIVABLES: Final = text(
    """
    SELECT coalesce(invoice.id, receivable.invoice_id) AS subject,
           CASE WHEN receivable.id IS NULL THEN 'has no receivable'
                WHEN invoice.id IS NULL THEN 'has a receivable but is not issued'
                ELSE 'and its receivable differ in customer, currency or total' END AS problem
      FROM (SELECT id, customer_id, currency, gross_minor FROM invoice
             WHERE issued_at IS NOT NULL) invoice
      FULL JOIN receivable ON receivable.invoice_id = invoice.id
     WHERE (invoice.id, invoice.customer_id, invoice.currency, invoice.gross_minor) IS DISTINCT FROM
           (receivable.invoice_id, receivable.customer_id, receivable.currency, receivable.gross_minor)
    """
)
PAYMENTS: Final = text(
    """
    SELECT payment.id AS subject, payment.currency, payment.amount_minor, payment.unapplied_minor,
           coalesce(sum(applied.amount_minor), 0) AS applied_minor
      FROM payment
      LEFT JOIN payment_application applied ON applied.payment_id = payment.id
      LEFT JOIN receivable ON receivable.id = applied.receivable_id
     GROUP BY payment.id
    HAVING payment.amount_minor <> payment.unapplied_minor + coalesce(sum(applied.amount_minor), 0)
        OR payment.unapplied_minor < 0
        OR bool_or(receivable.currency <> payment.currency)
    """
)

# 6. Who decided, and about what. A contributor is kept by identifier or by e-mail; the e-mails are compared by the caller,
# because people live in the control plane.
OWN_WORK: Final = text(
    """
    SELECT step.id AS subject, step.invoice_id AS invoice, step.decided_by, step.decided_by_name, made.identity, made.why
      FROM approval_step step
      JOIN contributor made ON made.invoice_id = step.invoice_id
     WHERE step.state = 'approved' AND (made.identity = CAST(step.decided_by AS text) OR made.identity LIKE '%@%')
    """
)
SAME_PERSON: Final = text(
    """
    SELECT invoice_id AS subject, min(decided_by_name) AS decided_by_name, count(*) AS steps FROM approval_step
     WHERE state = 'approved' GROUP BY invoice_id, decided_by HAVING count(*) > 1
    """
)
STEPS: Final = text(
    """
    SELECT step.id AS subject, step.invoice_id AS invoice, step.role, step.state FROM approval_step step
      JOIN invoice ON invoice.id = step.invoice_id
     WHERE step.state = 'approved' AND (step.decided_by IS NULL OR step.decided_at IS NULL)
        OR invoice.issued_at IS NOT NULL AND (step.state = 'waiting'
           OR step.state = 'approved' AND step.content_sha256 <> invoice.content_sha256)
    """
)
ROUTES: Final = text(
    """
    SELECT invoice.id AS subject, invoice.number, entity.code, customer.ref, invoice.net_minor, invoice.currency,
           coalesce(frozen.content -> 'buyer' ->> 'name', customer.name) AS customer_name, routed.at AS routed_at,
           array(SELECT role FROM approval_step WHERE invoice_id = invoice.id AND state = 'approved'
                    AND content_sha256 = invoice.content_sha256 AND decided_by IS NOT NULL) AS approved
      FROM invoice
      JOIN legal_entity entity ON entity.id = invoice.legal_entity_id
      JOIN customer ON customer.id = invoice.customer_id
      LEFT JOIN invoice_snapshot frozen ON frozen.invoice_id = invoice.id
      LEFT JOIN LATERAL (
           SELECT at FROM audit_entry WHERE subject_id = invoice.id AND action = 'invoice.routed' ORDER BY id DESC LIMIT 1
           ) routed ON true
     WHERE invoice.issued_at IS NOT NULL
    """
)

# 7. Every billed line reaches a contract version, an acceptance or approval, and a source message. What a source sent
# after the invoice was issued does not undo it: rows that changed since are not asked about their present state.
PROVENANCE: Final = text(
    """
    SELECT * FROM (
        SELECT DISTINCT line.id AS subject, invoice.number, line.position, concat_ws(' and no ',
               CASE WHEN version.id IS NULL THEN 'contract version' END,
               CASE WHEN message.id IS NULL THEN 'source message' END,
               CASE WHEN milestone.id IS NOT NULL AND milestone.basis <> 'mobilisation'
                     AND greatest(milestone.updated_at, contract.updated_at) < invoice.issued_at
                     AND coalesce(milestone.acceptance_required, contract.acceptance_required)
                     AND (acceptance.id IS NULL OR acceptance.updated_at < invoice.issued_at AND NOT (
                          acceptance.decision = 'accepted' AND item.subject_id = ANY(acceptance.milestone_ids)))
                    THEN 'acceptance' END,
               CASE WHEN item.kind = 'time' AND worked.id IS NULL OR item.kind = 'expense' AND spent.id IS NULL
                      OR worked.status <> 'approved' AND worked.updated_at < invoice.issued_at
                      OR spent.status <> 'approved' AND spent.updated_at < invoice.issued_at THEN 'approval' END) AS missing
          FROM invoice_line line
          JOIN invoice ON invoice.id = line.invoice_id AND invoice.issued_at IS NOT NULL
           AND invoice.document_type <> 'credit_note' AND invoice.phase <> 'void'
          LEFT JOIN allocation ON allocation.line_id = line.id
          LEFT JOIN billable_item item ON item.id = allocation.item_id
          LEFT JOIN contract ON contract.id = line.contract_id
          LEFT JOIN contract_version version ON version.id = allocation.contract_version_id
           AND version.contract_id = line.contract_id
          LEFT JOIN source_message message ON message.id = item.message_id
          LEFT JOIN milestone ON item.kind = 'milestone' AND milestone.id = item.subject_id
          LEFT JOIN acceptance ON acceptance.id = item.acceptance_id
          LEFT JOIN time_entry worked ON worked.id = item.subject_id
          LEFT JOIN expense spent ON spent.id = item.subject_id
    ) line WHERE missing <> ''
    """
)

# 8. Holdback: each balance is what its entries say, and where lines withhold also what invoices net of credits say.
HOLDBACK: Final = text(
    """
    SELECT balance.contract_id AS subject, balance.currency, said.what, said.minor AS said_minor,
           said.found AS found_minor
      FROM holdback_balance balance
      LEFT JOIN (
           SELECT balance_id,
                  sum(CASE kind WHEN 'withheld' THEN amount_minor WHEN 'withheld_reversed' THEN -amount_minor END) AS held,
                  sum(CASE kind WHEN 'released' THEN amount_minor WHEN 'released_reversed' THEN -amount_minor END) AS freed
             FROM holdback_entry GROUP BY 1
           ) ledger ON ledger.balance_id = balance.id
      LEFT JOIN (
           SELECT item.contract_id, invoice.legal_entity_id, invoice.currency, 'line' AS mode,
                  coalesce(-sum(share.amount_minor) FILTER (WHERE item.transaction_key LIKE '%:withheld:%'), 0) AS held,
                  coalesce(sum(share.amount_minor) FILTER (WHERE item.transaction_key NOT LIKE '%:withheld:%'), 0) AS freed
             FROM billable_item item
             JOIN allocation share ON share.item_id = item.id
             JOIN invoice ON invoice.id = share.invoice_id AND invoice.issued_at IS NOT NULL AND invoice.phase <> 'void'
            WHERE item.kind = 'holdback' GROUP BY 1, 2, 3
           ) billed USING (contract_id, legal_entity_id, currency, mode)
     CROSS JOIN LATERAL (VALUES
           ('withheld', balance.withheld_minor, coalesce(ledger.held, 0)),
           ('released', balance.released_minor, coalesce(ledger.freed, 0)),
           ('outstanding', balance.outstanding_minor, balance.withheld_minor - balance.released_minor),
           ('withheld by lines', CASE mode WHEN 'line' THEN balance.withheld_minor ELSE 0 END, coalesce(billed.held, 0)),
           ('released by lines', CASE mode WHEN 'line' THEN balance.released_minor ELSE 0 END, coalesce(billed.freed, 0))
           ) said (what, minor, found)
     WHERE said.minor <> said.found
    """
)
HOLDBACK_ITEMS: Final = text(
    """
    SELECT item.transaction_key AS subject, invoice.id AS invoice
      FROM billable_item item
      JOIN invoice ON invoice.id = item.invoice_id AND invoice.issued_at IS NOT NULL AND invoice.phase <> 'void'
     WHERE item.kind = 'holdback' AND item.state = 'billed' AND NOT EXISTS (
           SELECT FROM holdback_entry entry WHERE entry.invoice_id = invoice.id)
    """
)

# 9. Posted here = posted in the ERP, by what was read back from there.
POSTINGS: Final = text(
    """
    SELECT 'pst' AS prefix, subject, invoice, differing FROM (
        SELECT posting.id AS subject, posting.invoice_id AS invoice, concat_ws(', ',
               CASE WHEN posting.read_back IS NULL THEN 'nothing was read back' END,
               CASE WHEN frozen.invoice_id IS NULL THEN 'the invoice is not issued' END,
               CASE WHEN erp ->> 'net_minor' IS DISTINCT FROM said ->> 'net_minor'
                      OR erp ->> 'gross_minor' IS DISTINCT FROM said ->> 'gross_minor' THEN 'total' END,
               CASE WHEN erp ->> 'tax_minor' IS DISTINCT FROM said ->> 'tax_minor' THEN 'tax' END,
               CASE WHEN erp ->> 'currency' IS DISTINCT FROM said ->> 'currency' THEN 'currency' END,
               CASE WHEN erp ->> 'issued_on' IS DISTINCT FROM said ->> 'issued_on' THEN 'date' END,
               CASE WHEN erp ->> 'party_key' <> said -> 'buyer' ->> 'id' AND erp ->> 'party_key' <> ''
                    THEN 'customer' END) AS differing
          FROM posting
          LEFT JOIN invoice_snapshot frozen ON frozen.invoice_id = posting.invoice_id
         CROSS JOIN LATERAL (SELECT coalesce(posting.read_back, '{}') AS erp, coalesce(frozen.content, '{}') AS said) _
         WHERE posting.state = 'posted'
    ) posting WHERE differing <> ''
     UNION ALL
    SELECT 'inv', id, id, 'the invoice says posted, no posting does' FROM invoice
     WHERE phase = 'posted' AND NOT EXISTS (
           SELECT FROM posting WHERE posting.invoice_id = invoice.id AND posting.state = 'posted')
    """
)

# 11. Every state change has an audit entry; what it leaves open here, invariants_audit.py asks.
AUDIT_MISSING: Final = text(
    """
    SELECT 'inv' AS prefix, entry.subject_id AS subject, 'the disappearance' AS change FROM audit_entry entry
     WHERE entry.action = 'invoice.issued' AND NOT EXISTS (
           SELECT FROM invoice WHERE invoice.id = entry.subject_id AND invoice.issued_at IS NOT NULL)
     UNION ALL
    SELECT 'stp', step.id, 'the decision' FROM approval_step step
     WHERE step.decided_at IS NOT NULL AND NOT EXISTS (
           SELECT FROM audit_entry entry
            WHERE entry.subject_id = step.invoice_id AND entry.after ->> 'role' = step.role AND entry.at = step.decided_at
              AND entry.action IN ('invoice.approved', 'invoice.returned'))
    """
)
# A billed item's entry is that of its draft; the issuing is in the invoice's own. Order by id: UUIDv7 is the real time.
AUDIT_OF_ITEMS: Final = text(
    """
    SELECT item.transaction_key AS subject, item.state, coalesce(last.action, 'nothing') AS last_entry
      FROM billable_item item
      LEFT JOIN (
           SELECT DISTINCT ON (subject_id) subject_id, action FROM audit_entry
            WHERE subject_kind = 'billable_item' ORDER BY subject_id, id DESC
           ) last ON last.subject_id = item.id
     WHERE (last.action IN ('item.' || item.state, CASE WHEN item.state = 'billed' THEN 'item.drafted' END)) IS NOT TRUE
    """
)
