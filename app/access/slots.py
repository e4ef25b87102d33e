"""A bounded number of places that several share, so that nobody can take all of them."""

from __future__ import annotations

import ipaddress
from collections import Counter
from operator import itemgetter

__all__ = ["Slots", "network_of"]

_IPV6_NETWORK = 64


class Slots:
    """Gives places to names, at most half of them to one name."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: Counter[str] = Counter()
        self._taken = 0

    def __len__(self) -> int:
        """How many places are taken."""
        return self._taken

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return self._taken >= self._size

    def enter(self, name: str) -> bool:
        """Take a place for a name; False when none is free or the name holds half of them."""
        if self.full or self._held.get(name, 0) >= (self._size + 1) // 2:
            return False
        self._held[name] += 1
        self._taken += 1
        return True

    def heaviest(self, name: str) -> str | None:
        """Return who holds most, and more than `name` would with one place more; None when nobody does."""
        found, held = max(self._held.items(), key=itemgetter(1), default=("", 0))
        return found if held > self._held.get(name, 0) + 1 else None

    def leave(self, name: str) -> None:
        """Give a place back that `enter` gave."""
        self._taken -= 1
        self._held[name] -= 1
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
