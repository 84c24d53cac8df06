"""Migrations of a tenant's schema; ``head.sql`` is their output as one script."""
