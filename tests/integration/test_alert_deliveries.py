"""The outbox of alerts: claimed by one, sent in order, tried again, given up, and logged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.access.administration import Line, make_project
from app.channels.administration import ask_for_test, change_channel, make_channel, remove_channel
from app.channels.errors import DeliveryError
from app.channels.notice import Notice
from app.channels.sealing import Sealing
from app.channels.sending import Sent
from app.schemas.alerts import AlertExample
from app.schemas.channels import Channel, Delivery, Target, WebhookTarget
from app.schemas.projects import ProjectSettings
from app.storage.access.audit import read_acts
from app.storage.alerts.channels import read_channel
from app.storage.alerts.deliveries import MOST_WAITING, enqueue, read_deliveries
from app.storage.engine import Engine, create_engine
from app.supervision import Tasks, in_background
from tests.integration.api_rig import own_servers
from tests.unit.channels.notices import NOW, groups, message
from workers.delivering import MOST_ATTEMPTS, MOST_FAILURES, Delivering

SEALING = Sealing("0123456789abcdef" * 2)
SIGNING_KEY = "a-signing-secret"
TARGET = WebhookTarget(url="https://hooks.example/secret-path", secret=SIGNING_KEY)
DOWN = DeliveryError("The receiver answered 503.", status_code=503)
GONE = DeliveryError("The receiver answered 410.", permanent=True, status_code=410)


class Post:
    """A sender that keeps what it is given; `answer` may raise or wait for each message."""

    def __init__(self, answer: Callable[[Notice], Any] | None = None) -> None:
        self.sent: list[Notice] = []
        self.answer = answer
        self.more = asyncio.Event()

    async def reach(self, count: int) -> None:
        """Wait until so many messages were given."""
        async with asyncio.timeout(20):
            while len(self.sent) < count:
                self.more.clear()
                await self.more.wait()

    async def send(self, target: Target, notice: Notice) -> Sent:
        assert target == TARGET
        self.sent.append(notice)
        self.more.set()
        answer = self.answer(notice) if self.answer else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            await answer
        return Sent(200)

    @property
    def rules(self) -> list[str]:
        return [notice.message.rule for notice in self.sent]


class Office:
    """An outbox, one worker, and a clock that a test moves."""

    def __init__(self, engine: Engine, post: Post) -> None:
        self.engine = engine
        self.post = post
        self.now = NOW
        self.worker = self.another(post)

    def another(self, post: Post) -> Delivering:
        sender: Any = post
        return Delivering(
            self.engine,
            lambda: sender,
            SEALING,
            "https://monitor.example",
            clock=lambda: self.now,
            chance=lambda: 0.5,
        )

    def line(self, project_id: str = "default") -> Line:
        return Line(project_id, "test", self.now)

    async def channel(self, name: str = "on call", project_id: str = "default") -> Channel:
        async with self.engine.begin() as connection:
            return await make_channel(connection, self.line(project_id), SEALING, name, TARGET, enabled=True)

    async def tell(self, *channels: Channel, **fields: Any) -> int:
        self.pass_moment()
        told = message(**fields)
        ids = tuple(channel.channel_id for channel in channels)
        async with self.engine.begin() as connection:
            return await enqueue(connection, [replace(told, channels=ids)], self.now)

    async def turn(self) -> int:
        claims = await self.worker.claim()
        await asyncio.gather(*(self.worker.deliver(claim) for claim in claims))
        return len(claims)

    def pass_moment(self) -> None:
        """Pass a millisecond, since messages of one millisecond are in no order."""
        self.now += timedelta(milliseconds=1)

    async def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def log(self, project_id: str = "default", **options: Any) -> list[Delivery]:
        async with self.engine.connect() as connection:
            return await read_deliveries(connection, project_id, **options)

    async def read(self, channel: Channel) -> Channel:
        async with self.engine.connect() as connection:
            found = await read_channel(connection, channel.project_id, channel.channel_id)
        assert found
        return found

    async def acts(self) -> list[str]:
        async with self.engine.connect() as connection:
            return [act.act for act in await read_acts(connection)]


@pytest.fixture(scope="module")
async def shared(postgres_url: str, migrated_template: str, redis_server_url: str) -> AsyncIterator[Engine]:
    """One database for all tests, since making one takes longer than most of them."""
    async with own_servers(postgres_url, migrated_template, redis_server_url) as (url, _):
        engine = create_engine(url, application="test")
        yield engine
        await engine.dispose()


@pytest.fixture
async def office(shared: Engine) -> Office:
    async with shared.begin() as connection:
        await connection.execute(text("TRUNCATE alert_deliveries, alert_channels, audit_log"))
        await connection.execute(text("DELETE FROM projects WHERE project_id <> 'default'"))
    return Office(shared, Post())


async def test_a_message_is_sent_once_to_each_channel_and_logged(office: Office) -> None:
    channels = [await office.channel(), await office.channel("chat")]
    assert await office.tell(*channels, groups=groups(2)) == 2
    assert await office.turn() == 2
    assert await office.turn() == 0
    assert [(one.kind, one.message.project_id) for one in office.post.sent] == [("firing", "default")] * 2
    assert len(office.post.sent[0].message.groups) == 2
    for delivery in await office.log():
        assert (delivery.state, delivery.attempts, delivery.status_code) == ("delivered", 1, 200)
        assert delivery.message.groups == ()  # they may be names of people
        assert delivery.message.value == 0.41


async def test_a_change_that_is_undone_is_not_told(office: Office) -> None:
    channel = await office.channel()
    with pytest.raises(RuntimeError):  # noqa: PT012 the block is the transaction
        async with office.engine.begin() as connection:
            told = replace(message(), channels=(channel.channel_id,))
            assert await enqueue(connection, [told], office.now) == 1
            raise RuntimeError
    assert await office.log() == []


async def test_texts_are_read_when_a_message_is_sent_and_not_kept_before(office: Office) -> None:
    channel = await office.channel()
    example = AlertExample(trace_id=UUID(int=9), prompt="jane.doe@example.com", response="secret")
    await office.tell(channel, examples=(example,), rule="nul \0 inside", value=float("nan"))
    async with office.engine.connect() as connection:
        stored = await connection.scalar(text("SELECT message::text FROM alert_deliveries"))
    assert "jane" not in stored
    assert await office.turn() == 1
    assert office.post.sent[0].message.examples == ()  # no such trace is stored
    assert office.post.rules == ["nul  inside"]


async def test_a_failure_is_tried_again_later_and_later_and_then_given_up(office: Office) -> None:
    channel = await office.channel()
    office.post.answer = lambda _: DOWN
    await office.tell(channel)
    pauses = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert await office.turn() == 1
        (delivery,) = await office.log()
        assert delivery.attempts == attempt
        if delivery.state == "pending":
            pauses.append((delivery.due_at - office.now).total_seconds())
            assert await office.turn() == 0
            office.now = delivery.due_at
    assert pauses == [10, 30, 120, 600, 1800]
    assert (delivery.state, delivery.status_code, delivery.error) == (
        "failed",
        503,
        "The receiver answered 503.",
    )
    assert (await office.read(channel)).failures == 1


async def test_a_receiver_may_ask_for_more_time(office: Office) -> None:
    channel = await office.channel()
    office.post.answer = lambda _: DeliveryError("busy", status_code=429, retry_after=300)
    await office.tell(channel)
    await office.turn()
    assert (await office.log())[0].due_at == office.now + timedelta(seconds=300)


async def test_a_channel_is_turned_off_after_five_failures_in_a_row(office: Office) -> None:
    failing, fine = await office.channel(), await office.channel("chat")
    office.post.answer = lambda _: GONE
    for number in range(MOST_FAILURES - 1):
        await office.tell(failing, rule=str(number))
        await office.turn()
    office.post.answer = None
    await office.tell(failing)
    await office.turn()
    assert (await office.read(failing)).failures == 0  # not in a row
    office.post.answer = lambda _: GONE
    for number in range(MOST_FAILURES):
        assert (await office.read(failing)).enabled
        await office.tell(failing, rule=str(number))
        if number == MOST_FAILURES - 1:
            await office.tell(failing, rule="waits behind")
        await office.turn()
    off = await office.read(failing)
    assert (off.enabled, off.failures) == (False, MOST_FAILURES)
    assert "410" in off.off_reason
    assert (await office.acts()).count("alert_channel.turned_off") == 1
    assert (await office.read(fine)).enabled
    assert await office.turn() == 0  # what waited is given up
    assert await office.tell(failing) == 0
    assert {one.state for one in await office.log(limit=2)} == {"failed"}
    async with office.engine.begin() as connection:
        await change_channel(connection, office.line(), SEALING, failing.channel_id, enabled=True)
    assert await office.tell(failing) == 1


async def test_a_recovery_does_not_overtake_its_alert(office: Office) -> None:
    channel = await office.channel()
    office.post.answer = lambda _: DOWN
    await office.tell(channel, rule="first")
    await office.turn()
    await office.pass_time(1)
    await office.tell(channel, rule="second", kind="recovered")
    office.post.answer = None
    assert await office.turn() == 0
    await office.pass_time(10)
    assert [await office.turn(), await office.turn()] == [1, 1]
    assert office.post.rules == ["first", "first", "second"]


async def test_two_workers_do_not_send_the_same_message(office: Office) -> None:
    channels = [await office.channel(str(number)) for number in range(4)]
    await office.tell(*channels)
    other = office.another(office.post)
    claims = await asyncio.gather(office.worker.claim(), other.claim())
    assert sorted(claim.channel_id for found in claims for claim in found) == sorted(
        channel.channel_id for channel in channels
    )


async def test_what_a_dead_worker_claimed_is_sent_by_another(office: Office) -> None:
    channel = await office.channel()
    await office.tell(channel)
    (lost,) = await office.worker.claim()  # and it dies
    assert await office.turn() == 0
    await office.pass_time(91)
    assert await office.turn() == 1
    assert (await office.log())[0].attempts == 2
    await office.worker.deliver(lost)  # it was only slow: the message is told twice and counted once
    assert [one.state for one in await office.log()] == ["delivered"]


async def test_workers_that_die_at_a_message_do_not_try_it_for_ever(office: Office) -> None:
    await office.tell(await office.channel())
    for _ in range(MOST_ATTEMPTS):
        assert len(await office.worker.claim()) == 1
        await office.pass_time(91)
    assert await office.turn() == 1
    assert [(one.state, one.error) for one in await office.log()] == [
        ("failed", "Workers died while they sent it.")
    ]
    assert office.post.sent == []


async def test_a_message_of_yesterday_is_not_sent(office: Office) -> None:
    await office.tell(await office.channel())
    await office.pass_time(86_401)
    await office.turn()
    assert [one.error for one in await office.log()] == ["It waited for more than a day."]


async def test_a_hanging_receiver_delays_no_other_channel_or_project(office: Office) -> None:
    async with office.engine.begin() as connection:
        await make_project(connection, office.line("shop"), "Shop", ProjectSettings())
    hanging = [await office.channel(f"hangs {number}") for number in range(8)]
    fine = await office.channel("fine", "shop")
    stuck = asyncio.Event()
    office.post.answer = lambda notice: stuck.wait() if notice.message.project_id == "default" else None
    await office.tell(*hanging)
    tasks = Tasks()
    async with in_background(office.worker.run(tasks)):
        await office.post.reach(4)  # the places of a project
        await office.tell(fine, project_id="shop")
        await office.post.reach(5)
        assert office.post.sent[-1].message.project_id == "shop"
        async with asyncio.timeout(2), office.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))  # no connection waits for a receiver
        stuck.set()
        await office.post.reach(9)
    assert {state.failed for state in tasks.states()} == {0}


async def test_an_error_of_our_own_is_a_failure_without_its_text(office: Office) -> None:
    await office.tell(await office.channel())
    office.post.answer = lambda _: ValueError("secret-path")
    await office.turn()
    assert [one.error for one in await office.log()] == ["ValueError; see the log of the workers."]


async def test_a_test_goes_before_waiting_messages_and_turns_nothing_off(office: Office) -> None:
    channel = await office.channel()
    office.post.answer = lambda _: GONE
    await office.tell(channel)
    async with office.engine.begin() as connection:
        first = await ask_for_test(connection, office.line(), channel.channel_id)
        assert await ask_for_test(connection, office.line(), channel.channel_id) == first
    await office.turn()
    assert [one.kind for one in office.post.sent] == ["test"]
    assert (await office.read(channel)).failures == 0
    await office.turn()
    assert (await office.read(channel)).failures == 1


async def test_what_waits_is_bounded_for_each_project(office: Office) -> None:
    channel = await office.channel()
    ids = (channel.channel_id,)
    told = [replace(message(), channels=ids) for _ in range(MOST_WAITING + 2)]
    async with office.engine.begin() as connection:
        assert await enqueue(connection, told, office.now) == MOST_WAITING
    assert len(await office.log(state="failed")) == 2


async def test_the_log_is_kept_for_a_month(office: Office) -> None:
    channel = await office.channel()
    await office.tell(channel)
    await office.turn()
    await office.pass_time(29 * 86_400)
    await office.worker.forget()
    assert len(await office.log()) == 1
    await office.pass_time(2 * 86_400)
    await office.worker.forget()
    assert await office.log() == []


async def test_channels_of_other_projects_and_deleted_ones_get_nothing(office: Office) -> None:
    async with office.engine.begin() as connection:
        await make_project(connection, office.line("shop"), "Shop", ProjectSettings())
    foreign, deleted = await office.channel("theirs", "shop"), await office.channel()
    await office.tell(deleted)
    async with office.engine.begin() as connection:
        await remove_channel(connection, office.line(), deleted.channel_id)
    assert await office.tell(foreign, deleted) == 0
    assert await office.log() == await office.log("shop") == []
