"""The committed weights: complete, checked, plain arrays, small, and named with their sources."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from monitoring import weights
from monitoring.weights import load_weights, read_sums

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "monitoring" / "weights"
FILES = sorted(path.name for path in FOLDER.glob("*.npz"))
MOST_BYTES = 12_000_000


def test_every_file_has_its_checksum_and_every_checksum_its_file() -> None:
    assert sorted(read_sums()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_plain_arrays_of_numbers(name: str) -> None:
    arrays = load_weights(name.removesuffix(".npz"))
    assert arrays
    for array in arrays.values():
        assert array.dtype.kind in "biufSU", "numbers and text need no pickle"


@pytest.mark.parametrize("name", FILES)
def test_the_notice_names_the_file_and_the_script_that_makes_it(name: str) -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    entry = next(line for line in notice.splitlines() if name in line and "benchmarks/train/" in line)
    scripts = [
        word.strip("(),") for word in entry.split() if word.strip("(),").startswith("benchmarks/train/")
    ]
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_all_together_stay_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in FILES) < MOST_BYTES


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FOLDER / "SHA256SUMS", tmp_path)
    np.savez(tmp_path / "bias.npz", weights=np.zeros(3))
    monkeypatch.setattr(weights, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"bias\.npz are damaged"):
        load_weights("bias")
    with pytest.raises(FileNotFoundError):
        load_weights("nothing")
