"""Saved views and chosen columns of lists; the orders in which the lists of invoices and open items are read

The release now running reads neither of the new tables. Both indexes are made in one step: they lock their table against
writers for about a second per million rows, which is within the statement timeout for any tenant there is.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("filters", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("sort_order", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("person_id", "list_name", "name", name=op.f("uq_saved_view_person_id_list_name_name")),
    )
    op.create_index("ix_saved_view_list", "saved_view", ["list_name"], unique=False)
    op.create_table(
        "list_choice",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("view_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["saved_view.id"], name=op.f("fk_list_choice_view_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("person_id", "list_name", name=op.f("pk_list_choice")),
    )
    op.create_index("ix_invoice_updated", "invoice", ["updated_at", "id"], unique=False)
    op.create_index("ix_receivable_due", "receivable", ["due_on", "id"], unique=False)
