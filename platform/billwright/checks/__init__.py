"""Checks: rules run, findings, exception desk.

In: submitted drafts. Does: asks the tenant's rules for findings bound to the draft's content hash. Out: a clean draft goes
on to approvals; a blocked one stands on the exception desk with owner, reason, remedy and due time until its cause is mended.
"""
