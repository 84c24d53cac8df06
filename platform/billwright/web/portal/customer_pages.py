"""Customers: who owes what, and everything about one of them, each fact with where it came from."""

from dataclasses import dataclass
from typing import Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.billing.tax.vat_ids import verdict
from billwright.canon.tables import CustomerRow
from billwright.kernel.ids import read
from billwright.receivables.queries import read_ageing
from billwright.receivables.retained import list_holdbacks
from billwright.tenancy.configuration import TenantConfiguration, read_configuration
from billwright.web.portal import queries_customers as queries
from billwright.web.portal.listing_customers import CUSTOMERS, LANGUAGES
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.queries_contracts import contracts_of, read_standing
from billwright.web.portal.visit import Visit, provide_visit

TAX: Final = {
    "S": "Standard rate",
    "Z": "Zero rate",
    "E": "Exempt",
    "AE": "Reverse charge",
    "K": "Intra-Community supply",
    "G": "Export outside the EU",
    "O": "Outside the scope of tax",
}
BUCKETS: Final = {
    "not_due": "Not due",
    "1_30": "1–30 days",
    "31_60": "31–60 days",
    "61_90": "61–90 days",
    "over_90": "Over 90 days",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the billing profile. ``origin`` is ``message``, ``settings`` or ``derived``: where the value came from."""

    label: str
    value: str
    origin: str


class CustomerController(Controller):
    path = "/t/{slug:str}/customers"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_customers(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, CUSTOMERS)

    @get("/{customer_id:str}", sync_to_thread=True)
    def show_customer(self, visit: NamedDependency[Visit], customer_id: FromPath[str]) -> Response[str]:
        """One customer. What the person may not read is left out, and said."""
        visit.require("customer:read")
        identifier = read("cus", customer_id)
        money = visit.may("receivable:read")
        with visit.reading() as tx:
            head = queries.get_customer(tx, identifier)
            facts = profile(head.CustomerRow, read_configuration(tx))
            items = queries.open_items(tx, identifier) if money else []
            ageing = read_ageing(tx, customer_id=identifier) if money else []
            holdbacks = list_holdbacks(tx, customer_id=identifier) if money else []
            payments = queries.payments_of(tx, identifier) if money else []
            reminders = queries.reminders_of(tx, identifier) if money else []
            disputes = queries.disputes_of(tx, identifier) if money else []
            contracts = contracts_of(tx, identifier) if visit.may("contract:read") else []
            invoices = queries.invoices_of(tx, identifier) if visit.may("invoice:read") else []
        return visit.page(
            "customer.html",
            room="customers",
            title=head.CustomerRow.name,
            head=head,
            customer=head.CustomerRow,
            facts=facts,
            items=items,
            ageing=ageing,
            holdbacks=holdbacks,
            buckets=BUCKETS,
            payments=payments,
            reminders=reminders,
            disputes=disputes,
            contracts=contracts,
            standings={row.ContractRow.id: read_standing(row.standing) for row in contracts},
            invoices=invoices,
            money=money,
        )


def profile(customer: CustomerRow, configuration: TenantConfiguration) -> list[Fact]:
    """How the customer is billed: what its source says, else what the firm's settings say. Pure."""
    terms = customer.payment_terms_days
    language = LANGUAGES.get(customer.language, customer.language)
    by_mail = configuration.deliver_by_mail and customer.billing_email is not None
    return [
        Fact(
            "Purchase order",
            "Demanded: an invoice without its number is held" if customer.po_required else "Not demanded",
            "message",
        ),
        Fact("Payment terms", f"{terms} days", "message")
        if terms is not None
        else Fact("Payment terms", f"{configuration.payment_terms_days} days, the firm's usual", "settings"),
        Fact("Language of documents and mails", language, "message"),
        Fact("Channel", *_channel(customer, configuration, by_mail=by_mail)),
        Fact("Currency", customer.currency, "message")
        if customer.currency
        else Fact("Currency", "As each contract says", "derived"),
        _tax(customer),
    ]


STATUS: Final = {"business": "a business", "public_body": "a public body", "private_person": "a private person"}


def _tax(customer: CustomerRow) -> Fact:
    """What its invoices bear, and what is wrong with its tax number. Pure."""
    said = customer.tax or {}
    if customer.tax_category:
        why = said.get("exemption_reason") or said.get("exemption_code") or ""
        category = TAX.get(customer.tax_category, customer.tax_category)
        return Fact("Tax", f"{category}: {why}" if why else category, "message")
    text = "By the countries of both sides and the tax number"
    if said.get("status"):
        text += f"; it is {STATUS[said['status']]}"
    country = customer.address.get("country")
    if country and verdict(customer.tax_id, country) == "wrong":
        text += f"; the form or check digits of {customer.tax_id} are wrong"
    return Fact("Tax", text, "derived")


def _channel(customer: CustomerRow, configuration: TenantConfiguration, *, by_mail: bool) -> tuple[str, str]:
    if by_mail:
        return f"E-mail to {customer.billing_email}", "message"
    if configuration.deliver_by_mail:
        return "None: the customer has no address for invoices, so nothing can be sent", "message"
    return "None: the firm's settings send nothing by e-mail", "settings"
