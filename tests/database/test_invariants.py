"""Each invariant is broken on purpose, by the owner of the schema and around all guards, and exactly that is reported.

What is broken in a tenant's rows is looked at from the breaking transaction and then rolled back, so that one firm serves
all of it; grants and the command are tested with real commits.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from billwright.billing.tables import InvoiceRow
from billwright.cli.check_invariants_command import command
from billwright.documents.store import FileStore
from billwright.insight.invariants import INVARIANTS
from billwright.kernel.ids import show
from billwright.tenancy.transaction import Tenant
from support.invariants import (
    DOC,
    EVERYTHING_OF_LARGE,
    FROZEN_SHA,
    PAY,
    PST,
    Scene,
    bare,
    document,
    payment,
    posting,
    scene,
    shown,
)

__all__ = ["bare", "scene"]  # fixtures


def test_a_firm_that_nobody_tampered_with_has_no_offender(scene: Scene, tmp_path: Path) -> None:
    assert scene.offences(FileStore(tmp_path)) == set()


def test_an_empty_tenant_has_no_offender(bare: Scene) -> None:
    assert bare.offences() == set()


def test_all_eleven_are_checked() -> None:
    assert [each.number for each in INVARIANTS] == list(range(1, 12))


BREAKS: dict[str, tuple[str, set[tuple[int, str]]]] = {
    # 1
    "billed a second time": (
        "INSERT INTO allocation SELECT gen_random_uuid(), line_id, invoice_id, item_id, contract_version_id, rate_id, 1, 0 "
        "FROM allocation WHERE item_id = '<item>'",
        {(1, "<key>"), (3, "lin:<line>")},
    ),
    "billed and free again": (
        "UPDATE billable_item SET state = 'ready' WHERE id = '<item>'",
        {(1, "<key>"), (11, "<key>")},
    ),
    "one key, two items": (
        "ALTER TABLE billable_item DROP CONSTRAINT uq_billable_item_transaction_key; "
        "UPDATE billable_item SET transaction_key = '<key>' WHERE id = '<time_item>'",
        {(1, "<key>")},
    ),
    "item worth something else": ("UPDATE billable_item SET amount_minor = 1 WHERE id = '<item>'", {(1, "<key>")}),
    "time off by more than a cent": (
        "UPDATE billable_item SET amount_minor = amount_minor + 2 WHERE id = '<time_item>'",
        {(1, "<time_key>")},
    ),
    # 2
    "a number skipped": (
        "UPDATE number_series SET next_number = next_number + 2",
        {(2, "DE01/invoice/2026")},
    ),
    "a number of nowhere": (
        "UPDATE invoice SET sequence_number = 900 WHERE id = '<expense>'",
        {(2, "inv:<expense>"), (2, "DE01/invoice/2026")},
    ),
    "a number used twice": (
        "ALTER TABLE invoice DROP CONSTRAINT uq_invoice_number; "
        "UPDATE invoice SET number = '<large_number>' WHERE id = '<time>'",
        {(2, "<large_number>")},
    ),
    "a draft with a number": ("UPDATE invoice SET phase = 'draft' WHERE id = '<large>'", {(2, "inv:<large>")}),
    "an invoice deleted": (
        EVERYTHING_OF_LARGE,
        {(1, "<key>"), (2, "DE01/invoice/2026"), (11, "inv:<large>")},
    ),
    # 3
    "a total off by a cent": (
        "UPDATE invoice SET gross_minor = gross_minor + 1 WHERE id = '<large>'",
        {(3, "inv:<large>"), (5, "inv:<large>")},
    ),
    "a price that does not give the amount": (
        "UPDATE invoice_line SET unit_price = unit_price + 1 WHERE id = '<line>'",
        {(3, "lin:<line>")},
    ),
    "a line's tax changed": (
        "UPDATE invoice_line SET tax_category = 'E' WHERE id = '<line>'",
        {(3, "inv:<large>")},
    ),
    # 4
    "content changed": (
        "UPDATE invoice_snapshot SET content = jsonb_set(content, '{buyer,name}', '\"Other\"') WHERE invoice_id = '<large>'",
        {(4, "inv:<large>")},
    ),
    "content and its hash changed": (
        "UPDATE invoice_snapshot SET sha256 = repeat('0', 64) WHERE invoice_id = '<large>'",
        {(4, "inv:<large>")},
    ),
    "content unreadable": (
        "UPDATE invoice_snapshot SET content = content - 'seller' WHERE invoice_id = '<large>'",
        {(4, "inv:<large>")},
    ),
    "content gone": (
        "DELETE FROM invoice_snapshot WHERE invoice_id = '<large>'",
        {(3, "inv:<large>"), (4, "inv:<large>")},
    ),
    "document of another content": (document("'0'"), {(4, "inv:<large>"), (4, DOC)}),
    "document without its file": (document(FROZEN_SHA), {(4, DOC)}),
    # 5
    "an entry off balance": (
        "UPDATE journal_line SET amount_minor = amount_minor - 1 WHERE entry_id = '<entry>' AND receivable_id IS NULL",
        {(5, "jrn:<entry>")},
    ),
    "an entry worth something else": (
        "UPDATE journal_line SET base_minor = base_minor - 1 WHERE entry_id = '<entry>' AND receivable_id IS NULL",
        {(5, "jrn:<entry>")},
    ),
    "an entry valued in part": (
        "UPDATE journal_line SET base_minor = NULL WHERE entry_id = '<entry>' AND receivable_id IS NULL",
        {(5, "jrn:<entry>")},
    ),
    "a balance made smaller": (
        "UPDATE receivable SET open_minor = 5 WHERE id = '<receivable>'",
        {(5, "rcv:<receivable>")},
    ),
    "a receivable of another amount": (
        "UPDATE receivable SET gross_minor = 5, open_minor = 5 WHERE id = '<receivable>'",
        {(5, "rcv:<receivable>"), (5, "inv:<large>")},
    ),
    "a receivable gone": (
        "UPDATE journal_line SET receivable_id = NULL WHERE receivable_id = '<receivable>'; "
        "DELETE FROM receivable WHERE id = '<receivable>'",
        {(5, "inv:<large>")},
    ),
    "money that went nowhere": (payment(40), {(5, PAY)}),
    # 6
    "an approver who entered the milestone": (
        "INSERT INTO contributor SELECT invoice_id, decided_by::text, 'entered the milestone' FROM approval_step "
        "WHERE id = '<manager_step>'",
        {(6, "stp:<manager_step>")},
    ),
    "one person for both steps": (
        "UPDATE approval_step SET decided_by = (SELECT decided_by FROM approval_step WHERE id = '<manager_step>')",
        {(6, "inv:<large>")},
    ),
    "an approval of another content": (
        "UPDATE approval_step SET content_sha256 = 'x' WHERE id = '<finance_step>'",
        {(6, "stp:<finance_step>"), (6, "inv:<large>")},
    ),
    "approved by nobody": (
        "UPDATE approval_step SET decided_by = NULL WHERE id = '<finance_step>'",
        {(6, "stp:<finance_step>"), (6, "inv:<large>")},
    ),
    "a step left out": ("DELETE FROM approval_step WHERE id = '<finance_step>'", {(6, "inv:<large>")}),
    # 7
    "a line without its source message": (
        "UPDATE billable_item SET message_id = gen_random_uuid() WHERE id = '<item>'",
        {(7, "lin:<line>")},
    ),
    "a line without its acceptance": (
        "UPDATE milestone SET updated_at = '2026-01-01'; UPDATE contract SET updated_at = '2026-01-01'; "
        "UPDATE billable_item SET acceptance_id = NULL WHERE id = '<item>'",
        {(7, "lin:<line>")},
    ),
    "an acceptance that was a rejection": (
        "UPDATE milestone SET updated_at = '2026-01-01'; UPDATE contract SET updated_at = '2026-01-01'; "
        "UPDATE acceptance SET updated_at = '2026-01-01', decision = 'rejected'",
        {(7, "lin:<line>")},
    ),
    "a line of another contract's version": (
        "UPDATE allocation SET contract_version_id = (SELECT contract_version_id FROM allocation "
        "WHERE invoice_id = '<time>' LIMIT 1) WHERE invoice_id = '<large>'",
        {(7, "lin:<line>")},
    ),
    # 8
    "holdback from nowhere": ("UPDATE billable_item SET kind = 'holdback' WHERE id = '<item>'", {(8, "<key>")}),
    # 9
    "another total in the ERP": (posting('{"gross_minor": 1}'), {(9, PST)}),
    "another tax in the ERP": (posting('{"tax_minor": 1}'), {(9, PST)}),
    "another currency in the ERP": (posting('{"currency": "USD"}'), {(9, PST)}),
    "another date in the ERP": (posting('{"issued_on": "2020-01-01"}'), {(9, PST)}),
    "another customer in the ERP": (posting('{"party_key": "C9"}'), {(9, PST)}),
    "never read back": (
        posting() + "; UPDATE posting SET read_back = NULL",
        {(9, PST)},
    ),
    "said to be posted": (
        "UPDATE invoice SET phase = 'posted' WHERE id = '<large>'",
        {(9, "inv:<large>"), (11, "inv:<large>")},
    ),
    # 11
    "issued without an entry": (
        "DELETE FROM audit_entry WHERE subject_id = '<large>' AND action = 'invoice.issued'",
        {(11, "inv:<large>")},
    ),
    "a decision without an entry": (
        "DELETE FROM audit_entry WHERE subject_id = '<large>' AND action = 'invoice.approved' AND after ->> 'role' = 'finance'",
        {(11, "stp:<finance_step>")},
    ),
    "an item without an entry": ("DELETE FROM audit_entry WHERE subject_id = '<item>'", {(11, "<key>")}),
    "a posting without an entry": (posting(recorded=False), {(11, PST)}),
    "a payment without an entry": (payment(100, recorded=False), {(11, PAY)}),
    "a receivable without an entry": (
        "DELETE FROM audit_entry WHERE subject_id = '<receivable>'",
        {(11, "rcv:<receivable>")},
    ),
}


def test_what_was_broken_is_what_is_reported(scene: Scene, tmp_path: Path, subtests: pytest.Subtests) -> None:
    for name, (statements, expected) in BREAKS.items():
        with subtests.test(name):
            wanted = {(number, shown(scene, subject)) for number, subject in expected}
            assert scene.offences_after(statements, FileStore(tmp_path)) == wanted
    assert scene.offences() == set()


def test_a_document_a_posting_and_a_payment_that_agree_are_no_offence(scene: Scene) -> None:
    agreeing = (document(FROZEN_SHA), posting(), payment(100))
    assert scene.offences_after("; ".join(agreeing)) == set()


@pytest.fixture
def role(bare: Scene) -> str:
    return bare.firm.tenant.role


@pytest.fixture
def other(make_tenant: Callable[..., Tenant]) -> Tenant:
    return make_tenant("Other Works")


@pytest.fixture
def as_owner(bare: Scene) -> Iterator[Callable[[str, str], None]]:
    """Grants reach beyond the tenant's schema: what a test does is undone after it."""
    undo: list[str] = []

    def run(statement: str, back: str) -> None:
        undo.append(back)
        bare.run(statement)

    yield run
    for statement in reversed(undo):
        bare.run(statement)


def grant(what: str, role: str) -> tuple[str, str]:
    return f"GRANT {what} TO {role}", f"REVOKE {what} FROM {role}"


def test_a_way_into_another_tenant_is_reported(
    bare: Scene, role: str, other: Tenant, as_owner: Callable[[str, str], None]
) -> None:
    as_owner(*grant(f"USAGE ON SCHEMA {other.schema}", role))
    assert bare.offences() == {(10, other.slug)}


def test_a_role_that_can_become_another_is_reported(
    bare: Scene, role: str, other: Tenant, as_owner: Callable[[str, str], None]
) -> None:
    as_owner(*grant(other.role, role))
    assert bare.offences() == {(10, other.slug), (10, other.role)}


def test_an_application_that_needs_no_tenant_is_reported(bare: Scene, as_owner: Callable[[str, str], None]) -> None:
    as_owner(*grant(f"SELECT ON {bare.firm.tenant.schema}.invoice", "billwright_app"))
    assert bare.offences() == {(10, "invoice")}


def test_a_tenant_that_reads_the_control_plane_is_reported(
    bare: Scene, role: str, as_owner: Callable[[str, str], None]
) -> None:
    as_owner(*grant("SELECT (password_hash) ON control.person", role))
    assert bare.offences() == {(10, "control.person")}


def test_a_role_that_logs_in_is_reported(bare: Scene, role: str, as_owner: Callable[[str, str], None]) -> None:
    as_owner(f"ALTER ROLE {role} LOGIN", f"ALTER ROLE {role} NOLOGIN")
    assert bare.offences() == {(10, role)}


def test_jobs_without_row_security_are_reported(bare: Scene, as_owner: Callable[[str, str], None]) -> None:
    as_owner("ALTER TABLE control.job DISABLE ROW LEVEL SECURITY", "ALTER TABLE control.job ENABLE ROW LEVEL SECURITY")
    assert bare.offences() == {(10, "control.job")}


def test_a_policy_that_shows_all_jobs_is_reported(bare: Scene, as_owner: Callable[[str, str], None]) -> None:
    as_owner("CREATE POLICY wide ON control.job TO billwright_tenant USING (true)", "DROP POLICY wide ON control.job")
    assert bare.offences() == {(10, "control.job")}


def test_a_job_under_another_tenants_role_is_reported(bare: Scene, other: Tenant) -> None:
    bare.firm.store([bare.firm.event("signal", {"ref": "S1", "event": "x", "occurred_at": "2026-03-01T00:00:00Z"})])
    bare.run(
        f"UPDATE control.job SET role_name = '{other.role}' WHERE tenant_id = '{bare.firm.tenant.id}' AND state = 'queued'"
    )
    offences = bare.offences()
    assert offences
    assert {number for number, _ in offences} == {10}
    assert all(subject.startswith("job_") for _, subject in offences)


@pytest.mark.parametrize("privilege", ["UPDATE", "DELETE", "TRUNCATE", "UPDATE (reason)"])
def test_an_audit_log_that_can_be_changed_is_reported(
    bare: Scene, role: str, as_owner: Callable[[str, str], None], privilege: str
) -> None:
    as_owner(*grant(f"{privilege} ON {bare.firm.tenant.schema}.audit_entry", role))
    assert bare.offences() == {(11, "audit_entry")}


def test_people_known_by_their_address_do_not_approve_their_own_work(scene: Scene) -> None:
    step = "SELECT decided_by FROM approval_step WHERE id = '<manager_step>'"
    partner = scene.firm.tenant.partner_id
    scene.run(
        f"INSERT INTO control.person (id, partner_id, email, name, created_at) SELECT ({step}), '{partner}', "
        "'Max@Acme.example', 'Max', now(); INSERT INTO contributor VALUES ('<large>', 'max@acme.example', 'did the work')"
    )
    assert scene.offences() == {(6, shown(scene, "stp:<manager_step>"))}


def test_the_command_answers_for_people_and_machines(scene: Scene, database_url: str, tmp_path: Path) -> None:
    env = {"DATABASE_URL": database_url, "BILLWRIGHT_HOME": str(tmp_path)}
    slug = scene.firm.tenant.slug

    clean = CliRunner().invoke(command, ["--tenant", slug], env=env)
    assert (clean.exit_code, "Invariants of 1 tenants" in clean.output) == (0, True), clean.output
    scene.run("UPDATE receivable SET open_minor = 5 WHERE id = '<receivable>'")
    told = CliRunner().invoke(command, ["--tenant", slug], env=env)
    machine = CliRunner().invoke(command, ["--tenant", slug, "--json"], env=env)

    assert (told.exit_code, machine.exit_code) == (1, 1)
    assert shown(scene, "rcv:<receivable>") in told.output
    report = json.loads(machine.stdout)
    assert (report["ok"], [tenant["tenant"] for tenant in report["tenants"]]) == (False, [slug])
    (fifth,) = [each for each in report["tenants"][0]["invariants"] if each["offenders"]]
    assert fifth["name"] == "journal_balances"
    assert fifth["offenders"][0]["subject"] == shown(scene, "rcv:<receivable>")
    assert fifth["offenders"][0]["sentence"] == (
        f"Says 0.05 EUR open of {show('inv', _large(scene).id)}; owed after payments 12,345.67 EUR, by the ledger 12,345.67 EUR."
    )


def _large(scene: Scene) -> InvoiceRow:
    return next(invoice for invoice in scene.firm.invoices() if str(invoice.id) == scene.names["large"])
