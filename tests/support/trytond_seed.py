"""Makes a Tryton database ready to invoice; run as its own process by ``support.trytond``.

Usage: ``python -P trytond_seed.py CONFIG DATABASE COMPANY USER PASSWORD``. ``-P`` matters: this folder holds a module
that is called ``trytond``, too.
"""

import datetime
import sys
from decimal import Decimal
from typing import Any

from trytond import config

CURRENCIES = (("EUR", "Euro", "1"), ("USD", "U.S. Dollar", "1.25"), ("GBP", "Pound Sterling", "0.80"))
TAXES = (("VAT 19 %", "0.19"), ("VAT 20 %", "0.20"), ("VAT 0 %", "0"))
GROUPS = (("account", "group_account"), ("party", "group_party_admin"))


def create_schema(database: str) -> None:
    """Tables and master data of the invoicing module and all it needs."""
    from trytond import backend  # chosen when it is imported: after the configuration was read
    from trytond.pool import Pool

    Pool.start()
    connection = backend.Database(database)
    connection.connect()
    connection.init()
    connection.close()
    Pool(database).init(update=["ir", "res", "account_invoice"], lang=["en"], activatedeps=True, indexes=False)


def create_company(name: str) -> Any:
    """The company with its currencies and today's rates."""
    from trytond.pool import Pool

    pool = Pool()
    made = {}
    for code, label, rate in CURRENCIES:
        (made[code],) = pool.get("currency.currency").create(
            [
                {
                    "code": code,
                    "name": label,
                    "symbol": code,
                    "digits": 2,
                    "rounding": Decimal("0.01"),
                    "rates": [("create", [{"date": datetime.date(2000, 1, 1), "rate": Decimal(rate)}])],
                }
            ]
        )
    pool.get("country.country").create([{"name": "Germany", "code": "DE"}, {"name": "France", "code": "FR"}])
    (party,) = pool.get("party.party").create([{"name": name, "code": "COMPANY", "addresses": [("create", [{}])]}])
    (company,) = pool.get("company.company").create([{"party": party.id, "currency": made["EUR"].id}])
    return company


def create_chart(company: Any) -> None:
    """The universal English chart of accounts, through Tryton's own wizard."""
    from trytond.pool import Pool

    pool = Pool()
    account = pool.get("account.account")
    wizard_class = pool.get("account.create_chart", type="wizard")
    (template,) = pool.get("account.account.template").search(
        [("parent", "=", None), ("name", "like", "Universal%")], limit=1
    )
    session_id, _, _ = wizard_class.create()
    wizard = wizard_class(session_id)
    wizard.account.account_template = template
    wizard.account.company = company
    wizard.transition_create_account()
    wizard.properties.company = company
    for kind in ("receivable", "payable"):
        (found,) = account.search([(f"type.{kind}", "=", True), ("party_required", "=", True)], limit=1)
        setattr(wizard.properties, f"account_{kind}", found)
    wizard.transition_create_properties()
    (exchange,) = account.search([("type.revenue", "=", True), ("closed", "!=", True)], limit=1)
    configuration = pool.get("account.configuration")(1)
    configuration.currency_exchange_credit_account = exchange
    configuration.currency_exchange_debit_account = exchange
    configuration.save()


def create_taxes(company: Any) -> None:
    from trytond.pool import Pool

    pool = Pool()
    (account,) = pool.get("account.account").search([("code", "=", "6.3.6")])
    pool.get("account.tax").create(
        [
            {
                "name": name,
                "description": name,
                "type": "percentage",
                "rate": Decimal(rate),
                "company": company.id,
                "invoice_account": account.id,
                "credit_note_account": account.id,
            }
            for name, rate in TAXES
        ]
    )


def create_fiscal_years(company: Any) -> None:
    """The years from three back to next, open, each with periods and one invoice sequence."""
    from trytond.pool import Pool

    pool = Pool()
    sequence = pool.get("ir.sequence.strict")
    types = pool.get("ir.sequence.type")
    (move_type,) = types.search([("name", "=", "Account Move")])
    (invoice_type,) = types.search([("name", "=", "Invoice")])
    this_year = datetime.date.today().year  # noqa: DTZ011 - only the year, of this machine
    fiscal_years = []
    for year in range(this_year - 3, this_year + 2):
        moves, invoices = sequence.create(
            [
                {"name": f"Moves {year}", "sequence_type": move_type.id, "company": company.id},
                {
                    "name": f"Invoices {year}",
                    "sequence_type": invoice_type.id,
                    "company": company.id,
                    "prefix": f"T{year}-",
                },
            ]
        )
        kinds = ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note")
        (fiscal_year,) = pool.get("account.fiscalyear").create(
            [
                {
                    "name": str(year),
                    "company": company.id,
                    "start_date": datetime.date(year, 1, 1),
                    "end_date": datetime.date(year, 12, 31),
                    "move_sequence": moves.id,
                    "invoice_sequences": [
                        ("create", [{"company": company.id} | {f"{kind}_sequence": invoices.id for kind in kinds}])
                    ],
                }
            ]
        )
        fiscal_years.append(fiscal_year)
    pool.get("account.fiscalyear").create_period(fiscal_years)


def create_user(company: Any, login: str, password: str) -> None:
    """An ordinary user with the groups that the connector's page asks for, no administrator."""
    from trytond.pool import Pool

    pool = Pool()
    groups = [pool.get("ir.model.data").get_id(module, name) for module, name in GROUPS]
    pool.get("res.user").create(
        [
            {
                "login": login,
                "name": login,
                "password": password,
                "groups": [("add", groups)],
                "companies": [("add", [company.id])],
                "company": company.id,
            }
        ]
    )


def fill(login: str, password: str, company_name: str) -> None:
    """All records, in the running transaction."""
    from trytond.transaction import Transaction

    company = create_company(company_name)
    with Transaction().set_context(company=company.id, companies=[company.id]):
        create_chart(company)
        create_taxes(company)
        create_fiscal_years(company)
        create_user(company, login, password)


def main(config_file: str, database: str, company_name: str, login: str, password: str) -> None:
    config.update_etc(config_file)
    from trytond.transaction import Transaction, TransactionError

    create_schema(database)
    extras: dict[str, Any] = {}
    while True:
        with Transaction().start(database, 0, **extras) as transaction:
            try:
                fill(login, password, company_name)
            except TransactionError as error:  # Tryton's way to ask for a table lock: begin again with it
                transaction.rollback()
                error.fix(extras)
                continue
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
