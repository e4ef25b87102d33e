"""`llm-monitor repair-queue`: cutting off what Redis cannot read of the file that holds the queue."""

from __future__ import annotations

import typer

from app.config import load_settings
from app.local.append_only import cut, find_damage
from app.local.folders import prepare_data_folder
from app.local.processes import server_account
from app.local.redis_server import hold_redis_files
from app.queue import ACCEPTED_KEY

__all__ = ["repair_queue"]


def repair_queue() -> None:
    """Cut a damaged end off the embedded Redis' file, and keep a copy of it; the stack must be stopped.

    Records that were accepted in that part and are not stored count as unaccounted afterwards.
    """
    settings = load_settings()
    folder = prepare_data_folder(settings.data_dir, server_account(settings.data_dir))
    with hold_redis_files(folder):
        damage = find_damage(folder / "redis")
        if damage is None:
            typer.echo(
                f"The queue's file in {folder / 'redis'} is whole, or there is none: nothing was changed."
            )
            return
        kept = cut(damage, counter=None if damage.harmless else ACCEPTED_KEY)
    typer.echo(f"Cut off {damage}. A copy of them is {kept}. Start the stack again.")
