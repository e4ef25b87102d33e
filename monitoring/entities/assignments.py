"""Secrets that are recognised by their names: in settings, headers, options and markup.

A value counts if it could be a secret. A reference to a secret (`$PASSWORD`, `os.environ[…]`), a
type, a rule ("must have 8 characters") and a placeholder do not count.
"""

from __future__ import annotations

import base64
import binascii

import re2

from monitoring.entities.credentials import entropy, is_placeholder
from monitoring.entities.recognizer import Grade, Recognizer

__all__ = ["RECOGNIZERS"]

# A random key of 20 characters has over 3.5 bits per character; words and fillers have less.
_SECRET_ENTROPY = 3.3
_MIN_SECRET, _MIN_HEADER, _MIN_WORD = 16, 8, 6
_MIN_KINDS = 2
# Values that stand for a secret: variables, templates, calls, look-ups, files and vaults.
_REFERENCE = re2.compile(
    r"^(?:\$[A-Za-z_{(]|[<{\[(]|#\{|%\(|%[A-Z_]+%|!\w+$|\.\.|os\.|process\.|[A-Za-z_][\w.]*[(\[]"
    r"|[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+$|(?i:your)|https?:|file:|arn:|vault:|op://|ssm:|[./~]{0,2}/(?:run|etc|var|home|usr|tmp|opt|root|mnt)\b)"
)
# Words in the place of a secret, in schemas, messages, labels and manuals.
_NO_SECRETS = frozenset((
    "string", "text", "varchar", "char", "number", "integer", "boolean", "bool", "bytes", "none", "null",
    "nil", "true", "false", "undefined", "void", "any", "required", "optional", "hidden", "masked",
    "removed", "empty", "unset", "missing", "invalid", "incorrect", "wrong", "correct", "expired",
    "forgotten", "forgot", "reset", "changed", "change", "changeme", "default", "secret", "token",
    "enabled", "disabled", "protected", "strong", "weak", "secure", "unknown", "denied", "failed",
    "accepted", "rejected", "confirmed", "confirm", "verified", "generated", "random", "encrypted",
    "hashed", "plain", "plaintext", "input", "value", "field", "postgres", "mysql", "localhost", "admin",
    "root", "user", "username", "basic", "bearer", "digest", "secretstr", "getpass", "prompt", "sensitive",
    "write_only", "writeonly", "readonly", "nullable",
))  # fmt: skip
_NAMED = re2.compile(
    r"(?i)pass|p[wa]ss?w|kennwort|contrase|senha|clave|mot de|wachtwoord|пароль|密|パス|비밀"
)
_STRONG = frozenset("!@#$%^&*+=?~|")

_SECRETIVE_NAME = r"(?i:password|passwd|pwd|passphrase|passcode|passwort|kennwort|contraseña|mot de passe|пароль|密码|密碼|口令|パスワード|비밀번호)"
_API_KEY = (
    r"(?i:api[_ -]?key|secret[_ -]?(?:access[_ -]?)?key|access[_ -]?(?:token|key)|auth[_ -]?token|client[_ -]?secret"
    r"|(?:private|signing|encryption|master|account|storage|license|webhook|session|shared)[_ -]?key|secret|token|bearer)"
)
_CLOSE = r"\\?[\"'`*\]]{0,3}"
_SIGN = r"[ \t]{0,3}(?::=|=>|\?=|[:=])[ \t]{0,3}"


def _password(text: str) -> Grade | None:
    """Grade what follows "password is": a dictionary word is no secret, a mixture is one."""
    shown = text.rstrip(".!?:)\u201c\u201d\u00bb")
    if shown.isdigit():
        return Grade(0.2, 0.2, "placeholder") if _stands_in(shown) else Grade(0.45, 0.45)
    if _is_reference(shown) or not any(c.isdigit() or c in _STRONG for c in shown):
        return None
    if _kinds(shown) < _MIN_KINDS:
        return None
    return Grade(0.2, 0.2, "placeholder") if _stands_in(shown) else Grade(0.6, 0.6)


def _mixture(text: str) -> Grade | None:
    """Grade what directly follows the word "password".

    Only a mixture of all kinds of characters cannot be another word.
    """
    return _password(text) if _kinds(text.rstrip(".!?:)")) > _MIN_KINDS + 1 else None


def _literal(text: str) -> Grade | None:
    """Grade the value of a password's name in a place that only holds values, as between quotes."""
    shown = text.strip()
    if _is_reference(shown) or shown.lower() in _NO_SECRETS:
        return None
    mixed = any(map(str.isdigit, shown)) or any(c in _STRONG for c in shown.rstrip("!?."))
    if not mixed and (" " in shown or len(shown) < _MIN_WORD or _NAMED.search(shown)):
        return None
    if _stands_in(shown):
        return Grade(0.2, 0.2, "placeholder")
    return Grade(0.6, 0.6) if _kinds(shown) >= _MIN_KINDS else Grade(0.45, 0.45)


def _secret(text: str) -> Grade | None:
    """Grade the value of a name like `api_key`: it must be long, mixed and of high entropy."""
    if len(text) < _MIN_SECRET or not any(c.isdigit() for c in text) or not any(c.isalpha() for c in text):
        return None
    if is_placeholder(text):
        return Grade(0.15, 0.15, "placeholder")
    return Grade(0.75, 0.75) if entropy(text) >= _SECRET_ENTROPY else Grade(0.35, 0.35)


def _short_secret(text: str) -> Grade | None:
    """Grade the value of a header, or of a name with "secret", where shorter values count too."""
    if len(text) < _MIN_HEADER or _is_reference(text) or text.lower() in _NO_SECRETS:
        return None
    if not any(map(str.isdigit, text)) or _kinds(text) < _MIN_KINDS:
        return None
    return Grade(0.15, 0.15, "placeholder") if _stands_in(text) else Grade(0.6, 0.6)


def _basic(text: str) -> Grade | None:
    """Grade HTTP basic credentials (RFC 7617): base64 of a name, a colon and a password."""
    try:
        shown = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = shown.partition(":")
    if not colon or not shown.isprintable() or not (user or password):
        return None
    return Grade(0.9, 0.95)


def _login(text: str) -> Grade | None:
    """Grade `name:password` behind an option; numbers and plain words are a user and a group."""
    password = text.partition(":")[2]
    return None if password.isdigit() else _password(password)


def _kinds(text: str) -> int:
    return sum(any(map(kind, text)) for kind in (str.isdigit, str.islower, str.isupper)) + (
        not text.isalnum()
    )


def _is_reference(text: str) -> bool:
    return _REFERENCE.search(text) is not None


def _stands_in(text: str) -> bool:
    return is_placeholder(text, entropic=False) or text.lower() in {"password", "passwd", "pass"}


RECOGNIZERS = (
    Recognizer(
        "API_KEY",
        rf"{_API_KEY}{_CLOSE}(?: is| was)?\s{{0,3}}(?::=|[:=]{{0,2}}>?)\s{{0,3}}\\?[\"'`]{{0,2}}([A-Za-z0-9+/=_.~-]{{16,}})",
        _secret,
        nature="token",
    ),
    Recognizer(
        "API_KEY",
        rf"(?i:secret){_CLOSE}{_SIGN}\\?[\"'`]{{1,2}}([^\s\"'`\\]{{8,128}})\\?[\"'`]",
        _short_secret,
        nature="token",
    ),
    Recognizer(
        "API_KEY",
        r"(?:^|[\s;&|\"'`])[A-Z0-9_]{0,64}SECRET=\"?'?([^\s\"'`;]{8,128})",
        _short_secret,
        nature="token",
    ),
    Recognizer(
        "API_KEY",
        rf"(?i)\b(?:authorization|x-api-key|x-auth-token|api-key){_CLOSE}\s{{0,2}}[:=,]\s{{0,2}}\\?[\"'`]?"
        r"(?:(?:bearer|token|digest|apikey|api-key|bot)\s{1,2})?([A-Za-z0-9+/=_.~-]{8,})",
        _short_secret,
        nature="token",
    ),
    Recognizer(
        "PASSWORD",
        rf"(?i)\bauthorization{_CLOSE}\s{{0,2}}[:=,]\s{{0,2}}\\?[\"'`]?basic\s{{1,2}}([A-Za-z0-9+/]{{4,}}={{0,2}})",
        _basic,
        nature="token",
    ),
    Recognizer(
        "PASSWORD",
        rf"{_SECRETIVE_NAME}{_CLOSE}(?: is| ist| lautet| war| was| est| es| è|[ \t]{{0,2}}[:=])[ \t]{{0,2}}[\"'`]{{0,2}}([^\s\"'`,;<>]{{6,}})",
        _password,
        nature="token",
    ),
    Recognizer(
        "PASSWORD",
        rf"{_SECRETIVE_NAME} ([^\s\"'`,;<>]{{8,64}})",
        _mixture,
        nature="token",
    ),
    *(
        Recognizer("PASSWORD", rf"{_SECRETIVE_NAME}{_CLOSE}(?:{_SIGN}|\s| is | was ){form}", _literal, nature="token")
        for form in (r"\"((?:[^\"\\\n]|\\.){4,128})\"", r"'([^'\n]{4,128})'", r"\\\"([^\"\\\n]{4,128})\\\"")
    ),
    Recognizer(
        "PASSWORD",
        r"(?:^|[\s;&|\"'`(,?])[A-Z0-9_]{0,64}(?:PASSWORD|PASSWD|PASSPHRASE|PASSCODE|_PWD|_PASS|_PW)=\"?'?([^\s\"'`;]{4,128})",
        _literal,
        nature="token",
    ),
    Recognizer(
        "PASSWORD",
        r"(?i)(?:[?&](?:password|passwd|pwd|pass)|;\s?(?:password|pwd)\s?)=\s?([^\s&#;\"'<>]{4,128})",
        _literal,
        nature="token",
    ),
    Recognizer(
        "PASSWORD", r"(?i)(?:password|passwd|pwd|passphrase)>\s{0,2}([^<>\s]{4,128})\s{0,2}</", _literal, nature="token"
    ),
    Recognizer(
        "PASSWORD",
        r"--[a-z-]{0,32}(?:password|passwd|passphrase|pass)[ =][\"']?([^\s\"'`;]{6,128})",
        _password,
        nature="token",
    ),
    Recognizer(
        "URL_CREDENTIALS",
        r"(?:^|\s)(?:-u|--user|--proxy-user)[ =]?[\"']?([^\s\"':]{1,64}:[^\s\"'`]{4,128})",
        _login,
        nature="token",
    ),
)  # fmt: skip
