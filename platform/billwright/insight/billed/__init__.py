"""Billed once, net of credits, as the database has it.

In: the tenant's items, allocations, invoices and credit notes. Does: compares them, set-based. Out: offenders against invariant 1.
"""
