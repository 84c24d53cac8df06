"""E-invoices' job: check what drafts would become, before anybody approves them."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from billwright.einvoice.check_drafts import check_draft_einvoices
from billwright.einvoice.checker import Checker
from billwright.einvoice.errors import EinvoiceBusyError
from billwright.einvoice.examiner import CHECK, DRAFTS_MAX
from billwright.jobs.failures import LaterError
from billwright.jobs.handlers import Handler, Job
from billwright.tenancy.database import Database
from billwright.tenancy.transaction import Tenant

BUSY_FOR: Final = timedelta(seconds=2)
LEASE_S: Final = 35 * DRAFTS_MAX
"""Outlasts the limit of each document."""


def handlers(database: Database, checker: Checker) -> list[Handler]:
    """``documents.check_einvoice``. A check that fails is kept as such and blocks; it is no failure of the job."""

    def check(tenant: Tenant, job: Job) -> None:
        invoice_ids = [UUID(each) for each in job.payload["invoice_ids"]]
        try:
            check_draft_einvoices(database, checker, tenant, invoice_ids, trace_id=job.trace_id)
        except EinvoiceBusyError as error:
            raise LaterError(str(error), at=database.clock.now() + BUSY_FOR) from error

    return [Handler(kind=CHECK, outside=check, lease_s=LEASE_S)]
