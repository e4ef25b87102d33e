"""What the tenant, the processes and the log say before, during and after one attack.

The limit on latency is three times what it was in quiet windows of the same minute. Two cores carry
the stack, the tenant and the attacker. A window holds about a hundred requests, so one pause of the
machine can be the 99th percentile. A small excess is therefore measured again, and counts if it
comes back every time. A large excess counts at once.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import psutil

from tests.abuse.attacks import Attack
from tests.abuse.stage import Attacker, Stage
from tests.abuse.tenant import Frame, Sample

__all__ = ["Measurement", "Measurer", "Window", "judge", "percentile", "signs", "window"]

# The latency of these kinds is judged together, because somebody waits for each of them. A sign-in
# is slow on purpose, and `stored` is no request.
JUDGED = ("waited", "guard", "figures", "fresh", "otlp", "bulk")
SLACK = float(os.environ.get("LLM_MONITOR_ABUSE_SLACK", "8"))
FACTOR = 3.0
# If three times the latency before is less, this is the limit. The product promises it for scores
# that are waited for.
FLOOR_SECONDS = 0.25
LARGE_EXCESS = 2.0
# If others use at least this share of all processors, they decide how long the tenant waits.
LOUD = 0.2
ROUNDS = 3
STORED_SECONDS = 5.0
# Figures are read so rarely that reading takes a tenth of the time at most (app/api/live_feed.py).
FRAME_GAP_SECONDS = {"trace": 5.0, "metrics": 8.0}
SIGN_IN_SECONDS = 3.0
# Python keeps the memory of large bodies for later ones. Growths of 111 to 164 MiB were seen
# (2026-11-29).
PEAK_MIB, KEPT_MIB = 400, 256
# The time that the work left by an attack may take, and how much longer the next attack waits for
# it.
REST_SECONDS, PATIENCE_SECONDS = 60.0, 180.0
BEFORE_SECONDS, AFTER_SECONDS, MINUTE = 3.0, 3.0, 60.0
ALONE_WINDOWS = 3  # before the first attack, of which the quietest is taken
# Work on bodies whose sender has left shows only in the latency of others.
CALM_SECONDS, CALM_FACTOR, LOOK_BACK_SECONDS = 40.0, 2.0, 2.0
GRACE_SECONDS = 25.0
_NEVER_ENDED: Mapping[str, Any] = {"answers": {"never ended": 1}, "wrongs": {}}
_TICK = 0.1
_MIB = 1024 * 1024
_REFUSALS = {"501", "503", "507"}
_SIGNS = ("Traceback (most recent call last)", "upkeep failed")


class Window(NamedTuple):
    """The requests of a time: percentiles in milliseconds, and faults.

    `stored` is how long records took to be stored, in seconds.
    """

    requests: int
    p50: float
    p99: float
    faults: Counter[str]
    stored: float
    by_kind: dict[str, float]


@dataclass
class Measurement:
    """One attack and everything that was found about it."""

    attack: str
    case: str
    answers: dict[str, int]
    wrongs: dict[str, int]
    before: Window
    during: Window
    after: Window
    others: float
    rest_seconds: float
    gaps: dict[str, float]
    closed: int
    growth: dict[str, tuple[float, float]]
    workers_mib: float
    redis_mib: float
    log: Counter[str]
    same_process: bool
    rounds: int = 1
    slack: float = 1.0
    complaints: list[str] = field(default_factory=list)

    def limit(self) -> float:
        """Return the longest 99th percentile, in milliseconds, that the tenant may see."""
        return self.slack * max(FACTOR * self.before.p99, 1000 * FLOOR_SECONDS)

    def excess(self) -> float:
        """Return the largest share of a limit on time that was used; 1 is at the limit."""
        frames = max(gap / (self.slack * FRAME_GAP_SECONDS[kind]) for kind, gap in self.gaps.items())
        return max(max(self.during.p99, self.after.p99) / self.limit(), frames)


class Measurer:
    """Runs attacks on one stage, one after the other."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._quiet: list[tuple[float, float]] = []
        self._alone = min((self._wait_quietly() for _ in range(ALONE_WINDOWS)), key=lambda one: one.p99)

    def measure(self, attack: Attack) -> Measurement:
        """Run an attack and return the last measurement.

        It runs again if only limits on time were exceeded, and by little.
        """
        for number in range(1, ROUNDS + 1):
            found = replace(self._run(attack), rounds=number, slack=SLACK)
            found.complaints = judge(found)
            slow = [one for one in found.complaints if one.startswith("slow")]
            if len(found.complaints) > len(slow) or not slow or found.excess() > LARGE_EXCESS:
                break
        return found

    def _run(self, attack: Attack) -> Measurement:
        stage = self._stage
        attacker = Attacker(attack, stage.target)
        with ExitStack() as stack:
            stack.callback(attacker.close)
            self._wait_quietly()
            base, log_begin = stage.memory(), stage.log_size()
            stack.enter_context(stage.narrowed(attack.headroom_mib))
            busy, own, begin = _busy_seconds(), stage.processor_seconds(), time.monotonic()
            attacker.begin()
            peaks = self._watch(begin + attack.seconds + GRACE_SECONDS, attacker)
            end = time.monotonic()
            result = attacker.result() if attacker.has_ended() else _NEVER_ENDED
            time.sleep(AFTER_SECONDS)
            finished = time.monotonic()
            others = _busy_seconds() - busy - (stage.processor_seconds() - own)
            redis_mib = stage.redis.info("memory")["used_memory"] / _MIB
        rest, kept = self._rest(finished), stage.memory()
        frames = [one for one in list(stage.tenant.frames) if begin <= one.moment <= finished]
        return Measurement(
            attack=attack.name,
            case=attack.case,
            answers=result["answers"],
            wrongs=result["wrongs"],
            # Earlier attacks leave remains, which only a comparison with the beginning shows.
            before=self._alone if attack.is_control else self._before(begin),
            during=window(stage.tenant.between(begin, end)),
            after=window(stage.tenant.between(end, finished)),
            others=max(0.0, others) / (finished - begin) / (os.cpu_count() or 1),
            rest_seconds=rest,
            gaps={kind: _longest_gap(frames, kind, begin, finished) for kind in FRAME_GAP_SECONDS},
            closed=sum(one.kind == "closed" for one in frames),
            growth={
                name: (peaks[name] - base[name], kept[name] - base[name]) for name in ("API", "dashboard")
            },
            workers_mib=peaks["worker"],
            redis_mib=redis_mib,
            log=signs(stage.log(log_begin)),
            same_process=stage.is_the_same(),
        )

    def _wait_quietly(self) -> Window:
        """Wait while nothing attacks, and return what the tenant saw meanwhile."""
        begin = time.monotonic()
        time.sleep(BEFORE_SECONDS)
        self._quiet.append((begin, time.monotonic()))
        return window(self._stage.tenant.between(*self._quiet[-1]))

    def _watch(self, deadline: float, attacker: Attacker) -> dict[str, float]:
        """Wait for the attacker to end.

        Returns the most memory, in MiB, that each kind of process had meanwhile.
        """
        peaks = self._stage.memory()
        while not attacker.has_ended() and time.monotonic() < deadline:
            peaks = {name: max(peaks[name], found) for name, found in self._stage.memory().items()}
            time.sleep(_TICK)
        return peaks

    def _rest(self, begin: float) -> float:
        """Wait until nothing is left of an attack.

        Returns the seconds until nothing was in flight or unanswered.
        """
        while self._stage.tenant.is_waiting(begin) or not self._stage.is_at_rest():
            if time.monotonic() - begin > PATIENCE_SECONDS:
                return math.inf
            time.sleep(_TICK * 5)
        waited = time.monotonic() - begin
        while not self._is_calm() and time.monotonic() - begin < waited + CALM_SECONDS:
            time.sleep(_TICK * 5)
        return waited

    def _is_calm(self) -> bool:
        """Tell whether the tenant waits hardly longer than before the first attack."""
        now = time.monotonic()
        latest = window(self._stage.tenant.between(now - LOOK_BACK_SECONDS, now - _TICK))
        return latest.p99 < CALM_FACTOR * self._alone.p99

    def _before(self, begin: float) -> Window:
        """Return the quiet windows of the minute before a moment, taken together."""
        recent = [one for one in self._quiet if one[1] > begin - MINUTE]
        return window([one for each in recent for one in self._stage.tenant.between(*each)])


def judge(found: Measurement) -> list[str]:
    """Return in sentences what happened and must not have happened."""
    complaints = [
        f"slow {name}: p99 {one.p99:.0f} ms, limit {found.limit():.0f} ms"
        for name, one in (("during", found.during), ("after", found.after))
        if one.p99 > found.limit()
    ]
    for name, one in (("during", found.during), ("after", found.after)):
        complaints += [f"{name}, the tenant saw {count} x {fault}" for fault, count in one.faults.items()]
        if one.stored > found.slack * max(STORED_SECONDS, FACTOR * found.before.stored):
            complaints.append(f"slow {name}: the tenant's bulk records were stored after {one.stored:.1f} s")
    complaints += [
        f"slow feed: no {kind} frame for {gap:.1f} s"
        for kind, gap in found.gaps.items()
        if gap > found.slack * FRAME_GAP_SECONDS[kind]
    ]
    complaints += [
        f"attackers saw {count} x {status}"
        for status, count in found.answers.items()
        if status.startswith("5") and status not in _REFUSALS
    ]
    complaints += [f"{count} x {what}" for what, count in found.wrongs.items()]
    complaints += [f"the log holds {count} x {sign}" for sign, count in found.log.items() if count]
    for name, (peak, kept) in found.growth.items():
        if peak > PEAK_MIB or kept > KEPT_MIB:
            complaints.append(f"the {name} grew by {peak:.0f} MiB and kept {kept:.0f} MiB")
    rest = min(found.slack * REST_SECONDS, PATIENCE_SECONDS)
    signing = found.during.by_kind.get("sign_in", 0.0) / 1000
    if signing > found.slack * SIGN_IN_SECONDS:
        complaints.append(f"slow sign-in: {signing:.1f} s")
    facts = {
        "the attacker sent nothing": not found.answers,
        f"the live feed was closed {found.closed} times": found.closed > 0,
        "the API process was not the same afterwards": not found.same_process,
        f"the stack was not at rest after {rest:.0f} s": found.rest_seconds > rest,
    }
    complaints += [text for text, holds in facts.items() if holds]
    if complaints and found.others > LOUD:
        complaints.append(f"slow machine: others used {found.others:.0%} of it; judge time on a quiet one")
    return complaints


def window(samples: Sequence[Sample]) -> Window:
    """Sum up the requests of a time."""
    judged = [one.seconds for one in samples if one.kind in JUDGED]
    kinds = sorted({one.kind for one in samples})
    return Window(
        requests=len(judged),
        p50=1000 * percentile(judged, 0.5),
        p99=1000 * percentile(judged, 0.99),
        faults=Counter(f"{one.kind}: {one.fault}" for one in samples if one.fault),
        stored=percentile([one.seconds for one in samples if one.kind == "stored"], 1.0),
        by_kind={
            kind: 1000 * percentile([one.seconds for one in samples if one.kind == kind], 0.99)
            for kind in kinds
        },
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed, or 0."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else 0.0


def _longest_gap(frames: Sequence[Frame], kind: str, begin: float, end: float) -> float:
    moments = [begin, *(one.moment for one in frames if one.kind == kind), end]
    return max(later - earlier for earlier, later in pairwise(moments))


def signs(log: str) -> Counter[str]:
    """Count the lines that no log of a healthy stack holds."""
    return Counter({sign: log.count(sign) for sign in _SIGNS})


def _busy_seconds() -> float:
    """Return how long the processors of this machine were busy since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
