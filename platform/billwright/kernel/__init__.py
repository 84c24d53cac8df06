"""Kernel: money, quantities, identifiers, clock, actor, errors, settings.

In: nothing. Does: the pure values that every room shares. Out: values and refusals; no framework, no I/O.
"""
