"""Onboarding as code: a blueprint says what a tenant is; applying it makes it so, all or nothing, as often as you like.

In: a blueprint (YAML or JSON). Does: checks it as a whole, then creates or changes the tenant in one transaction. Out: the
tenant and a list of what changed.
"""
