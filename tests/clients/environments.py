"""Environments of clients, whose packages are installed for the test and never beside our own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

import pytest

from tests.clients.client import NODE_PACKAGES, SHARED, Client

__all__ = ["PROGRAMS", "command_of", "python_in"]

PROGRAMS = Path(__file__).parent / "programs"
_INSTALL_SECONDS = 420
# pip takes five minutes for two hundred packages on two cores, and this takes ten seconds
# (2026-11-30).
_INSTALLER = "uv==0.13.9"


def command_of(client: Client, folder: Path) -> list[str]:
    """Install a client below `folder`, unless it is there, and return its program's command."""
    if client.program.endswith(".mjs"):
        return _node(client, folder)
    python = python_in(client.packages, folder)
    program = str(PROGRAMS / client.program)
    if client.instrumentors:
        return [str(python), str(PROGRAMS / "instrumented.py"), ",".join(client.instrumentors), program]
    run = [str(python), program]
    return [str(python.parent / client.launcher), *run] if client.launcher else run


def python_in(packages: tuple[str, ...], folder: Path) -> Path:
    """Return the interpreter of an environment with these packages.

    Without a registry, the test is skipped. Packages without a version are in the environment that
    most clients share.
    """
    wanted = packages if all("==" in package for package in packages) else ("-r", str(SHARED))
    named = repr(packages) if wanted == packages else SHARED.read_text(encoding="utf-8")
    place = folder / hashlib.sha256(named.encode()).hexdigest()[:12]
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        venv.create(place, with_pip=False)
        install = [_installer(folder), "pip", "install", "--quiet", "--python", str(python), *wanted]
        _install(install, place)
        (place / "ready").touch()
    return python


@cache
def _installer(folder: Path) -> str:
    place = folder / "installer"
    if not (place / "ready").exists():
        venv.create(place, with_pip=True)
        pip = [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        _install([*pip, _INSTALLER], place)
        (place / "ready").touch()
    return str(place / "bin" / "uv")


def _node(client: Client, folder: Path) -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not on PATH")
    place = folder / "node"
    if not (place / "ready").exists():
        place.mkdir(exist_ok=True)
        (place / "package.json").write_text(json.dumps({"private": True, "dependencies": NODE_PACKAGES}))
        _install([npm, "install", "--silent", "--no-audit", "--no-fund"], place)
        (place / "ready").touch()
    shutil.copy(PROGRAMS / client.program, place)
    return [node, str(place / client.program)]


def _install(command: list[str], place: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "VIRTUAL_ENV": str(place)}
    try:
        done = subprocess.run(
            command,
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"the registry did not deliver within {_INSTALL_SECONDS} s: {command[-1]}")
    if done.returncode:
        pytest.skip(f"the client cannot be installed here ({sys.platform}): {done.stderr.strip()[-300:]}")
