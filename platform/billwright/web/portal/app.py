"""What the composition root mounts: the portal's controllers, and the page that shows a problem to a person."""

from typing import Final

from litestar import Controller

from billwright.web.portal.brands import BrandController, TenantBrandController
from billwright.web.portal.exception_pages import ExceptionController
from billwright.web.portal.login_pages import LoginController, LogoutController
from billwright.web.portal.problem_page import problem_page

CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    BrandController,
    TenantBrandController,
    LoginController,
    LogoutController,
    ExceptionController,
)
__all__ = ["CONTROLLERS", "problem_page"]
