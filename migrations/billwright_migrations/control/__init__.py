"""Migrations of the control plane."""
