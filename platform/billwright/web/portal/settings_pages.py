"""Settings as they are in force: the firm, its terms, brand, approvals, rules, reminders, and how they came to be."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery

from billwright.documents.mail import MailRenderer, mail_page
from billwright.documents.page import InvoicePage, invoice_page
from billwright.documents.sets import MAIL_SETS
from billwright.extension.loading import available_rules, available_triggers
from billwright.identity.list_members import list_members
from billwright.issuing.content import InvoiceContent
from billwright.kernel.errors import NotFoundError
from billwright.kernel.ids import show
from billwright.tenancy.base import AnyRow
from billwright.tenancy.configuration import RuleSetting, read_configuration
from billwright.web.portal import queries_settings as queries
from billwright.web.portal import settings_view as view
from billwright.web.portal.brands import palettes
from billwright.web.portal.outside_pages import MAIL_POLICY
from billwright.web.portal.visit import Visit, html, provide_visit

READ: Final = "configuration:read"
MAILS: Final = MailRenderer()


def tabs_of(visit: Visit) -> list[tuple[str, str, str, None]]:
    """(name, words, address, no count) of the settings pages that the person may read."""
    tabs = []
    if visit.may(READ):
        tabs += [
            ("firm", "Legal entities", ""), ("terms", "Terms", "/terms"), ("brand", "Brand", "/brand"),
            ("approvals", "Approvals", "/approvals"), ("rules", "Rules", "/rules"),
            ("reminders", "Reminders", "/reminders"),
        ]  # fmt: skip
    if visit.may("user:read"):
        tabs.append(("people", "People", "/people"))
    if visit.may(READ):
        tabs.append(("history", "History", "/history"))
    tabs.append(("you", "You", "/you"))
    return [(name, text, visit.url(f"settings{path}"), None) for name, text, path in tabs]


def settings_page(visit: Visit, tab: str, title: str, *, status: int = 200, **context: Any) -> Response[str]:
    """A page of the settings with its tabs."""
    return visit.page(
        f"settings_{tab}.html",
        room="settings",
        title=title,
        tab=tab,
        tabs_shown=tabs_of(visit),
        status=status,
        **context,
    )


class SettingsController(Controller):
    path = "/t/{slug:str}/settings"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_firm(self, visit: NamedDependency[Visit]) -> Response[str]:
        """Legal entities; somebody who may not read the configuration gets their own settings."""
        if not visit.may(READ):
            return visit.go(visit.url("settings/you"))
        with visit.reading() as tx:
            entities = queries.legal_entities(tx)
            series = queries.number_series(tx)
        return settings_page(visit, "firm", "Legal entities", entities=entities, series=series, banks_of=_banks)

    @get("/terms", sync_to_thread=True)
    def show_terms(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(READ)
        with visit.reading() as tx:
            configuration = read_configuration(tx)
        return settings_page(visit, "terms", "Terms", configuration=configuration)

    @get("/brand", sync_to_thread=True)
    def show_brand(self, visit: NamedDependency[Visit]) -> Response[str]:
        """Colours with their contrasts, and what portal, mails and documents look like in them."""
        visit.require(READ)
        with visit.reading() as tx:
            last = queries.last_issued(tx) if visit.may("invoice:read") else None
        light, night = palettes(visit.brand)
        return settings_page(
            visit,
            "brand",
            "Brand",
            contrasts=view.contrasts(visit.brand),
            samples=(("light", light, "#ffffff"), ("dark", night, "#1d2128")),
            paper=_paper(visit, last),
            last=last,
        )

    @get("/brand/mail", sync_to_thread=True)
    def preview_mail(self, visit: NamedDependency[Visit]) -> Response[str]:
        """The mail of the invoice issued last, as it would be written today, for the sandboxed frame."""
        visit.require(READ)
        visit.require("invoice:read")
        with visit.reading() as tx:
            last = queries.last_issued(tx)
        if last is None:
            raise NotFoundError("There is no invoice yet to show a mail of.")
        content = _content(last)
        chosen = content.template_set if content.template_set in MAIL_SETS else MAIL_SETS[0]
        mail = MAILS.render_mail(mail_page(content, number=last.number, brand=visit.brand), template_set=chosen)
        answer = html(mail.html)
        answer.headers["Content-Security-Policy"] = MAIL_POLICY
        return answer

    @get("/approvals", sync_to_thread=True)
    def show_approvals(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(READ)
        members = list_members(visit.database, visit.actor, visit.here) if visit.may("user:read") else None
        with visit.reading() as tx:
            configuration = read_configuration(tx)
            called = {rule.customer for rule in configuration.approvals if rule.customer != "*"}
            customers = queries.customers_called(tx, called) if called else {}
        return settings_page(
            visit,
            "approvals",
            "Approvals",
            configuration=configuration,
            sentences=view.matrix_sentences(
                configuration.approvals, {name: row.name for name, row in customers.items()}
            ),
            ends_open=view.ends_open(configuration.approvals),
            customers={name: show("cus", row.id) for name, row in customers.items()},
            deciders=view.deciders(members) if members is not None else None,
        )

    @get("/rules", sync_to_thread=True)
    def show_rules(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(READ)
        with visit.reading() as tx:
            configuration = read_configuration(tx)
        triggers = tuple(RuleSetting(name=name) for name in configuration.triggers)
        return settings_page(
            visit,
            "rules",
            "Rules",
            rules=view.plugins_of(available_rules(), configuration.rules),
            triggers=view.plugins_of(available_triggers(), triggers),
        )

    @get("/reminders", sync_to_thread=True)
    def show_reminders(self, visit: NamedDependency[Visit]) -> Response[str]:
        visit.require(READ)
        with visit.reading() as tx:
            configuration = read_configuration(tx)
        return settings_page(visit, "reminders", "Reminders", steps=view.reminder_sentences(configuration.reminders))

    @get("/history", sync_to_thread=True)
    def show_history(self, visit: NamedDependency[Visit], cursor: FromQuery[str | None] = None) -> Response[str]:
        """Versions of the configuration: who, when, and what became different."""
        visit.require(READ)
        with visit.reading() as tx:
            found = queries.versions(tx, cursor=cursor)
            before = queries.version_before(tx, found.rows[-1].version) if found.rows else None
        contents: list[Mapping[str, Any] | None] = [row.content for row in found.rows[1:]]
        contents.append(before.content if before else None)
        entries = [
            (row, view.version_changes(earlier, row.content), earlier is None)
            for row, earlier in zip(found.rows, contents, strict=True)
        ]
        return settings_page(visit, "history", "History", entries=entries, next_cursor=found.next_cursor)


def _banks(profile: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Bank accounts of a legal entity: its profile holds one, several, or none."""
    kept = profile.get("bank") or []
    return [kept] if isinstance(kept, dict) else list(kept)


def _content(last: AnyRow) -> InvoiceContent:
    return msgspec.convert(last.content, InvoiceContent, strict=False)


def _paper(visit: Visit, last: AnyRow | None) -> InvoicePage | None:
    return None if last is None else invoice_page(_content(last), number=last.number, brand=visit.brand)
