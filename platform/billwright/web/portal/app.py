"""What the composition root mounts: the portal's controllers, and the page that shows a problem to a person."""

from typing import Final

from litestar import Controller

from billwright.web.portal.approval_pages import ApprovalController
from billwright.web.portal.brands import BrandController, TenantBrandController
from billwright.web.portal.contract_pages import ContractController
from billwright.web.portal.credit_pages import CreditController
from billwright.web.portal.customer_pages import CustomerController
from billwright.web.portal.exception_pages import ExceptionController
from billwright.web.portal.home_pages import TodayController
from billwright.web.portal.invoice_pages import InvoiceController
from billwright.web.portal.job_pages import JobController
from billwright.web.portal.ledger_pages import LedgerController
from billwright.web.portal.list_pages import ListController
from billwright.web.portal.login_pages import LoginController, LogoutController
from billwright.web.portal.message_pages import MessageController
from billwright.web.portal.outside_pages import OutsideController
from billwright.web.portal.partner_pages import PartnerController
from billwright.web.portal.partner_webhooks import PartnerWebhooksController
from billwright.web.portal.problem_page import problem_page
from billwright.web.portal.reminder_pages import ReminderController
from billwright.web.portal.reports_pages import ReportController
from billwright.web.portal.room_pages import RoomController
from billwright.web.portal.settings_pages import SettingsController
from billwright.web.portal.settings_people import PeopleController, YouController
from billwright.web.portal.stuck_pages import StuckController
from billwright.web.portal.waiver_pages import WaiverController
from billwright.web.portal.webhook_pages import WebhookController
from billwright.web.portal.work_pages import WorkController

CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    BrandController,
    TenantBrandController,
    LoginController,
    LogoutController,
    ExceptionController,
    ApprovalController,
    InvoiceController,
    CreditController,
    CustomerController,
    ContractController,
    WorkController,
    SettingsController,
    PeopleController,
    YouController,
    ReminderController,
    ReportController,
    LedgerController,
    TodayController,
    PartnerController,
    PartnerWebhooksController,
    RoomController,
    ListController,
    OutsideController,
    WaiverController,
    WebhookController,
    MessageController,
    JobController,
    StuckController,
)
__all__ = ["CONTROLLERS", "problem_page"]
