"""``billwright einvoice`` as an operator types it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url, select

from billwright.audit.tables import ControlAuditEntryRow
from billwright.cli.main import billwright
from billwright.einvoice.errors import RuleSetInvalidError, RuleSetKnownError
from billwright.einvoice.write import write_cii, write_ubl
from billwright.identity.act import operator
from billwright.kernel.errors import InputInvalidError, NotFoundError, SettingsInvalidError
from billwright.kernel.ids import new_id, read
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import control_transaction
from support.einvoices import an_invoice
from support.rule_sets import RULE_SET

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, tmp_path: Path) -> Run:
    """``run("validate", file, status=0)``, against this worker's database."""
    environment = {"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_MASTER_KEY": ""}

    def invoke(*arguments: object, status: int = 0) -> Result:
        words = ["einvoice", *(str(each) for each in arguments)]
        result = CliRunner().invoke(billwright, words, env=environment, catch_exceptions=False)
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "good.xml": write_ubl(an_invoice()),
        "bad.xml": write_cii(an_invoice(number=None)),
        "large.pdf": b"%PDF-1.7" + b" " * 25_000_000,
        "old.xml": b'<CrossIndustryDocument xmlns="urn:ferd:CrossIndustryDocument:invoice:1p0"/>',
        "rules.xslt": RULE_SET.encode(),
        "no-rules.xslt": b"<xsl:stylesheet/>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


@pytest.fixture
def specification(run: Run) -> Iterator[str]:
    """One of this test's alone; rules for it are removed afterwards."""
    named = f"urn:test:{new_id().hex}"
    yield named
    for each in json.loads(run("rules", "list", "--json").stdout):
        if each["applies_to"] == named:
            run("rules", "remove", each["id"])


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_object_per_file_and_a_status_for_all(run: Run, files: dict[str, Path]) -> None:
    names = ("good.xml", "bad.xml", "large.pdf", "old.xml")
    good, bad, large, old = objects(run("validate", "--json", *(files[name] for name in names), status=1))

    assert (good["file"], good["syntax"], good["specification"]) == (
        str(files["good.xml"]),
        "ubl",
        "urn:cen.eu:en16931:2017",
    )
    assert (good["verdict"], good["findings"]) == ("valid", [])
    assert (bad["syntax"], bad["verdict"]) == ("cii", "invalid")
    finding = next(each for each in bad["findings"] if each["rule"] == "BR-02")
    assert {"rule", "severity", "field", "text", "remedy"} <= set(finding)
    assert [each["rule"] for each in large["findings"]] == ["document-too-large"]
    assert (old["verdict"], old["findings"][0]["severity"]) == ("unchecked", "unchecked")
    run("validate", files["good.xml"])
    run("validate", files["good.xml"], files["old.xml"], status=3)


def test_people_get_a_table(run: Run, files: dict[str, Path]) -> None:
    shown = run("validate", files["bad.xml"], status=1).stdout

    assert "invalid (cii, urn:cen.eu:en16931:2017)" in " ".join(shown.split())
    assert "BR-02" in shown
    assert "invoice number" in shown


def test_rules_are_added_listed_used_and_removed(
    run: Run, files: dict[str, Path], specification: str, tmp_path: Path, database: Database
) -> None:
    document = tmp_path / "document.xml"
    document.write_bytes(write_ubl(an_invoice(specification=f"urn:cen.eu:en16931:2017#compliant#{specification}")))
    before = objects(run("validate", "--json", document))[0]
    assert specification in before["not_checked"][0]

    added = run("rules", "add", files["rules.xslt"], "--applies-to", specification, "--name", "Ours 1").stdout.split()[
        0
    ]
    assert (
        run("rules", "add", files["rules.xslt"], "--applies-to", specification, "--name", "Ours 1").stdout.split()[0]
        == added
    )
    listed = [each for each in json.loads(run("rules", "list", "--json").stdout) if each["id"] == added]
    assert [(each["name"], each["applies_to"], each["syntax"]) for each in listed] == [("Ours 1", specification, "ubl")]
    assert f"{added}  Ours 1  for {specification}  (ubl, " in run("rules", "list").stdout

    after = objects(run("validate", "--json", document, status=1))[0]
    assert [each["rule"] for each in after["findings"]] == ["OURS-1"]
    assert after["not_checked"] == []
    assert objects(run("validate", "--json", "--carried-only", document))[0]["findings"] == []

    run("rules", "remove", added)
    assert objects(run("validate", "--json", document))[0] == before
    with control_transaction(database, operator()) as tx:
        entry = ControlAuditEntryRow
        query = select(entry.action).where(entry.subject_id == read("rls", added)).order_by(entry.id)
        assert tx.session.scalars(query).all() == ["einvoice_rules.added", "einvoice_rules.removed"]


def test_what_is_no_rule_set_is_refused(run: Run, files: dict[str, Path], specification: str, tmp_path: Path) -> None:
    add = ("rules", "add")
    with pytest.raises(RuleSetInvalidError, match="compiled rule set"):
        run(*add, files["no-rules.xslt"], "--applies-to", specification)
    with pytest.raises(InputInvalidError, match="applies_to"):
        run(*add, files["rules.xslt"], "--applies-to", " ")
    run(*add, files["rules.xslt"], "--applies-to", specification, "--name", "Ours")
    changed = tmp_path / "changed.xslt"
    changed.write_text(RULE_SET.replace("OURS-1", "OURS-2"), encoding="utf-8")
    with pytest.raises(RuleSetKnownError):
        run(*add, changed, "--applies-to", specification, "--name", "Ours")
    with pytest.raises(NotFoundError):
        run("rules", "remove", f"rls_{new_id().hex}")
    assert [each["applies_to"] for each in json.loads(run("rules", "list", "--json").stdout)].count(specification) == 1


def test_a_database_of_before_is_named(database_url: str, files: dict[str, Path]) -> None:
    other = make_url(database_url).set(database="postgres").render_as_string(hide_password=False)
    environment = {"DATABASE_URL": other}

    with pytest.raises(SettingsInvalidError, match="billwright migrate"):
        CliRunner().invoke(billwright, ["einvoice", "rules", "list"], env=environment, catch_exceptions=False)
    words = ["einvoice", "validate", str(files["good.xml"])]
    assert CliRunner().invoke(billwright, words, env=environment, catch_exceptions=False).exit_code == 0


def test_checking_needs_no_database_and_no_home(files: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "never-made"
    environment = {"DATABASE_URL": "", "BILLWRIGHT_HOME": str(home)}
    result = CliRunner().invoke(billwright, ["einvoice", "validate", "--json", str(files["good.xml"])], env=environment)

    assert result.exit_code == 0, result.output
    assert not home.exists()
