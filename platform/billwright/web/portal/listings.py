"""All lists by name: what ``/lists/{name}/...`` serves. A room adds its list here by one line."""

from types import MappingProxyType
from typing import Final

from billwright.web.portal.listing_collections import COLLECTIONS
from billwright.web.portal.listing_connectors import CONNECTIONS, DELIVERIES, POSTINGS
from billwright.web.portal.listing_contracts import CONTRACTS
from billwright.web.portal.listing_customers import CUSTOMERS
from billwright.web.portal.listing_desk import APPROVALS, EXCEPTIONS
from billwright.web.portal.listing_invoices import INVOICES, UNBILLED
from billwright.web.portal.listing_jobs import JOBS
from billwright.web.portal.listing_messages import MESSAGES
from billwright.web.portal.listing_records import ACCESS, AUDIT, MAILBOX
from billwright.web.portal.listing_webhooks import SENT, WEBHOOKS
from billwright.web.portal.listing_work import EXPENSES, MILESTONES, TIME

LISTS: Final = MappingProxyType(
    {
        each.name: each
        for each in (
            EXCEPTIONS,
            APPROVALS,
            INVOICES,
            UNBILLED,
            CUSTOMERS,
            CONTRACTS,
            MILESTONES,
            TIME,
            EXPENSES,
            MESSAGES,
            COLLECTIONS,
            MAILBOX,
            CONNECTIONS,
            POSTINGS,
            DELIVERIES,
            JOBS,
            WEBHOOKS,
            SENT,
            AUDIT,
            ACCESS,
        )
    }
)
