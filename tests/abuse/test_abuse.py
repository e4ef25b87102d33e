"""Every known attack, one after the other, beside a well-behaved tenant that must not notice it.

`make abuse` runs all attacks, and `make abuse ONLY=tiny_headers,ids` runs the named ones. Each
prints a line: how long the tenant waited before, during and after it, what the tenant lost, and how
attackers were answered.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.abuse.attacks import ATTACKS, Attack
from tests.abuse.measurement import PATIENCE_SECONDS, Measurer, signs
from tests.abuse.proof import figures_that_differ, presence
from tests.abuse.report import HEAD, describe, line
from tests.abuse.stage import TENANT, Stage, running_stage
from tests.e2e.stack import wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

WARM_UP_SECONDS = 12.0
_NAMES = [name for name in os.environ.get("LLM_MONITOR_ABUSE_ONLY", "").split(",") if name]
_UNKNOWN = set(_NAMES) - {attack.name for attack in ATTACKS}
assert not _UNKNOWN, f"no attack has the name {', '.join(sorted(_UNKNOWN))}"
CHOSEN = [attack for attack in ATTACKS if not _NAMES or attack.name in _NAMES]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with running_stage() as found:
        yield found


@pytest.fixture(scope="module")
def measurer(stage: Stage) -> Measurer:
    time.sleep(WARM_UP_SECONDS)  # evaluators are loaded and pools filled before anything is measured
    return Measurer(stage)


@pytest.mark.parametrize("attack", CHOSEN, ids=[attack.name for attack in CHOSEN])
def test_the_tenant_does_not_notice(
    attack: Attack, measurer: Measurer, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measurer.measure(attack)
    with capsys.disabled():
        print(*([f"\n{HEAD}"] if attack is CHOSEN[0] else []), line(found), sep="\n")
    if found.complaints:
        pytest.fail(describe(found), pytrace=False)


@pytest.fixture(scope="module")
def settled(measurer: Measurer, stage: Stage) -> dict[str, int]:
    """The tenant's ledger, when it sends nothing more and every record has an outcome."""
    del measurer
    stage.tenant.stop()

    def ledger() -> dict[str, int] | None:
        found = (stage.ledgers() or {}).get(TENANT)
        return found if found and not found["in_flight"] else None

    return wait_for(ledger, PATIENCE_SECONDS, "everything of the tenant to be settled")


def test_nothing_of_the_tenant_is_lost_or_doubled(settled: dict[str, int], stage: Stage) -> None:
    found = asyncio.run(presence(stage))
    assert found.acknowledged > 0
    assert (found.missing, found.doubled, found.doubled_ids) == (0, 0, 0)
    assert (settled["unaccounted"], settled["dead"]) == (0, 0)
    assert settled["stored"] + settled["duplicate"] == settled["accepted"]


@pytest.mark.usefixtures("settled")
def test_the_figures_of_the_tenant_are_right(stage: Stage) -> None:
    assert asyncio.run(figures_that_differ(stage)) == {}


@pytest.mark.usefixtures("settled")
def test_nothing_of_anybody_is_unaccounted(stage: Stage) -> None:
    wait_for(stage.is_at_rest, PATIENCE_SECONDS, "everything of attackers to be settled")
    ledgers = stage.ledgers()
    assert ledgers
    assert {name: ledger["unaccounted"] for name, ledger in ledgers.items() if ledger["unaccounted"]} == {}


@pytest.mark.usefixtures("settled")
def test_the_stack_is_ready_and_its_log_holds_no_failure(stage: Stage) -> None:
    assert httpx.get(f"{stage.stack.api}/health/ready", timeout=10).status_code == httpx.codes.OK
    assert httpx.get(stage.stack.dashboard, timeout=10, follow_redirects=True).status_code == httpx.codes.OK
    assert {sign: count for sign, count in signs(stage.log()).items() if count} == {}


@pytest.mark.usefixtures("settled")
def test_names_that_attackers_chose_do_not_command_the_terminal_of_the_operator(stage: Stage) -> None:
    printed = stage.stack.command("keys", "list")
    assert printed.returncode == 0, printed.stderr
    assert {sign for sign in ("\x1b", "\x07") if sign in printed.stdout} == set()
