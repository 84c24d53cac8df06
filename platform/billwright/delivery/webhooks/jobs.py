"""Webhooks' jobs: fan events out, deliver them, probe what fails, warn."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final
from uuid import UUID

from billwright.delivery.send_mail import Post
from billwright.delivery.webhooks.adopt import ADOPT, adopt
from billwright.delivery.webhooks.announce import FAN_OUT
from billwright.delivery.webhooks.deliver import NOTICE, PROBE, Courier, deliver
from billwright.delivery.webhooks.describe import Describer, describe_invoices, nothing_more
from billwright.delivery.webhooks.fan_out import DELIVER, fan_out
from billwright.delivery.webhooks.notice import mail_notice
from billwright.delivery.webhooks.partner_log import AGAIN, again_at
from billwright.documents.mail import MailRenderer
from billwright.jobs.handlers import Handler, Job
from billwright.tenancy.transaction import Tenant, Tx

DESCRIBERS: Final[Mapping[str, Describer]] = {
    "invoice": describe_invoices, "dispute": nothing_more, "subscription": nothing_more,
}  # fmt: skip


def fan_out_handler(describers: Mapping[str, Describer] = DESCRIBERS) -> Handler:
    """Needs the database alone. ``describers``: object kind to what its events say."""

    def fan(tx: Tx, jobs: Sequence[Job]) -> None:
        ids = chain.from_iterable(job.payload["event_ids"] for job in jobs)
        fan_out(tx, [UUID(str(each)) for each in ids], describers)

    return Handler(kind=FAN_OUT, in_transaction=fan, batch_max=50)


def _send_again(tx: Tx, jobs: Sequence[Job]) -> None:
    for job in jobs:
        again_at(tx, job.uuid("partner_webhook_id"), datetime.fromisoformat(str(job.payload["since"])))


def handlers(courier: Courier, post: Post, mails: MailRenderer) -> list[Handler]:
    def send(tenant: Tenant, job: Job) -> None:
        deliver(courier, tenant, job.uuid("subscription_id"), job.uuid("object_id"), trace_id=job.trace_id)

    def probe(tenant: Tenant, job: Job) -> None:
        deliver(courier, tenant, job.uuid("subscription_id"), None, trace_id=job.trace_id)

    def notice(tenant: Tenant, job: Job) -> None:
        what = str(job.payload["what"])
        mail_notice(post, mails, tenant, job.uuid("subscription_id"), what, trace_id=job.trace_id)

    def copy(tenant: Tenant, job: Job) -> None:
        adopt(courier.database, courier.vault, tenant, job.uuid("partner_webhook_id"), trace_id=job.trace_id)

    return [
        Handler(kind=ADOPT, outside=copy),
        Handler(kind=AGAIN, in_transaction=_send_again),
        Handler(kind=DELIVER, outside=send, lease_s=600, leases_max=4),
        Handler(kind=PROBE, outside=probe, lease_s=120),
        Handler(kind=NOTICE, outside=notice, attempts_max=20, lease_s=300),
    ]
