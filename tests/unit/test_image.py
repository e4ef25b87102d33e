"""What the Dockerfile builds: from what, with which files, as whom, and what it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.api.routes import ROUTERS
from app.config import Settings
from tests.unit.dockerfile import Copy, Image, read_images

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
IMAGES = read_images(TEXT)
RUNTIME, COMPILED = IMAGES["runtime"], IMAGES["compiled"]
# Modules that processes are started from, in the image or by a compose file.
ENTRIES = ("main", "app.main", "app.cli.main", "workers.main", "dashboard.app", "migrations")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY|CREDENTIAL|DATABASE_URL|REDIS_URL")
LOADED = (
    f"import importlib, sys\nfor name in {ENTRIES}:\n    importlib.import_module(name)\n"
    "print(*sorted(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)), sep='\\n')"
)

SAMPLE = """\
ARG BASE=python
FROM ${BASE} AS one
# a remark
ENV A=1 \\
    B="two words"
COPY a b ./
FROM one AS two
COPY --from=one --chown=me:me /x /y
ENV A=
CMD ["run", "me"]
"""


def test_a_stage_has_what_the_stages_below_it_have() -> None:
    images = read_images(SAMPLE)
    assert {name: image.base for name, image in images.items()} == {"one": "${BASE}", "two": "one"}
    assert images["one"].environment() == {"A": "1", "B": "two words"}
    assert images["two"].environment() == {"A": "", "B": "two words"}
    assert list(images["two"].copies()) == [Copy(("a", "b"), "./", None), Copy(("/x",), "/y", "one")]
    assert images["two"].command("CMD") == ["run", "me"]


def test_every_stage_stands_on_the_one_python_or_on_an_earlier_stage() -> None:
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11-slim(@sha256:[0-9a-f]{64})?", base)
    earlier = ["${PYTHON_IMAGE}"]
    for name, image in IMAGES.items():
        assert image.base in earlier
        earlier.append(name)


def test_what_is_built_by_default_is_the_image_that_runs() -> None:
    assert list(IMAGES)[-1] == RUNTIME.name


@pytest.mark.parametrize("image", [IMAGES["test"], RUNTIME], ids=lambda image: image.name)
def test_what_runs_has_no_rights_of_root(image: Image) -> None:
    user = image.values("USER")[-1]
    assert all(int(number) >= 1000 for number in user.split(":"))
    keywords = [one.keyword for one in image.instructions]
    assert "RUN" not in keywords[keywords.index("USER") :], "what is made later belongs to nobody else"


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_no_image_holds_a_secret(image: Image) -> None:
    named = [name.partition("=")[0] for name in image.values("ARG")]
    path_of_a_key = "LLM_MONITOR_FIRST_KEY"
    suspects = {name for name in (*image.environment(), *named) if SECRET.search(name)}
    assert suspects <= {path_of_a_key}
    assert image.environment().get(path_of_a_key, "") in {"", "/data/admin-key"}
    assert [copy for copy in image.copies() if any(".env" in source for source in copy.sources)] == []


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_what_is_copied_exists_and_is_sent_to_the_builder(image: Image) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for copy in image.copies():
        if copy.stage is None:
            assert [source for source in copy.sources if not (ROOT / source).exists()] == []
            assert not set(copy.sources) & set(ignored)
        else:
            assert list(IMAGES).index(copy.stage) < list(IMAGES).index(image.name)


def test_the_build_context_keeps_out_what_is_not_source() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".env", "data", "**/__pycache__"} <= set(ignored)
    assert not {"tests", "requirements.txt", "Makefile"} & set(ignored), "the test stage needs them"


def test_the_code_that_processes_load_is_in_the_image(tmp_path: Path) -> None:
    assert Copy(("/app",), "/app", "compiled") in list(RUNTIME.copies())
    for copy in COMPILED.copies():
        for source in copy.sources if copy.stage is None else ():
            (tmp_path / source).parent.mkdir(exist_ok=True)
            (tmp_path / source).symlink_to(ROOT / source)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    files = [Path(line) for line in loaded.stdout.splitlines()]
    assert any(file.is_relative_to(tmp_path) for file in files)
    installed = Path(sys.prefix)
    assert [f for f in files if f.is_relative_to(ROOT) and not f.is_relative_to(installed)] == []


def test_it_starts_the_stack_and_is_told_of_signals() -> None:
    assert RUNTIME.command("ENTRYPOINT") == ["tini", "--", "llm-monitor-start"]
    script = (ROOT / "deploy/start.sh").read_text()
    assert script.splitlines()[-1] == 'exec "$@"', "a signal reaches what was started"
    program, script = RUNTIME.command("CMD")
    assert (program, (ROOT / script).is_file()) == ("python", True)
    assert script in {source for copy in COMPILED.copies() for source in copy.sources}


@pytest.mark.parametrize(("anonymous", "keys"), [("", "always"), ("1", "auto")])
def test_what_it_sets_is_what_the_settings_read(
    anonymous: str, keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_MONITOR_ALLOW_ANONYMOUS", anonymous)
    for name, value in RUNTIME.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.host == "0.0.0.0"  # noqa: S104 a container's own network
    assert (settings.allow_anonymous, settings.require_keys) == (bool(anonymous), keys)
    assert settings.first_key.parent == settings.data_dir, "a volume keeps it"
    (volume,) = RUNTIME.values("VOLUME")
    assert settings.data_dir == Path(volume)
    assert Path(RUNTIME.environment()["NUMBA_CACHE_DIR"]).is_relative_to(settings.data_dir)
    (ports,) = RUNTIME.values("EXPOSE")
    assert {int(port) for port in ports.split()} == {settings.api_port, settings.dashboard_port}


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "http://127.0.0.1:8000/health"),
        ({"LLM_MONITOR_API_PORT": "9000"}, "http://127.0.0.1:9000/health"),
    ],
)
def test_its_health_is_asked_of_the_api(
    environment: Mapping[str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.delenv("LLM_MONITOR_API_PORT", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, **_: asked.append(url))
    program, option, code = RUNTIME.health_command()
    exec(compile(code, "HEALTHCHECK", "exec"), {})  # noqa: S102 the command of the image
    assert (program, option, asked) == ("python", "-c", [address])
    assert "/health" in {getattr(route, "path", None) for router in ROUTERS for route in router.routes}
