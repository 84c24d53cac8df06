"""Finds in Tryton what an invoice refers to; makes the customer if there is none. Every miss says what to set up."""

from collections.abc import Sequence

from billwright.extension.connectors import PostingInvoice, RejectedError
from billwright_connectors.tryton import mapping
from billwright_connectors.tryton.client import Record, Session
from billwright_connectors.tryton.manifest import Settings


def company(session: Session, settings: Settings) -> int:
    """The id of the tenant's company, which also becomes the context of all further calls."""
    named = ["OR", ["party.code", "=", settings.company], ["party.name", "=", settings.company]]
    found = _one(
        session,
        "company.company",
        [named],
        what=f"company {settings.company!r}",
        remedy="Set 'company' in the connection's settings to the code or name of a company that its user may enter.",
    )
    session.context["company"] = found
    return found


def all_known(session: Session, settings: Settings, invoice: PostingInvoice, company_id: int) -> mapping.Known:
    """Ids of everything that ``invoice`` refers to. Settings are checked before the customer is made.

    Raises:
        RejectedError: something is missing or ambiguous in the settings or in Tryton.
    """
    taxes = {key: _tax(session, settings, company_id, key) for key in mapping.tax_keys(invoice)}
    accounts = {ours: _revenue_account(session, settings, company_id, ours) for ours in _accounts(invoice)}
    currency = _one(
        session,
        "currency.currency",
        [["code", "=", invoice.currency]],
        what=f"currency {invoice.currency}",
        remedy=f"Add {invoice.currency} to Tryton's currencies, with {invoice.currency_digits} decimals and a rate.",
    )
    journal = _journal(session, settings)
    payment_term = _payment_term(session, settings)
    party = _party(session, settings, invoice)
    return mapping.Known(
        company=company_id,
        currency=currency,
        party=party,
        address=_address(session, party),
        receivable=_receivable(session, settings, company_id, party),
        journal=journal,
        payment_term=payment_term,
        taxes=taxes,
        accounts=accounts,
    )


def _accounts(invoice: PostingInvoice) -> list[str]:
    return list(dict.fromkeys(line.revenue_account for line in invoice.lines))


def _tax(session: Session, settings: Settings, company_id: int, key: str) -> int | None:
    if key not in settings.taxes:
        raise RejectedError(
            f"No tax of Tryton stands for our tax {key}.",
            remedy=f"Add {key!r} to 'taxes' in the connection's settings, with the name of Tryton's tax.",
        )
    name = settings.taxes[key]
    if not name:
        return None
    return _one(
        session,
        "account.tax",
        [["name", "=", name], ["company", "=", company_id], ["parent", "=", None]],
        what=f"tax {name!r}",
        remedy=f"Correct 'taxes' of {key!r} in the connection's settings, or add the tax to Tryton.",
    )


def _revenue_account(session: Session, settings: Settings, company_id: int, ours: str) -> int:
    code = settings.accounts.get(ours, ours) if ours else settings.revenue_account
    return _account(session, company_id, code, remedy="Correct 'accounts' or 'revenue_account' in the settings.")


def _account(session: Session, company_id: int, code: str, *, remedy: str) -> int:
    domain = [["code", "=", code], ["company", "=", company_id], ["closed", "!=", True]]
    return _one(session, "account.account", domain, what=f"open account {code!r}", remedy=remedy)


def _journal(session: Session, settings: Settings) -> int:
    if settings.journal:
        remedy = "Correct 'journal' in the connection's settings."
        domain = [["code", "=", settings.journal], ["type", "=", "revenue"]]
        return _one(session, "account.journal", domain, what=f"revenue journal {settings.journal!r}", remedy=remedy)
    found = session.search("account.journal", [["type", "=", "revenue"]], ["id"], limit=1)
    if not found:
        raise RejectedError("Tryton has no revenue journal.", remedy="Add a journal of type revenue to Tryton.")
    return int(found[0]["id"])


def _payment_term(session: Session, settings: Settings) -> int | None:
    if not settings.payment_term:
        return None
    return _one(
        session,
        "account.invoice.payment_term",
        [["name", "=", settings.payment_term]],
        what=f"payment term {settings.payment_term!r}",
        remedy="Correct 'payment_term' in the connection's settings, or leave it empty to use our due date.",
    )


def _party(session: Session, settings: Settings, invoice: PostingInvoice) -> int:
    """The customer by code, else by an identifier of that text, else a new one.

    Tryton keeps codes unique, so two callers at once cannot make a customer twice: the slower one is refused and finds.
    """
    code = f"{settings.party_code_prefix}{invoice.customer_key}"
    if found := _parties(session, code):
        return found
    country = _country(session, settings)
    try:
        return session.create("party.party", mapping.party_values(invoice, code=code, country=country))
    except RejectedError:
        if found := _parties(session, code):
            return found
        raise


def _parties(session: Session, code: str) -> int | None:
    named = ["OR", ["code", "=", code], ["identifiers.code", "=", code]]
    found = session.search("party.party", [named], ["id"], limit=2)
    if len(found) > 1:
        raise RejectedError(
            f"More than one party in Tryton has the code or identifier {code!r}.",
            remedy="Leave it on the one that is the customer.",
        )
    return int(found[0]["id"]) if found else None


def _country(session: Session, settings: Settings) -> int | None:
    if not settings.country:
        return None
    return _one(
        session,
        "country.country",
        [["code", "=", settings.country]],
        what=f"country {settings.country}",
        remedy="Import the countries into Tryton (trytond_import_countries), or leave 'country' empty.",
    )


def _address(session: Session, party: int) -> int:
    """The customer's address for invoices, else the first, else a new empty one."""
    found = session.search("party.address", [["party", "=", party]], ["invoice"])
    if not found:
        return session.create("party.address", {"party": party})
    preferred = [address for address in found if address["invoice"]]
    return int((preferred or found)[0]["id"])


def _receivable(session: Session, settings: Settings, company_id: int, party: int) -> int:
    if settings.receivable_account:
        remedy = "Correct 'receivable_account' in the connection's settings."
        return _account(session, company_id, settings.receivable_account, remedy=remedy)
    (customer,) = session.call("model.party.party.read", [party], ["account_receivable"])
    if customer["account_receivable"] is not None:
        return int(customer["account_receivable"])
    (defaults,) = session.call("model.account.configuration.read", [1], ["default_account_receivable"])
    if defaults["default_account_receivable"] is None:
        raise RejectedError(
            "Neither the customer nor the company has a receivable account in Tryton.",
            remedy="Set the default receivable account in Tryton, or 'receivable_account' in the connection's settings.",
        )
    return int(defaults["default_account_receivable"])


def _one(session: Session, model: str, domain: Sequence[object], *, what: str, remedy: str) -> int:
    found: list[Record] = session.search(model, domain, ["id"], limit=2)
    if len(found) != 1:
        how_many = "more than one" if found else "no"
        raise RejectedError(f"Tryton has {how_many} {what}.", remedy=remedy)
    return int(found[0]["id"])
