"""Outgoing webhooks. In: what happened to invoices, drafts and disputes, and who wants to know.
Does: writes each event in the transaction in which it happens, sends it signed, in order per object, for days if need be.
Out: CloudEvents by the Standard Webhooks scheme, a log of every attempt, warnings before anything is switched off.
"""
