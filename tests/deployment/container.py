"""Running the image as a container engine would: its user, a read-only root, and a volume."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.deployment.builder import Working

__all__ = ["Container"]

# An engine gives every container these mounts. `exec` keeps the process id, so that signals arrive.
_START = """\
set -eu
root=$1 data=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --bind /etc/hosts "$root/etc/hosts"
mount --bind "$data" "$root/data"
mount -t tmpfs tmpfs "$root/tmp"
mount -o remount,ro,bind "$root"
mount -t proc proc "$root/proc"
exec chroot --userspec="$user" "$root" "$@"
"""


class Container:
    """A running container of the image, on a volume that outlives it."""

    def __init__(
        self, working: Working, image: Mapping[str, Any], volume: Path, settings: Mapping[str, str]
    ) -> None:
        self._root, self._user = working.root, str(image["User"])
        (self._root / "etc/hosts").touch()
        if not volume.exists():  # an engine fills a new volume with what the image has there
            shutil.copytree(self._root / "data", volume)
            for path in (volume, *volume.rglob("*")):
                _give(path, self._root / "data" / path.relative_to(volume))
        variables = [*image["Env"], *(f"{name}={value}" for name, value in settings.items())]
        # An engine makes tini the first process. Here it has to be told that orphans come to it.
        variables.append("TINI_SUBREAPER=1")
        self._environment = ("/usr/bin/env", f"--chdir={image['WorkingDir']}", "-i", *variables)
        inside = (*self._environment, *image["Entrypoint"], *image["Cmd"])
        self.log = (volume.parent / f"{volume.name}.{time.monotonic_ns()}.log").open("w+")
        self.process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "sh",
                "-c",
                _START,
                "sh",
                *map(str, (self._root, volume, self._user)),
                *inside,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def printed(self) -> str:
        """Return what the container has printed so far."""
        return Path(self.log.name).read_text()

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command inside the container, as `docker exec` does."""
        inside = ("chroot", f"--userspec={self._user}", str(self._root), *self._environment, *command)
        namespace = f"--mount=/proc/{self.process.pid}/ns/mnt"
        return subprocess.run(
            ["nsenter", namespace, *inside], check=False, capture_output=True, text=True, timeout=60
        )

    def user_ids(self) -> set[str]:
        """Return the user ids of its first process: real, effective, saved, of the file system."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (found,) = re.findall(r"^Uid:\s+(.*)$", status, re.MULTILINE)
        return set(found.split())

    def stop(self, seconds: float) -> int:
        """Send SIGTERM, as `docker stop` does; returns the exit status, within `seconds`."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def _give(path: Path, like: Path) -> None:
    status = like.stat()
    os.chown(path, status.st_uid, status.st_gid)
    path.chmod(status.st_mode & 0o7777)
