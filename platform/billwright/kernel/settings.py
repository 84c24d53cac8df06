"""What the operator sets, read from the environment once; nothing else reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billwright.kernel.errors import SettingsInvalidError


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. Times in seconds, sizes in bytes."""

    home: Path
    port: int
    host: str
    database_url: str | None
    database_owner_url: str | None
    redis_url: str | None
    broker_url: str | None
    smtp_url: str | None
    base_url: str | None
    master_key: str | None
    log_level: str
    log_json: bool
    body_bytes_max: int
    pool_size: int
    private_hosts_allowed: bool
    clock_offset_s: int
    jobs_kept_days: int
    plugin_limit_ms: int
    render_processes: int
    render_memory_mib: int
    render_cpu_s: int
    otlp_endpoint: str | None
    otlp_headers: str | None
    traced_percent: int
    traced_hosts: frozenset[str]

    @property
    def broker(self) -> str | None:
        """What carries leases to the workers: Redis unless another one is named."""
        return self.broker_url or self.redis_url

    @property
    def files(self) -> Path:
        """Where documents are kept, content-addressed, by tenant."""
        return self.home / "files"

    @property
    def drop(self) -> Path:
        """Watched folder: ``drop/{tenant}/{connection}/*.csv|*.jsonl``."""
        return self.home / "drop"


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    raw = environ.get(name, "")
    if not raw:
        return default
    try:
        return int(raw)
    except ValueError:
        raise SettingsInvalidError(f"{name} must be a whole number, not {raw!r}.", field=name) from None


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """The value of ``name``, or the content of the file that ``{name}_FILE`` names (Kubernetes secrets)."""
    if path := environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsInvalidError(f"{name}_FILE cannot be read: {error.strerror}.", field=name) from None
    return environ.get(name) or None


def _web_address(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name) or None
    if value is not None and not value.startswith(("http://", "https://")):
        raise SettingsInvalidError(f"{name} must look like http://collector.example:4318.", field=name)
    return value


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that we start: ours, unread, with ``extra`` on top."""
    return {**os.environ, **extra}


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``environ`` (default: the process's).

    Raises:
        SettingsInvalidError: a value is malformed; the sentence names the variable.
    """
    env = os.environ if environ is None else environ
    return Settings(
        home=Path(env.get("BILLWRIGHT_HOME") or ".billwright").resolve(),
        port=_number(env, "BILLWRIGHT_PORT", 8700),
        host=env.get("BILLWRIGHT_HOST") or "127.0.0.1",
        database_url=_secret(env, "DATABASE_URL"),
        database_owner_url=_secret(env, "DATABASE_OWNER_URL"),
        redis_url=_secret(env, "REDIS_URL"),
        broker_url=_secret(env, "BILLWRIGHT_BROKER_URL"),
        smtp_url=_secret(env, "SMTP_URL"),
        base_url=env.get("BILLWRIGHT_BASE_URL") or None,
        master_key=_secret(env, "BILLWRIGHT_MASTER_KEY"),
        log_level=(env.get("BILLWRIGHT_LOG_LEVEL") or "INFO").upper(),
        log_json=env.get("BILLWRIGHT_LOG_FORMAT", "text") == "json",
        body_bytes_max=_number(env, "BILLWRIGHT_BODY_BYTES_MAX", 5 * 1024 * 1024),
        pool_size=_number(env, "BILLWRIGHT_POOL_SIZE", 8),
        clock_offset_s=_number(env, "BILLWRIGHT_CLOCK_OFFSET_S", 0),
        private_hosts_allowed=env.get("BILLWRIGHT_PRIVATE_HOSTS", "") == "allow",
        jobs_kept_days=max(1, _number(env, "BILLWRIGHT_JOBS_KEPT_DAYS", 30)),
        plugin_limit_ms=max(10, _number(env, "BILLWRIGHT_PLUGIN_LIMIT_MS", 2_000)),
        render_processes=max(1, _number(env, "BILLWRIGHT_RENDER_PROCESSES", 2)),
        render_memory_mib=max(256, _number(env, "BILLWRIGHT_RENDER_MEMORY_MIB", 768)),
        render_cpu_s=max(1, _number(env, "BILLWRIGHT_RENDER_CPU_S", 30)),
        otlp_endpoint=_web_address(env, "BILLWRIGHT_OTLP_ENDPOINT"),
        otlp_headers=_secret(env, "BILLWRIGHT_OTLP_HEADERS"),
        traced_percent=min(100, max(0, _number(env, "BILLWRIGHT_TRACED_PERCENT", 100))),
        traced_hosts=frozenset(env.get("BILLWRIGHT_TRACED_HOSTS", "").lower().replace(",", " ").split()),
    )
