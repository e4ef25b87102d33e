"""Somebody who reads a page in a fresh shell and a fresh clone, and does what it says, in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import threading
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import httpx

from tests.documentation.blocks import ROOT, Block
from tests.e2e.stack import wait_for

__all__ = ["Newcomer", "clone"]

_BLOCK_SECONDS = 120
_START_SECONDS = 120
_STOP_SECONDS = 20
_PROMISE = "LLM Monitor is running"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_EXPORTED = re.compile(r"^export (\w+)=", re.MULTILINE)
_HIDDEN = {".git", ".venv", ".env"}


def clone(folder: Path) -> Path:
    """Make a folder that looks like a clone after `make setup`.

    New files are written into this folder alone.
    """
    for entry in ROOT.iterdir():
        if entry.name not in _HIDDEN:
            (folder / entry.name).symlink_to(entry)
    place = folder / ".venv"
    venv.create(place, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    ours = sysconfig.get_path("purelib")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n{ROOT}\n")
    command = place / "bin" / "llm-monitor"
    command.write_text(f"#!{place}/bin/python\nfrom app.cli.main import app\napp(prog_name='llm-monitor')\n")
    command.chmod(0o755)
    for stamp in (".installed", ".compiled"):  # as make leaves them, so that it installs nothing anew
        (place / stamp).touch()
    (folder / ".curlrc").write_text("fail-with-body\n")
    return folder


class Newcomer:
    """Runs the blocks of one page; what a block exports is set for the later ones.

    `environment` holds the settings of a stack. `replaced` says what addresses and names in the
    text become.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str], *, activated: bool
    ) -> None:
        self.folder = folder
        self.replaced = dict(replaced)
        path = f"{folder}/.venv/bin:{_SYSTEM_PATH}" if activated else _SYSTEM_PATH
        self.environment = {
            "PATH": path,
            "HOME": str(folder),
            "CURL_HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            **environment,
        }
        self.printed = ""
        self._server: subprocess.Popen[str] | None = None

    def text_of(self, block: Block) -> str:
        """Return what is typed: the block with the addresses and names of this run."""
        text = block.text
        for name, value in self.replaced.items():
            text = text.replace(name, value)
        return text

    def save(self, block: Block) -> None:
        """Write the block to the file that the page names."""
        (self.folder / str(block.file_name)).write_text(self.text_of(block))

    def run(self, block: Block) -> str:
        """Run a block to its end and return what it printed; fails if a command fails."""
        text = self.text_of(block)
        if block.language == "python":
            self.printed = self._run([str(self._python()), "-W", "error", "-"], text, block)
        else:
            self.printed = self._run_in_shell(text, block)
        if found := re.findall(r'"trace_id": ?"([0-9a-f-]{36})"', self.printed):
            self.replaced["TRACE_ID"] = found[-1]
        return self.printed

    def _python(self) -> Path:
        found = next(
            Path(folder) / "python"
            for folder in self.environment["PATH"].split(":")
            if (Path(folder) / "python").exists()
        )
        assert found.is_relative_to(self.folder), "no environment was activated before this block"
        return found

    def _run_in_shell(self, text: str, block: Block) -> str:
        kept = self.folder / ".environment"
        script = f"set -eo pipefail\n{text}\nenv -0 > {kept}\n"
        printed = self._run(["bash", "-c", script], "y\n" * 9, block)
        self._keep(kept, text)
        return printed

    def _keep(self, kept: Path, text: str) -> None:
        pairs = (pair.split("=", 1) for pair in kept.read_text().split("\0") if "=" in pair)
        self.environment = dict(pairs)
        empty = [name for name in _EXPORTED.findall(text) if not self.environment.get(name)]
        assert not empty, f"nothing was exported as {empty}"

    def _run(self, command: list[str], typed: str, block: Block) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=_BLOCK_SECONDS,
            check=False,
        )
        said = f"{block.page}:{block.line} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        return done.stdout

    def start(self, block: Block) -> str:
        """Run a block whose last command does not end, until that command works.

        Returns what it printed until then.
        """
        self.stop()
        *first, last = self.text_of(block).rstrip().split("\n")
        self._run_in_shell("\n".join(first) or ":", block)
        log = (self.folder / ".log").open("w")
        with log:
            self._server = subprocess.Popen(
                ["bash", "-c", last],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # a process group of its own, as a shell gives to what it runs
            )
        self.printed = self._await_dashboard() if "dashboard" in last else self._await_promise()
        return self.printed

    def _await_promise(self) -> str:
        assert self._server
        assert self._server.stdout
        lines: Queue[str] = Queue()
        threading.Thread(target=_read_lines, args=(self._server.stdout, lines), daemon=True).start()
        printed = ""
        while not (_PROMISE in printed and printed.endswith("\n\n")):
            try:
                line = lines.get(timeout=_START_SECONDS)
            except Empty:
                line = ""
            assert line, f"it did not start: {printed}\n{(self.folder / '.log').read_text()}"
            printed += line
        return printed

    def _await_dashboard(self) -> str:
        address = f"http://127.0.0.1:{self.environment['LLM_MONITOR_DASHBOARD_PORT']}/"

        def answers() -> bool:
            try:
                return httpx.get(address, timeout=5).is_success
            except httpx.TransportError:
                return False

        wait_for(answers, _START_SECONDS, "the dashboard to answer")
        return ""

    def stop(self) -> None:
        """Press Ctrl-C if something runs."""
        if self._server is None:
            return
        if self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGINT)
        try:
            self._server.wait(_STOP_SECONDS)
        finally:
            if self._server.stdout:
                self._server.stdout.close()
            self._server = None

    @contextmanager
    def reading(self) -> Iterator[Newcomer]:
        """Read a page, and at its end stop what it started."""
        try:
            yield self
        finally:
            self.stop()


def _read_lines(stream: Iterator[str], lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
