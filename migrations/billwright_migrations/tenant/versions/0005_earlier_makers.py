"""Who sent a fact before its last sender: nobody approves what they made or changed, whoever changed it after them

The release now running neither reads nor writes the column; what it replaces while both run is known by its last sender
only, as before. The default is a constant, so that no row is rewritten and each table is locked for a moment.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FACTS = (
    "acceptance",
    "change_order",
    "contract",
    "customer",
    "evidence",
    "expense",
    "milestone",
    "project",
    "rate_card",
    "signal",
    "time_entry",
)


def upgrade() -> None:
    for table in FACTS:
        column = sa.Column("earlier_makers", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
        op.add_column(table, column)
