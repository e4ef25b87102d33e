"""All attacks in the order in which they run.

Attacks that do lasting harm if they succeed come last.
"""

from tests.abuse.attacks import administration, bodies, figures, front_door, spans
from tests.abuse.attacks.attack import Attack, Round, Strike, Target

__all__ = ["ATTACKS", "Attack", "Round", "Target"]


def nothing(_: Target) -> Strike:
    """No attack at all, which shows how much the machine alone disturbs the measurement."""

    def strike(round_: Round) -> None:
        round_.pause(round_.seconds)
        round_.count("idle")

    return strike


ATTACKS = (
    Attack("nothing", "none", nothing),
    *front_door.ATTACKS,
    *bodies.ATTACKS,
    *spans.ATTACKS,
    *administration.ATTACKS,
    *figures.ATTACKS,
    figures.POISON,
    spans.POISON,
    Attack("nothing_again", "none", nothing, seconds=8),
)
