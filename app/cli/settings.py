"""`llm-monitor settings`: the reference page of every setting, made from the settings."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Le
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.config import Settings

__all__ = ["describe_settings", "settings", "variable_name"]

_HEAD = """\
# Settings

Every setting is an environment variable. A process reads it once, when it starts. An empty variable
counts as unset. If a value cannot be used, the process does not start, and one line names the
variable.

`DATABASE_URL`, `REDIS_URL`, `LLM_MONITOR_API_KEY` and `LLM_MONITOR_PRIVACY_KEY` hold secrets. Each
can lie in a file that a variable with `_FILE` at its end names, such as `DATABASE_URL_FILE`. The
variable without `_FILE` counts where both are set.

`make reference` writes this page from `app/config.py`, and a test fails while the two differ.

| variable | default | takes | what it does |
|---|---|---|---|
"""
_KINDS: dict[object, str] = {
    bool: "`0` or `1`",
    int: "integer",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text",
}


def settings() -> None:
    """Print every setting as a Markdown page: variable, default, range, meaning."""
    typer.echo(describe_settings(), nl=False)


def describe_settings() -> str:
    """Return the reference page of all settings in Markdown."""
    return _HEAD + "".join(_rows())


def variable_name(name: str, field: FieldInfo) -> str:
    """Return the environment variable that sets a field of Settings."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{Settings.model_config['env_prefix']}{name}".upper()


def _rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        cells = (f"`{variable_name(name, field)}`", _default(field), _takes(field), field.description or "")
        yield f"| {' | '.join(cells)} |\n"


def _default(field: FieldInfo) -> str:
    if field.annotation == Settings.model_fields["require_keys"].annotation:
        return "`auto`"  # or `always`, as other settings decide; its description says when
    if field.default_factory is not None:
        return "depends on the machine"
    if field.default is None or field.default is PydanticUndefined:
        return "unset"
    if isinstance(field.default, bool):
        return f"`{int(field.default)}`"
    return f"`{field.default}`"


def _takes(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) in {Union, types.UnionType}:
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    kind = _KINDS[annotation]
    bounds = [f"≥ {limit.ge}" for limit in field.metadata if isinstance(limit, Ge)]
    bounds += [f"≤ {limit.le}" for limit in field.metadata if isinstance(limit, Le)]
    return ", ".join([kind, *bounds])
