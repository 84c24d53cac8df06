"""A real Tryton for the connector's tests."""

from support.trytond_fixture import trytond, trytond_template

__all__ = ["trytond", "trytond_template"]
