"""Tenancy: engines, the only ``transaction()``, schemas and roles, host to brand.

In: a tenant and an actor. Does: binds one unit of work to that tenant's schema and database role. Out: a ``Tx``, or
nothing at all: without a tenant bound no tenant table is visible.
"""
