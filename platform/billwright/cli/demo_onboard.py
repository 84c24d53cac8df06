"""The demo's partners and firms onboarded, and what feeding one of them needs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import httpx
from sqlalchemy import select

from billwright.cli.demo_acts import People
from billwright.cli.demo_doors import ApiDoor, DemoFailedError, Door, DropDoor, HookDoor
from billwright.cli.demo_feed import FirmFeed
from billwright.cli.demo_input import (
    FIRMS,
    FIRST_DAY,
    PARTNERS,
    Calendar,
    DemoFirm,
    read_firm,
    read_partner,
    read_records,
)
from billwright.cli.demo_pace import Pace, Workers, given_up
from billwright.identity.act import operator
from billwright.identity.make_token import make_token, revoke_token
from billwright.kernel.actor import SYSTEM
from billwright.kernel.clock import SetClock
from billwright.kernel.settings import Settings
from billwright.tenancy.database import Database
from billwright.tenancy.tables import PartnerRow, TenantRow
from billwright.tenancy.transaction import Tenant, control_transaction
from billwright_tenants.apply import apply_blueprint
from billwright_tenants.blueprint import Blueprint
from billwright_tenants.partner import apply_partner

TOKEN_DAYS: Final = 1


@dataclass(frozen=True, slots=True)
class Install:
    """Where the demo runs. ``client`` speaks HTTP with the API."""

    database: Database
    settings: Settings
    client: httpx.Client
    workers: Workers


def unfinished(database: Database) -> list[DemoFirm]:
    """Firms that are not there yet, or whose time is still the demo's: a firm in real time is done."""
    query = select(TenantRow.slug).where(
        TenantRow.slug.in_([firm.slug for firm in FIRMS]), TenantRow.clock_at.is_(None)
    )
    with control_transaction(database, SYSTEM) as tx:
        done = set(tx.session.scalars(query))
    return [firm for firm in FIRMS if firm.slug not in done]


def onboard_partners(install: Install) -> Calendar:
    """The partners as their blueprints say; return the demo's calendar, counted from its first start."""
    for slug in PARTNERS:
        apply_partner(install.database, read_partner(slug), operator("demo"))
    return Calendar(_first_start(install.database))


def onboard_firm(install: Install, partner: str, blueprint: Blueprint, calendar: Calendar) -> Tenant:
    """The firm as its blueprint says, made on the demo's first morning, where its clock stands until it is fed.

    Its configuration has to be there before the first invoice is routed by it; one that was interrupted goes on.
    """
    morning = calendar.moment(FIRST_DAY, "06:00")
    database = replace(install.database, clock=SetClock(morning))
    master_key = install.settings.master_key
    return apply_blueprint(database, partner, blueprint, operator("demo"), master_key=master_key).tenant


def _first_start(database: Database) -> date:
    query = select(PartnerRow.created_at).where(PartnerRow.slug == PARTNERS[0])
    with control_transaction(database, SYSTEM) as tx:
        return tx.session.scalars(query).one().date()


def run_firm(install: Install, firm: DemoFirm, calendar: Calendar, tell: Callable[[int], None]) -> None:
    """Onboard ``firm`` and feed it to the last evening; it stays in the demo's time. ``tell`` hears of day after day.

    Raises:
        DemoFailedError: something did not go as written; the sentence names jobs that were given up.
    """
    blueprint = read_firm(firm)
    tenant = onboard_firm(install, firm.partner, blueprint, calendar)
    tell(FIRST_DAY)
    try:
        with open_door(install, firm, tenant, blueprint) as door:
            prepare(install, firm, tenant, blueprint, calendar, door).run(tell)
    except DemoFailedError as failure:
        if jobs := given_up(install.database, tenant):
            raise DemoFailedError(f"{failure.message} Jobs given up: {jobs}") from failure
        raise


def prepare(
    install: Install, firm: DemoFirm, tenant: Tenant, blueprint: Blueprint, calendar: Calendar, door: Door
) -> FirmFeed:
    """What feeds ``firm``'s records to ``tenant``."""
    return FirmFeed(
        database=install.database,
        firm=firm,
        tenant=tenant,
        people=People(install.database, tenant, blueprint),
        calendar=calendar,
        pace=Pace(install.database, install.workers),
        door=door,
        records=read_records(firm),
    )


@contextmanager
def open_door(install: Install, firm: DemoFirm, tenant: Tenant, blueprint: Blueprint) -> Iterator[Door]:
    """The firm's way in; a token that it needs lives as long as the door is open."""
    connection = next(each for each in blueprint.connections if each.name == firm.connection)
    if firm.channel == "drop":
        folder = install.settings.drop / tenant.slug / connection.name
        yield DropDoor(folder, connection.source, lambda written: install.workers.take(tenant, written))
    elif firm.channel == "webhook":
        assert connection.hook_secret is not None, firm.slug
        address = f"{tenant.slug}.{connection.name}"
        yield HookDoor(install.client, address, connection.hook_secret, connection.source, install.database.clock)
    else:
        actor, partner_id = operator("demo"), tenant.partner_id
        made = make_token(
            install.database,
            actor,
            partner_id=partner_id,
            tenant=tenant,
            name="demo input",
            scopes=frozenset({"message:write"}),
            days=TOKEN_DAYS,
        )
        try:
            yield ApiDoor(install.client, made.secret, connection.source)
        finally:
            revoke_token(install.database, actor, made.id, partner_id=partner_id, tenant=tenant)
