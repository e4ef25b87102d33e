"""Which addresses a channel may reach: public ones, and networks that the operator allows.

A tenant chooses the host of a channel. Without this check that host could be a database or the
metadata service of a cloud, which trust whoever is inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

__all__ = ["AllowedNetworks", "is_public"]

Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# Python's lists differ between versions, and a cloud has a service inside at a public address.
_NOT_PUBLIC: tuple[_Network, ...] = (
    ip_network("192.0.0.0/24"),  # protocol assignments, among them metadata of a cloud
    ip_network("192.88.99.0/24"),  # relays to IPv6 that no longer exist
    ip_network("168.63.129.16/32"),  # services of a cloud for the machines in it
    ip_network("::/96"),  # IPv4 in its former form
    ip_network("64:ff9b:1::/48"),  # local translation to IPv4
    ip_network("fec0::/10"),  # private in its former form
)
_TRANSLATED = ip_network("64:ff9b::/96")


class AllowedNetworks:
    """The networks that the operator allows beside public addresses."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(network, strict=False) for network in networks)

    def permits(self, written: str, *, plain: bool) -> bool:
        """Tell whether a channel may connect to an address, without TLS if `plain`.

        Only the operator's networks may be reached without TLS.
        """
        try:
            address = ip_address(written)
        except ValueError:
            return False
        return self._lists(address) or (not plain and is_public(address))

    def _lists(self, address: Address) -> bool:
        plainest = getattr(address, "ipv4_mapped", None) or address
        return any(plainest in network for network in self._networks)


def is_public(address: Address) -> bool:
    """Tell whether an address and every address inside it belong to the public internet."""
    return all(_is_global(one) for one in _nested(address))


def _nested(address: Address) -> Iterator[Address]:
    """Yield an address, and the IPv4 addresses to which a router would translate it."""
    yield address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
        if address in _TRANSLATED:
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_global(address: Address) -> bool:
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    if mapped:
        return True  # decided by the address inside
    unusable = address.is_multicast or address.is_reserved or address.is_unspecified
    translated = address in _TRANSLATED
    return translated or (
        address.is_global and not unusable and not any(address in network for network in _NOT_PUBLIC)
    )
