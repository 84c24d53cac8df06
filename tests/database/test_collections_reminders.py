"""One reminder per customer at each step, over what is really owed at that moment, in words that say what for."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from billwright.billing.tables import InvoiceEventRow
from billwright.canon.tables import CustomerRow
from billwright.collections.mail_reminder import mail_reminder
from billwright.collections.open_dispute import open_dispute
from billwright.collections.remind import Debtor, remind
from billwright.collections.resolve_dispute import resolve_dispute
from billwright.collections.send_reminder_now import send_reminder_now
from billwright.collections.tables import ReminderRow
from billwright.delivery.events import DeliveryRetryAsked
from billwright.delivery.jobs import open_post
from billwright.delivery.tables import DeliveryRow
from billwright.documents.mail import MailRenderer
from billwright.documents.store import FileStore
from billwright.jobs.enqueue import publish
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.errors import TenantSuspendedError
from billwright.kernel.money import Money
from billwright.receivables.receive_payments import Incoming, record_payment
from billwright.tenancy.configuration import ReminderStep, TenantConfiguration
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant, transaction
from support.issued import audited, rows
from support.open_items import CLERK, Books, at, due, mails, open_books, said

EUR = "EUR"


@pytest.fixture
def books(database: Database, tenant: Tenant, tmp_path: Path) -> Books:
    """Steps at 3, 14 and 30 days after the due date; the legal entity is in Berlin."""
    return open_books(database, tenant, tmp_path)


def test_three_steps_in_time_each_once(books: Books) -> None:
    invoice = books.issue(books.customer(), 100_00)
    books.work()

    assert at(books, due(books, 2)) == []
    (friendly,) = at(books, due(books, 3))
    assert at(books, due(books, 13)) == []
    (firm,) = at(books, due(books, 14))
    (final,) = at(books, due(books, 30))
    assert at(books, due(books, 300)) == []

    assert friendly.subject == "A friendly reminder from Acme Consulting: EUR 100.00 open"
    assert firm.subject == "Second reminder from Acme Consulting: EUR 100.00 overdue"
    assert final.subject == "Final reminder from Acme Consulting: EUR 100.00 to pay by 8 May 2026"
    assert friendly.recipient == "ap@mueller.example"
    assert [row.step for row in rows(books.database, books.tenant, ReminderRow)] == [1, 2, 3]
    told = [row.text for row in rows(books.database, books.tenant, InvoiceEventRow) if row.event == "reminder.sent"]
    assert told[0] == "Reminder 1 (friendly) e-mailed to ap@mueller.example."
    assert len(told) == 3
    assert audited(books.database, books.tenant).count("reminder.decided") == 3
    assert invoice.number in friendly.text


def test_a_step_comes_at_eight_in_the_legal_entitys_zone(books: Books) -> None:
    books.issue(books.customer(), 100_00)
    books.work()

    assert at(books, due(books, 3), hour=5) == []  # 07:00 in Berlin
    assert len(at(books, due(books, 3), hour=6)) == 1


def test_one_mail_for_all_documents_of_a_customer(books: Books) -> None:
    customer = books.customer()
    first, second = books.issue(customer, 100_00), books.issue(customer, 50_00, due_in=31)
    not_due = books.issue(customer, 70_00, due_in=60)
    books.work()

    at(books, due(books, 3))
    (both,) = at(books, due(books, 4))
    assert first.number in both.text
    assert second.number in both.text
    assert not_due.number not in both.text
    assert "EUR 150.00" in both.subject
    (firm,) = at(books, due(books, 15))
    assert firm.subject.startswith("Second reminder")
    assert "EUR 150.00" in firm.subject


def test_the_highest_step_gives_the_tone(books: Books) -> None:
    customer = books.customer()
    books.issue(customer, 100_00, due_in=19)
    books.issue(customer, 50_00, due_in=30)
    books.work()

    (mail,) = at(books, due(books, 3))  # 14 days after the first, 3 after the second

    assert mail.subject == "Second reminder from Acme Consulting: EUR 150.00 overdue"
    (row,) = rows(books.database, books.tenant, ReminderRow)
    assert sorted(each["step"] for each in row.positions) == [1, 2]
    told = [row.text for row in rows(books.database, books.tenant, InvoiceEventRow) if row.event == "reminder.sent"]
    assert sorted(told) == [
        "Reminder 1, in one mail with reminder 2 (firm) of another invoice, e-mailed to ap@mueller.example.",
        "Reminder 2 (firm) e-mailed to ap@mueller.example.",
    ]


def test_customers_entities_and_currencies_get_mails_of_their_own(books: Books) -> None:
    one, two = books.customer(), books.customer("Other", email="ap@other.example")
    books.issue(one, 100_00)
    books.issue(one, 30_00, currency="USD")
    books.issue(one, 20_00, entity_id=books.entity(code="ZZ"))
    books.issue(two, 10_00)
    books.work()

    sent = at(books, due(books, 3))

    assert sorted((mail.recipient, mail.subject.split(": ")[1]) for mail in sent) == [
        ("ap@mueller.example", "EUR 100.00 open"),
        ("ap@mueller.example", "EUR 20.00 open"),
        ("ap@mueller.example", "USD 30.00 open"),
        ("ap@other.example", "EUR 10.00 open"),
    ]


def test_a_dispute_leaves_out_its_amount_only(books: Books) -> None:
    invoice = books.issue(books.customer(), 60_00, 40_00)
    books.work()
    dispute = open_dispute(
        books.database, books.tenant, CLERK, invoice.id, line=2, amount=Money(25_00, EUR), reason="Not what we ordered"
    )

    (mail,) = at(books, due(books, 3))
    assert "EUR 75.00" in mail.subject
    assert "in dispute, not reminded: EUR 25.00" in said(mail)

    resolve_dispute(books.database, books.tenant, CLERK, dispute, resolution="withdrawn", reason="They found it")
    assert at(books, due(books, 13)) == []
    (firm,) = at(books, due(books, 14))
    assert "EUR 100.00" in firm.subject
    assert "dispute" not in firm.text


def test_an_invoice_that_is_wholly_disputed_is_asked_for_from_the_morning_after_its_resolution(books: Books) -> None:
    customer = books.customer()
    contested, other = books.issue(customer, 60_00), books.issue(customer, 40_00)
    books.work()
    dispute = open_dispute(books.database, books.tenant, CLERK, contested.id, line=1, amount=None, reason="Never done")
    (mail,) = at(books, due(books, 3))
    assert contested.number not in said(mail)
    assert other.number in said(mail)

    resolve_dispute(books.database, books.tenant, CLERK, dispute, resolution="upheld", reason="Acceptance shown")
    assert at(books, due(books, 3), hour=20) == []
    (after,) = at(books, due(books, 4))
    assert "EUR 100.00" in after.subject


def test_everything_disputed_or_covered_sends_nothing_and_keeps_the_timer(books: Books) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 60_00)
    books.work()
    books.pay("70.00", customer_id=customer, currency=EUR)  # not the exact amount, so it waits
    books.work()

    assert at(books, due(books, 3)) == []
    assert at(books, due(books, 14)) == []
    assert rows(books.database, books.tenant, ReminderRow) == []
    assert books.open_of(invoice) == 60_00


def test_money_that_waits_is_taken_off_the_oldest(books: Books) -> None:
    customer = books.customer()
    oldest, newer = books.issue(customer, 60_00, due_in=29), books.issue(customer, 40_00)
    books.work()
    books.pay("65.00", customer_id=customer)
    books.pay("500.00", customer_id=customer, currency="USD")
    books.pay("500.00")
    books.work()

    at(books, due(books, 2))
    (mail,) = at(books, due(books, 3))

    assert "EUR 35.00" in mail.subject
    assert oldest.number not in said(mail)
    assert newer.number in said(mail)


def test_what_is_paid_is_not_reminded_of(books: Books) -> None:
    customer = books.customer()
    paid, other = books.issue(customer, 60_00), books.issue(customer, 40_00)
    books.work()
    books.pay("60.00", invoice_number=paid.number)
    books.work()

    (mail,) = at(books, due(books, 3))
    assert paid.number not in said(mail)

    books.pay("40.00", invoice_number=other.number)
    books.work()
    assert at(books, due(books, 40)) == []


def test_paid_between_decision_and_mail_sends_nothing(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    invoice = books.issue(customer, 60_00)
    books.work()
    clock.moment = datetime(2026, 4, 4, 12, tzinfo=UTC)
    with books.tx() as tx:
        (decided,) = remind(tx, [Debtor(books.entity_id, customer, EUR)])
    paid = Incoming(
        ref="A", customer_id=None, amount=Money(60_00, EUR), paid_on=due(books), invoice_number=invoice.number
    )
    record_payment(books.database, books.tenant, CLERK, paid)

    books.work()
    post = open_post(books.database, FileStore(books.folder), None)
    mail_reminder(post, MailRenderer(), books.tenant, decided.reminder_id)

    assert mails(books) == []
    assert "reminder.dropped" in audited(books.database, books.tenant)


def test_running_twice_is_one_reminder_and_one_mail(books: Books, clock: SetClock) -> None:
    customer = books.customer()
    books.issue(customer, 60_00)
    books.work()
    clock.moment = datetime(2026, 4, 4, 12, tzinfo=UTC)
    made = []
    for _ in range(2):
        with books.tx() as tx:
            made += remind(tx, [Debtor(books.entity_id, customer, EUR)])
    post = open_post(books.database, FileStore(books.folder), None)
    for _ in range(2):
        mail_reminder(post, MailRenderer(), books.tenant, made[0].reminder_id)
    books.work()

    assert len(made) == len(mails(books)) == 1


def test_the_mail_speaks_the_customers_language_and_says_what_for(books: Books) -> None:
    customer = books.customer(language="de")
    (milestone,) = books.milestones(customer)
    books.issue(
        customer, 100_00, milestones=(milestone,), milestone_number="M4", milestone_name="Gründung Ostflügel",
        accepted_on=date(2026, 2, 20), accepted_by="Ruth Hollander", project="East Harbour",
    )  # fmt: skip
    books.work()

    (mail,) = at(books, due(books, 3))

    assert mail.subject.startswith("Freundliche Erinnerung von Acme Consulting")
    assert "Guten Tag Petra Kühn," in said(mail)
    assert "East Harbour · M4 Gründung Ostflügel, abgenommen am 20. Feb. 2026 von Ruth Hollander" in said(mail)
    assert "IBAN" in said(mail)
    assert "Billwright" not in mail.html + mail.text + mail.subject + mail.sender


def test_a_suspended_tenant_sends_nothing(books: Books) -> None:
    customer = books.customer()
    books.issue(customer, 60_00)
    books.work()
    suspended = replace(books.tenant, state="suspended")

    with pytest.raises(TenantSuspendedError), transaction(books.database, suspended, SYSTEM) as tx:
        remind(tx, [Debtor(books.entity_id, customer, EUR)])
    with pytest.raises(TenantSuspendedError):
        send_reminder_now(
            books.database, suspended, CLERK, legal_entity_id=books.entity_id, customer_id=customer, currency=EUR
        )
    assert rows(books.database, books.tenant, ReminderRow) == []


@pytest.mark.parametrize(
    "configuration", [TenantConfiguration(reminders=()), TenantConfiguration(deliver_by_mail=False)]
)
def test_a_tenant_without_a_policy_or_mail_sends_nothing(
    database: Database, make_tenant: Any, tmp_path: Path, configuration: TenantConfiguration
) -> None:
    books = open_books(database, make_tenant(configuration=configuration), tmp_path)
    books.issue(books.customer(), 60_00)
    books.work()
    assert at(books, due(books, 40)) == []


def test_a_step_before_the_due_date_and_an_unsorted_policy(
    database: Database, make_tenant: Any, tmp_path: Path
) -> None:
    steps = (ReminderStep(days_after_due=10, tone="final"), ReminderStep(days_after_due=-5, tone="friendly"))
    books = open_books(database, make_tenant(configuration=TenantConfiguration(reminders=steps)), tmp_path)
    books.issue(books.customer(), 60_00)
    books.work()

    assert at(books, due(books, -6)) == []
    (friendly,) = at(books, due(books, -5))
    assert friendly.subject.startswith("A friendly reminder")
    (final,) = at(books, due(books, 10))
    assert final.subject.startswith("Final reminder")


def test_an_invoice_that_is_late_when_it_is_issued_is_reminded_of_at_its_latest_step(books: Books) -> None:
    books.issue(books.customer(), 60_00, due_in=-20)
    books.work()
    (mail,) = mails(books)
    assert mail.subject.startswith("Second reminder")


def test_without_an_address_the_mail_is_on_the_desk_and_goes_out_when_it_is_mended(books: Books) -> None:
    customer = books.customer(email="")
    books.issue(customer, 60_00)
    books.work()
    assert at(books, due(books, 3)) == []
    (delivery,) = rows(books.database, books.tenant, DeliveryRow)
    assert (delivery.state, delivery.subject_kind) == ("refused", "reminder")

    with books.tx() as tx:
        tx.session.execute(update(CustomerRow).values(billing_email="new@mueller.example"))
        tx.session.execute(update(DeliveryRow).values(state="failed", finished_at=None))
        publish(
            tx,
            DeliveryRetryAsked(
                delivery_id=delivery.id, key=delivery.key, subject_kind="reminder", subject_id=delivery.subject_id
            ),
        )
    books.work()
    assert [mail.recipient for mail in mails(books)] == ["new@mueller.example"]
