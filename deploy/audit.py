"""Look for known weaknesses, missing hashes and unknown licences in what is installed with the product.

It asks pip-audit where its databases can be reached, and says so where they cannot; the rest needs no network.
Exit status 1 when anything is found.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.errors import StartupError
from app.local.programs import REDIS, find_program
from app.local.redis_versions import describe_weakness, program_release

ROOT = Path(__file__).resolve().parents[1]
FILES = (ROOT / "requirements.txt", ROOT / "deploy" / "requirements.txt", ROOT / "deploy" / "pip.txt")
SECONDS = 300
# What may be redistributed beside software under MIT.
LICENCES = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla Public|Unlicense|Zlib|CC0|0BSD|PostgreSQL"
    r"|LGPL|Lesser General Public|Public Domain)\b",
    re.IGNORECASE,
)


class Pin(NamedTuple):
    """One line of a requirements file: a package, its version, and how many files of it are known by hash."""

    name: str
    version: str
    hashes: int


def read_pins(text: str) -> list[Pin]:
    """Return the requirements of a file; a line that pins nothing has an empty version."""
    joined = re.sub(r"\\\n", " ", text)
    lines = (line.partition(" #")[0].strip() for line in joined.splitlines())
    return [_pin(line) for line in lines if line and not line.startswith("#")]


def _pin(line: str) -> Pin:
    wanted, *hashes = re.split(r"\s+--hash=", line)
    requirement = Requirement(wanted)
    pinned = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
    counted = sum(bool(re.fullmatch(r"sha256:[0-9a-f]{64}", each.strip())) for each in hashes)
    return Pin(canonicalize_name(requirement.name), pinned[1] if pinned else "", counted)


def check_pins(files: Mapping[str, str]) -> Iterator[str]:
    """Find requirements without a version or a hash, addresses, and versions that differ between files."""
    known: dict[str, str] = {}
    for file, text in files.items():
        if "://" in text:
            yield f"{file} names an address: run make requirements"
        for pin in read_pins(text):
            if not pin.version or not pin.hashes:
                yield f"{file}: {pin.name} has no {'hash' if pin.version else 'version'}: run make requirements"
            if known.setdefault(pin.name, pin.version) != pin.version:
                yield f"{file}: {pin.name} is {pin.version} here and {known[pin.name]} elsewhere: run make requirements"


def check_advisories(pins: list[Pin], fixed: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Find pinned versions older than the first without a known weakness."""
    for pin in pins:
        for version, name in fixed.get(pin.name, {}).items():
            if pin.version and Version(pin.version) < Version(version):
                yield f"{pin.name} {pin.version} has {name}, which {version} does not"


def check_server() -> Iterator[str]:
    """Find known weaknesses of the Redis that the embedded stack would run."""
    try:
        program = find_program(REDIS)
        release = program_release(program)
    except StartupError as error:
        yield error.detail
        return
    if weakness := describe_weakness(release, program):
        yield weakness


def check_licences(pins: list[Pin]) -> Iterator[str]:
    """Find packages installed here whose licence is none that is known to fit."""
    for pin in pins:
        try:
            about = metadata(pin.name)
        except PackageNotFoundError:
            continue
        said = [*(about.get_all("License-Expression") or []), *(about.get_all("Classifier") or [])]
        named = " ".join(each for each in said if "License" in each or "::" not in each)
        stated = named or " ".join(about.get_all("License") or [])[:200]
        if not LICENCES.search(stated):
            yield f"{pin.name} {pin.version} is under an unknown licence: {stated or 'none stated'}"


def ask_pip_audit() -> list[str] | None:
    """Return what pip-audit finds, None where it or its data cannot be had."""
    tool = Path(sys.prefix) / "audit"
    program = tool / "bin" / "pip-audit"
    try:
        if not program.exists():
            _run(sys.executable, "-m", "venv", str(tool))
            _run(str(tool / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "pip-audit")
        return [
            finding
            for file in FILES
            for finding in _findings(
                _run(
                    str(program),
                    "--disable-pip",
                    "--require-hashes",
                    "--format",
                    "json",
                    "-r",
                    str(file),
                    strict=False,
                )
            )
        ]
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None


def _run(*command: str, strict: bool = True) -> str:
    result = subprocess.run(  # noqa: S603 this program's own tools
        command, capture_output=True, text=True, check=strict, timeout=SECONDS
    )
    return result.stdout


def _findings(printed: str) -> Iterator[str]:
    report: dict[str, Any] = json.loads(printed)
    for package in report["dependencies"]:
        for weakness in package.get("vulns", ()):
            better = ", ".join(weakness["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']} has {weakness['id']}, fixed by {better}"


def main() -> int:
    """Print what was asked and what was found."""
    texts = {str(file.relative_to(ROOT)): file.read_text() for file in FILES}
    pins = list({pin.name: pin for text in texts.values() for pin in read_pins(text)}.values())
    listed = tomllib.loads((ROOT / "deploy" / "advisories.toml").read_text())
    findings = [
        *check_pins(texts),
        *check_advisories(pins, listed["fixed"]),
        *check_server(),
        *check_licences(pins),
    ]
    asked = ask_pip_audit()
    if asked is None:
        print(
            f"pip-audit or its data cannot be had here: {len(pins)} packages were held against "
            f"deploy/advisories.toml of {listed['checked']}, which is not everything there is"
        )
    else:
        print(
            f"pip-audit looked up {len(pins)} packages, beside deploy/advisories.toml of {listed['checked']}"
        )
    for finding in (found := [*findings, *(asked or [])]):
        print(f"  {finding}")
    print(f"{len(found)} findings" if found else "no findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
