"""Cutting bodies into rows while they come, with little more than one row in memory."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from app.errors import BodyTooLarge, InvalidRecord, MalformedBody
from app.importing.cells import read_cell
from app.importing.mapping import map_row
from app.schemas.json_input import NotJsonError, WrongShapeError, find_encoding, reader, skip_mark
from app.schemas.lines import cut_array, scan

__all__ = ["ROW_BYTES", "CsvRows", "JsonRows", "NdjsonRows", "Row", "Rows", "mapped"]

ROW_BYTES: Final = 16 * 1024 * 1024
"""Bytes of one row. A longer one is refused, and the rows after it are read."""
_TOO_LONG: Final = f"a record may have at most {ROW_BYTES} bytes"
_SLICE: Final = 256 * 1024
_BY_BRACKETS: Final = 4 * 1024 * 1024
_BLANK: Final = b" \t\r\n"
_read_list = reader(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class Row(NamedTuple):
    """One row: its number from 1, and its JSON, or why it cannot be read."""

    line: int
    content: bytes
    problem: str | None = None


class Rows(Protocol):
    """Takes the pieces of a body, and gives its rows."""

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the rows that end in a piece."""
        ...

    def finish(self) -> Iterator[Row]:
        """Yield the last rows; raises MalformedBody for a body that is not whole."""
        ...


class NdjsonRows:
    """Lines of JSON. Blank ones count as lines and are no rows."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0
        self._skipping = False

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the lines that end in a piece."""
        if not self._line and not self._rest:
            _check_encoding(piece)
        *lines, rest = piece.split(b"\n")
        for line in lines:
            yield from self._end(self._rest + line)
            self._rest = b""
        self._rest += rest
        if len(self._rest) > ROW_BYTES:
            self._skipping, self._rest = True, b""

    def finish(self) -> Iterator[Row]:
        """Yield the last line if it is not blank."""
        yield from self._end(self._rest)

    def _end(self, line: bytes) -> Iterator[Row]:
        self._line += 1
        if self._skipping:
            self._skipping = False
            yield Row(self._line, b"", _TOO_LONG)
        elif line and not line.isspace() and (content := skip_mark(line)).strip():
            yield Row(self._line, content)


class JsonRows:
    """The elements of a JSON array, which count as its lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 0
        self._begun = False
        self._wanted = _SLICE

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the elements that end in what came so far, unless it is little."""
        self._rest += piece
        if len(self._rest) < self._wanted or not self._begin():
            return
        end = self._rest.rfind(b"},") + 1
        try:
            elements = _read_list(b"[" + self._rest[:end] + b"]") if end else []
        except (NotJsonError, WrongShapeError):  # the end was inside of a text, or the JSON is wrong
            elements = []
        if elements:
            self._rest = self._rest[end + 1 :]
            yield from self._number([bytes(one) for one in elements])
        elif len(self._rest) >= _BY_BRACKETS:
            yield from self._cut_by_brackets()
        self._wanted = max(_SLICE, 2 * len(self._rest))
        if len(self._rest) > ROW_BYTES:
            raise BodyTooLarge(f"The body was refused at its record {self._line + 1}: {_TOO_LONG}.")

    def finish(self) -> Iterator[Row]:
        """Yield the last elements; raises MalformedBody where one or the array is not closed."""
        _check_encoding(self._rest if not self._begun else b"[]")
        body = skip_mark(self._rest)
        yield from self._number(cut_array(b"[" + body if self._begun else body))

    def _begin(self) -> bool:
        if not self._begun:
            _check_encoding(self._rest)
            body = skip_mark(self._rest).lstrip(_BLANK)
            if body[:1] not in {b"[", b""}:
                raise MalformedBody("The body must be a JSON array of records.")
            self._begun, self._rest = bool(body), body[1:]
        return self._begun

    def _cut_by_brackets(self) -> Iterator[Row]:
        end = 0
        for element, after in scan(self._rest, 0, whole=False):
            if self._rest[after - 1 : after] == b"]":
                break  # the end of the array is checked when the body has come
            end = after
            yield from self._number([element])
        self._rest = self._rest[end:]

    def _number(self, elements: Sequence[bytes]) -> Iterator[Row]:
        for element in elements:
            self._line += 1
            yield Row(self._line, element)


class CsvRows:
    """The rows of a table in CSV (RFC 4180), whose first row names the fields."""

    def __init__(self) -> None:
        csv.field_size_limit(ROW_BYTES)
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._names: list[str] | None = None
        self._line = 0
        self._looked_at = 0  # where the first line begins that was not looked at
        self._inside = False

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the rows that end in a piece."""
        if not self._line and not self._text:
            _check_encoding(piece, "CSV")
        yield from self._read(self._decode.decode(piece), last=False)

    def finish(self) -> Iterator[Row]:
        """Yield the last row; raises MalformedBody if the body has no row with the names."""
        yield from self._read(self._decode.decode(b"", final=True), last=True)
        if self._names is None:
            raise MalformedBody("The first row of CSV must name the fields, and the body has no row.")

    def _read(self, text: str, *, last: bool) -> Iterator[Row]:
        whole, position, end = self._text + text, self._looked_at, 0
        while (newline := whole.find("\n", position)) >= 0:
            self._inside = _ends_inside(whole, position, newline, inside=self._inside)
            position = newline + 1
            if not self._inside:
                end = position
        rows = whole if last else whole[:end]
        self._text, self._looked_at = whole[len(rows) :], position - len(rows)
        if len(self._text) > ROW_BYTES:
            raise BodyTooLarge(f"The body was refused after its line {self._line}: {_TOO_LONG}.")
        yield from self._rows(rows)

    def _rows(self, text: str) -> Iterator[Row]:
        table = csv.reader(io.StringIO(text, newline=""))
        before = self._line
        try:
            for cells in table:
                self._line = before + table.line_num
                if self._names is None:
                    self._names = cells
                elif cells:
                    yield self._row(self._names, cells)
        except csv.Error as error:
            raise MalformedBody(f"The body is not CSV after its line {self._line}: {error}.") from error

    def _row(self, names: Sequence[str], cells: Sequence[str]) -> Row:
        if len(cells) > len(names):
            return Row(self._line, b"", f"{len(cells) - len(names)} cells more than the header has")
        fields = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
        return mapped(self._line, fields, is_table=True)


def _ends_inside(text: str, begin: int, end: int, *, inside: bool) -> bool:
    """Tell whether a line of CSV, text[begin:end], ends inside of quotes for the csv module."""
    if not inside and text.find('"', begin, end) < 0:
        return False
    at = begin
    while at < end:
        if not inside:
            if text[at] != '"':
                comma = text.find(",", at, end)
                if comma < 0:
                    return False
                at = comma + 1
                continue
            inside, at = True, at + 1
        quote = text.find('"', at, end)
        if quote < 0:
            return True
        if text[quote + 1 : quote + 2] == '"' and quote + 1 < end:
            at = quote + 2
            continue
        inside = False
        comma = text.find(",", quote, end)
        if comma < 0:
            return False
        at = comma + 1
    return inside


def mapped(line: int, fields: dict[str, Any], *, is_table: bool = False) -> Row:
    """Return the record of a row of a table. Cells of objects and lists may be texts of JSON."""
    try:
        given = fields if is_table else {name: _value(name, value) for name, value in fields.items()}
        record = map_row(given, {}, line, is_table=is_table)
    except InvalidRecord as error:
        return Row(line, b"", error.detail)
    if "id" not in fields:  # an import counts a row once; an evaluation may be repeated
        del record["id"]
    try:
        return Row(line, _encode(record))
    except (TypeError, ValueError, OverflowError):
        return Row(line, json.dumps(record).encode())


def _value(name: str, value: Any) -> Any:
    return read_cell(name, value) if isinstance(value, str) else value


def _check_encoding(content: bytes, form: str = "JSON") -> None:
    encoding = find_encoding(content)
    if encoding != "UTF-8":
        raise MalformedBody(f"The body is in {encoding}, and {form} is read in UTF-8: send it in UTF-8.")
