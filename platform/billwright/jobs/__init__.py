"""Jobs: rows in the business transaction, leased fairly, done at least once, finished exactly once.

In: job specs and domain events of the rooms. Does: dispatch, leases, retries by class, dead letters, timers. Out: calls
of the handlers that the composition root registered. Redis only wakes workers; PostgreSQL is the truth.
"""
