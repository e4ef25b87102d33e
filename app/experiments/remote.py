"""Evaluating files by a running API, which keeps the run and knows the approved baseline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import msgspec

from app.config import Settings
from app.errors import InvalidParameter, MonitorError, NotFound, Unavailable
from app.experiments.judging import ScoredRun
from app.experiments.offline import Scored
from app.experiments.reading import missing_items, read_outputs
from app.refusal import read_refusal
from app.schemas.datasets import MOST_OUTPUTS, Dataset, Item, Run
from monitoring.experiments.answers import Answer
from monitoring.experiments.scoring import Output
from monitoring.models import UNKNOWN_MODEL

__all__ = ["APPROVED", "Evaluated", "Server", "open_server"]

APPROVED: Final = "approved"
_PAGE = 1000
_POLL_SECONDS = 1.0
_GIVE_UP_SECONDS = 1800


class Evaluated(NamedTuple):
    """A run that the server scored with its outputs, and its baseline if one was asked for."""

    scored: Scored
    base: ScoredRun | None


class Server:
    """The API at an address. Methods raise MonitorError when it does not answer or refuses."""

    def __init__(self, client: httpx.Client, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._pause = pause

    def evaluate(
        self,
        path: Path,
        dataset_name: str,
        *,
        name: str | None,
        baseline: str | None,
        begin: Callable[[str, int], Callable[[int], None]],
    ) -> Evaluated:
        """Send the outputs of a file as a run over a dataset, and wait for its scores.

        `baseline` is `approved` or the id of a run. `begin` is told the name of the run and the
        number of its outputs, and returns what is told about progress.
        """
        dataset = self._find(dataset_name)
        base_id = _base_id(dataset, baseline)
        items = [*self._items(dataset)]
        outputs, problems = read_outputs(path, items)
        called = name or path.name.partition(".")[0]
        answers: Sequence[Answer] = ()
        if outputs:
            run = self._send(dataset, called, outputs)
            run = self._wait(run, begin(called, run.total))
            answers = [*self._answers(run.run_id)]
        scored = ScoredRun(called, answers, missing_items(outputs, items), problems)
        return Evaluated(Scored(scored, outputs), self._base(base_id) if base_id else None)

    def read_items(self, dataset_name: str) -> tuple[Item, ...]:
        """Return the items of the newest version of a dataset."""
        return tuple(self._items(self._find(dataset_name)))

    def keep(self, dataset_name: str, name: str, outputs: Sequence[Output]) -> Run:
        """Send outputs as a run over a dataset, and wait for its scores."""
        return self._wait(self._send(self._find(dataset_name), name, outputs), lambda _: None)

    def _find(self, name: str) -> Dataset:
        found = msgspec.convert(self._get("/datasets")["datasets"], list[Dataset])
        for dataset in found:
            if dataset.name == name:
                return dataset
        raise NotFound(f"{self._client.base_url} has no dataset called {name}: make one with POST /datasets.")

    def _items(self, dataset: Dataset) -> Iterator[Item]:
        place = f"/datasets/{dataset.dataset_id}/items"
        for page in self._pages(place, {"version": dataset.version}):
            yield from msgspec.convert(page["items"], list[Item])

    def _answers(self, run_id: UUID) -> Iterator[Answer]:
        for page in self._pages(f"/experiments/{run_id}/answers", {}):
            yield from msgspec.convert(page["answers"], list[Answer])

    def _pages(self, place: str, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._get(place, {**wanted, "limit": _PAGE, **({"cursor": cursor} if cursor else {})})
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    def _send(self, dataset: Dataset, name: str, outputs: Sequence[Output]) -> Run:
        if len(outputs) > MOST_OUTPUTS:
            raise InvalidParameter(
                f"A run has at most {MOST_OUTPUTS:,} outputs, and the file has {len(outputs):,}."
            )
        body = {
            "name": name,
            "dataset": dataset.name,
            "version": dataset.version,
            "outputs": [_output(one) for one in outputs],
        }
        return msgspec.convert(self._ask("POST", "/experiments", json=body), Run)

    def _wait(self, run: Run, advance: Callable[[int], None]) -> Run:
        waited, told = 0.0, 0
        while True:
            advance(run.done - told)
            told = run.done
            if run.state == "done":
                return run
            if waited > _GIVE_UP_SECONDS:
                raise Unavailable(f"The API scored {run.done} of {run.total} outputs in half an hour.")
            self._pause(_POLL_SECONDS)
            waited += _POLL_SECONDS
            run = msgspec.convert(self._get(f"/experiments/{run.run_id}"), Run)

    def _base(self, run_id: UUID) -> ScoredRun:
        run = msgspec.convert(self._get(f"/experiments/{run_id}"), Run)
        if run.state != "done":
            raise Unavailable(f"The baseline {run.name} is not scored yet: try again later.")
        return ScoredRun(run.name, [*self._answers(run_id)])

    def _get(self, place: str, params: dict[str, Any] | None = None) -> Any:
        return self._ask("GET", place, params=params)

    def _ask(self, method: str, place: str, **more: Any) -> Any:
        try:
            response = self._client.request(method, place, **more)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"No API answers at {self._client.base_url}: {type(error).__name__}. Start one, or name it with --url."
            ) from error
        if response.is_success:
            return response.json()
        raise read_refusal(response, scope="ingest")


@contextmanager
def open_server(url: str | None, settings: Settings) -> Iterator[Server]:
    """Open the API at an address, or that of the local stack, with the key of the settings."""
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    with httpx.Client(base_url=url or settings.api_url, headers=headers, timeout=60) as client:
        yield Server(client)


def _base_id(dataset: Dataset, baseline: str | None) -> UUID | None:
    if baseline is None:
        return None
    if baseline == APPROVED:
        if dataset.approved_run is None:
            raise MonitorError(f"The dataset {dataset.name} has no approved baseline: approve a run first.")
        return dataset.approved_run
    try:
        return UUID(baseline)
    except ValueError as error:
        raise InvalidParameter(f"--baseline is {APPROVED} or the id of a run of the server.") from error


def _output(one: Output) -> dict[str, Any]:
    model = one.record.model_name
    found = {
        "item_id": one.item_id,
        "response": one.record.response,
        "model_name": None if model == UNKNOWN_MODEL else model,
        "error": one.record.error,
        "scores": one.own,
    }
    return {name: value for name, value in found.items() if value is not None}
