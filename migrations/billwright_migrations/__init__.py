"""Alembic environments: ``control`` for the control plane, ``tenant`` for each tenant's schema."""
