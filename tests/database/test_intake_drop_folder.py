"""The watched folder: every row has a result, a crash loses and doubles nothing, half-written files wait."""

import csv
import io
import os
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from billwright.audit.tables import AuditEntryRow
from billwright.canon.tables import TimeEntryRow
from billwright.intake.drop_folder import FileResult, take_drops, tenants_with_drops
from billwright.intake.jobs import drop_handlers, enqueue_scans, handlers
from billwright.intake.tables import DropFileRow, SourceMessageRow
from billwright.jobs.drain import drain
from billwright.jobs.handlers import Handlers
from billwright.kernel.actor import SYSTEM
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.intake import make_connection, message

HEAD = "ref;contract;person_name;worked_on;hours\r\n"
ROWS = (
    HEAD
    + "T1;K1;Ann;2026-01-02;7,5\r\nT2;K1;Bo;02.01.2026;25\r\nT1;K1;Ann;2026-01-02;7,50\r\n=T3;K1;Ann;2026-01-02;1\r\n"
)


def drop(
    folder: Path, tenant: Tenant, name: str, text: str | bytes, *, age_s: float = 60, connection: str = "files"
) -> Path:
    """A file as a program left it ``age_s`` ago."""
    path = folder / tenant.slug / connection / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    stamp = time.time() - age_s
    os.utime(path, (stamp, stamp))
    return path


def answer(result: FileResult) -> list[dict[str, str]]:
    raw = result.moved_to.with_name(f"{result.moved_to.name}.result.csv").read_bytes()
    delimiter = ";" if b";" in raw.partition(b"\n")[0] else ","
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def messages(database: Database, tenant: Tenant) -> list[SourceMessageRow]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(SourceMessageRow).order_by(SourceMessageRow.time)))


def test_every_row_has_its_result(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    connection = make_connection(database, tenant)
    path = drop(tmp_path, tenant, "time_entries-2026.csv", ROWS)
    (result,) = take_drops(database, tenant, tmp_path)

    assert not path.exists()
    assert result.moved_to == path.parent / "done" / path.name
    found = [(row["row"], row["status"], row["field"]) for row in answer(result)]
    assert found == [("2", "accepted", ""), ("3", "refused", "hours"), ("4", "duplicate", ""), ("5", "accepted", "")]
    assert "24" in answer(result)[1]["detail"]
    stored = messages(database, tenant)
    assert {(row.source, row.channel, row.connection_id, row.person_id) for row in stored} == {
        (connection.source, "file", connection.id, connection.person_id)
    }
    with transaction(database, tenant, SYSTEM) as tx:
        file = tx.session.scalars(select(DropFileRow)).one()
        actions = set(tx.session.scalars(select(AuditEntryRow.action)))
    assert (file.rows_accepted, file.rows_known, file.rows_refused) == (2, 1, 1)
    assert actions == {"messages.stored", "file.taken"}
    assert take_drops(database, tenant, tmp_path) == []


def test_the_same_rows_in_another_file_are_duplicates_and_a_changed_row_is_newer(
    database: Database, tenant: Tenant, tmp_path: Path
) -> None:
    make_connection(database, tenant)
    drop(tmp_path, tenant, "time_entries-1.csv", HEAD + "T1;K1;Ann;2026-01-02;7,5\n", age_s=90)
    drop(
        tmp_path,
        tenant,
        "time_entries-2.csv",
        "ref,contract,person_name,worked_on,hours\nT1,K1,Ann,2026-01-02,7.50\n",
        age_s=60,
    )
    drop(tmp_path, tenant, "time_entries-3.csv", HEAD + "T1;K1;Ann;2026-01-02;8\nT1;K1;Ann;2026-01-02;6\n", age_s=30)
    results = take_drops(database, tenant, tmp_path)
    assert [[row.status for row in result.rows] for result in results] == [
        ["accepted"],
        ["duplicate"],
        ["accepted"] * 2,
    ]
    drain(database, Handlers.of(*handlers({})), tenant_id=tenant.id)
    with transaction(database, tenant, SYSTEM) as tx:
        assert [str(hours) for hours in tx.session.scalars(select(TimeEntryRow.hours))] == ["6"]


def test_a_crash_before_the_move_leads_to_duplicates_only(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    make_connection(database, tenant)
    path = drop(tmp_path, tenant, "time_entries-1.csv", ROWS)
    stamp = path.stat().st_mtime
    take_drops(database, tenant, tmp_path)
    before = [row.id for row in messages(database, tenant)]
    drop(tmp_path, tenant, path.name, ROWS, age_s=time.time() - stamp)

    (again,) = take_drops(database, tenant, tmp_path)
    assert [row.status for row in again.rows] == ["duplicate", "refused", "duplicate", "duplicate"]
    assert again.moved_to.name != path.name
    assert [row.id for row in messages(database, tenant)] == before


def test_half_written_files_wait(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    make_connection(database, tenant)
    fresh = drop(tmp_path, tenant, "time_entries-1.csv", HEAD, age_s=0)
    part = drop(tmp_path, tenant, "time_entries-2.csv.part", ROWS)
    ahead = drop(tmp_path, tenant, "time_entries-3.csv", ROWS, age_s=-3600)
    assert take_drops(database, tenant, tmp_path) == []
    assert tenants_with_drops(tmp_path) == []
    assert all(path.exists() for path in (fresh, part, ahead))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("report.csv", ROWS, "begin it with one of"),
        ("time_entries-1.csv", "ref;contract\nT1;K1\n", "hours, person_name, worked_on"),
        ("time_entries-1.csv", "", "empty"),
        ("time_entries-1.csv", HEAD + 'T1;K1;"Ann;2026-01-02;1\n', "quotation marks"),
    ],
)
def test_a_file_that_cannot_be_read_goes_to_failed_with_the_reason(
    database: Database, tenant: Tenant, tmp_path: Path, name: str, content: str, said: str
) -> None:
    make_connection(database, tenant)
    drop(tmp_path, tenant, name, content)
    good = drop(tmp_path, tenant, "time_entries-9.csv", ROWS, age_s=10)
    failed, taken = take_drops(database, tenant, tmp_path)
    assert failed.moved_to.parent.name == "failed"
    assert said in (failed.problem or "")
    assert said in answer(failed)[0]["detail"]
    assert taken.moved_to.parent.name == "done"
    assert not good.exists()


def test_json_lines_of_events_and_of_objects(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    make_connection(database, tenant)
    events = (
        message("customer", 1, ref="C1", name="A")
        + b"\n\n"
        + b'{"broken": \n'
        + message("customer", 2, ref="C2", nmae="A")
    )
    drop(tmp_path, tenant, "export.jsonl", events, age_s=90)
    drop(tmp_path, tenant, "customers-1.jsonl", b'\xef\xbb\xbf{"ref": "C3", "name": "A"}\r\n{"ref": "C4"}\n', age_s=60)
    first, second = take_drops(database, tenant, tmp_path)
    assert [(row["row"], row["status"], row["field"]) for row in answer(first)] == [
        ("1", "accepted", ""), ("3", "refused", ""), ("4", "refused", "nmae"),
    ]  # fmt: skip
    assert [(row["row"], row["status"], row["field"]) for row in answer(second)] == [
        ("1", "accepted", ""), ("2", "refused", "name"),
    ]  # fmt: skip


def test_more_rows_than_one_batch_keep_their_order(database: Database, tenant: Tenant, tmp_path: Path) -> None:
    make_connection(database, tenant)
    lines = "".join(f"T{n};K1;Ann;2026-01-02;{'1' if n % 500 else '99'}\n" for n in range(2_300))
    drop(tmp_path, tenant, "time_entries-1.csv", HEAD + lines)
    (result,) = take_drops(database, tenant, tmp_path)
    assert [row.row for row in result.rows] == list(range(2, 2_302))
    assert [row.row for row in result.rows if row.status == "refused"] == [2, 502, 1_002, 1_502, 2_002]
    assert len(messages(database, tenant)) == 2_295


def test_links_other_folders_and_other_tenants_are_left_alone(database: Database, make_tenant, tmp_path: Path) -> None:
    tenant, other = make_tenant(), make_tenant()
    make_connection(database, tenant)
    make_connection(database, tenant, name="off", enabled=False)
    for where in ("unknown", "off"):
        drop(tmp_path, tenant, "customers-1.csv", "ref,name\nC1,A\n", connection=where)
    secret = tmp_path / "customers-secret.csv"
    secret.write_text("ref,name\nC1,A\n", encoding="utf-8")
    folder = tmp_path / tenant.slug / "files"
    folder.mkdir()
    (folder / "customers-link.csv").symlink_to(secret)
    drop(tmp_path, other, "customers-1.csv", "ref,name\nC1,A\n")

    assert take_drops(database, tenant, tmp_path) == []
    assert messages(database, tenant) == messages(database, other) == []


def test_the_timer_writes_a_scan_where_a_file_waits_and_the_job_takes_it(
    database: Database, make_tenant, tmp_path: Path
) -> None:
    tenant, idle = make_tenant(), make_tenant()
    for each in (tenant, idle):
        make_connection(database, each)
    path = drop(tmp_path, tenant, "customers-1.csv", "ref,name\nC1,A\n")
    (tmp_path / "nobody" / "files").mkdir(parents=True)
    (tmp_path / "nobody" / "files" / "customers-1.csv").write_text("ref,name\nC1,A\n", encoding="utf-8")
    os.utime(tmp_path / "nobody" / "files" / "customers-1.csv", (1, 1))

    assert enqueue_scans(database, tmp_path) == 1
    done = drain(database, Handlers.of(*handlers({}), *drop_handlers(database, tmp_path)), tenant_id=tenant.id)
    assert done == 2
    assert not path.exists()
    assert [row.state for row in messages(database, tenant)] == ["applied"]
