"""Write digests beside the tags of base images, and commits beside those of CI actions.

It needs docker, git and registries that it can reach. It also renews digests that are there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = (
    "Dockerfile",
    "docker-compose.yml",
    "deploy/swarm.yml",
    ".github/workflows/ci.yml",
    ".github/workflows/codeql.yml",
)
# Our own image is built here and has no digest in a registry.
_IMAGE = re.compile(
    r"(?m)^(?P<before>ARG PYTHON_IMAGE=|\s+image: )(?P<image>(?!ghcr\.io/heyyymonth/)[\w./-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?$"
)
_ACTION = re.compile(
    r"(?m)^(?P<before>\s+(?:- )?uses: )(?P<name>[\w-]+/[\w.-]+(?:/[\w.-]+)*)@(?:[0-9a-f]{40} # )?(?P<tag>v?\d[\w.]*)$"
)


def pin(text: str, find_digest: Callable[[str], str], find_commit: Callable[[str, str], str]) -> str:
    """Return `text` with the present digest or commit beside every image and action."""

    def image(found: re.Match[str]) -> str:
        return f"{found['before']}{found['image']}@{find_digest(found['image'])}"

    def action(found: re.Match[str]) -> str:
        return f"{found['before']}{found['name']}@{find_commit(found['name'], found['tag'])} # {found['tag']}"

    return _ACTION.sub(action, _IMAGE.sub(image, text))


def find_digest(image: str) -> str:
    """Ask the registry for the digest of a tag, which covers all platforms."""
    form = "{{.Manifest.Digest}}"
    return _checked(
        r"sha256:[0-9a-f]{64}", "docker", "buildx", "imagetools", "inspect", image, "--format", form
    )


def find_commit(name: str, tag: str) -> str:
    """Ask GitHub for the commit of an action's tag."""
    address = "https://github.com/" + "/".join(name.split("/")[:2])
    # An annotated tag is listed twice; its commit comes last.
    listed = _output("git", "ls-remote", address, f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}").split()
    commits = [word for word in listed if re.fullmatch(r"[0-9a-f]{40}", word)]
    if not commits:
        raise SystemExit(f"{address} has no tag {tag}")
    return commits[-1]


def _checked(shape: str, *command: str) -> str:
    if re.fullmatch(shape, printed := _output(*command).strip()):
        return printed
    raise SystemExit(f"{' '.join(command)} printed no digest: {printed[:200]}")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 fixed commands
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{' '.join(command)} failed: {error.stderr.strip()}") from error


def main() -> None:
    """Look up all digests and commits, and then rewrite the files."""
    pinned = {place: pin((ROOT / place).read_text(), find_digest, find_commit) for place in PLACES}
    for place, text in pinned.items():
        (ROOT / place).write_text(text)


if __name__ == "__main__":
    main()
