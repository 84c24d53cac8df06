"""Billing: triggers, billable items, pricing, grouping into drafts, allocations.

In: contracts whose facts changed. Does: asks the tenant's triggers for billable items, keeps each under its transaction
key, groups the ready ones into drafts. Out: drafts with lines and allocations; items that wait say why.
"""
