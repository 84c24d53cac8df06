"""Holdback, billing policies and bills that customers share: columns on contracts, projects, items, drafts and receivables,
and the ledger of holdback.

The release now running ignores the new columns and tables; every column is nullable or has a default that keeps what it
wrote as it was. Adding them takes a moment's lock of each table.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("contract", sa.Column("holdback", json, nullable=True))
    op.add_column("contract", sa.Column("billing_policy", json, nullable=True))
    op.add_column("contract", sa.Column("bill_to", json, nullable=True))
    op.add_column(
        "contract", sa.Column("bill_to_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
    )
    op.add_column("project", sa.Column("cost_centre", sa.Text(), server_default="", nullable=False))
    op.add_column("billable_item", sa.Column("share_of", sa.Text(), server_default="", nullable=False))
    op.add_column("invoice", sa.Column("holdback", json, nullable=True))
    op.add_column("receivable", sa.Column("retained_minor", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "holdback_balance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("legal_entity_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("billed_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withheld_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("released_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("outstanding_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "withheld_minor = released_minor + outstanding_minor", name=op.f("ck_holdback_balance_sums")
        ),
        sa.CheckConstraint("released_minor >= 0 AND outstanding_minor >= 0", name=op.f("ck_holdback_balance_signs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holdback_balance")),
        sa.UniqueConstraint(
            "contract_id",
            "legal_entity_id",
            "currency",
            "mode",
            name=op.f("uq_holdback_balance_contract_id_legal_entity_id_currency_mode"),
        ),
    )
    op.create_table(
        "holdback_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("balance_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("credit_invoice_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_holdback_entry_amount")),
        sa.ForeignKeyConstraint(
            ["balance_id"], ["holdback_balance.id"], name=op.f("fk_holdback_entry_balance_id_holdback_balance")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holdback_entry")),
    )
    op.create_index(op.f("ix_holdback_entry_balance_id"), "holdback_entry", ["balance_id"], unique=False)
    op.create_index(op.f("ix_holdback_entry_invoice_id"), "holdback_entry", ["invoice_id"], unique=False)
