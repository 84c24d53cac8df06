"""Find the webhook deliveries that were given up, for the figures that are read all the time.

The release now running does not know the index. It is made in one step, like those of 0003; it holds what failed alone,
which is little or nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_webhook_delivery_failed",
        "webhook_delivery",
        ["subscription_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
    )
