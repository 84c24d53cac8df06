"""The composition root: which jobs follow which events, which handlers the workers have, which controllers answer."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from billwright.delivery.send_mail import Post
from billwright.delivery.smtp import parse_smtp_url
from billwright.delivery.webhooks import jobs as webhook_jobs
from billwright.delivery.webhooks.deliver import Courier
from billwright.delivery.webhooks.jobs import fan_out_handler
from billwright.delivery.webhooks.vault import Vault
from billwright.documents.limits import MIB, Limits
from billwright.documents.mail import MailRenderer
from billwright.documents.render import Renderer
from billwright.documents.store import FileStore
from billwright.einvoice.checker import Checker
from billwright.einvoice.examiner import examine_einvoices
from billwright.einvoice.make_einvoice import maker_of
from billwright.extension.loading import available_connectors
from billwright.extension.running import IN_PROCESS, PluginRunner
from billwright.extension.watchdog import Watchdog
from billwright.jobs.handlers import Handler, Handlers
from billwright.kernel.clock import OffsetClock
from billwright.kernel.events import DomainEvent, JobSpec, Subscriptions
from billwright.kernel.settings import Settings
from billwright.posting.post_invoice import Books
from billwright.receivables.examine_rates import examine_rates
from billwright.tenancy.database import Database, open_database
from billwright.web.announcements import ANNOUNCED

if TYPE_CHECKING:
    from litestar import Controller

# In the order in which work flows.
SPINE: Final = ("intake", "billing", "checks", "approvals", "issuing", "receivables")
ROOMS_WITH_PLUGINS: Final = ("billing", "checks")
# A worker in which no Python thread ran for so long while plugins were asked is ended.
STANDSTILL_S: Final = 5.0
AFTER_ISSUE: Final = ("documents", "delivery", "posting", "collections")
ROOMS_WITH_API: Final = (
    "identity", "intake", "canon", "billing", "checks", "approvals", "jobs", "audit", "documents", "einvoice",
    "delivery", "posting", "receivables", "collections", "insight",
)  # fmt: skip
MODULES_WITH_API: Final = (
    "billwright.intake.api_types", "billwright.receivables.api_credits", "billwright.delivery.webhooks.api",
    "billwright.delivery.webhooks.api_partner",
    "billwright_tenants.api",
    "billwright.web.portal.app",
)  # fmt: skip


def _jobs(room: str) -> ModuleType:
    return import_module(f"billwright.{room}.jobs")


def subscriptions(rooms: Sequence[str] = (*SPINE, *AFTER_ISSUE)) -> Subscriptions:
    """All rooms' followers, earlier rooms first."""
    jobs: dict[type[DomainEvent], list[Callable[[Any], Sequence[JobSpec]]]] = defaultdict(list)
    inline: dict[type[DomainEvent], list[Callable[[Any, Any], None]]] = defaultdict(list)
    for room in rooms:
        module = _jobs(room)
        for event, followers in getattr(module, "SUBSCRIBED_JOBS", {}).items():
            jobs[event].extend(followers)
        for event, handlers in getattr(module, "SUBSCRIBED_INLINE", {}).items():
            inline[event].extend(handlers)
    for event, follower in ANNOUNCED.items():
        inline[event].append(follower)
    return Subscriptions(jobs=dict(jobs), inline=dict(inline))


def database_of(settings: Settings) -> Database:
    """The database that the settings name, with all followers of events."""
    assert settings.database_url is not None, "the commands start or name a database before they need it"
    clock = OffsetClock(timedelta(seconds=settings.clock_offset_s)) if settings.clock_offset_s else None
    database = open_database(
        settings.database_url, owner_url=settings.database_owner_url, pool_size=settings.pool_size, clock=clock
    )
    return database.with_subscriptions(subscriptions())


def spine_handlers(plugins: PluginRunner = IN_PROCESS) -> Handlers:
    """From a stored message to an issued, receivable-open invoice: everything that needs the database alone."""
    handlers: list[Handler] = []
    for room in SPINE:
        given: dict[str, Any] = {"plugins": plugins} if room in ROOMS_WITH_PLUGINS else {}
        if room == "checks":
            given["examiners"] = (examine_einvoices, examine_rates)
        handlers.extend(_jobs(room).handlers(**given))
    return Handlers.of(*handlers, *_jobs("collections").database_handlers(), fan_out_handler())


def all_handlers(settings: Settings, database: Database, *, watched: bool = False) -> Handlers:
    """Everything that workers can do in this install.

    ``watched``: this process may be ended by a plugin that holds the interpreter; somebody starts it again.
    """
    limit_s = settings.plugin_limit_ms / 1000
    watchdog = Watchdog(max(STANDSTILL_S, 2 * limit_s)) if watched else None
    plugins = PluginRunner(limit_s=limit_s, watchdog=watchdog)
    store, mails, checker = FileStore(settings.files), MailRenderer(), Checker()
    server = parse_smtp_url(settings.smtp_url) if settings.smtp_url else None
    post = Post(database=database, store=store, server=server)
    books = Books(database=database, connectors=available_connectors(), settings=settings)
    return Handlers.of(
        *spine_handlers(plugins).by_kind.values(),
        *_jobs("intake").drop_handlers(database, settings.drop),
        *_jobs("einvoice").handlers(database, checker),
        *_jobs("documents").handlers(database, store, renderer_of(settings), maker_of(database, checker)),
        *_jobs("delivery").handlers(post, mails),
        *_jobs("posting").handlers(books),
        *_jobs("collections").mail_handlers(post, mails),
        *_courier_handlers(settings, database, post, mails),
    )


def renderer_of(settings: Settings) -> Renderer:
    """Documents in processes of their own; none is started before the first document."""
    limits = Limits(cpu_s=settings.render_cpu_s, memory_bytes=settings.render_memory_mib * MIB)
    return Renderer(size=settings.render_processes, limits=limits)


def _courier_handlers(settings: Settings, database: Database, post: Post, mails: MailRenderer) -> list[Handler]:
    courier = Courier(
        database=database,
        vault=Vault.of(settings),
        source_base=settings.base_url or "",
        private_hosts_allowed=settings.private_hosts_allowed,
    )
    return webhook_jobs.handlers(courier, post, mails)


def controllers() -> "list[type[Controller]]":
    """Controllers of all rooms, of onboarding, and the portal's; loaded here, for workers have no use for them."""
    found: list[type[Controller]] = []
    for room in ROOMS_WITH_API:
        found.extend(import_module(f"billwright.{room}.api").CONTROLLERS)
    for module in (
        "billwright.receivables.api_credits",
        "billwright.delivery.webhooks.api",
        "billwright.delivery.webhooks.api_partner",
        "billwright.receivables.api_exports",
        "billwright.receivables.api_ledger",
        "billwright.receivables.api_write_offs",
        "billwright_tenants.api",
        "billwright.web.portal.app",
    ):
        found.extend(import_module(module).CONTROLLERS)
    return found


def dependencies(settings: Settings) -> dict[str, object]:
    """What controllers ask for by name besides the shell's own."""
    return {"store": FileStore(settings.files), "vault": Vault.of(settings), "checker": Checker()}
