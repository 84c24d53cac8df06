"""Terms of time and expenses on contracts; write-downs and write-ups of billable items; what was told about caps.

The release now running knows none of the columns and tables: its rows are billed as before, at their own hours and at cost.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cap_notice",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("cap", sa.Text(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("limit_minor", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("contract_id", "cap", "percent", "limit_minor", name=op.f("pk_cap_notice")),
    )
    op.create_table(
        "item_adjustment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("standard_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("person_email", sa.Text(), nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["billable_item.id"], name=op.f("fk_item_adjustment_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_adjustment")),
    )
    op.create_index(op.f("ix_item_adjustment_item_id"), "item_adjustment", ["item_id"], unique=False)
    op.add_column("billable_item", sa.Column("worked", sa.Numeric(), nullable=True))
    op.add_column("billable_item", sa.Column("standard_minor", sa.BigInteger(), nullable=True))
    op.add_column("billable_item", sa.Column("adjusted_by", sa.Text(), server_default="", nullable=False))
    op.add_column("billable_item", sa.Column("adjustment_id", sa.Uuid(), nullable=True))
    op.add_column("billable_item", sa.Column("caps", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("contract", sa.Column("ended_on", sa.Date(), nullable=True))
    op.add_column(
        "contract", sa.Column("time_terms", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.add_column(
        "contract",
        sa.Column("expense_terms", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )
    op.add_column("expense", sa.Column("tax_amount", sa.Numeric(), nullable=True))
    op.add_column("expense", sa.Column("distance", sa.Numeric(), nullable=True))
    op.add_column("expense", sa.Column("distance_unit", sa.Text(), server_default="km", nullable=False))
    op.add_column("expense", sa.Column("per_diem_country", sa.Text(), nullable=True))
    op.add_column("expense", sa.Column("day_fraction", sa.Numeric(), server_default="1", nullable=False))
    op.add_column("invoice_line", sa.Column("standard_minor", sa.BigInteger(), nullable=True))
    op.add_column("invoice_line", sa.Column("adjusted_by", sa.Text(), server_default="", nullable=False))
    op.add_column("time_entry", sa.Column("work_kind", sa.Text(), server_default="", nullable=False))
    op.add_column("time_entry", sa.Column("corrects_id", sa.Uuid(), nullable=True))
