"""Customers say what e-invoices they want; the last check of each draft's e-invoice is kept.

A new table and a nullable column: the release now running ignores both. What it stores of customers leaves the column empty until
they are sent again to the new release, so that their invoices stay plain PDFs meanwhile.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "einvoice_check",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("basis_sha256", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("findings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("rule_sets", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_einvoice_check")),
    )
    op.add_column(
        "customer", sa.Column("einvoice", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
