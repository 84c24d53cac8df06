"""Jobs that are over are deleted after a while, and found by their end

The release now running deletes none and is not disturbed. The index is made in one step: it locks the table against
writers for about a second per million jobs that are over.
"""

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    over = text("state IN ('done', 'resolved')")
    op.create_index("ix_job_over", "job", ["updated_at"], schema="control", postgresql_where=over)
    op.execute("GRANT DELETE ON control.job TO billwright_app")
