"""A plugin of pytest: tests that log outputs of a model, which are scored by evaluators.

`@pytest.mark.llm_monitor(dataset="qa.jsonl", evaluators=[NAME], repetitions=3)` runs a test
once for each item and repetition. The test asks for `llm_item`, and logs with `llm_output`. What a
test logs travels with its report, so the process that reports has all of it, also where several
processes run the tests (pytest-xdist). Only that process judges and keeps the run.

The plugin is loaded in every run of pytest, so everything else is imported when a test has the
marker.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from app.experiments.remote import Server
    from app.schemas.datasets import Item
    from monitoring.evaluator import Evaluator
    from monitoring.experiments.answers import Answer
    from monitoring.experiments.gates import Finding
    from monitoring.experiments.scoring import Output

__all__ = ["llm_item", "llm_output", "llm_score"]

_MARKER = "llm_monitor"
_ITEM = "llm_item"


class Wanted(NamedTuple):
    """What the marker of a test asks for. `fail_if` are conditions on all of its outputs."""

    dataset: str
    evaluators: tuple[str, ...]
    repetitions: int
    fail_if: tuple[str, ...]


class _Logged(NamedTuple):
    """An output with its scores. `place` is that of its test in the order of collection."""

    place: int
    wanted: Wanted
    output: Output
    answer: Answer


class Session:
    """What the tests of one process of pytest have in common.

    `unsent` holds what the running test logged, as texts for its report. `tests` are the tests that
    logged anything here. `logged` are the outputs of all reports, also from other processes.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._evaluators: dict[tuple[str, ...], tuple[Evaluator, ...]] = {}
        self._items: dict[str, tuple[Item, ...]] = {}
        self.unsent: list[str] = []
        self.tests: set[str] = set()
        self.logged: list[_Logged] = []
        self.own: dict[str, dict[str, float]] = defaultdict(dict)
        self.findings: list[Finding] = []
        self.trouble: str | None = None

    def evaluators(self, names: tuple[str, ...]) -> tuple[Evaluator, ...]:
        """Return the evaluators of these names, or all; they are built once."""
        from app.config import load_settings
        from app.rules import load_evaluators
        from monitoring.experiments.scoring import choose_evaluators

        if () not in self._evaluators:
            self._evaluators[()] = load_evaluators(load_settings())
        if names not in self._evaluators:
            self._evaluators[names] = choose_evaluators(self._evaluators[()], names)
        return self._evaluators[names]

    def items(self, dataset: str, folder: Path) -> tuple[Item, ...]:
        """Return the items of a file beside the test, or of a dataset of the API."""
        from app.experiments.reading import read_items

        if dataset not in self._items:
            path = folder / dataset
            if path.is_file() or not self.url:
                self._items[dataset] = read_items(path)
            else:
                with self.server() as server:
                    self._items[dataset] = server.read_items(dataset)
        return self._items[dataset]

    @property
    def url(self) -> str | None:
        """The address of the API that keeps runs, if there is one."""
        found: str | None = self._config.getoption("llm_monitor_url")
        return found

    def server(self) -> AbstractContextManager[Server]:
        """Return the API at the address that was given."""
        from app.config import load_settings
        from app.experiments.remote import open_server

        return open_server(self.url, load_settings())


_SESSION = pytest.StashKey[Session]()
_PLACE = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("llm-monitor", "outputs of models")
    group.addoption(
        "--llm-monitor-url", default=None, help="The API that has the datasets, and keeps the runs."
    )
    group.addoption("--llm-monitor-run", default="pytest", help="The name of the run.")
    group.addoption("--llm-monitor-out", default=None, help="Write outputs and scores as JSON lines.")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and collect reports where they are shown."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(dataset, evaluators=(), repetitions=1, fail_if=()): score what this test logs",
    )
    session = config.stash[_SESSION] = Session(config)
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist only runs tests
        config.pluginmanager.register(_Reports(session), "llm_monitor_reports")


def wanted_by(mark: pytest.Mark) -> Wanted:
    """Return what a marker asks for; raises CollectError for anything else."""
    given = dict(mark.kwargs)
    dataset = given.pop("dataset", mark.args[0] if mark.args else None)
    repetitions = given.pop("repetitions", 1)
    names = tuple(tuple(given.pop(name, ())) for name in ("evaluators", "fail_if"))
    if not isinstance(dataset, str) or given or not isinstance(repetitions, int) or repetitions < 1:
        told = f"@pytest.mark.{_MARKER} takes dataset, evaluators, repetitions and fail_if"
        raise pytest.Collector.CollectError(told)
    return Wanted(dataset, names[0], repetitions, names[1])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test once for each item and repetition."""
    mark = metafunc.definition.get_closest_marker(_MARKER)
    if mark is None or _ITEM not in metafunc.fixturenames:
        return
    from app.errors import MonitorError

    wanted = wanted_by(mark)
    try:
        items = metafunc.config.stash[_SESSION].items(wanted.dataset, metafunc.definition.path.parent)
    except MonitorError as error:
        raise pytest.Collector.CollectError(error.detail) from error
    every = [(item, n) for item in items for n in range(wanted.repetitions)]
    names = [f"{item.item_id}-{n}" if wanted.repetitions > 1 else item.item_id for item, n in every]
    metafunc.parametrize(_ITEM, [item for item, _ in every], ids=names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a marked test that logged nothing, because nothing was judged then."""
    result = yield
    if item.get_closest_marker(_MARKER) and item.nodeid not in item.config.stash[_SESSION].tests:
        pytest.fail("This test logged no output: call llm_output(text).", pytrace=False)
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the place of each test. All processes collect the same tests in one order."""
    for place, item in enumerate(session.items):
        item.stash[_PLACE] = place


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what was logged into the report, as texts, because reports may go to another process."""
    report = yield
    session = item.config.stash[_SESSION]
    report.__dict__[_MARKER], session.unsent = session.unsent, []
    return report


@pytest.fixture
def llm_item(request: pytest.FixtureRequest) -> Item:
    """Return the item of the dataset that this test answers."""
    found: Item = request.param
    return found


@pytest.fixture
def llm_score(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """Log a score of your own by name, before the output to which it belongs."""

    def log(name: str, value: float) -> None:
        request.config.stash[_SESSION].own[request.node.nodeid][name] = float(value)

    return log


@pytest.fixture
def llm_output(request: pytest.FixtureRequest) -> Callable[..., Answer]:
    """Log an output of a model; returns its scores, and in `passed` whether it passes."""
    from monitoring.experiments.scoring import Output, score_outputs
    from monitoring.models import Record

    session = request.config.stash[_SESSION]
    mark = request.node.get_closest_marker(_MARKER)
    if mark is None:
        raise pytest.UsageError(f"llm_output needs @pytest.mark.{_MARKER}(dataset=…)")
    wanted, item = wanted_by(mark), request.getfixturevalue(_ITEM)
    node = request.node.nodeid

    def log(response: str, **fields: Any) -> Answer:
        record = Record(
            prompt=item.prompt, response=response, context=item.context, reference=item.reference, **fields
        )
        output = Output(item_id=item.item_id, record=record, own=session.own.pop(node, {}))
        (answer,) = score_outputs([output], session.evaluators(wanted.evaluators))
        session.unsent.append(_to_text(_Logged(request.node.stash[_PLACE], wanted, output, answer)))
        session.tests.add(node)
        return answer

    return log


def _to_text(logged: _Logged) -> str:
    import msgspec

    return base64.b64encode(msgspec.msgpack.encode(tuple(logged))).decode()


def _from_text(text: str) -> _Logged:
    import msgspec

    from monitoring.experiments.answers import Answer
    from monitoring.experiments.scoring import Output

    return _Logged(*msgspec.msgpack.decode(base64.b64decode(text), type=tuple[int, Wanted, Output, Answer]))


class _Reports:
    """Collects what reports bring to the process that shows them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what the test of a report logged."""
        self._session.logged += map(_from_text, report.__dict__.get(_MARKER, ()))


def _by_mark(session: Session) -> dict[Wanted, list[_Logged]]:
    """Return what was logged by marker, in the order of the tests, with numbered repetitions."""
    import msgspec

    groups: dict[Wanted, list[_Logged]] = defaultdict(list)
    counted: Counter[tuple[Wanted, str]] = Counter()
    for one in sorted(session.logged, key=lambda one: one.place):
        key = one.wanted, one.output.item_id
        number = counted[key]
        groups[one.wanted].append(
            one._replace(
                output=msgspec.structs.replace(one.output, repetition=number),
                answer=msgspec.structs.replace(one.answer, repetition=number),
            )
        )
        counted[key] += 1
    return groups


def _findings(session: Session) -> list[Finding]:
    from app.experiments.judging import raisers_of
    from monitoring.experiments.gates import judge_conditions, parse_condition

    findings: list[Finding] = []
    for wanted, every in _by_mark(session).items():
        raisers = raisers_of(session.evaluators(wanted.evaluators))
        conditions = [parse_condition(text) for text in wanted.fail_if]
        findings += judge_conditions(conditions, [one.answer for one in every], raisers)
    return findings


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Judge the conditions of all markers, write the outputs, and send them to the API."""
    ours = session.config.stash[_SESSION]
    if not ours.logged:
        return
    from app.errors import MonitorError
    from monitoring.experiments.gates import Outcome, worst

    try:
        ours.findings = _findings(ours)
        _keep(session.config, ours)
        failed = worst(ours.findings) is not Outcome.PASSED
    except (MonitorError, ValueError) as error:
        ours.trouble, failed = str(error), True
    if failed and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _keep(config: pytest.Config, session: Session) -> None:
    from app.experiments.writing import to_lines

    groups = _by_mark(session)
    every = [one for logged in groups.values() for one in logged]
    out = config.getoption("llm_monitor_out")
    if out:
        lines = to_lines([one.output for one in every], [one.answer for one in every])
        Path(out).write_bytes(b"".join(lines))
    if session.url:
        with session.server() as server:
            for wanted, logged in groups.items():
                name = config.getoption("llm_monitor_run")
                server.keep(wanted.dataset, name, [one.output for one in logged])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the figures of what was logged, and the outcome of each condition."""
    session = config.stash[_SESSION]
    if not session.logged:
        return
    from app.terminal import plain
    from monitoring.experiments.answers import figures_of

    terminalreporter.section("outputs of models")
    for wanted, every in _by_mark(session).items():
        figures = figures_of([one.answer for one in every])
        rate = "unknown" if figures.pass_rate is None else f"{figures.pass_rate:.1%}"
        line = f"{wanted.dataset}: {figures.passed} of {figures.answers} outputs passed ({rate})"
        terminalreporter.write_line(plain(line))
    for finding in session.findings:
        terminalreporter.write_line(plain(f"{finding.outcome} {finding.gate}: {finding.reason}"))
    if session.trouble:
        terminalreporter.write_line(plain(f"could not be judged: {session.trouble}"))
