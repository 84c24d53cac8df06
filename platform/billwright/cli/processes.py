"""What the long-running commands share: settings with a database and a broker, and a stop that signals set."""

import secrets
import signal
import threading
from dataclasses import replace

from billwright.kernel.errors import SettingsInvalidError
from billwright.kernel.settings import Settings, read_settings


def settings_with_servers() -> Settings:
    """Settings of a process that needs real servers named in the environment.

    Raises:
        SettingsInvalidError: DATABASE_URL is missing, or both REDIS_URL and BILLWRIGHT_BROKER_URL are.
    """
    settings = read_settings()
    for name, value in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.broker)):
        if not value:
            raise SettingsInvalidError(
                f"{name} is not set. Name your server, or use `billwright up`, which brings its own.", field=name
            )
    return with_master_key(settings)


def with_master_key(settings: Settings) -> Settings:
    """The master key from the environment, or one kept in the home folder (made at the first start, mode 0600)."""
    if settings.master_key:
        return settings
    path = settings.home / "master.key"
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    return replace(settings, master_key=path.read_text(encoding="utf-8").strip())


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set, so that work under way is finished."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
