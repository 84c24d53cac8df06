"""What a tenant or a partner is, as people write it down. Unknown fields are errors; rates and amounts are decimals."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from billwright.billing.tax.jurisdictions import Service
from billwright.canon.business_time import Calendar
from billwright.extension.einvoicing import SellerEinvoice
from billwright.extension.terms_tax import Region
from billwright.kernel.brand import Brand
from billwright.receivables.accounts import USUAL, BankAccountOfLedger, RevenueAccount, TaxAccount
from billwright.tenancy.configuration import (
    ApprovalRule,
    DocumentSettings,
    LedgerSettings,
    PluginLimit,
    ReminderStep,
    RuleSetting,
    Settlement,
    TenantConfiguration,
)

DEFAULTS = TenantConfiguration()

Slug = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$", description="3 to 40 of a-z, 0-9 and -, as in northwind-law"),
]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Line = Annotated[str, Meta(max_length=200)]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$", description="Letters, digits, - and _")]
Host = Annotated[str, Meta(pattern=r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")]
DocumentType = Literal["invoice", "credit_note"]
Percent = Annotated[Decimal, Meta(description="Percent, with at most two decimals: 19, 8.1")]


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: a misspelt field is told at once."""


class TenantPart(Part, frozen=True, kw_only=True):
    """``sandbox``: its clock stands where it is put; for trials and imports of the past."""

    slug: Slug
    name: Name
    plan: Name = "standard"
    sandbox: bool = False


class Address(Part, frozen=True, kw_only=True):
    street: Line = ""
    postal_code: Line = ""
    city: Line = ""
    country: Annotated[str, Meta(pattern=r"^([A-Z]{2})?$")] = ""


class Bank(Part, frozen=True, kw_only=True):
    """An account to be paid to: ``iban`` and ``bic``, or ``account_number`` and ``routing`` where there is no IBAN."""

    holder: Name
    iban: Line = ""
    bic: Line = ""
    bank: Line = ""
    account_number: Line = ""
    routing: Line = ""
    currency: Annotated[str, Meta(pattern=r"^([A-Z]{3})?$")] = ""


class Series(Part, frozen=True, kw_only=True):
    """Numbers of one kind of document. With ``{year}`` in the pattern the count starts anew each year."""

    document_type: DocumentType = "invoice"
    pattern: Annotated[str, Meta(min_length=1, max_length=60, description="As in ACME-{year}-{number:05d}")]
    start: Annotated[int, Meta(ge=1, le=10**9)] = 1


class Accounts(Part, frozen=True, kw_only=True):
    """Ledger accounts by role; those left out are of a common small chart. Of the rows that narrow a role by kind, tax or
    currency, the first that fits decides."""

    receivable: Line = ""
    revenue: Line = ""
    tax: Line = ""
    bank: Line = ""
    deposits: Line = ""
    holdback: Line = ""
    write_off: Line = ""
    exchange_gain: Line = ""
    exchange_loss: Line = ""
    revenue_by: Annotated[tuple[RevenueAccount, ...], Meta(max_length=100)] = ()
    tax_by: Annotated[tuple[TaxAccount, ...], Meta(max_length=100)] = ()
    bank_by: Annotated[tuple[BankAccountOfLedger, ...], Meta(max_length=40)] = ()

    def __post_init__(self) -> None:
        """One account per role: balances of two could not be told apart.

        Raises:
            ValueError: an account serves two roles; msgspec makes it name the field.
        """
        roles: dict[str, str] = {}
        for role, usual in USUAL.items():
            account = getattr(self, role) or usual
            other = roles.setdefault(account, role)
            if other != role and {other, role} != {"exchange_gain", "exchange_loss"}:
                raise ValueError(f"`{other}` and `{role}` are both {account}; give each an account of its own")


class TaxRegime(Part, frozen=True, kw_only=True):
    """What decides the entity's tax beside its country and VAT id (docs/tax.md).

    ``scheme``: small businesses and sellers that are not registered show no tax; ``scheme_reason`` is printed then, where
    the platform knows no sentence. ``service`` is what it sells, ``services`` overrides it by kind of billable item.
    ``provincial``: percent of the sales tax of provinces and states that depends on the very service; 0 where it is not due.
    """

    scheme: Literal["standard", "small_business", "not_registered"] = "standard"
    scheme_reason: Annotated[str, Meta(max_length=500)] = ""
    region: Region = ""
    oss: bool = False
    service: Service = "professional"
    services: dict[Name, Service] = {}
    provincial: dict[Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,3}$")], Percent] = {}


class LegalEntity(Part, frozen=True, kw_only=True):
    """A legal entity of the tenant, as it is printed on its invoices."""

    code: Code
    name: Name
    legal_name: Name | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166: DE")]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217: EUR")]
    time_zone: Annotated[str, Meta(max_length=60, description="IANA name: Europe/Berlin")]
    address: Address = Address()
    tax_id: Line = ""
    registration: Line = ""
    email: Line = ""
    phone: Line = ""
    bank: Bank | tuple[Bank, ...] | None = None
    standard_tax_rate: Percent | None = None
    """For supplies at home. Left out: by the platform's table of rates, by date; 0: no tax is charged at home."""
    tax: TaxRegime | None = None
    einvoice: SellerEinvoice | None = None
    """What its e-invoices say: the format of customers who state none, the electronic address, whom to ask."""
    accounts: Accounts | None = None
    calendar: Calendar | None = None
    """When it works; clocks of approvals and exceptions run only then. Left out: 9 to 17 on weekdays that are no holidays."""
    series: tuple[Series, ...] = ()
    default: bool = False


class User(Part, frozen=True, kw_only=True):
    """A person and their roles here. The password is set when the person is new; later they change it themselves."""

    email: Annotated[str, Meta(max_length=254)]
    name: Name
    roles: tuple[Name, ...]
    password: Annotated[str, Meta(min_length=12, max_length=200)] | None = None
    locale: Literal["en", "de", "fr"] = "en"


class Connection(Part, frozen=True, kw_only=True):
    """A connector of this tenant. ``secrets`` and ``hook_secret`` are kept encrypted and never shown again."""

    name: Code
    connector: Name
    source: Annotated[str, Meta(max_length=100)] = ""
    settings: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    hook_secret: Annotated[str, Meta(max_length=200)] | None = None
    erp: bool = False
    tax: bool = False
    """It is asked whether the VAT ids of customers are registered."""
    enabled: bool = True
    user: Annotated[str, Meta(max_length=254)] | None = None
    """E-mail of the person for whom it acts, who then approves nothing that it brought; default: nobody."""


class Blueprint(Part, frozen=True, kw_only=True):
    """A tenant as a whole. Applied again, what is listed is made so; people and entities that are not listed stay."""

    tenant: TenantPart
    brand: Brand | None = None
    legal_entities: Annotated[tuple[LegalEntity, ...], Meta(min_length=1, max_length=100)]
    users: Annotated[tuple[User, ...], Meta(max_length=1_000)] = ()
    connections: Annotated[tuple[Connection, ...], Meta(max_length=100)] = ()
    hosts: Annotated[tuple[Host, ...], Meta(max_length=20)] = ()
    rules: tuple[RuleSetting, ...] = field(default_factory=lambda: DEFAULTS.rules)  # holds dicts: no hash, no default
    triggers: tuple[Name, ...] = DEFAULTS.triggers
    plugin_limits: tuple[PluginLimit, ...] = DEFAULTS.plugin_limits
    approvals: tuple[ApprovalRule, ...] = DEFAULTS.approvals
    reminders: tuple[ReminderStep, ...] = DEFAULTS.reminders
    settlement: tuple[Settlement, ...] = DEFAULTS.settlement
    ledger: LedgerSettings = DEFAULTS.ledger
    documents: DocumentSettings = DEFAULTS.documents
    deliver_by_mail: bool = DEFAULTS.deliver_by_mail
    payment_terms_days: Annotated[int, Meta(ge=0, le=365)] = DEFAULTS.payment_terms_days
    approval_hours: Annotated[int, Meta(ge=1, le=720)] = DEFAULTS.approval_hours
    exception_hours: Annotated[int, Meta(ge=1, le=720)] = DEFAULTS.exception_hours
    render_documents: bool = DEFAULTS.render_documents

    @property
    def face(self) -> Brand:
        """The tenant's brand; without one in the blueprint a plain one in the tenant's own name, never the partner's."""
        return self.brand or Brand(name=self.tenant.name, slug=self.tenant.slug)

    @property
    def configuration(self) -> TenantConfiguration:
        """What of the blueprint is configuration that people may change later."""
        return TenantConfiguration(
            rules=self.rules,
            triggers=self.triggers,
            plugin_limits=self.plugin_limits,
            approvals=self.approvals,
            reminders=self.reminders,
            settlement=self.settlement,
            ledger=self.ledger,
            documents=self.documents,
            erp_connections=tuple(each.name for each in self.connections if each.erp and each.enabled),
            tax_connection=next((each.name for each in self.connections if each.tax and each.enabled), ""),
            deliver_by_mail=self.deliver_by_mail,
            payment_terms_days=self.payment_terms_days,
            approval_hours=self.approval_hours,
            exception_hours=self.exception_hours,
            render_documents=self.render_documents,
        )


class PartnerBlueprint(Part, frozen=True, kw_only=True):
    """A partner, its people with partner roles, its brand and the host names that show it."""

    slug: Slug
    name: Name
    brand: Brand | None = None
    hosts: Annotated[tuple[Host, ...], Meta(max_length=20)] = ()
    users: Annotated[tuple[User, ...], Meta(max_length=1_000)] = ()

    @property
    def face(self) -> Brand:
        return self.brand or Brand(name=self.name, slug=self.slug)
