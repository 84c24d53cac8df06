"""A file in the drop folder becomes a job of its tenant, and its rows become messages once."""

import os
from pathlib import Path

from sqlalchemy import func, insert, select

from billwright.intake.jobs import drop_handlers, enqueue_scans
from billwright.intake.tables import ConnectionRow, SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction


def test_a_dropped_file_is_taken_once(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    assert enqueue_scans(database, tmp_path) == 0
    with transaction(database, tenant, SYSTEM) as tx:
        row = {
            "id": new_id(), "name": "erp-files", "connector": "csv_journal", "source": "files", "settings": {},
            "enabled": True,
        }  # fmt: skip
        tx.session.execute(insert(ConnectionRow), [row])
    folder = tmp_path / tenant.slug / "erp-files"
    folder.mkdir(parents=True)
    (tmp_path / "nobody" / "x").mkdir(parents=True)
    path = folder / "customers-1.csv"
    path.write_text("ref,name\nC1,Client One\nC2,Client Two\n", encoding="utf-8")
    assert enqueue_scans(database, tmp_path) == 0, "a file that may still be written waits"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))

    assert enqueue_scans(database, tmp_path) == 1
    assert enqueue_scans(database, tmp_path) == 1, "asked again before the job ran: still one job"
    assert drain(database, Handlers.of(*drop_handlers(database, tmp_path)), tenant_id=tenant.id) == 1

    with transaction(database, tenant, SYSTEM) as tx:
        assert tx.session.scalar(select(func.count()).select_from(SourceMessageRow)) == 2
    assert (folder / "done" / "customers-1.csv.result.csv").exists() or list(folder.glob("done/*result*"))
    assert enqueue_scans(database, tmp_path) == 0
