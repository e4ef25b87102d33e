"""`llm-monitor alerts`: alert rules and channels, directly in the stack's database."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from app.access.administration import Line
from app.alerting.administration import acknowledge_alert, snooze_alert
from app.api.channels import ChannelIn, read_target
from app.channels.administration import ask_for_test, make_channel, remove_channel
from app.channels.sealing import Sealing
from app.config import load_settings
from app.errors import InvalidParameter, InvalidRecord
from app.local.clients import command_actor, transact
from app.schemas.channels import WebhookTarget
from app.schemas.projects import DEFAULT_PROJECT
from app.storage.alerts.channels import read_channels
from app.storage.alerts.deliveries import read_deliveries
from app.storage.alerts.rules import StoredRule, read_rules
from app.terminal import cell, plain
from monitoring.statistics.trends import parse_period

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Show alert rules, silence them, and decide where alerts are sent."
)
channels = typer.Typer(no_args_is_help=True, help="Make, list, test and delete channels.")
app.add_typer(channels, name="channels")

Project = Annotated[str, typer.Option(help="Id of the project.")]
Channel = Annotated[UUID, typer.Argument(help="Id of the channel.")]


def _line(project: str) -> Line:
    return Line(project, command_actor(), datetime.now(UTC))


@app.command("list")
def list_alerts(project: Project = DEFAULT_PROJECT) -> None:
    """Print every rule: its id, its name, its state, the value and the number of records."""
    rules = transact(lambda connection: read_rules(connection, project))
    table = Table("rule", "name", "state", "group", "value", "records", box=None)
    for stored in rules:
        for row in _rows(stored):
            table.add_row(*map(cell, row))
    if table.row_count:
        Console().print(table)
    else:
        typer.echo("there is no alert rule")


@app.command()
def acknowledge(rule_id: UUID, project: Project = DEFAULT_PROJECT) -> None:
    """Say that an alert has been seen: it is not told again until it changes."""
    stored = transact(lambda connection: acknowledge_alert(connection, _line(project), rule_id))
    typer.echo(f"acknowledged: {plain(stored.rule.name)}")


@app.command()
def snooze(
    rule_id: UUID,
    period: Annotated[str, typer.Argument(help="How long, such as 30m or 8h; off ends it.")],
    project: Project = DEFAULT_PROJECT,
) -> None:
    """Send no messages of a rule for some time."""
    line = _line(project)
    try:
        until = None if period == "off" else line.now + parse_period(period)
    except ValueError as error:
        raise InvalidParameter(f"{period}: {error}.") from error
    stored = transact(lambda connection: snooze_alert(connection, line, rule_id, until))
    typer.echo(
        f"{plain(stored.rule.name)}: {f'silent until {until:%Y-%m-%d %H:%M} UTC' if until else 'awake'}"
    )


@channels.command()
def create(project: Project = DEFAULT_PROJECT) -> None:
    """Make a channel from JSON on standard input, as POST /alerts/channels takes it.

    The id is printed, and the secret that signs a webhook, only this once.
    """
    try:
        asked = msgspec.json.decode(sys.stdin.buffer.read(), type=ChannelIn)
    except msgspec.MsgspecError as error:
        raise InvalidRecord(f"The channel was refused: {error}.") from error
    target, sealing = read_target(asked.target), Sealing(load_settings().secret_key)
    made = transact(
        lambda connection: make_channel(
            connection, _line(project), sealing, asked.name, target, enabled=asked.enabled
        )
    )
    typer.echo(str(made.channel_id))
    if isinstance(target, WebhookTarget):
        typer.echo("the secret of its signature, shown only this once:", err=True)
        typer.echo(target.secret)


@channels.command("list")
def list_(project: Project = DEFAULT_PROJECT) -> None:
    """List channels without their secrets."""
    table = Table("channel", "name", "kind", "state", "failures", box=None)
    for one in transact(lambda connection: read_channels(connection, project)):
        state = "on" if one.enabled else "off"
        table.add_row(str(one.channel_id), cell(one.name), one.kind, state, str(one.failures))
    Console().print(table)


@channels.command("test")
def send_test(channel_id: Channel, project: Project = DEFAULT_PROJECT) -> None:
    """Have a worker send a test message; `deliveries` shows what became of it."""
    delivery_id = transact(lambda connection: ask_for_test(connection, _line(project), channel_id))
    typer.echo(f"delivery {delivery_id} waits for a worker")


@channels.command()
def delete(channel_id: Channel, project: Project = DEFAULT_PROJECT) -> None:
    """Delete a channel, the messages that wait for it, and its log."""
    gone = transact(lambda connection: remove_channel(connection, _line(project), channel_id))
    typer.echo(f"the channel {plain(gone.name)} is deleted")


@channels.command()
def deliveries(
    project: Project = DEFAULT_PROJECT,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many to list.")] = 20,
) -> None:
    """List the latest messages and what became of them."""
    table = Table("written", "channel", "kind", "state", "attempts", "rule", "error", box=None)
    for one in transact(lambda connection: read_deliveries(connection, project, limit=limit)):
        table.add_row(
            f"{one.created_at:%Y-%m-%d %H:%M:%S}",
            str(one.channel_id),
            one.kind,
            one.state,
            str(one.attempts),
            cell(one.message.rule),
            cell(one.error or ""),
        )
    Console().print(table)


def _rows(stored: StoredRule) -> list[tuple[str, ...]]:
    about = str(stored.rule_id), stored.rule.name
    if not stored.enabled:
        return [(*about, "off", "", "", "")]
    shown = [(name, group) for name, group in stored.state.groups.items() if name == "" or group.level]
    return [
        (*about, group.status, name, "" if group.value is None else f"{group.value:.4g}", str(group.n))
        for name, group in shown
    ] or [(*about, stored.state.status, "", "", "")]
