"""Intake: source messages in: verify, de-duplicate, store, map, replay.

In: CloudEvents by API, webhook or file. Does: stores each raw and answers within one transaction; a job maps them in the
source's order. Out: canonical upserts; what cannot be mapped is held with a reason, never dropped.
"""
