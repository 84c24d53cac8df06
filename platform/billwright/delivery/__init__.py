"""Delivery: channels to people.

In: a rendered document, a reminder. Does: a saga step per mail: intent, act, outcome. Out: mail by SMTP, or in the
embedded mailbox when no server is set; every outcome is recorded.
"""
