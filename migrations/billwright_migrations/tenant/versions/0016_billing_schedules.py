"""Billing schedules with usage records and progress reports; what milestones, acceptances, items and lines say more.

The release now running knows none of it and writes rows without the new columns, which have defaults or are empty: a milestone
that depends on nothing and is no advance, a whole acceptance, an item and a line of no service line.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _sourced() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("source_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_sequence", sa.BigInteger(), nullable=True),
        sa.Column("source_key", sa.Text(), server_default="", nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("earlier_makers", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    json = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.create_table(
        "billing_schedule",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("service_line", sa.Text(), nullable=False),
        sa.Column("change_order_id", sa.Uuid(), nullable=True),
        sa.Column("terms", json, nullable=False),
        *_sourced(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_schedule")),
    )
    op.create_index(op.f("ix_billing_schedule_contract_id"), "billing_schedule", ["contract_id"], unique=False)
    op.create_table(
        "usage_record",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_ref", sa.Text(), nullable=False),
        sa.Column("used_on", sa.Date(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        *_sourced(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_record")),
    )
    op.create_index(op.f("ix_usage_record_contract_id"), "usage_record", ["contract_id"], unique=False)
    op.create_table(
        "progress_report",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_ref", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("items", json, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        *_sourced(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress_report")),
    )
    op.create_index(op.f("ix_progress_report_contract_id"), "progress_report", ["contract_id"], unique=False)
    op.add_column(
        "milestone", sa.Column("depends_on_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
    )
    op.add_column("milestone", sa.Column("draw_down_percent", sa.Numeric(), nullable=True))
    op.add_column("milestone", sa.Column("service_line", sa.Text(), server_default="", nullable=False))
    op.add_column("acceptance", sa.Column("accepted_percent", sa.Numeric(), nullable=True))
    op.add_column("billable_item", sa.Column("follows", sa.Text(), nullable=True))
    op.add_column("billable_item", sa.Column("service_line", sa.Text(), server_default="", nullable=False))
    op.add_column("invoice_line", sa.Column("service_line", sa.Text(), server_default="", nullable=False))
