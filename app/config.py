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
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.errors import StartupError
from app.secret_files import SecretFiles

MOST_DAYS = 36_500
"""The longest time for which anything is kept: a hundred years."""
_ORIGIN = re.compile(r"https?://[A-Za-z0-9._\-\[\]:]+")


def default_data_dir() -> Path:
    """Return the folder for the embedded servers' data if none is set.

    For root it is under /var/lib, because the unprivileged user of the servers cannot enter /root.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/llm-monitor")
    return Path.home() / ".local" / "share" / "llm-monitor"


class Settings(BaseSettings):
    """Configuration of API, workers, dashboard and the local stack.

    The name of an environment variable is `LLM_MONITOR_` and the field name in upper case. Three
    variables have names that users know already: DATABASE_URL, REDIS_URL and API_BASE_URL.
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
        Field(
            repr=False,
            description="Key that `llm-monitor ingest`, `evaluate`, `erase` and `dead` send to the API.",
        ),
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
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Allow listening on other addresses than loopback while no key was made, so that "
            "everybody may send and read."
        ),
    ] = False
    first_key: Annotated[
        Path | None,
        Field(
            description="File for the admin key that a first start makes and prints once. Unset, or with "
            "ALLOW_ANONYMOUS=1, none is made. The image sets it."
        ),
    ] = None
    require_keys: Annotated[
        Literal["auto", "always", "never"],
        Field(
            description="Whether every request needs a key; auto: as soon as a first key was made. The default "
            "is always where FIRST_KEY is set and ALLOW_ANONYMOUS is not.",
            default_factory=lambda known: (
                "always" if known.get("first_key") and not known.get("allow_anonymous") else "auto"
            ),
        ),
    ]
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
    evaluation_body_bytes: Annotated[
        int,
        Field(
            ge=1024, description="Largest body of POST /evaluate in bytes, counted after decompression too."
        ),
    ] = 2 * 1024**3
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
            description="Secret of 32 characters or more for making pseudonyms of personal data, and "
            "for encrypting dropped texts in the queue and the targets of alert channels; API and workers need the same one.",
        ),
    ] = None
    alert_networks: Annotated[
        str,
        Field(
            description="Addresses or networks that alert channels may reach although they are not public, "
            "separated by commas: 10.1.0.0/16, 127.0.0.1. Only there may a channel do without TLS.",
        ),
    ] = ""
    dashboard_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/]+(/\S*)?$",
            description="Address at which people reach the dashboard, for links in alerts; default: "
            "this host and DASHBOARD_PORT.",
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Lowest level of messages that are logged."),
    ] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read secrets from files where the environment names a file instead of the secret."""
        del dotenv_settings, file_secret_settings  # neither is used
        return init_settings, env_settings, SecretFiles(settings_cls)

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
        # A header cannot contain anything else. The message does not show the key.
        if self.api_key and not (
            self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key
        ):
            raise ValueError(
                "LLM_MONITOR_API_KEY is not a key: a key has only letters, digits, _ and -, as "
                "`llm-monitor keys create` prints it"
            )
        return self

    @model_validator(mode="after")
    def _check_origins(self) -> Settings:
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"LLM_MONITOR_CORS_ORIGINS names {origin!r}: write only scheme, host and port, as in "
                    "https://app.example"
                )
        return self

    @model_validator(mode="after")
    def _check_networks(self) -> Settings:
        for name, written in (("TRUSTED_PROXIES", self.proxies), ("ALERT_NETWORKS", self.alert_targets)):
            for network in written:
                try:
                    ipaddress.ip_network(network, strict=False)
                except ValueError as error:
                    raise ValueError(
                        f"LLM_MONITOR_{name} names {network!r}: write addresses or networks, as in "
                        "127.0.0.1 or 10.0.0.0/8"
                    ) from error
        return self

    @property
    def proxies(self) -> tuple[str, ...]:
        """Addresses and networks of the proxies whose headers are believed."""
        return _listed(self.trusted_proxies)

    @property
    def alert_targets(self) -> tuple[str, ...]:
        """Addresses and networks that alert channels may reach although they are not public."""
        return _listed(self.alert_networks)

    @property
    def dashboard_address(self) -> str:
        """Address before the path of a page of the dashboard, without a slash at its end."""
        return (self.dashboard_url or _address(self.host, self.dashboard_port)).rstrip("/")

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins whose pages may call the API."""
        return _listed(self.cors_origins)

    @property
    def secret_key(self) -> str | None:
        """The privacy key itself, for code that uses it."""
        return self.privacy_key.get_secret_value() if self.privacy_key else None

    @property
    def api_url(self) -> str:
        """Base address of the API for clients on this machine."""
        if self.api_base_url:
            return self.api_base_url.rstrip("/")
        return _address(self.host, self.api_port)


def _address(host: str, port: int) -> str:
    """Return the address of a server for clients on this machine."""
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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
    """Read the settings from the environment.

    Raises StartupError, which names every wrong variable.
    """
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
