"""The origin of everything that is installed.

The tests check versions, hashes, known weaknesses, and what tags lead to.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from deploy import audit, pin

ROOT = Path(__file__).resolve().parents[2]
HASH = "--hash=sha256:" + "0" * 64
FILES = {str(file.relative_to(ROOT)): file.read_text() for file in audit.FILES}
LISTED = tomllib.loads((ROOT / "deploy" / "advisories.toml").read_text())["fixed"]


def test_every_requirement_is_pinned_and_known_by_hash() -> None:
    assert list(audit.check_pins(FILES)) == []
    tools = (ROOT / "deploy" / "tools" / "requirements.txt").read_text()
    assert list(audit.check_pins({"tools": tools})) == []
    locked = json.loads((ROOT / "deploy" / "tools" / "package-lock.json").read_text())["packages"]
    assert all(
        "integrity" in package and "resolved" not in package for name, package in locked.items() if name
    )


def test_no_pinned_version_has_a_listed_weakness() -> None:
    pins = [one for text in FILES.values() for one in audit.read_pins(text)]
    assert list(audit.check_advisories(pins, LISTED)) == []
    assert set(LISTED) <= {one.name for one in pins}, "what is not installed needs no entry"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"a==1.0 \\\n    {HASH} \\\n    {HASH}\n    # via b\n", ""),
        (f"a[x,y]==1.0 ; sys_platform != 'win32' \\\n    {HASH}\n", ""),
        ("a==1.0\n", "a has no hash"),
        ("a==1.0 --hash=sha256:abc\n", "a has no hash"),
        (f"a>=1.0 {HASH}\n", "a has no version"),
        (f"a==1.* {HASH}\n", "a has no version"),
        (f"# https://pypi.example/simple\na==1.0 {HASH}\n", "names an address"),
    ],
)
def test_what_is_not_pinned_is_named(text: str, found: str) -> None:
    findings = list(audit.check_pins({"file": text}))
    assert len(findings) == bool(found)
    assert all(found in finding for finding in findings)


def test_versions_that_differ_between_files_are_named() -> None:
    (finding,) = audit.check_pins({"one": f"a==1.0 {HASH}\n", "two": f"A==1.1 {HASH}\n"})
    assert "two: a is 1.1 here and 1.0 elsewhere" in finding


@pytest.mark.parametrize(("version", "known"), [("1.9", 2), ("2.0", 1), ("2.0.1", 1), ("10.0", 0)])
def test_a_version_before_a_fix_is_named_with_the_weakness(version: str, known: int) -> None:
    listed = {"a": {"2.0": "CVE-1", "2.1": "CVE-2"}}
    findings = list(audit.check_advisories([audit.Pin("a", version, 1), audit.Pin("b", "0.1", 1)], listed))
    assert len(findings) == known


def test_listed_weaknesses_can_be_compared() -> None:
    assert LISTED
    for versions in LISTED.values():
        assert versions
        assert all(Version(version).release and name.startswith("CVE-") for version, name in versions.items())


def test_licences_of_what_is_installed_fit_and_unknown_ones_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pins = [one for text in FILES.values() for one in audit.read_pins(text)]
    assert list(audit.check_licences(pins)) == []
    monkeypatch.setattr(audit, "LICENCES", re.compile("Never seen"))
    assert len(list(audit.check_licences(pins))) > 50


DIGEST, COMMIT = "sha256:" + "a" * 64, "b" * 40


@pytest.mark.parametrize("place", pin.PLACES)
def test_tags_get_what_is_behind_them_and_can_be_looked_up_again(place: str) -> None:
    text = (ROOT / place).read_text()
    asked: list[str] = []

    def digest(image: str) -> str:
        asked.append(image)
        return DIGEST

    def commit(name: str, tag: str) -> str:
        asked.append(f"{name}@{tag}")
        return COMMIT

    pinned = pin.pin(text, digest, commit)
    assert asked
    assert pinned.count(DIGEST) + pinned.count(COMMIT) == len(asked)
    first, asked = asked, []
    assert pin.pin(pinned, digest, commit) == pinned
    assert asked == first
    if place.endswith(".yml"):
        for service in yaml.safe_load(pinned).get("services", {}).values():
            image = service.get("image", "ghcr.io/heyyymonth/ours")
            assert image.startswith("ghcr.io/heyyymonth/") or image.endswith(f"@{DIGEST}")


def test_every_action_and_every_image_is_found() -> None:
    workflows = [file.read_text() for file in sorted((ROOT / ".github/workflows").glob("*.yml"))]
    used: list[str] = []
    for text in workflows:
        pinned = pin.pin(text, lambda _: DIGEST, lambda *_: COMMIT)
        jobs = yaml.safe_load(pinned)["jobs"].values()
        used += [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert len(used) > 10
    assert all(each.endswith(f"@{COMMIT}") for each in used)
