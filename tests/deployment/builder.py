"""Building the image without Docker, by Debian's buildah.

The base is a Debian with Python that stands where `python:3.11-slim` stands elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.e2e.stack import ROOT

__all__ = ["IMAGE", "Working", "build_image", "buildah", "describe_image", "make_base", "why_not", "working"]

IMAGE: Final = "localhost/llm-monitor:candidate"
BASE: Final = "python:3.11-slim"
_STORAGE = Path("/var/tmp/llm-monitor-image")  # noqa: S108 of root alone; the base stays for the next run
_PACKAGES = "python3,python3-venv,passwd,ca-certificates"
_ENVIRONMENT = {"BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIMEOUT = 1500


class Working(NamedTuple):
    """A working container: its name, and its root folder as this machine sees it."""

    name: str
    root: Path


def why_not() -> str:
    """Return why no image can be built here, or an empty text."""
    if os.geteuid() != 0:
        return "only root can build the image without Docker"
    missing = [program for program in ("buildah", "debootstrap", "unshare") if not shutil.which(program)]
    if missing:
        return f"building the image without Docker needs {' and '.join(missing)} from Debian"
    allowed = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    return "" if allowed.returncode == 0 else "this machine allows no mount namespaces"


def buildah(*arguments: str) -> str:
    """Run buildah in the checkout on a storage of our own; returns what it prints."""
    _STORAGE.mkdir(mode=0o700, exist_ok=True)
    command = ["buildah", "--root", str(_STORAGE / "root"), "--runroot", str(_STORAGE / "run"), *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
    return done.stdout.strip()


@contextmanager
def working(image: str) -> Iterator[Working]:
    """A new working container of an image, which is deleted at the end of the block."""
    name = buildah("from", "--pull-never", image)
    try:
        yield Working(name, Path(buildah("mount", name)))
    finally:
        buildah("rm", name)


def make_base() -> None:
    """Commit a minimal Debian with Python under the tag of the base image, unless it is there."""
    images = json.loads(buildah("images", "--json") or "null") or []
    if any(name.endswith(BASE) for image in images for name in image["names"] or ()):
        return
    with working("scratch") as base:
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(base.root)],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=_TIMEOUT,
        )
        (base.root / "usr/bin/python").symlink_to("python3")
        for left in (base.root / "var/cache/apt/archives").glob("*.deb"):
            left.unlink()
        buildah("config", "--env", f"PATH={_PATH}", base.name)
        buildah("commit", "--quiet", base.name, BASE)


def build_image(folder: Path) -> None:
    """Build the image that runs; `folder` takes the configuration of pip for the time of the build.

    The registry is the one of this machine's own configuration, which no file of ours names.
    """
    configuration = folder / "pip.conf"
    values = _pip_values()
    lines = ["[global]", *(f"{name} = {value}" for name, value in values.items())]
    configuration.write_text("\n".join(lines) + "\n")
    words = {word.removeprefix("file://") for value in values.values() for word in value.split()}
    shared = [_top(Path(word)) for word in sorted(words) if word.startswith("/") and Path(word).exists()]
    mounts = [f"{configuration}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in dict.fromkeys(shared))]
    options = [word for mount in mounts for word in ("--volume", mount)]
    buildah("build", "--pull-never", "--layers=false", "--target", "runtime", "--tag", IMAGE, *options, ".")


def _pip_values() -> dict[str, str]:
    """Return what pip is told on this machine, by option; the environment counts most."""
    printed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    values: dict[str, str] = {}
    for line in printed.splitlines():
        name, _, value = line.partition("=")
        if not name.startswith(":env:"):
            values[name.rpartition(".")[2]] = value.strip("'\"")
    given = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return values | {name.removeprefix("PIP_").lower().replace("_", "-"): v for name, v in given.items()}


def _top(path: Path) -> Path:
    """Return the folder below /opt that holds a path, because files there may be links."""
    return Path(*path.parts[:3]) if path.parts[1] == "opt" else path


def describe_image() -> dict[str, Any]:
    """Return what the image runs: `Env`, `Entrypoint`, `Cmd`, `User` and the like."""
    described = json.loads(buildah("inspect", "--type", "image", IMAGE))
    found: dict[str, Any] = described["Docker"]["config"]
    return found
