"""Receivables: journal, payments, cash application.

In: issued invoices, payments. Does: opens the receivable in the issuing transaction, books balanced entries, applies
money. Out: balances that equal invoice minus credits, payments and write-offs, always.
"""
