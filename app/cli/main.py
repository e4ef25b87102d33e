"""The command line `llm-monitor`: every other module of this package is one command.

A module `urls` offers a function `urls`, or for a group of sub-commands a `typer.Typer` named `app`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

import app.cli as package
from app.errors import MonitorError
from app.terminal import plain

__all__ = ["app"]


class ErrorReportingGroup(TyperGroup):
    """A group whose commands end expected failures with one line on standard error and status 2."""

    def invoke(self, ctx: Any) -> object:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except MonitorError as error:
            typer.echo(f"llm-monitor: {plain(error.detail)}", err=True)
            raise typer.Exit(2) from error


def build() -> typer.Typer:
    """Return the command line with every command that this package holds."""
    cli = typer.Typer(
        cls=ErrorReportingGroup,
        no_args_is_help=True,
        help="Look into and feed a running LLM Monitor.",
        pretty_exceptions_enable=False,
    )
    cli.callback()(_no_options)
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if name == "main":
            continue
        module = import_module(f"{package.__name__}.{name}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            cli.add_typer(group, name=name.replace("_", "-"))
        else:
            cli.command(name.replace("_", "-"))(getattr(module, name))
    return cli


def _no_options() -> None:
    # A callback keeps a command line with a single command from losing that command's name.
    return


app = build()

if __name__ == "__main__":
    app(prog_name="llm-monitor")
