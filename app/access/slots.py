"""A bounded number of places that several share, so that nobody can take all of them."""

from __future__ import annotations

import ipaddress
from collections import Counter

__all__ = ["Slots", "network_of"]

_IPV6_NETWORK = 64


class Slots:
    """Gives places to names: a name may hold at most as many as are still free.

    One name alone gets half of them, two a third each, and whoever holds none comes in while one is free
    (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: Counter[str] = Counter()
        self._taken = 0

    def __len__(self) -> int:
        """How many places are taken."""
        return self._taken

    def enter(self, name: str) -> bool:
        """Take a place for a name; False when it has its share already."""
        if self._held[name] >= self._size - self._taken:
            self._forget(name)
            return False
        self._held[name] += 1
        self._taken += 1
        return True

    def leave(self, name: str) -> None:
        """Give a place back that `enter` gave."""
        self._held[name] -= 1
        self._taken -= 1
        self._forget(name)

    def _forget(self, name: str) -> None:
        if not self._held[name]:
            del self._held[name]


def network_of(address: str | None) -> str:
    """Return what counts as one client: an IPv4 address, or the network of 64 bits that an IPv6 host gets.

    A connection without an address, over a Unix socket, has the empty name.
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, _IPV6_NETWORK)))
    return str(found)
