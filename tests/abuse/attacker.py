"""One round of one attack in a process of its own: `python -m tests.abuse.attacker NAME SECONDS`.

The process reads the target as a line of JSON, prepares its bodies, and says `ready`. It waits for
another line, attacks, and prints how it was answered. Its priority is lower than that of all
others, because on a real network attackers bring their own processors.
"""

from __future__ import annotations

import json
import os
import sys

from tests.abuse.attacks import ATTACKS, Round, Target

NICENESS = 15


def main(name: str, seconds: float) -> None:
    os.nice(NICENESS)
    (attack,) = [attack for attack in ATTACKS if attack.name == name]
    strike = attack.prepare(Target(**json.loads(sys.stdin.readline())))
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    round_ = Round(seconds)
    strike(round_)
    print(json.dumps({"answers": round_.answers, "wrongs": round_.wrongs}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
