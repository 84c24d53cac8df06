"""Extension: all that a plugin or connector may import besides the kernel.

In: hook specifications, protocols, read-only views. Does: nothing by itself. Out: the promises that the core keeps to
first-party and third-party extensions alike.
"""
