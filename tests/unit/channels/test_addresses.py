from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from app.channels.addresses import AllowedNetworks
from app.channels.errors import DeliveryError
from app.channels.network import Network

TLS = httpx.create_ssl_context(verify=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 it is refused
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",  # metadata of many clouds
        "100.64.0.1",
        "100.100.100.200",  # metadata of a cloud
        "192.0.0.192",  # the same
        "168.63.129.16",  # services of a cloud at a public address
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",  # metadata of a cloud
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",  # 127.0.0.1 behind a translator
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",  # 127.0.0.1 behind a relay
        "2002:a00:1::1",
        "localhost",
        "",
        "1.2.3",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not AllowedNetworks().permits(address, plain=False)
    assert not AllowedNetworks().permits(address, plain=True)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.255.255",
        "11.0.0.1",
        "168.63.129.17",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_reached_by_tls_alone(address: str) -> None:
    assert AllowedNetworks().permits(address, plain=False)
    assert not AllowedNetworks().permits(address, plain=True)


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (["10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.0.1", False),
        (["10.1.0.0/16"], "::ffff:10.1.2.3", True),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["fd00::/8"], "fd12::1", True),
        (["fd00::/8"], "fe80::1", False),
        (["10.1.0.0/16", "::1"], "::1", True),
    ],
)
def test_the_operator_allows_networks(networks: Sequence[str], address: str, *, allowed: bool) -> None:
    for plain in (False, True):
        assert AllowedNetworks(networks).permits(address, plain=plain) is allowed


def network(*answers: Sequence[str] | Exception, allowed: Sequence[str] = ()) -> Network:
    waiting = list(answers)

    async def resolve(_: str, __: int) -> Sequence[str]:
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Network(AllowedNetworks(allowed), resolve, TLS)


async def test_every_address_of_a_name_is_checked() -> None:
    assert await network(["8.8.8.8", "2606:4700::1"]).find("a.example", 443, plain=False) == [
        "8.8.8.8",
        "2606:4700::1",
    ]
    for mixed in (["8.8.8.8", "127.0.0.1"], ["::1", "8.8.8.8"], ["8.8.8.8"] * 15 + ["10.0.0.1"]):
        with pytest.raises(DeliveryError, match="not allowed") as refused:
            await network(mixed).find("a.example", 443, plain=False)
        assert refused.value.permanent


async def test_a_name_that_leads_elsewhere_the_next_time_is_checked_again() -> None:
    rebinding = network(["8.8.8.8"], ["127.0.0.1"])
    assert await rebinding.find("a.example", 443, plain=False) == ["8.8.8.8"]
    with pytest.raises(DeliveryError, match="not allowed"):
        await rebinding.find("a.example", 443, plain=False)


@pytest.mark.parametrize("answer", [[], OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_without_an_address_is_tried_again(answer: Sequence[str] | Exception) -> None:
    with pytest.raises(DeliveryError, match="no address") as failed:
        await network(answer).find("a.example", 443, plain=False)
    assert not failed.value.permanent
