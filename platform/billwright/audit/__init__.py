"""Audit: an entry in each business transaction, insert-only by grants.

In: an actor and what changed. Does: writes who, what, before and after, why, from where. Out: rows that nobody changes.
"""
