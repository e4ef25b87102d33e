"""Fetching an export from a running API into a file, piece by piece.

What is fetched lies beside the file until it is whole: FILE.part, or FILE.part-1 and so on for
Parquet. FILE.part.json says up to where that is good, so that the same command continues after any
interruption. FILE itself appears when it is whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import msgspec

from app.errors import Conflict, Unavailable
from app.exporting.merging import merge_parquet
from app.refusal import read_refusal

__all__ = ["Fetched", "Wanted", "fetch"]

_PIECE_CALLS: Final = 25_000
_RETRYABLE: Final = frozenset({429, 502, 503, 504})
_GIVE_UP_SECONDS: Final = 600
_LONGEST_PAUSE: Final = 10.0
_READ_SECONDS: Final = 120


class Wanted(NamedTuple):
    """What is fetched: the API's address and key, and the parameters of GET /export."""

    url: str
    parameters: Mapping[str, str]
    key: str | None = None

    @property
    def appends(self) -> bool:
        """Whether pieces follow each other in one file; Parquet's cannot."""
        return self.parameters["format"] != "parquet"


class Fetched(msgspec.Struct):
    """What lies beside a file that is not whole yet, in whole pieces.

    `cursor` is that of the next piece; None before the first and after the last, when `done`.
    `size` is in bytes, and `share` (0..1) how much of the time of the export is in it. With
    `joined` the pieces are one file, which only needs its name.
    """

    parameters: dict[str, str]
    cursor: str | None = None
    cut: str = ""
    pieces: int = 0
    calls: int = 0
    size: int = 0
    share: float = 0.0
    done: bool = False
    joined: bool = False


Report = Callable[[Fetched, int], None]
"""Is told what is fetched, and the bytes of the piece that comes."""


class _Broken(Exception):
    """A piece did not come, or not whole. `pause` is the time in seconds that the API asks for."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def fetch(wanted: Wanted, out: Path, report: Report, *, restart: bool = False) -> Fetched:
    """Fetch an export into a file, from where an earlier call ended unless `restart` is true.

    Lost connections and an API that is busy or away are tried again for ten minutes. Raises
    Unavailable then, and other kinds of MonitorError where the API refuses, or where what lies
    beside the file belongs to other parameters.
    """
    fetched = _begin(wanted, out, restart=restart)
    headers = {"Authorization": f"Bearer {wanted.key}"} if wanted.key else {}
    with httpx.Client(base_url=wanted.url, headers=headers, timeout=_READ_SECONDS) as client:
        while not fetched.done:
            report(fetched, 0)
            _fetch_piece(client, wanted, out, fetched, report)
            _write_state(out, fetched)
    report(fetched, 0)
    _finish(wanted, out, fetched)
    return fetched


def _begin(wanted: Wanted, out: Path, *, restart: bool) -> Fetched:
    parameters, state = dict(wanted.parameters), _state(out)
    if restart or not state.exists():
        for left in out.parent.glob(f"{out.name}.part*"):
            left.unlink()
        return Fetched(parameters)
    try:
        fetched = msgspec.json.decode(state.read_bytes(), type=Fetched)
    except msgspec.MsgspecError as error:
        raise Conflict(f"{state} cannot be read; --restart begins again.") from error
    if fetched.parameters != parameters:
        raise Conflict(
            f"{out}.part belongs to an export with other options: give the same ones to continue it, "
            "or --restart to begin again."
        )
    if not _lies_whole(wanted, out, fetched):
        raise Conflict(f"What {state} tells of does not lie beside it any more; --restart begins again.")
    return fetched


def _lies_whole(wanted: Wanted, out: Path, fetched: Fetched) -> bool:
    """Tell whether everything is there that was fetched before."""
    if fetched.joined:
        return _joined(wanted, out, fetched).exists() or out.exists()
    if wanted.appends:
        part = _part(out)
        return not fetched.size or (part.exists() and part.stat().st_size >= fetched.size)
    return all(piece.exists() for piece in _pieces(wanted, out, fetched))


def _fetch_piece(client: httpx.Client, wanted: Wanted, out: Path, fetched: Fetched, report: Report) -> None:
    deadline, pause = time.monotonic() + _GIVE_UP_SECONDS, 0.5
    while True:
        try:
            _try_piece(client, wanted, out, fetched, report)
        except _Broken as broken:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The export broke off ({broken}) and did not continue for ten minutes. "
                    "Run the same command again later: it goes on where it ended."
                ) from broken
            time.sleep(max(broken.pause, pause))
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return


def _try_piece(client: httpx.Client, wanted: Wanted, out: Path, fetched: Fetched, report: Report) -> None:
    parameters = {**wanted.parameters, "limit": str(_PIECE_CALLS)}
    if fetched.cursor is not None:
        parameters["cursor"] = fetched.cursor
    try:
        with client.stream("GET", "/export", params=parameters) as response:
            _check(response)
            size = _save(response.iter_bytes(), wanted, out, fetched, report)
            head = response.headers
    except httpx.TransportError as error:
        raise _Broken(type(error).__name__) from error
    fetched.cursor = head.get("Export-Next")
    fetched.cut = head["Export-Cut"]
    fetched.pieces += 1
    fetched.calls += int(head.get("Export-Calls", 0))
    fetched.size += size
    fetched.share = float(head["Export-Share"])
    fetched.done = fetched.cursor is None


def _check(response: httpx.Response) -> None:
    """Raise _Broken for an answer after which to try again, MonitorError for a refusal."""
    if response.is_success:
        return
    response.read()
    if response.status_code in _RETRYABLE:
        raise _Broken(f"status {response.status_code}", float(response.headers.get("Retry-After", 0)))
    raise read_refusal(response, scope="read")


def _save(content: Iterator[bytes], wanted: Wanted, out: Path, fetched: Fetched, report: Report) -> int:
    """Write a piece behind the whole ones; returns its bytes."""
    path = _part(out) if wanted.appends else _piece(out, fetched.pieces + 1)
    size = 0
    with path.open("ab") as file:
        file.truncate(fetched.size if wanted.appends else 0)
        for part in content:
            file.write(part)
            size += len(part)
            report(fetched, size)
        file.flush()
        os.fsync(file.fileno())
    return size


def _write_state(out: Path, fetched: Fetched) -> None:
    fresh = _state(out).with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(fetched))
    fresh.replace(_state(out))


def _finish(wanted: Wanted, out: Path, fetched: Fetched) -> None:
    """Make one file of the pieces, and give it its name.

    Each step can be done again, because a process may be killed between any two of them.
    """
    pieces = _pieces(wanted, out, fetched)
    if not fetched.joined:
        if len(pieces) > 1:
            merge_parquet(pieces, _part(out))
        fetched.joined = True
        _write_state(out, fetched)
    whole = _joined(wanted, out, fetched)
    if whole.exists():
        whole.replace(out)
    for left in (*pieces, _state(out)):
        left.unlink(missing_ok=True)


def _pieces(wanted: Wanted, out: Path, fetched: Fetched) -> list[Path]:
    """Return the files of whole pieces; there are none where pieces follow each other in one."""
    return [] if wanted.appends else [_piece(out, number + 1) for number in range(fetched.pieces)]


def _joined(wanted: Wanted, out: Path, fetched: Fetched) -> Path:
    """Return the file that has all rows before it gets its name. A single piece is that file."""
    pieces = _pieces(wanted, out, fetched)
    return pieces[0] if len(pieces) == 1 else _part(out)


def _state(out: Path) -> Path:
    return out.with_name(f"{out.name}.part.json")


def _part(out: Path) -> Path:
    return out.with_name(f"{out.name}.part")


def _piece(out: Path, number: int) -> Path:
    return out.with_name(f"{out.name}.part-{number}")
