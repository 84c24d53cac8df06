"""First-party triggers and rules; they use nothing that a third party's plugin could not.

In: read-only views of a contract or a draft. Does: one package per plugin, each with its README, pure and without state.
Out: billable items with reasons, findings with remedies.
"""
