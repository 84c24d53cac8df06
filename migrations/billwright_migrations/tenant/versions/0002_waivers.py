"""Waivers, and the recipe by which a draft's content hash was made

The release now running neither reads nor writes ``waiver``. It does not know ``invoice.content_version`` either: what it
makes gets the default 1, which is the recipe that it uses (without PO number and bank account).

Nothing is hashed anew here: the hash is made from prices and parties by the application, and SQL would be a second
recipe. The new release compares a hash with the recipe of its row. A draft that was approved before the upgrade and is
not touched again is issued under the recipe that its approvers decided under; the first evaluation that touches a draft
hashes it by the second recipe, drops the approvals that saw the first one, and says so on the time line.
While both releases run, a hash that the old one made of a row of version 2 fits no recipe: the draft is priced and
approved again, and nothing is issued on it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "waiver",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_by_name", sa.Text(), nullable=False),
        sa.Column("asked_by_email", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.Text(), nullable=True),
        sa.Column("decided_by_email", sa.Text(), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver")),
    )
    op.create_index("ix_waiver_invoice_id", "waiver", ["invoice_id"], unique=False)
    op.create_index(
        "ix_waiver_waiting", "waiver", ["asked_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index(
        "uq_waiver_open_finding",
        "waiver",
        ["finding_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'granted')"),
    )
    op.add_column("invoice", sa.Column("content_version", sa.BigInteger(), server_default="1", nullable=False))
