"""The image installs every package that the project asks for, in the version that is tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, str]:
    return {normal(name): version for name, version in PIN.findall((ROOT / file).read_text())}


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return sorted(normal(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in project["dependencies"])


@pytest.mark.parametrize("name", wanted())
def test_a_package_that_is_asked_for_is_in_the_image_as_it_is_tested(name: str) -> None:
    assert pins("deploy/requirements.txt").get(name) == pins("requirements.txt")[name]


def test_the_image_has_nothing_that_is_not_tested() -> None:
    tested = pins("requirements.txt").items()
    assert dict(pins("deploy/requirements.txt").items() - tested) == {}
