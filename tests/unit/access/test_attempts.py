"""Who comes first where few can be served."""

from __future__ import annotations

import asyncio

import pytest

from app.access.attempts import Attempts
from app.errors import Overloaded


class Work:
    """Notes who was served, and holds each turn until the test lets go."""

    def __init__(self, turns: Attempts) -> None:
        self.turns = turns
        self.served: list[str] = []
        self.refused: list[str] = []
        self.most = self.running = 0
        self.gate = asyncio.Event()

    async def ask(self, name: str) -> None:
        try:
            async with self.turns.turn(name):
                self.running += 1
                self.most = max(self.most, self.running)
                await self.gate.wait()
                self.running -= 1
                self.served.append(name)
        except Overloaded as error:
            self.refused.append(name if error.retry_after else f"{name}, not told when to come back")


async def run(work: Work, *names: str) -> None:
    tasks = []
    for name in names:
        tasks.append(asyncio.create_task(work.ask(name)))
        await asyncio.sleep(0)
    work.gate.set()
    await asyncio.gather(*tasks)


async def test_few_work_at_once_and_of_equals_the_last_comes_first() -> None:
    work = Work(Attempts(most=2, longest=10))
    await run(work, *"abcdef")
    assert (work.served, work.most) == ([*"abfedc"], 2)


async def test_who_knows_comes_before_who_guesses_from_one_address() -> None:
    work = Work(Attempts(most=1, longest=5))
    await run(work, *["guesser"] * 4, "right", "guesser")
    assert work.served == ["guesser", "right", *["guesser"] * 4]


async def test_who_knows_comes_before_a_crowd_that_guesses() -> None:
    turns = Attempts(most=1, longest=3)
    work = Work(turns)
    crowd = [f"guesser {number}" for number in range(6)]
    await run(work, *crowd, *crowd, "right", *crowd)
    assert work.served[:2] == ["guesser 0", "right"]
    assert len(work.served) == 4
    assert len(work.refused) == 15
    assert "right" not in work.refused


async def test_success_puts_a_name_in_front_again() -> None:
    turns = Attempts(most=1, longest=3)
    for name in ("mistaken", "mistaken", "known"):
        async with turns.turn(name):
            pass
    turns.note_success("known")
    work = Work(turns)
    await run(work, "first", "known", "mistaken")
    assert work.served == ["first", "known", "mistaken"]


async def test_who_leaves_the_queue_costs_nobody_a_turn() -> None:
    work = Work(Attempts(most=1, longest=5))
    tasks = [asyncio.create_task(work.ask(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    work.gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    await work.ask("d")
    assert work.served == ["a", "c", "d"]


async def test_a_turn_that_was_handed_to_who_left_is_handed_on() -> None:
    turns = Attempts(most=1, longest=5)
    holding = turns.turn("a")
    await holding.__aenter__()
    work = Work(turns)
    work.gate.set()
    tasks = [asyncio.create_task(work.ask(name)) for name in "cb"][::-1]
    await asyncio.sleep(0)
    await holding.__aexit__(None, None, None)
    tasks[0].cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)
        await work.ask("d")
    assert work.served[-2:] == ["c", "d"]


async def test_only_so_many_names_are_remembered() -> None:
    turns = Attempts(most=1, longest=1, remembered=3)
    for name in "abcad":
        async with turns.turn(name):
            pass
    assert dict(turns._vain) == {"c": 1, "a": 2, "d": 1}  # noqa: SLF001 memory is the question


async def test_an_exception_gives_the_turn_back() -> None:
    turns = Attempts(most=1, longest=1)
    with pytest.raises(LookupError):
        async with turns.turn("a"):
            raise LookupError
    async with asyncio.timeout(1), turns.turn("b"):
        pass
