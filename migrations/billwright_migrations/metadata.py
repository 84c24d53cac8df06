"""All tables, imported so that their metadata is complete."""

from importlib import import_module

from sqlalchemy import MetaData

from billwright.tenancy.base import ControlBase, TenantBase

ROOMS = (
    "tenancy", "identity", "audit", "jobs", "canon", "intake", "billing", "checks", "approvals", "issuing", "documents",
    "einvoice", "delivery", "posting", "receivables", "collections",
)  # fmt: skip


def control_metadata() -> MetaData:
    _import_tables()
    return ControlBase.metadata


def tenant_metadata() -> MetaData:
    _import_tables()
    return TenantBase.metadata


def _import_tables() -> None:
    for room in ROOMS:
        import_module(f"billwright.{room}.tables")
    import_module("billwright.billing.tax.tables")
    import_module("billwright.delivery.webhooks.tables")
