"""Canon: canonical objects and their versions: parties, contracts, delivery.

In: canonical structs from a mapping, each with its place in the source's order. Does: upserts by the source's key; an
older message never wins; objects may arrive before those they point to. Out: rows, and an event per touched contract.
"""
