"""The services of docker-compose.yml as processes of this machine, with their own commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.stack import ROOT
from tests.unit.dockerfile import read_images

__all__ = ["Service", "filled", "image_environment", "read_services"]

_PLACE = re.compile(r"\$\{(\w+)(?::([-?])((?:[^{}]|\{[^{}]*\})*))?\}")


def filled(value: str, given: Mapping[str, str]) -> str:
    """Return what compose makes of `${NAME:-default}` and `${NAME:?why}`.

    Raises KeyError for a variable that must be given.
    """

    def fill(found: re.Match[str]) -> str:
        name, sign, rest = found.groups()
        if given.get(name):
            return given[name]
        if sign != "-":
            raise KeyError(name)
        return filled(rest, given)

    return _PLACE.sub(fill, value)


def read_services(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the services of docker-compose.yml, with the variables of `given` in their place."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for service in services.values():
        variables = service.get("environment", {})
        service["environment"] = {name: filled(str(value), given) for name, value in variables.items()}
    return services


def image_environment(volume: Path) -> dict[str, str]:
    """Return what the image sets; its volume and its address are those of a test."""
    variables = read_images((ROOT / "Dockerfile").read_text())["runtime"].environment()
    ours = {name: value for name, value in variables.items() if name.startswith("LLM_MONITOR_")}
    moved = {name: value.replace("/data", str(volume), 1) for name, value in ours.items()}
    return {**moved, "LLM_MONITOR_HOST": "127.0.0.1"}


class Service:
    """One container of a service, as a process group."""

    def __init__(
        self, name: str, service: Mapping[str, Any], volume: Path, settings: Mapping[str, str]
    ) -> None:
        volume.mkdir(exist_ok=True)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        outside = {
            n: v for n, v in os.environ.items() if not n.startswith(("LLM_MONITOR_", "DATABASE", "REDIS"))
        }
        self._environment = {
            **outside,
            **image_environment(volume),
            **service["environment"],
            **settings,
            "PATH": programs,
            "PYTHONPATH": str(ROOT),
        }
        self.health = service.get("healthcheck", {}).get("test", [])[1:]
        self.log = volume / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                service["command"],
                env=self._environment,
                cwd=volume,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def healthy(self, seconds: float = 30.0) -> bool:
        """Run the health check of the service; False as well if it takes longer than `seconds`."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            done = self._check(seconds)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _check(self, seconds: float) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.health, check=False, capture_output=True, env=self._environment, timeout=seconds
        )

    def kill(self) -> None:
        """Kill every process of it at once, as the end of a machine does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM to its first process; returns the exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def close(self) -> None:
        """End what still runs of it."""
        if self.process.poll() is None:
            self.kill()
