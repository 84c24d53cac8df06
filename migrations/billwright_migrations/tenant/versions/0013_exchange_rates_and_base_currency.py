"""Exchange rates, base amounts of the journal, write-offs and exports of the journal.

The release now running knows none of the tables and columns and writes rows without them: such entries have no base amounts
and no roles, which is what they mean. The index of the journal is made in one step, about a second per million entries.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("legal_entity_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("accounts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_export")),
        sa.UniqueConstraint("legal_entity_id", "number", name=op.f("uq_journal_export_legal_entity_id_number")),
    )
    op.create_table(
        "rate_day",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("per_euro", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("source", "on", name=op.f("pk_rate_day")),
    )
    op.create_table(
        "rate_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_by_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_file")),
    )
    op.create_table(
        "journal_export_entry",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entry.id"], name=op.f("fk_journal_export_entry_entry_id")),
        sa.ForeignKeyConstraint(["export_id"], ["journal_export.id"], name=op.f("fk_journal_export_entry_export_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_journal_export_entry")),
    )
    op.create_index(op.f("ix_journal_export_entry_export_id"), "journal_export_entry", ["export_id"], unique=False)
    op.create_table(
        "write_off",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receivable_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_by_name", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_write_off_amount")),
        sa.ForeignKeyConstraint(["receivable_id"], ["receivable.id"], name=op.f("fk_write_off_receivable_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_off")),
    )
    op.create_index("ix_write_off_receivable", "write_off", ["receivable_id"], unique=False)
    op.add_column("journal_entry", sa.Column("base_currency", sa.Text(), nullable=True))
    op.add_column(
        "journal_entry", sa.Column("rates", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.create_index("ix_journal_entry_booked", "journal_entry", ["legal_entity_id", "booked_on"], unique=False)
    op.add_column("journal_line", sa.Column("base_minor", sa.BigInteger(), nullable=True))
    op.add_column("journal_line", sa.Column("role", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_journal_line_receivable_id"), "journal_line", ["receivable_id"], unique=False)
