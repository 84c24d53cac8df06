"""Corrections of held messages by two people: who may what, what is kept, and what is applied afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from billwright.canon.tables import CustomerRow
from billwright.intake.decide_correction import CorrectionDecision, decide_correction, withdraw_correction
from billwright.intake.propose_correction import DATA_CHARS_MAX, propose_correction
from billwright.intake.replay import replay
from billwright.intake.store_messages import store_messages
from billwright.intake.tables import CorrectionDecisionRow, MessageCorrectionRow
from billwright.kernel.actor import SYSTEM, Actor
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import (
    ConflictError,
    InputInvalidError,
    NotFoundError,
    PermissionDeniedError,
    SelfApprovalError,
)
from billwright.kernel.ids import new_id
from billwright.kernel.redact import HIDDEN
from billwright.tenancy.database import Database
from billwright.tenancy.recordset import insert_many
from billwright.tenancy.transaction import Tenant, transaction
from database.test_held_messages import customer, desk, entries, feed, messages, old, run, states
from database.test_intake_mapping import Crm
from support.intake import make_connection, statuses
from support.pipeline import person

RIGHTS = ("message:correct", "message:decide")
ANA, BEN = person("Ana Duarte", *RIGHTS), person("Ben Okafor", *RIGHTS)
RIGHT = '{"ref": "C1", "name": "Mended"}'
V1 = "billwright.customer.v1"
WHY = "The source wrote the version of next year."


@pytest.fixture
def held(database: Database, tenant: Tenant) -> UUID:
    feed(database, tenant, old(1, name="As it came", time="2026-02-03T00:00:00Z"))
    return messages(database, tenant)["m-1"].id


def propose(database: Database, tenant: Tenant, held: UUID, actor: Actor = ANA, **more: Any) -> UUID:
    given = {"data": RIGHT, "event_type": V1, "reason": WHY, "connectors": {}} | more
    return propose_correction(database, tenant, actor, held, **given)


def decide(
    database: Database, tenant: Tenant, correction: UUID, decision: CorrectionDecision = "approve", actor: Actor = BEN
) -> UUID:
    return decide_correction(database, tenant, actor, correction, decision=decision, reason="Seen in the CRM.")


def names(database: Database, tenant: Tenant) -> list[str | None]:
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        return list(tx.session.scalars(select(CustomerRow.name)))


def test_what_two_people_agree_on_is_applied_and_the_original_stays(
    database: Database, tenant: Tenant, held: UUID
) -> None:
    correction = propose(database, tenant, held)
    assert run(database, tenant) == 0
    assert states(database, tenant) == {"m-1": "held"}
    assert decide(database, tenant, correction) == held
    run(database, tenant)
    row = messages(database, tenant)["m-1"]
    assert (row.state, row.type, row.data, row.correction_id) == (
        "applied", "billwright.customer.v9", {"ref": "C1", "name": "As it came"}, correction,
    )  # fmt: skip
    assert names(database, tenant) == ["Mended"]
    proposed, approved = entries(database, tenant, "correction.")
    assert (proposed.action, proposed.actor_name, proposed.reason) == ("correction.proposed", "Ana Duarte", WHY)
    assert (approved.action, approved.actor_name, approved.reason) == (
        "correction.approved", "Ben Okafor", "Seen in the CRM.",
    )  # fmt: skip
    assert (approved.before or {})["proposed_by"] == "Ana Duarte"
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        kept = tx.session.scalars(select(MessageCorrectionRow)).one()
    assert (kept.before_sha256, (proposed.before or {})["sha256"]) == (row.sha256, row.sha256)
    assert (proposed.after or {})["sha256"] == (approved.after or {})["sha256"] == kept.after_sha256 != row.sha256
    assert desk(database, tenant)[held].closed_how == "applied"


def test_everybody_with_a_hand_in_it_is_a_maker_of_the_fact(database: Database, tenant: Tenant) -> None:
    sender = person("Sam Sender", "message:write")
    store_messages(database, tenant, sender, [old(1)], channel="api")
    run(database, tenant)
    decide(database, tenant, propose(database, tenant, messages(database, tenant)["m-1"].id))
    run(database, tenant)
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        row = tx.session.scalars(select(CustomerRow)).one()
    assert row.made_by == ANA.person_id
    assert set(row.earlier_makers) == {sender.person_id, BEN.person_id}


def test_nobody_decides_about_their_own_wish(database: Database, tenant: Tenant, held: UUID) -> None:
    correction = propose(database, tenant, held)
    mail = "ana@acme.example"
    token = Actor("token", "ana's token", person_id=ANA.person_id, permissions=frozenset(RIGHTS))
    elsewhere = Actor(
        "person", "Ana at the partner", person_id=new_id(), email=ANA.email, permissions=frozenset(RIGHTS)
    )
    nobody = Actor("token", "machine", email=mail, permissions=frozenset(RIGHTS))
    for who in (ANA, token, elsewhere, nobody, SYSTEM):
        for decision in ("approve", "reject"):
            with pytest.raises(SelfApprovalError):
                decide(database, tenant, correction, decision, who)
    reader = person("Rea Reader", "message:read", "message:correct")
    with pytest.raises(PermissionDeniedError):
        decide(database, tenant, correction, "approve", reader)
    with pytest.raises(PermissionDeniedError):
        propose(database, tenant, held, person("Rea Reader", "message:read"))
    with pytest.raises(PermissionDeniedError):
        propose(database, tenant, held, nobody)
    assert states(database, tenant) == {"m-1": "held"}
    assert [each.action for each in entries(database, tenant, "correction.")] == ["correction.proposed"]


def test_the_database_refuses_it_too(database: Database, tenant: Tenant, held: UUID) -> None:
    correction = propose(database, tenant, held)
    for decision in ("approved", "rejected"):
        row = {"correction_id": correction, "decision": decision, "reason": "me", "decided_by": ANA.person_id,
               "decided_by_name": "Ana", "proposed_by": ANA.person_id}  # fmt: skip
        with pytest.raises(IntegrityError, match="decided_by_another"), transaction(database, tenant, SYSTEM) as tx:
            insert_many(tx.session, CorrectionDecisionRow, [row | {"decided_at": tx.now}])
    for table in ("message_correction", "correction_decision"):
        for statement in (f"UPDATE {table} SET reason = 'x'", f"DELETE FROM {table}"):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction(database, tenant, SYSTEM) as tx,
            ):
                tx.session.execute(text(statement))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"data": '{"ref": "C1"'}, "data"),
        ({"data": '["C1"]'}, "data"),
        ({"data": '{"ref": "C1"}'}, "data.name"),
        ({"data": '{"ref": "C1", "name": "x", "colour": "red"}'}, "data.colour"),
        ({"data": '{"ref": "C1", "name": "x\\u0000"}'}, "data"),
        ({"data": f'{{"ref": "C1", "name": "{HIDDEN}"}}'}, "data.name"),
        ({"data": " " * (DATA_CHARS_MAX + 1)}, "data"),
        ({"event_type": "billwright.customer.v9"}, "type"),
        ({"event_type": "crm.deal"}, "type"),
        ({"event_type": "a\nb"}, "type"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"data": '{"ref": "C1", "name": "As it came"}', "event_type": None}, "data"),
    ],
)
def test_what_would_be_held_again_is_not_proposed(
    database: Database, tenant: Tenant, held: UUID, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputInvalidError) as refusal:
        propose(database, tenant, held, **given)
    assert refusal.value.facts["field"] == field
    assert entries(database, tenant, "correction.") == []


def test_only_a_held_message_is_corrected_and_one_wish_at_a_time(
    database: Database, tenant: Tenant, held: UUID, make_tenant: Callable[[str], Tenant]
) -> None:
    feed(database, tenant, customer(2, ref="C2"))
    with pytest.raises(ConflictError, match="applied"):
        propose(database, tenant, messages(database, tenant)["m-2"].id)
    with pytest.raises(NotFoundError):
        propose(database, make_tenant("other"), held)
    first = propose(database, tenant, held)
    with pytest.raises(ConflictError, match="waits for a decision"):
        propose(database, tenant, held, BEN)
    with pytest.raises(NotFoundError):
        decide(database, make_tenant("third"), first)


def test_rejected_or_taken_back_another_may_be_proposed(database: Database, tenant: Tenant, held: UUID) -> None:
    first = propose(database, tenant, held)
    decide(database, tenant, first, "reject")
    with pytest.raises(ConflictError, match="rejected already, by Ben Okafor"):
        decide(database, tenant, first)
    second = propose(database, tenant, held)
    with pytest.raises(ConflictError, match="only they can take it back"):
        withdraw_correction(database, tenant, BEN, second, reason="Not so.")
    withdraw_correction(database, tenant, ANA, second, reason="The CRM says otherwise.")
    run(database, tenant)
    assert states(database, tenant) == {"m-1": "held"}
    decide(database, tenant, propose(database, tenant, held, BEN), actor=ANA)
    run(database, tenant)
    assert states(database, tenant) == {"m-1": "applied"}
    said = [each.action for each in entries(database, tenant, "correction.")]
    assert said[1::2] == ["correction.rejected", "correction.withdrawn", "correction.approved"]


def test_corrected_content_keeps_its_place_among_all_messages(database: Database, tenant: Tenant, held: UUID) -> None:
    """A newer fact about another object that the correction names: what is corrected is older, and never wins."""
    feed(database, tenant, customer(7, ref="C7", time="2026-02-05T00:00:00Z"))
    decide(database, tenant, propose(database, tenant, held, data='{"ref": "C7", "name": "Older"}'))
    run(database, tenant)
    assert names(database, tenant) == ["Name 7"]
    assert states(database, tenant) == {"m-1": "superseded", "m-7": "applied"}


def test_a_newer_message_ends_the_wish(database: Database, tenant: Tenant, held: UUID) -> None:
    correction = propose(database, tenant, held)
    feed(database, tenant, customer(2, time="2026-02-05T00:00:00Z"))
    assert (states(database, tenant)["m-1"], desk(database, tenant)[held].proposal_id) == ("superseded", None)
    with pytest.raises(ConflictError, match="superseded by now"):
        decide(database, tenant, correction)


def test_the_same_message_again_is_a_duplicate_and_a_replay_maps_the_correction(
    database: Database, tenant: Tenant, held: UUID, clock: SetClock
) -> None:
    decide(database, tenant, propose(database, tenant, held))
    run(database, tenant)
    sent = old(1, name="As it came", time="2026-02-03T00:00:00Z")
    assert statuses(store_messages(database, tenant, SYSTEM, [sent], channel="api")) == ["duplicate"]
    assert run(database, tenant) == 0
    start, end = clock.moment - timedelta(hours=1), clock.moment + timedelta(hours=1)
    report = replay(database, tenant, SYSTEM, start=start, end=end, connectors={})
    assert (report.same, report.differences, report.unmappable) == (1, [], [])


def test_a_connectors_message_is_corrected_under_its_mapping(database: Database, tenant: Tenant) -> None:
    connection = make_connection(database, tenant, connector="crm")
    data = {"customer": "C1", "amount": "much", "api_key": "k-31415926"}
    event = {"specversion": "1.0", "id": "d-1", "source": "crm", "type": "crm.deal", "data": data}
    store_messages(database, tenant, SYSTEM, [msgspec.json.encode(event)], channel="api", connection=connection)
    known: dict[str, Any] = {"crm": Crm()}
    run(database, tenant, known)
    held = messages(database, tenant)["d-1"].id
    given: dict[str, Any] = {"event_type": None, "connectors": known}
    with pytest.raises(InputInvalidError, match="would be held with this content, too"):
        propose(database, tenant, held, data='{"customer": "C1", "amount": "more"}', **given)
    mended = f'{{"customer": "C1", "amount": "12.50", "api_key": "{HIDDEN}"}}'
    decide(database, tenant, propose(database, tenant, held, data=mended, **given))
    run(database, tenant, known)
    assert states(database, tenant) == {"d-1": "applied"}
    with transaction(database, tenant, SYSTEM, read_only=True) as tx:
        kept = tx.session.scalars(select(MessageCorrectionRow.data)).one()
    assert kept == {"customer": "C1", "amount": "12.50", "api_key": "k-31415926"}


def test_of_two_who_decide_at_once_one_does(database: Database, tenant: Tenant, held: UUID) -> None:
    correction = propose(database, tenant, held)
    deciders = [person(f"Decider {number}", *RIGHTS) for number in range(6)]
    start = Barrier(len(deciders))

    def one(number: int) -> str:
        start.wait()
        try:
            decide(database, tenant, correction, "approve" if number % 2 else "reject", deciders[number])
        except ConflictError as refusal:
            return str(refusal)
        return "done"

    with ThreadPoolExecutor(len(deciders)) as pool:
        said = list(pool.map(one, range(len(deciders))))
    assert said.count("done") == 1
    assert all("already, by Decider" in each for each in said if each != "done")
    assert len(entries(database, tenant, "correction.")) == 2
