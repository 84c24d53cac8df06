"""Posting: ERP saga, read-back.

In: issued invoices. Does: records the intent, looks before it posts, posts, reads back and compares. Out: a posting that
agrees to the cent, or one on the exception desk; a stuck ERP never looks like a business decision.
"""
