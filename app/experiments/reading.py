"""From a file of outputs, or of the items of a dataset, to what is scored."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from app.errors import InvalidRecord, MalformedBody
from app.importing.mapping import map_row
from app.importing.rows import Row, open_rows
from app.schemas.datasets import Item, content_id
from app.schemas.records import read_record
from monitoring.experiments.scoring import Output
from monitoring.models import Record

__all__ = ["FoundItems", "Outputs", "find_items", "missing_items", "read_items", "read_outputs"]

# Other names for a field, as tools for evaluation write them.
_ALSO = {
    "prompt": ("input", "question"),
    "response": ("output", "answer"),
    "reference": ("expected_output", "expected"),
}
_LONGEST_ID = 200
_NO_RECORD = ("item_id", "repetition", "scores", "split", "evaluation")


class Outputs(NamedTuple):
    """The outputs of a file in order, and the problems of rows that are none."""

    outputs: tuple[Output, ...]
    problems: tuple[str, ...]


class FoundItems(NamedTuple):
    """The items of a file by the numbers of their lines, and the problems of other lines."""

    items: Mapping[int, Item]
    problems: tuple[str, ...]


class _Read(NamedTuple):
    line: int
    named: str | None
    record: Record
    fields: Mapping[str, Any]


def read_outputs(path: Path, items: Sequence[Item] | None = None, *, only_items: bool = True) -> Outputs:
    """Read one output from each row of a .jsonl or .csv file.

    Rows with the same `id` are repetitions. A row without one belongs to the item with its prompt,
    context and reference. `scores` holds own scores by name. With `items`, what the row does not
    say comes from the item, and with `only_items` each row must belong to one. Raises what
    `open_rows` raises.
    """
    rows, problems = _read_rows(path, needs="response")
    known = _Known(items or (), only_items=only_items and items is not None)
    counted: Counter[str] = Counter()
    outputs: list[Output] = []
    for row in rows:
        try:
            output = _output(row, known, counted)
        except InvalidRecord as error:
            problems.append(f"line {row.line}: {_problem(error)}")
        else:
            outputs.append(output)
    return Outputs(tuple(outputs), tuple(problems))


def read_items(path: Path) -> tuple[Item, ...]:
    """Read the items of a dataset from a .jsonl or .csv file.

    Raises MalformedBody for a row that is no item, for an id that appears twice, and for a file
    without items.
    """
    found = find_items(path)
    if found.problems or not found.items:
        problem = found.problems[0] if found.problems else "there is no item in this file"
        raise MalformedBody(f"{path}: {problem}.")
    return tuple(found.items.values())


def find_items(path: Path) -> FoundItems:
    """Return the items of such a file by their lines, and what is wrong with the other lines."""
    rows, problems = _read_rows(path, needs="prompt")
    items: dict[int, Item] = {}
    known: set[str] = set()
    for row in rows:
        item = _item(row)
        if item.item_id in known:
            problems.append(f"line {row.line}: the item {item.item_id} appears twice")
        known.add(item.item_id)
        items[row.line] = item
    return FoundItems(items, tuple(problems))


def missing_items(outputs: Sequence[Output], items: Sequence[Item]) -> tuple[str, ...]:
    """Return the ids of items that have no output."""
    answered = {output.item_id for output in outputs}
    return tuple(item.item_id for item in items if item.item_id not in answered)


def _read_rows(path: Path, *, needs: str) -> tuple[list[_Read], list[str]]:
    rows: list[_Read] = []
    problems: list[str] = []
    for row in open_rows(path):
        try:
            rows.append(_read_row(row, needs))
        except InvalidRecord as error:
            problems.append(f"line {row.line}: {_problem(error)}")
        except RecursionError:
            problems.append(f"line {row.line}: the row is nested too deeply")
    return rows, problems


def _problem(error: InvalidRecord) -> str:
    found = error.errors[0] if error.errors else None
    return f"{found['field']}: {found['message']}" if found and found.get("field") else error.detail


def _read_row(row: Row, needs: str) -> _Read:
    if row.fields is None:
        raise InvalidRecord(row.problem or "empty row")
    fields = dict(_named(row.fields))
    if not isinstance(fields.get(needs), str):
        raise InvalidRecord(f"the row has no {needs}")
    own: dict[str, Any] = {name: fields.pop(name) for name in _NO_RECORD if name in fields}
    named = own.get("item_id", fields.get("id"))
    mapped = map_row(fields, {}, row.line, is_table=row.is_table)
    record = read_record(json.dumps(mapped).encode())
    return _Read(row.line, None if named is None else str(named)[:_LONGEST_ID], record, own)


def _named(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a row under the names of a record."""
    renamed = {
        found: name
        for name, others in _ALSO.items()
        if name not in fields
        for found in [next((other for other in others if other in fields), None)]
        if found is not None
    }
    for name, value in fields.items():
        yield renamed.get(name, name), value


class _Known:
    """Finds the item to which an output belongs, by id or by prompt."""

    def __init__(self, items: Sequence[Item], *, only_items: bool) -> None:
        self._only_items = only_items
        self._by_id = {item.item_id: item for item in items}
        self._by_prompt = {item.prompt: item for item in items}

    def find(self, row: _Read) -> Item | None:
        """Return the item of a row, or None where a row may have none; raises InvalidRecord."""
        item = self._by_prompt.get(row.record.prompt) if row.named is None else self._by_id.get(row.named)
        if item is None and self._only_items:
            raise InvalidRecord(f"the dataset has no item {row.named or 'with this prompt'}")
        return item


def _output(row: _Read, known: _Known, counted: Counter[str]) -> Output:
    record, item = row.record, known.find(row)
    own = _own_scores(row.fields.get("scores"))
    if item is not None:
        record = replace(
            record,
            prompt=item.prompt,
            context=record.context or item.context,
            reference=item.reference if record.reference is None else record.reference,
        )
    item_id = (
        item.item_id if item else row.named or content_id(record.prompt, record.context, record.reference)
    )
    repetition = counted[item_id]
    counted[item_id] += 1
    return Output(item_id=item_id, record=record, repetition=repetition, own=own)


def _own_scores(found: Any) -> dict[str, float]:
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise InvalidRecord("scores is not a JSON object of numbers") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        raise InvalidRecord("scores is not an object of finite numbers by name")
    return {str(name): float(value) for name, value in found.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, int | float) and math.isfinite(value))


def _item(row: _Read) -> Item:
    record = row.record
    split = row.fields.get("split")
    return Item(
        item_id=row.named or content_id(record.prompt, record.context, record.reference),
        prompt=record.prompt,
        reference=record.reference,
        context=record.context,
        metadata=record.metadata,
        split=None if split is None else str(split),
    )
