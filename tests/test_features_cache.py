"""Laws of kept features: the same numbers to the bit, for these rows and this code alone, or none at all.

A matrix of other rows under this name would train a model on numbers that its own data never gave.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import TINY, Cli
from feature_tables import MINUTE, random_walk, table_of
from gatewise.config.schema import FeatureConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.features import cache
from gatewise.features.base import FeatureMatrix
from gatewise.features.cache import cache_folder, cache_key, cached_features, clear, entries
from gatewise.selection.tuning.data import tune_data
from tune_worlds import small_config, small_space, small_table

SPEC = FeatureConfig(sets=("ticker",))


@pytest.fixture(autouse=True)
def _all_are_kept(gatewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LEAST_KEPT_BYTES", 1)
    monkeypatch.delenv("GATEWISE_CACHE_GB", raising=False)


def walk(rows: int = 300, seed: int = 0) -> Table:
    return table_of(random_walk(rows, seed=seed))


def same(one: FeatureMatrix, other: FeatureMatrix) -> bool:
    equal = np.array_equal(one.values.view(np.uint32), other.values.view(np.uint32))
    named = (one.names, one.lookback) == (other.names, other.lookback)
    return equal and named and np.array_equal(one.valid, other.valid)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one each time that features are computed."""
    calls: list[int] = []
    real = cache.build_features

    def counting(table: Table, spec: FeatureConfig) -> FeatureMatrix:
        calls.append(table.num_rows)
        return real(table, spec)

    monkeypatch.setattr(cache, "build_features", counting)
    return calls


def test_the_second_run_maps_what_the_first_one_built(built: list[int]) -> None:
    first, second = cached_features(walk(), SPEC), cached_features(walk(), SPEC)
    assert built == [300]
    assert same(first, second)
    assert second.values.dtype == first.values.dtype
    assert second.valid.dtype == np.bool_
    assert second.values.flags.c_contiguous


def test_a_kept_matrix_may_be_written_to_and_the_file_stays_as_it_is(built: list[int]) -> None:
    first = cached_features(walk(), SPEC)
    cached_features(walk(), SPEC).values[:] = 7.0
    assert same(cached_features(walk(), SPEC), first)
    assert built == [300]


def _later(table: Table) -> Table:
    return table.with_frame(table.frame.with_columns(pl.col("time") + MINUTE))


def _other_name(table: Table) -> Table:
    return table.with_frame(table.frame.with_columns(pl.lit("Y").alias("symbol")))


def _one_price(table: Table) -> Table:
    row = pl.int_range(pl.len()) == 17
    return table.with_frame(table.frame.with_columns(pl.when(row).then(pl.col("close") * 1.0000001).otherwise("close")))


def _tolerant(table: Table) -> Table:
    return Table(table.frame, table.timeframe, timedelta(hours=3))


@pytest.mark.parametrize("change", [_later, _other_name, _one_price, _tolerant], ids=lambda change: change.__name__)
def test_other_rows_are_another_entry(change: Callable[[Table], Table], built: list[int]) -> None:
    table = table_of(random_walk(300), gaps_after=[150])
    other = change(table)
    assert cache_key(table, SPEC) != cache_key(other, SPEC)
    cached_features(table, SPEC)
    cached_features(other, SPEC)
    assert len(built) == 2


def test_another_timeframe_of_the_same_rows_is_another_entry() -> None:
    table = walk()
    assert cache_key(table, SPEC) != cache_key(Table(table.frame, 2 * MINUTE, 2 * MINUTE), SPEC)


@pytest.mark.parametrize(
    "spec",
    [
        FeatureConfig(sets=("ohlcv",)),
        FeatureConfig(sets=("ticker",), timeframes=(5 * MINUTE,)),
        FeatureConfig(sets=(), columns=("close",)),
    ],
)
def test_other_features_are_another_entry_and_other_scaling_is_not(spec: FeatureConfig) -> None:
    assert cache_key(walk(), SPEC) != cache_key(walk(), spec)
    scaled = FeatureConfig(sets=("ticker",), scaler="robust", clip=3.0, scale_by="symbol", symbol_onehot=True)
    assert cache_key(walk(), SPEC) == cache_key(walk(), scaled)


def test_other_code_is_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache_key(walk(), SPEC)
    monkeypatch.setattr(cache, "_code_version", lambda: "of another release")
    assert cache_key(walk(), SPEC) != before


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a bit of the values": lambda folder: _flip(folder / "values.npy"),
    "a bit of the validity": lambda folder: _flip(folder / "valid.npy"),
    "cut short": lambda folder: os.truncate(folder / "values.npy", 1000),
    "empty": lambda folder: os.truncate(folder / "values.npy", 0),
    "no values": lambda folder: (folder / "values.npy").unlink(),
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "meta is no JSON": lambda folder: (folder / "meta.json").write_text("{"),
    "meta lacks its hashes": lambda folder: (folder / "meta.json").write_text('{"names": []}'),
    "meta is a list": lambda folder: (folder / "meta.json").write_text("[]"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_entry_is_built_anew(how: str, built: list[int]) -> None:
    first = cached_features(walk(), SPEC)
    (entry,) = entries()
    DAMAGE[how](entry.folder)
    assert same(cached_features(walk(), SPEC), first)
    assert same(cached_features(walk(), SPEC), first)
    assert built == [300, 300]


def test_the_least_recently_used_go_when_the_limit_is_passed(monkeypatch: pytest.MonkeyPatch, built: list[int]) -> None:
    for seed in range(3):
        cached_features(walk(seed=seed), SPEC)
        monkeypatch.setenv("GATEWISE_CACHE_GB", str(3.5 * entries()[0].num_bytes / 1e9))
        for age, entry in enumerate(entries()):
            os.utime(entry.folder / "meta.json", (time.time() - 100 * (age + 1),) * 2)
    cached_features(walk(seed=0), SPEC)  # the oldest is used again
    cached_features(walk(seed=3), SPEC)
    kept = {entry.key for entry in entries()}
    assert kept == {cache_key(walk(seed=seed), SPEC) for seed in (0, 2, 3)}
    assert sum(entry.num_bytes for entry in entries()) <= cache.cache_limit_bytes()


def test_what_was_not_used_for_a_month_goes_and_so_do_leftovers_of_killed_processes(built: list[int]) -> None:
    cached_features(walk(seed=1), SPEC)
    (old,) = entries()
    left = cache_folder() / ".half.abc"
    left.mkdir()
    for path, days in ((old.folder / "meta.json", 31), (left, 1)):
        os.utime(path, (time.time() - days * 86_400,) * 2)
    cached_features(walk(seed=2), SPEC)
    assert [entry.key for entry in entries()] == [cache_key(walk(seed=2), SPEC)]
    assert not left.exists()


@pytest.mark.parametrize("gigabytes", ["0", "0.000000001"])
def test_nothing_is_kept_where_the_limit_says_so(
    gigabytes: str, monkeypatch: pytest.MonkeyPatch, built: list[int]
) -> None:
    monkeypatch.setenv("GATEWISE_CACHE_GB", gigabytes)
    cached_features(walk(), SPEC)
    cached_features(walk(), SPEC)
    assert built == [300, 300]
    assert not cache_folder().exists()


@pytest.mark.parametrize("said", ["much", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_CACHE_GB", said)
    with pytest.raises(ConfigError, match="GATEWISE_CACHE_GB must be a number of gigabytes"):
        cached_features(walk(), SPEC)


def test_small_matrices_are_not_kept(monkeypatch: pytest.MonkeyPatch, built: list[int]) -> None:
    monkeypatch.setattr(cache, "LEAST_KEPT_BYTES", 32 << 20)
    cached_features(walk(), SPEC)
    assert not cache_folder().exists()


def test_a_place_that_cannot_be_written_costs_a_word_and_not_the_run(
    gatewise_home: Path, caplog: pytest.LogCaptureFixture, built: list[int]
) -> None:
    (gatewise_home / "cache").write_text("in the way")
    with caplog.at_level("INFO", "gatewise.features"):
        assert cached_features(walk(), SPEC).valid.any()
    assert "features are not kept for the next run" in caplog.text


def test_a_run_from_kept_features_ends_with_the_weights_of_one_without(cli: Cli, built: list[int]) -> None:
    first, second = (cli("train", *TINY, "--json") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert built == [5031]
    weights = [(Path(said.json["bundle"]) / "model.safetensors").read_bytes() for said in (first, second)]
    assert weights[0] == weights[1]
    assert first.json["metrics"] == second.json["metrics"]


def test_a_second_search_takes_kept_features_and_sees_the_same(built: list[int]) -> None:
    config, table = small_config(), small_table()
    first, second = (tune_data(config, small_space(config), table) for _ in range(2))
    assert built == [table.num_rows]
    assert same(first.shared.matrix, second.shared.matrix)
    assert (first.key, first.prior) == (second.key, second.prior)


def test_the_command_lists_and_clears(cli: Cli, built: list[int]) -> None:
    cached_features(walk(), SPEC)
    said = cli("data", "cache", "--json").json
    (entry,) = said["entries"]
    assert (entry["rows"], entry["symbols"], entry["timeframe"]) == (300, ["X"], "1m")
    assert said["bytes"] == entry["bytes"] > 300 * 25
    assert "ticker" in cli("data", "cache").out
    assert cli("data", "cache", "--clear", "--json").json["freed_bytes"] == said["bytes"]
    assert json.loads(cli("data", "cache", "--json").out)["entries"] == []
    assert clear() == 0
