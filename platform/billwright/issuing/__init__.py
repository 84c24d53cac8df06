"""Issuing: states, numbers, freezing.

In: an approved draft. Does: freezes content and parties, takes the number as the last statement. Out: an issued invoice
whose content hash never changes, and the event that opens the receivable in the same transaction.
"""
