"""A tenant's configuration: what its blueprint sets and people may change; stored versioned, the highest version in force."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import insert, select

from billwright.kernel.errors import InputInvalidError
from billwright.tenancy.tables import ConfigurationRow
from billwright.tenancy.transaction import Tx

Name = Annotated[str, Meta(min_length=1, max_length=100)]
StepRole = Literal["manager", "finance"]


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: unknown fields are an error, so that a misspelt setting is told at once."""


class RuleSetting(Part, frozen=True, kw_only=True):
    """A rule plugin that this tenant enabled, with its settings (checked against the plugin's own model).

    ``waivable``: which of the rule's findings two people may let pass; none given means all that the rule itself allows.
    """

    name: Name
    settings: dict[str, Any] = {}
    waivable: tuple[Name, ...] | None = None


class PluginLimit(Part, frozen=True, kw_only=True):
    """How long one call of a rule or trigger may take here; never longer than the install allows."""

    name: Name
    limit_ms: Annotated[int, Meta(ge=10, le=600_000)]


class ApprovalRule(Part, frozen=True, kw_only=True):
    """One row of the approval matrix; the first row that fits a draft decides. ``at_least`` is net, in major units."""

    name: Name
    legal_entity: str = "*"
    customer: str = "*"
    currency: str = "*"
    at_least: Decimal = Decimal(0)
    steps: tuple[StepRole, ...] = ("manager", "finance")

    def __post_init__(self) -> None:
        """Steps are told by their role, and the phases of an invoice know the manager before finance.

        Raises:
            ValueError: a step twice or in another order, or a limit that is no amount; msgspec makes it name the field.
        """
        if self.steps not in ((), ("manager",), ("finance",), ("manager", "finance")):
            raise ValueError("`steps` names manager and finance at most once each, in this order")
        if not Decimal(self.at_least).is_finite() or self.at_least < 0:
            raise ValueError(f"`at_least` must be 0 or more, not {self.at_least}")


class ReminderStep(Part, frozen=True, kw_only=True):
    days_after_due: Annotated[int, Meta(ge=-30, le=365)]
    tone: Literal["friendly", "firm", "final"]


class Settlement(Part, frozen=True, kw_only=True):
    """Rate at which a unit that is no ISO currency is billed, with its source: kept on every line that it made."""

    unit: Annotated[str, Meta(min_length=2, max_length=12)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    rate: Decimal
    source: Name

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or self.rate <= 0:
            raise ValueError(f"`rate` must be above 0, not {self.rate}")


class LedgerSettings(Part, frozen=True, kw_only=True):
    """How the books are kept.

    ``rates`` names the source of exchange rates with which entries in other currencies are valued in the legal entity's own;
    empty: they are not valued. A rate may be ``rate_days_max`` days old. ``write_off_alone``: up to this amount, in major
    units of the receivable, one person may write off; above it another one decides.
    """

    rates: Annotated[str, Meta(max_length=40)] = ""
    rate_days_max: Annotated[int, Meta(ge=0, le=31)] = 7
    write_off_alone: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not Decimal(self.write_off_alone).is_finite() or self.write_off_alone < 0:
            raise ValueError(f"`write_off_alone` must be 0 or more, not {self.write_off_alone}")


class DocumentSettings(Part, frozen=True, kw_only=True):
    template_set: Literal["classic", "modern"] = "classic"
    notes: tuple[str, ...] = ()
    template_html: str | None = None


class TenantConfiguration(Part, frozen=True, kw_only=True):
    """All of it. Defaults are safe: two approval steps for everything, every first-party rule on."""

    rules: tuple[RuleSetting, ...] = (
        RuleSetting(name="acceptance_present"),
        RuleSetting(name="change_order_signed"),
        RuleSetting(name="purchase_order"),
        RuleSetting(name="contract_value"),
        RuleSetting(name="evidence_attached"),
        RuleSetting(name="duplicate_billing"),
    )
    triggers: tuple[Name, ...] = (
        "milestones", "time_entries", "expenses", "subscriptions", "retainers", "usage", "progress",
    )  # fmt: skip
    plugin_limits: tuple[PluginLimit, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()
    reminders: tuple[ReminderStep, ...] = (
        ReminderStep(days_after_due=3, tone="friendly"),
        ReminderStep(days_after_due=14, tone="firm"),
        ReminderStep(days_after_due=30, tone="final"),
    )
    settlement: tuple[Settlement, ...] = ()
    ledger: LedgerSettings = LedgerSettings()
    documents: DocumentSettings = DocumentSettings()
    erp_connections: tuple[Name, ...] = ()
    tax_connection: Annotated[str, Meta(max_length=200)] = ""
    """The connection that is asked whether VAT ids are registered; empty: none is asked."""
    deliver_by_mail: bool = True
    payment_terms_days: Annotated[int, Meta(ge=0, le=365)] = 30
    approval_hours: Annotated[int, Meta(ge=1, le=720)] = 8
    exception_hours: Annotated[int, Meta(ge=1, le=720)] = 16
    render_documents: bool = True


def read_configuration(tx: Tx) -> TenantConfiguration:
    """The configuration in force in this transaction's tenant."""
    cached = tx.cache.get("configuration")
    if cached is None:
        query = select(ConfigurationRow.content).order_by(ConfigurationRow.version.desc()).limit(1)
        content = tx.session.scalars(query).one_or_none()
        cached = msgspec.convert(content or {}, TenantConfiguration, strict=False)
        tx.cache["configuration"] = cached
    assert isinstance(cached, TenantConfiguration)
    return cached


def store_configuration(tx: Tx, configuration: TenantConfiguration) -> int:
    """Write ``configuration`` as the next version and return its number; unchanged content makes no version."""
    current = tx.session.scalars(
        select(ConfigurationRow).order_by(ConfigurationRow.version.desc()).limit(1)
    ).one_or_none()
    content = msgspec.to_builtins(configuration, builtin_types=())
    if current is not None and current.content == content:
        return current.version
    number = (current.version if current else 0) + 1
    row = {"version": number, "content": content, "made_at": tx.now, "made_by": tx.actor.name}
    tx.session.execute(insert(ConfigurationRow), [row])
    tx.cache.pop("configuration", None)
    return number


def convert_configuration(raw: object) -> TenantConfiguration:
    """``raw`` as configuration.

    Raises:
        InputInvalidError: the message names the field.
    """
    try:
        return msgspec.convert(raw, TenantConfiguration, strict=False)
    except msgspec.ValidationError as error:
        raise InputInvalidError(f"The configuration is not valid: {error}") from None
