from __future__ import annotations

import pytest

from app.access.slots import Slots, network_of


def test_one_name_gets_half() -> None:
    slots = Slots(9)
    assert [slots.enter("a") for _ in range(9)].count(True) == 5
    assert [slots.enter("b") for _ in range(9)].count(True) == 4
    assert (slots.full, slots.enter("c")) == (True, False)
    slots.leave("a")
    assert (slots.full, slots.enter("c"), slots.enter("c")) == (False, True, False)


@pytest.mark.parametrize(
    ("held", "name", "heaviest"),
    [
        ("aaab", "c", "a"),
        ("aaab", "b", "a"),
        ("aabb", "a", None),
        ("aab", "b", None),
        ("ab", "c", None),
        ("", "a", None),
    ],
)
def test_the_heaviest_holds_more_than_who_asks_would(held: str, name: str, heaviest: str | None) -> None:
    slots = Slots(100)
    for each in held:
        slots.enter(each)
    assert slots.heaviest(name) == heaviest


def test_places_that_are_given_back_leave_nothing_behind() -> None:
    slots = Slots(4)
    for number in range(1000):
        name = f"client {number}"
        assert slots.enter(name)
        slots.leave(name)
        slots.heaviest(name)
    assert (len(slots), len(slots._held)) == (0, 0)  # noqa: SLF001 memory is the question


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        (None, ""),
        ("", ""),
        ("testclient", ""),
    ],
)
def test_a_client_is_an_address_or_a_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
