"""The lake when something breaks: pages and manifests damaged, the disk full, writers killed in mid-write.

A bug here is silent: a page that is half there would be read as a shorter week, and a span that was lost would never be
asked for again.
"""

from __future__ import annotations

import errno
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from gatewise.errors import DataError, ReadError, StorageError
from gatewise.lake.lake import Lake
from gatewise.lake.pages import BARS
from lake_worlds import BTC, FACTS, ORDER, bars, content, filled, span


@pytest.mark.parametrize("harm", ["truncated", "flipped", "gone"])
def test_a_damaged_page_is_named_dropped_and_asked_for_again(tmp_path: Path, harm: str) -> None:
    frame = bars(3 * BARS)
    series = filled(tmp_path, frame)
    before = content(tmp_path)
    page = sorted(series.folder.glob("*.parquet"))[1]
    data = page.read_bytes()
    if harm == "gone":
        page.unlink()
    else:
        page.write_bytes(data[: len(data) // 2] if harm == "truncated" else data[:999] + b"\x00" + data[1000:])
    assert [damage.page.file for damage in series.verify()] == [page.name]
    with pytest.raises(ReadError, match=page.name):
        series.read()
    untouched = series.read(end=datetime(2023, 11, 13, tzinfo=UTC))  # rows of whole pages can still be read
    assert untouched.height == 119
    week = (datetime(2023, 11, 13, tzinfo=UTC), datetime(2023, 11, 20, tzinfo=UTC))
    assert series.missing(*span(frame)) == [week]
    with series.writer() as writer:
        assert not page.exists()
        for start, end in series.missing(*span(frame)):
            writer.append(frame.filter(pl.col("time") >= start, pl.col("time") < end), (start, end), FACTS)
    assert content(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "null", '{"version": 1}'])
def test_a_damaged_manifest_costs_no_row(tmp_path: Path, text: str) -> None:
    frame = bars(2 * BARS)
    series = filled(tmp_path, frame)
    before = content(tmp_path)
    (series.folder / "manifest.json").write_text(text)
    with pytest.raises(ReadError, match="manifest of coinbase BTC-USD 1m in the lake is damaged"):
        series.read()
    with series.writer() as writer:
        assert series.read().equals(frame.select(ORDER))
        assert series.missing(*span(frame)) == [span(frame)]
        assert writer.append(frame, span(frame), FACTS).known == frame.height
    assert content(tmp_path) == before


def test_a_manifest_that_somebody_removed_costs_no_row(tmp_path: Path) -> None:
    frame = bars(2 * BARS)
    series = filled(tmp_path, frame)
    before = content(tmp_path)
    (series.folder / "manifest.json").unlink()
    newest = frame.tail(10)
    with series.writer() as writer:
        assert writer.append(newest, span(newest), FACTS).known == 10
    assert series.read().equals(frame.select(ORDER))
    with series.writer() as writer:
        writer.append(frame, span(frame), FACTS)
    assert content(tmp_path) == before


def test_one_changed_digit_in_a_manifest_is_found(tmp_path: Path) -> None:
    series = filled(tmp_path, bars(20))
    file = series.folder / "manifest.json"
    file.write_text(file.read_text().replace('"rows": 20', '"rows": 21'))
    with pytest.raises(ReadError, match="damaged: its hash"):
        _ = series.manifest


def test_a_manifest_of_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    series = filled(tmp_path, bars(20))
    file = series.folder / "manifest.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 2'))
    before = content(tmp_path)
    with pytest.raises(DataError, match="version 2"), series.writer():
        pass
    assert content(tmp_path) == before


def test_a_full_disk_leaves_the_series_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars(3 * BARS)
    series = filled(tmp_path, frame[:BARS])
    before = content(tmp_path)
    written = Path.write_bytes
    left = [2]

    def full(path: Path, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            written(path, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"), series.writer() as writer:
        writer.append(frame, span(frame), FACTS)
    assert content(tmp_path) == before
    monkeypatch.undo()
    with series.writer() as writer:
        assert writer.append(frame, span(frame), FACTS).added == 2 * BARS


def test_a_place_that_cannot_be_a_lake_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Not a directory"), Lake(tmp_path / "file").series(BTC).writer():
        pass


def test_a_file_in_the_place_of_the_lake_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/below"):
        with pytest.raises(StorageError, match=r"a lake is a folder; .*file is a file"):
            Lake.default(str(tmp_path / place))


def test_a_manifest_lost_with_all_its_pages_is_made_anew_empty(tmp_path: Path) -> None:
    series = filled(tmp_path, bars(20))
    for file in series.folder.glob("*.*"):
        file.write_text("{")
    manifest = series.mended()
    assert manifest == series.manifest
    assert manifest is not None
    assert (manifest.rows, manifest.covered) == (0, ())


def test_what_killed_writers_left_is_swept_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    series = filled(tmp_path, bars(20))
    before = content(tmp_path)
    (series.folder / ".manifest.json.x8d_k2").write_text("half")
    (series.folder / ".20231106T000000Z.0123456789ab.parquet.q3").write_text("half")
    (series.folder / "20231106T000000Z.0123456789ab.parquet").write_text("half")
    (series.folder / "notes.txt").write_text("mine")
    assert series.read().height == 20
    with series.writer():
        pass
    assert {name for name in content(tmp_path) if name not in before} == {f"{BTC.folder}/notes.txt"}
