"""First-party connectors: each folder is one vendor, loaded through the entry points `billwright.connectors`.

In: settings, secrets and an outgoing client. Does: talks to one kind of system. Out: what `billwright.extension` defines.
"""
