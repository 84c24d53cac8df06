"""VAT ids asked of a register by a job: evidence kept, drafts held when the answer says so, no answer asked for again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from billwright.billing.tax.tables import VatCheckRow, VatStandingRow
from billwright.canon.events import CustomersTouched
from billwright.canon.tables import CustomerRow
from billwright.checks.tables import FindingRow
from billwright.extension.connectors import RejectedError, TransientError
from billwright.extension.loading import available_connectors
from billwright.intake.tables import ConnectionRow
from billwright.jobs.tables import JobRow
from billwright.kernel.actor import SYSTEM
from billwright.kernel.ids import new_id
from billwright.kernel.settings import read_settings
from billwright.posting.post_invoice import Books
from billwright.posting.verify_vat_id import plan_checks, verify_vat_id
from billwright.tenancy.configuration import TenantConfiguration
from billwright.tenancy.transaction import transaction
from support.pipeline import AUTOMATIC, Firm
from support.vies_server import Vies, vies_running


@pytest.fixture
def service() -> Iterator[Vies]:
    with vies_running() as running:
        yield running


@pytest.fixture
def asking(make_firm: Callable[[TenantConfiguration], Firm], service: Vies) -> Firm:
    """A firm that asks the register; its customer C1 is French with a right VAT id, and has a draft."""
    plan = TenantConfiguration(
        approvals=AUTOMATIC, render_documents=False, deliver_by_mail=False, tax_connection="register"
    )
    firm = make_firm(plan)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        settings = {"base_url": service.url, "requester": "DE129274202"}
        row = {
            "id": new_id(), "name": "register", "connector": "vies", "source": "", "settings": settings, "secrets": None,
            "hook_secret": None, "enabled": True, "person_id": None,
        }  # fmt: skip
        tx.session.execute(insert(ConnectionRow), [row])
    firm.customer()
    return firm


def verify(firm: Firm, tmp_path: Path) -> None:
    settings = read_settings({"BILLWRIGHT_HOME": str(tmp_path), "BILLWRIGHT_PRIVATE_HOSTS": "allow"})
    books = Books(database=firm.database, connectors=available_connectors(), settings=settings)
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        customer_id = tx.session.scalars(select(CustomerRow.id)).one()
    verify_vat_id(books, firm.tenant, customer_id)
    firm.drain()


def milestone(firm: Firm) -> None:
    firm.contract()
    firm.milestone()
    firm.accept()


def findings(firm: Firm) -> list[tuple[str, str]]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        rows = tx.session.scalars(select(FindingRow).where(FindingRow.resolved_at.is_(None), FindingRow.rule == "tax"))
        return [(row.code, row.severity) for row in rows]


def answers(firm: Firm) -> list[str]:
    with transaction(firm.database, firm.tenant, SYSTEM) as tx:
        return list(tx.session.scalars(select(VatCheckRow.answer).order_by(VatCheckRow.id)))


def test_a_registered_id_is_kept_with_its_consultation_number(asking: Firm, service: Vies, tmp_path: Path) -> None:
    service.known["FR40303265045"] = ("SA CLIENT", "PARIS")

    verify(asking, tmp_path)
    verify(asking, tmp_path)
    milestone(asking)

    with transaction(asking.database, asking.tenant, SYSTEM) as tx:
        check = tx.session.scalars(select(VatCheckRow)).one()
        stands = tx.session.scalars(select(VatStandingRow)).one()
    assert (check.answer, check.consultation, check.registered_name) == ("valid", "WAPIAAA000000001", "SA CLIENT")
    assert (stands.answer, stands.check_id, len(service.asked)) == ("valid", check.id, 1)
    assert (asking.invoice().phase, findings(asking)) == ("issued", [])
    asking.clock.moment += timedelta(days=31)
    verify(asking, tmp_path)
    assert len(service.asked) == 2


def test_an_id_that_is_not_registered_holds_the_draft_until_it_is(asking: Firm, service: Vies, tmp_path: Path) -> None:
    verify(asking, tmp_path)
    milestone(asking)
    assert findings(asking) == [("vat_id_refused", "blocking")]
    assert asking.invoice().issued_at is None

    asking.clock.moment += timedelta(days=1)
    service.known["FR40303265045"] = ("SA CLIENT", "PARIS")
    verify(asking, tmp_path)

    assert answers(asking) == ["invalid", "valid"]
    assert (findings(asking), asking.invoice().phase) == ([], "issued")


def test_without_an_answer_people_are_warned_and_nothing_is_held(asking: Firm, service: Vies, tmp_path: Path) -> None:
    service.away = ["MS_UNAVAILABLE"]
    with pytest.raises(TransientError, match="member state"):
        verify(asking, tmp_path)

    milestone(asking)

    assert (answers(asking), findings(asking)) == (["unavailable"], [("vat_id_unverified", "warning")])
    assert asking.invoice().phase == "issued"


def test_a_refusal_by_the_register_is_kept_and_told(asking: Firm, service: Vies, tmp_path: Path) -> None:
    service.away = ["INVALID_REQUESTER_INFO"]
    with pytest.raises(RejectedError, match="INVALID_REQUESTER_INFO"):
        verify(asking, tmp_path)
    assert answers(asking) == ["unavailable"]


def test_customers_are_asked_about_only_where_a_register_is_set(asking: Firm, firm: Firm) -> None:
    for each, count in ((asking, 2), (firm, 0)):  # its customer was asked for, too, when it came
        with transaction(each.database, each.tenant, SYSTEM) as tx:
            plan_checks(tx, CustomersTouched(customer_ids=(new_id(),)))
        with transaction(each.database, each.tenant, SYSTEM) as tx:
            kinds = [job.kind for job in tx.session.scalars(select(JobRow).where(JobRow.tenant_id == each.tenant.id))]
        assert kinds.count("connectors.verify_vat_id") == count


@pytest.mark.parametrize("change", [{"tax_id": ""}, {"tax_id": "FR99303265045"}, {"address": {"country": "US"}}])
def test_only_right_ids_of_member_states_are_asked_about(
    asking: Firm, service: Vies, tmp_path: Path, change: dict[str, Any]
) -> None:
    asking.clock.moment += timedelta(hours=1)
    asking.customer(**change)
    verify(asking, tmp_path)
    assert service.asked == []
