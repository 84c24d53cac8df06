"""Identity: people, passwords, sessions, tokens, roles, permissions, grants.

In: a password, a session cookie or a bearer token. Does: finds who it is and what they may do in one tenant. Out: an
``Actor``, or a refusal that gives no hint.
"""
