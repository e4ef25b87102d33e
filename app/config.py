"""Every setting of the application, read from the environment in one place."""

from __future__ import annotations

import ipaddress
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import StartupError

MOST_DAYS = 36_500
"""The longest time for which anything is kept: a hundred years."""
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._\-\[\]:]+")


def default_data_dir() -> Path:
    """Return where embedded servers keep their data when nobody says otherwise.

    Started as root it lies under /var/lib, because the unprivileged server user cannot enter /root.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/llm-monitor")
    return Path.home() / ".local" / "share" / "llm-monitor"


class Settings(BaseSettings):
    """Configuration of API, workers, dashboard and the local stack.

    Names of environment variables are the field names in upper case behind `LLM_MONITOR_`, except the
    three that carry the names users already know: DATABASE_URL, REDIS_URL and API_BASE_URL.
    """

    model_config = SettingsConfigDict(
        env_prefix="LLM_MONITOR_", env_ignore_empty=True, frozen=True, populate_by_name=True, extra="ignore"
    )

    database_url: Annotated[
        str | None,
        Field(
            validation_alias=AliasChoices("DATABASE_URL", "database_url"),
            description="PostgreSQL address. Without it, an embedded server is started in the data folder.",
        ),
    ] = None
    redis_url: Annotated[
        str | None,
        Field(
            validation_alias=AliasChoices("REDIS_URL", "redis_url"),
            description="Redis address. Without it, an embedded server is started in the data folder.",
        ),
    ] = None
    api_base_url: Annotated[
        str | None,
        Field(
            validation_alias=AliasChoices("API_BASE_URL", "api_base_url"),
            description="Address at which the dashboard and the command line reach the API; "
            "default: this host and API_PORT.",
        ),
    ] = None
    api_key: Annotated[
        str | None,
        Field(repr=False, description="Key that `llm-monitor ingest`, `erase` and `dead` send to the API."),
    ] = None
    data_dir: Annotated[
        Path,
        Field(
            description="Folder of the embedded servers' data; default: ~/.local/share/llm-monitor, "
            "for root /var/lib/llm-monitor.",
            default_factory=default_data_dir,
        ),
    ]
    host: Annotated[str, Field(description="Address on which the API and the dashboard listen.")] = (
        "127.0.0.1"
    )
    api_port: Annotated[int, Field(ge=1, le=65535, description="Port of the API.")] = 8000
    dashboard_port: Annotated[int, Field(ge=1, le=65535, description="Port of the dashboard.")] = 8080
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            description="Number of worker processes on this machine; default: one per core. One more process "
            "scores only the calls whose senders wait for scores.",
            default_factory=lambda: os.cpu_count() or 1,
        ),
    ]
    require_keys: Annotated[
        Literal["auto", "always", "never"],
        Field(description="Whether every request needs a key; auto: as soon as a first key was made."),
    ] = "auto"
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Allow listening on other addresses than loopback while no key was made, so that "
            "everybody may send and read."
        ),
    ] = False
    cors_origins: Annotated[
        str,
        Field(
            description="Origins whose web pages may call the API, separated by commas: https://app.example.",
        ),
    ] = ""
    trusted_proxies: Annotated[
        str,
        Field(
            description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are "
            "believed, separated by commas: 127.0.0.1, 10.0.0.0/8.",
        ),
    ] = ""
    max_body_bytes: Annotated[
        int,
        Field(ge=1024, description="Largest request body in bytes, counted after decompression too."),
    ] = 64 * 1024 * 1024
    result_wait_seconds: Annotated[
        float,
        Field(ge=0, le=60, description="Seconds for which POST /monitor/inference waits for its scores."),
    ] = 5.0
    idempotency_hours: Annotated[
        int,
        Field(
            ge=1,
            le=720,
            description="Hours for which Redis remembers a client's id or Idempotency-Key; the id of a span is "
            "remembered for one hour.",
        ),
    ] = 24
    redis_fsync: Annotated[
        Literal["always", "everysec"],
        Field(description="appendfsync of the embedded Redis; everysec may lose 2 s when it is killed."),
    ] = "always"
    redis_maxmemory_mb: Annotated[
        int, Field(ge=16, description="maxmemory of the embedded Redis, in MiB.")
    ] = 1024
    backlog_max_records: Annotated[
        int, Field(ge=1, description="Number of queued records above which new ones get 503.")
    ] = 2_000_000
    backlog_max_age_seconds: Annotated[
        int,
        Field(
            ge=1,
            description="Age in seconds of a project's oldest queued record above which its new records get "
            "503. Beyond IDEMPOTENCY_HOURS a retry could be stored twice.",
        ),
    ] = 86_400
    retention_days: Annotated[
        int, Field(ge=1, le=MOST_DAYS, description="Days after which stored traces are dropped.")
    ] = 90
    rollup_retention_days: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_DAYS,
            description="Days after which figures are dropped; at least as many as for traces.",
        ),
    ] = 400
    rules: Annotated[
        Path | None,
        Field(description="YAML file with rules of your own; see docs/how-to/add-your-own-rules.md."),
    ] = None
    privacy_key: Annotated[
        SecretStr | None,
        Field(
            min_length=32,
            description="Secret of 32 characters or more for making pseudonyms of personal data and for "
            "encrypting dropped texts in the queue; API and workers need the same one.",
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Lowest level of messages that are logged."),
    ] = "info"

    @model_validator(mode="after")
    def _refuse_figures_shorter_than_traces(self) -> Settings:
        if self.rollup_retention_days < self.retention_days:
            raise ValueError(
                f"ROLLUP_RETENTION_DAYS {self.rollup_retention_days} is less than RETENTION_DAYS "
                f"{self.retention_days}: figures are kept at least as long as the traces they count"
            )
        return self

    @model_validator(mode="after")
    def _refuse_open_host(self) -> Settings:
        protected = self.allow_anonymous or self.require_keys == "always"
        if not protected and not is_loopback(self.host):
            msg = (
                f"HOST {self.host} is not loopback and no key protects the API: set "
                "LLM_MONITOR_REQUIRE_KEYS=always (llm-monitor keys create makes the first), or "
                "LLM_MONITOR_ALLOW_ANONYMOUS=1 to accept that, or LLM_MONITOR_HOST=127.0.0.1"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_key(self) -> Settings:
        # A header could not carry anything else; the key itself is not shown.
        if self.api_key and not (
            self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key
        ):
            raise ValueError(
                "LLM_MONITOR_API_KEY is no key: it holds letters, digits, _ and - alone, as "
                "`llm-monitor keys create` prints it"
            )
        return self

    @model_validator(mode="after")
    def _check_origins(self) -> Settings:
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"LLM_MONITOR_CORS_ORIGINS names {origin!r}: write scheme, host and port alone, as in "
                    "https://app.example"
                )
        return self

    @model_validator(mode="after")
    def _check_proxies(self) -> Settings:
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy, strict=False)
            except ValueError as error:
                raise ValueError(
                    f"LLM_MONITOR_TRUSTED_PROXIES names {proxy!r}: write addresses or networks, as in "
                    "127.0.0.1 or 10.0.0.0/8"
                ) from error
        return self

    @property
    def proxies(self) -> tuple[str, ...]:
        """Addresses and networks of the proxies that are believed."""
        return _listed(self.trusted_proxies)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins whose pages may call the API."""
        return _listed(self.cors_origins)

    @property
    def secret_key(self) -> str | None:
        """The privacy key itself, for those who use it."""
        return self.privacy_key.get_secret_value() if self.privacy_key else None

    @property
    def api_url(self) -> str:
        """Base address of the API for clients on this machine."""
        if self.api_base_url:
            return self.api_base_url.rstrip("/")
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api_port}"


@lru_cache(maxsize=16)
def _listed(value: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in value.split(",") if entry.strip())


@lru_cache(maxsize=16)
def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings() -> Settings:
    """Read the settings from the environment; StartupError names every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError("; ".join(_explain(finding) for finding in error.errors())) from error


_SECRET = frozenset({"PRIVACY_KEY"})


def _explain(finding: ErrorDetails) -> str:
    message = finding["msg"].removeprefix("Value error, ")
    if not finding["loc"]:
        return message
    name = str(finding["loc"][0]).upper()
    variable = name if name in {"DATABASE_URL", "REDIS_URL", "API_BASE_URL"} else f"LLM_MONITOR_{name}"
    shown = "…" if name in _SECRET else repr(finding["input"])
    return f"{variable}={shown}: {message}"
