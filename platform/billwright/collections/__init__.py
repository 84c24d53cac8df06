"""Collections: reminder policies, reminders, disputes.

In: receivables that are due. Does: one reminder per customer, entity, currency and language at each step, over the net
position at the time of sending. Out: branded mails with project context; a dispute leaves out its amount only.
"""
