"""Cli: the ``billwright`` command.

In: what the operator types, and the settings. Does: starts and watches processes and embedded servers, and calls the use
cases that have no page. Out: text for people, JSON for machines, an exit status.
"""
