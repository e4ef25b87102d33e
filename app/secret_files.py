"""Secrets that lie in files, as Docker and Kubernetes hand them to a container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from app.errors import StartupError

__all__ = ["SECRETS", "SecretFiles"]

SECRETS: Final = {
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "api_key": "LLM_MONITOR_API_KEY",
    "privacy_key": "LLM_MONITOR_PRIVACY_KEY",
}
"""The settings that hold secrets, by field, with the variable to which `_FILE` is appended."""

_MOST_BYTES = 65_536


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `DATABASE_URL_FILE` and the like. The variable itself counts where both are set."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret of a field, or None if no file is named for it."""
        del field
        variable = SECRETS.get(field_name, "")
        path = os.environ.get(f"{variable}_FILE", "") if variable else ""
        if not path or os.environ.get(variable):
            return None, field_name, False
        return read_secret(f"{variable}_FILE", Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets of all fields whose files are named, by field."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(fields[name], name)[0] for name in SECRETS}
        return {name: value for name, value in found.items() if value is not None}


def read_secret(variable: str, path: Path) -> str:
    """Return the text of a file without the end of its last line.

    Raises StartupError, which names `variable`, for a file that cannot be read, is empty, is no
    text, or has more than 64 KiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise StartupError(
            f"{variable}={str(path)!r} cannot be read ({error.strerror}): name a file that this user may read"
        ) from error
    except UnicodeDecodeError as error:
        raise StartupError(f"{variable}={str(path)!r} is no text: write the secret as UTF-8") from error
    if not text or len(content) > _MOST_BYTES:
        size = "is empty" if not text else "has more than 64 KiB"
        raise StartupError(f"{variable}={str(path)!r} {size}: write the secret into it, and nothing else")
    return text
