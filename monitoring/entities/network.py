"""Addresses on networks: mail, IP, hardware, and links that carry a password."""

from __future__ import annotations

import ipaddress

from monitoring.entities.recognizer import Grade, Recognizer

__all__ = ["ADDRESSES", "HOSTS"]

# Reserved for examples and tests (RFC 2606, RFC 6761), and what writers put in their place.
_EXAMPLE_DOMAINS = frozenset(
    {"example.com", "example.org", "example.net", "example.edu", "test.com", "domain.com"}
)
_EXAMPLE_TLDS = frozenset({"example", "test", "invalid", "localhost", "local", "internal"})
_PLACEHOLDER_NAMES = frozenset(
    [
        "user",
        "username",
        "users",
        "example",
        "email",
        "mail",
        "name",
        "yourname",
        "your_name",
        "your.name",
        "youremail",
        "your_email",
        "your.email",
        "you",
        "your",
        "me",
        "someone",
        "somebody",
        "anyone",
        "test",
        "tester",
        "testuser",
        "foo",
        "bar",
        "foobar",
        "xxx",
        "abc",
        "firstname.lastname",
        "first.last",
        "recipient",
        "sender",
        "customer",
        "someuser",
        "myemail",
        "my_email",
        "address",
        "youraddress",
        "your-email",
        "your-name",
    ]
)
# Addresses of an office or a machine, which say nothing about a person.
_ROLE_NAMES = frozenset(
    [
        "info",
        "contact",
        "support",
        "sales",
        "help",
        "admin",
        "noreply",
        "no-reply",
        "donotreply",
        "webmaster",
        "postmaster",
        "abuse",
        "hello",
        "press",
        "media",
        "office",
        "security",
        "privacy",
        "legal",
        "jobs",
        "careers",
        "hr",
        "billing",
        "team",
        "feedback",
        "marketing",
        "service",
        "git",
    ]
)
# File names and packages that look like addresses: icon@2x.png, actions/checkout@v2.0.js
_FILE_ENDINGS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "js",
        "ts",
        "css",
        "py",
        "md",
        "json",
        "yaml",
        "yml",
        "html",
        "txt",
        "zip",
    ]
)
_MAIL_WORDS = (
    "email", "e-mail", "mail", "my email", "contact", "reach", "write to", "correo", "courriel", "e-post",
    "email address", "mailto", "cc", "bcc",
)  # fmt: skip
_HOST_WORDS = (
    "ip", "ip address", "ipv4", "ipv6", "address", "host", "server", "connect", "connecting", "ping", "client",
    "remote", "login", "logged", "visitor", "gateway", "vpn", "ips",
)  # fmt: skip
_SMALL_OCTET = 32
_OFFICIAL_MAC = ("00005e", "01005e", "333300")


def _email(text: str) -> Grade | None:
    local, _, domain = text.lower().rpartition("@")
    labels = domain.split(".")
    if domain[0] == "[" and any(map(str.isdigit, domain)):
        return Grade(0.9, 0.98)
    if (
        ".." in local
        or local[0] == "."
        or local[-1] == "."
        or labels[-1] in _FILE_ENDINGS
        or not all(labels)
        or any(part[0] == "-" or part[-1] == "-" for part in labels)
    ):
        return None
    if local in _PLACEHOLDER_NAMES or domain.startswith(("your", "my-", "xxx")):
        return Grade(0.15, 0.25, "placeholder")
    if ".".join(labels[-2:]) in _EXAMPLE_DOMAINS or labels[-1] in _EXAMPLE_TLDS:
        return Grade(0.35, 0.6, "example_domain")
    if local in _ROLE_NAMES:
        return Grade(0.4, 0.55, "role_address")
    return Grade(0.9, 0.98)


def _note(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return why an address points at nobody, or nothing."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return _note(address.ipv4_mapped)
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    if any(address in network for network in _DOCUMENTATION if network.version == address.version):
        return "documentation"
    if address.is_link_local or address.is_private:
        return "private"
    return "reserved" if address.is_reserved or address.is_multicast else ""


_DOCUMENTATION = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
# Public resolvers and examples that everybody types.
_WELL_KNOWN = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4", "4.4.4.4"})


def _ipv4(text: str) -> Grade | None:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return None
    note = _note(address)
    if note:
        return Grade(0.15, 0.3, note)
    if text in _WELL_KNOWN:
        return Grade(0.15, 0.35, "well_known")
    if max(address.packed) < _SMALL_OCTET:
        return Grade(0.25, 0.85)  # more often a version or a section
    return Grade(0.75, 0.95)


def _ipv6(text: str) -> Grade | None:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if not any(character.isdigit() for character in text):
        return None
    note = _note(address)
    if note:
        return Grade(0.15, 0.3, note)
    return Grade(0.4, 0.9) if len(text) < 10 else Grade(0.85, 0.97)  # noqa: PLR2004 a::1 may be code


def _mac(text: str) -> Grade | None:
    code = text.lower().replace(":", "").replace("-", "").replace(".", "")
    if len(set(code)) == 1 or len({c for c in text if not c.isalnum()}) != 1:
        return None
    if code.startswith(_OFFICIAL_MAC):
        return Grade(0.15, 0.3, "documentation")
    return Grade(0.75, 0.95)


def _credentials(text: str) -> Grade | None:
    shown = text.partition(":")[2].lower()
    if set(shown) <= {"*", "x", "."} or shown[0] in "<${[%" or shown in _PLACEHOLDER_PASSWORDS:
        return Grade(0.2, 0.3, "placeholder")
    return Grade(0.95, 0.98)


_PLACEHOLDER_PASSWORDS = frozenset(
    [
        "password",
        "pass",
        "passwd",
        "pwd",
        "secret",
        "token",
        "changeme",
        "yourpassword",
        "your_password",
        "pw",
    ]
)

_HEXTET = "[0-9a-fA-F]{1,4}"

# Letters that may stand in one name together (RFC 6531 takes all), and those of scripts that write words without
# spaces: what precedes an address there is the sentence, so the two kinds do not mix. Without counted repetition,
# which would multiply classes of this size; the places that are searched are short.
_LETTERS = "".join(
    rf"\p{{{script}}}"
    for script in (
        "Latin", "Greek", "Cyrillic", "Armenian", "Georgian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Gurmukhi",
        "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Ethiopic", "M",
    )
)  # fmt: skip
_DENSE = "".join(
    rf"\p{{{script}}}"
    for script in ("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar")
)
_DENSE = rf"{_DENSE}\x{{30FC}}"
_HIDDEN = r"\x{AD}\x{200B}-\x{200D}\x{2060}\x{FEFF}"
_LABEL = rf"[{_LETTERS}\p{{Nd}}][{_LETTERS}\p{{Nd}}{_HIDDEN}-]*|[{_DENSE}][{_DENSE}\p{{Nd}}-]*"
_DOMAIN = rf"(?:(?:{_LABEL})\.)+(?:xn--[A-Za-z0-9-]+|[{_LETTERS}]{{2}}[{_LETTERS}]*|[{_DENSE}]+)"
_MAIL_HOST = rf"(?:{_DOMAIN}|\[(?:IPv6:)?[0-9A-Fa-f:.]{{3,45}}\])"
_END = rf"(?:[^{_LETTERS}\p{{Nd}}_]|$)"
_LOCAL = rf"[{_LETTERS}\p{{Nd}}][{_LETTERS}\p{{Nd}}{_HIDDEN}._%+'-]*|[{_DENSE}][{_DENSE}\p{{Nd}}._-]*"

ADDRESSES = (
    *(
        Recognizer(
            "EMAIL_ADDRESS", rf"{before}((?:{local})@{_MAIL_HOST}){_END}", _email, _MAIL_WORDS, nature="token"
        )
        for before, local in (
            ("", _LOCAL),
            # Signs that also end an address are part of it where white space, a bracket or a quote precedes them.
            (r"(?:^|[\s<>(\[\"',;:])", rf"[{_LETTERS}\p{{Nd}}][{_LETTERS}\p{{Nd}}._%+'&!#$^~-]*"),
            # One address within another, as lists and forwarders write them (VERP, SRS).
            ("", r"[A-Za-z0-9][A-Za-z0-9._+-]*=[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]+"),
            ("", r"\"[A-Za-z0-9](?:[^\"\\\n]|\\.){0,63}\""),
        )
    ),
    Recognizer(
        "URL_CREDENTIALS",
        # A password may hold an at sign: the last one before the path ends it.
        r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s:/@\"'<>]{0,64}:[^\s/?#\"'<>]{1,128})@[A-Za-z0-9\[]",
        _credentials,
        ("password", "login", "connection", "dsn"),
        nature="token",
    ),
)
HOSTS = (
    Recognizer("IP_ADDRESS", r"\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b", _ipv4, _HOST_WORDS, "host"),
    Recognizer(
        "IP_ADDRESS",
        rf"((?:{_HEXTET}:){{7}}{_HEXTET}|(?:{_HEXTET}:){{6}}(?:\d{{1,3}}\.){{3}}\d{{1,3}}"
        rf"|(?:{_HEXTET}(?::{_HEXTET}){{0,6}})?::(?:{_HEXTET}(?::{_HEXTET}){{0,5}}(?::(?:\d{{1,3}}\.){{3}}\d{{1,3}})?|(?:\d{{1,3}}\.){{3}}\d{{1,3}})?)",
        _ipv6,
        _HOST_WORDS,
        "host",
    ),
    Recognizer(
        "MAC_ADDRESS",
        r"\b((?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})\b",
        _mac,
        (
            "mac",
            "mac address",
            "hardware address",
            "physical address",
            "ethernet",
            "device",
            "cisco",
            "bssid",
        ),
        "host",
    ),
)
