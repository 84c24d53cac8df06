"""Fixtures of the whole app over a firm that bills."""

from support.api import api, make_api, open_api

__all__ = ["api", "make_api", "open_api"]
