"""Laws of mending: what was planted comes back as it was, mending twice is mending once, and what is not certain stays.

A repair that errs is worse than none, as nobody looks at mended rows again.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, load, put
from gatewise.bundle.reading import reading_config
from gatewise.bundle.record import provenance_of
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.data.repair.repair import repaired
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from gatewise.data.steps.resample import resample
from gatewise.errors import SchemaError
from gatewise.feeds.importing import import_rows
from gatewise.jobs.shared import make_table, table_settings
from gatewise.lake.lake import Lake
from sql_tables import put as put_table
from sql_tables import sqlite_url
from test_data_prices import OHLC, file_of, market

BOTH = DataConfig(repair=("splits", "hundredfold"))
VOLUME = np.random.default_rng(9).uniform(1e6, 2e6, 300)


def read(path: Path, **said: object) -> Rows:
    return read_source(DataConfig.model_validate({"paths": (str(path),), **said}))


def split(prices: dict[str, np.ndarray], volume: np.ndarray, row: int, new: int, old: int) -> None:
    """Prices from a row on as after a split, without adjustment of the rows before."""
    for column in prices.values():
        column[row:] *= old / new
    volume[row:] *= new / old


def differ(one: Rows, other: Rows) -> list[int]:
    """Rows whose values are not alike to twelve digits."""
    apart = [
        ~np.isclose(one.frame[name].to_numpy(), other.frame[name].to_numpy(), rtol=1e-12, atol=0, equal_nan=True)
        for name in (*OHLC, "volume")
    ]
    return np.flatnonzero(np.any(apart, axis=0)).tolist()


@settings(max_examples=25)
@given(
    cells=st.lists(
        st.tuples(st.integers(2, 290), st.sampled_from(OHLC), st.sampled_from([-3, -2, 2, 3])),
        max_size=4,
        unique_by=lambda cell: cell[0] // 4,
    ),
    run=st.tuples(st.integers(2, 250), st.integers(1, 40), st.sampled_from([-2, 2])) | st.none(),
    seed=st.integers(0, 1000),
)
def test_planted_errors_come_back_as_they_were_and_a_second_time_nothing_is_done(
    cells: list[tuple[int, str, int]],
    run: tuple[int, int, int] | None,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("repair")
    prices = market(300, seed)
    clean = read(file_of(folder, prices, VOLUME))
    if run is not None:
        for column in prices.values():
            column[run[0] : run[0] + run[1]] *= 10.0 ** run[2]
        cells = [cell for cell in cells if not run[0] - 4 <= cell[0] < run[0] + run[1] + 4]
    for row, name, power in cells:
        prices[name][row] *= 10.0**power
    broken = read(file_of(folder, prices, VOLUME))
    mended = repaired(broken, BOTH)
    assert differ(mended, clean) == []
    assert sum(repair.rows for repair in mended.repairs) == len(cells) + (run[1] if run else 0)
    again = repaired(mended, BOTH)
    assert again.frame.equals(mended.frame)
    assert again.repairs == mended.repairs


@settings(max_examples=25)
@given(
    row=st.integers(20, 280),
    ratio=st.sampled_from([(2, 1), (3, 2), (7, 1), (1, 10), (20, 1), (1, 50)]),
    seed=st.integers(0, 1000),
)
def test_a_split_is_undone_for_prices_and_volume_before_it(
    row: int, ratio: tuple[int, int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, prices, volume = tmp_path_factory.mktemp("split"), market(300, seed, 0.003), VOLUME.copy()
    adjusted = read(file_of(folder, prices, volume))
    new, old = ratio
    split(prices, volume, row, new, old)
    mended = read(file_of(folder, prices, volume), repair="splits")
    (repair,) = mended.repairs
    assert (repair.kind, repair.rows, repair.factor) == ("splits", row, pytest.approx(old / new))
    # Adjusted to the newest shares, where `adjusted` is in the oldest: one factor for all rows.
    factors = {name: mended.frame[name] / adjusted.frame[name] for name in (*OHLC, "volume")}
    assert all(factors[name].to_numpy() == pytest.approx(old / new) for name in OHLC)
    assert factors["volume"].to_numpy() == pytest.approx(new / old)
    assert repaired(mended, BOTH).repairs == mended.repairs


@settings(max_examples=40)
@given(
    joined=st.integers(40, 120),
    undone=st.integers(160, 240) | st.none(),
    runs=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 15), st.sampled_from([-3, -2, 2, 3])), max_size=2),
    seed=st.integers(0, 1000),
)
def test_both_repairs_mend_errors_before_within_and_after_a_tenfold_reverse_split(
    joined: int,
    undone: int | None,
    runs: list[tuple[int, int, int]],
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Ten shares become one, and perhaps one ten again; where a run of errors lies must not matter to either."""
    folder, prices, volume = tmp_path_factory.mktemp("joined"), market(300, seed, 0.003), VOLUME.copy()
    true = read(file_of(folder, prices, volume))
    split(prices, volume, joined, 1, 10)
    if undone is not None:
        split(prices, volume, undone, 10, 1)
    for eighth, length, power in {run[0]: run for run in runs}.values():
        first = 6 + 36 * eighth
        if any(bound is not None and first - 6 < bound < first + length + 6 for bound in (joined, undone)):
            continue
        for column in prices.values():
            column[first : first + length] *= 10.0**power
    mended = read(file_of(folder, prices, volume), repair="splits,hundredfold")
    newest = 1.0 if undone is not None else 10.0
    for name, factor in (*((name, newest) for name in OHLC), ("volume", 1 / newest)):
        assert mended.frame[name].to_numpy() == pytest.approx(true.frame[name].to_numpy() * factor, rel=1e-12)


def test_what_is_not_certain_is_left_and_named(tmp_path: Path) -> None:
    prices, volume = market(300, 1, 0.003), VOLUME.copy()
    for column in prices.values():
        column[200:] /= 2  # and the volume says nothing of it
    prices["high"][50] *= 37
    before = read(file_of(tmp_path, prices, volume))
    after = read(file_of(tmp_path, prices, volume), repair="splits,hundredfold")
    assert after.frame.equals(before.frame)
    assert after.repairs == ()
    (note,) = set(after.notes) - set(before.notes)
    assert note == "not repaired, as no volume proves that they are splits: X 2001-07-20 2:1"


def test_steps_that_stay_are_never_left_in_silence(tmp_path: Path) -> None:
    prices, volume = market(300, 1, 0.003), VOLUME.copy()
    split(prices, volume, 100, 189, 1)
    for column in prices.values():
        column[200:] /= 3.4
    before = read(file_of(tmp_path, prices, volume))
    after = read(file_of(tmp_path, prices, volume), repair="splits")
    assert after.frame.equals(before.frame)
    ratio, step = (note for note in after.notes if note not in before.notes)
    assert ratio.startswith("not repaired, as another ratio is as likely: X 2001-04-11 189:1")
    assert step.startswith(
        "not repaired, as these steps are at no day's beginning or no split's: row 201 (X 2001-07-20"
    )


def test_without_volume_no_split_is_certain(tmp_path: Path) -> None:
    prices, volume = market(300, 1, 0.003), VOLUME.copy()
    split(prices, volume, 200, 4, 1)
    path = put(tmp_path, "X.csv", as_csv(pl.read_csv(file_of(tmp_path, prices, volume)).drop("volume")))
    assert read(path, repair="splits").repairs == ()


def test_several_splits_add_up_symbol_by_symbol(tmp_path: Path) -> None:
    frames = []
    for name in ("A", "B"):
        prices, volume = market(300, 4, 0.003), VOLUME.copy()
        if name == "A":
            split(prices, volume, 100, 2, 1)
            split(prices, volume, 200, 3, 1)
        frames.append(pl.read_csv(file_of(tmp_path, prices, volume)).with_columns(symbol=pl.lit(name)))
    mended = read(put(tmp_path, "both.csv", as_csv(pl.concat(frames))), repair="splits")
    close = mended.frame["close"].to_numpy()
    assert close[:300] * 6 == pytest.approx(close[300:])
    assert [(one.symbol, one.rows, one.factor) for one in mended.repairs] == [
        ("A", 100, 0.5),
        ("A", 200, pytest.approx(1 / 3)),
    ]


def test_a_table_is_made_of_mended_rows_and_the_check_lists_what_was_done(cli: Cli, tmp_path: Path) -> None:
    prices = market(120)
    truth = prices["high"].copy()
    prices["high"][20] *= 100
    for name in ("open", "close"):
        prices[name][60] /= 1000
    path = file_of(tmp_path, prices)
    assert load(path, repair="hundredfold").frame["high"].to_numpy() == pytest.approx(truth, rel=1e-12)
    made = provenance_of(resample(load(path, repair="hundredfold"), timedelta(days=2)))["repairs"]
    said = cli("data", "check", path, "--repair", "hundredfold", "--json")
    assert made == said.json["repairs"]
    table = load(path, repair="hundredfold")
    elsewhere = make_table(table.frame, json.loads(json.dumps(table_settings(table))))  # as another process has it
    assert provenance_of(elsewhere) == provenance_of(table)
    assert "repairs" not in provenance_of(load(path))
    assert (said.code, said.json["hundredfold"], said.json["ok"]) == (0, 0, True)
    shared = {"kind": "hundredfold", "symbol": "X", "rows": 1, "divided": [], "left": []}
    first, second = ("2001-01-21T00:00:00Z", "2001-03-02T00:00:00Z")
    assert said.json["repairs"] == [
        {**shared, "start": first, "end": first, "columns": ["high"], "factor": 0.01},
        {**shared, "start": second, "end": second, "columns": ["open", "close"], "factor": 1000.0},
    ]
    assert "repaired, hundredfold: X 2001-01-21 00:00, high times 0.01" in said.json["notes"]
    assert cli("data", "check", path, "--json").json["repairs"] == []
    assert "--repair hundredfold" in " ".join(cli("data", "check", path).out.split())


def test_a_table_of_rows_that_are_certainly_wrong_is_not_made_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prices = market(120)
    load(file_of(tmp_path, prices, name="good.csv"))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    prices["high"][20] *= 100
    path = file_of(tmp_path, prices)
    load(path)
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith(
        "rows with prices that are 10, 100, … times what they should be: 1, the first row 21 (X 2001-01-21"
    )
    caplog.clear()
    load(path, repair="hundredfold")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_new_files_are_mended_as_the_training_rows_were() -> None:
    trained = load_config(overrides={"data.source": "sp500", "data.repair": "splits,hundredfold"})
    assert reading_config(trained, None, (), {}).repair == ("splits", "hundredfold")
    older = {name: value for name, value in trained.to_dict()["data"].items() if name != "repair"}
    assert ExperimentConfig.model_validate({**trained.to_dict(), "data": older}).data.repair == ()


def test_the_lake_is_mended_when_it_is_read_and_keeps_mended_imports_apart(
    cli: Cli, tmp_path: Path, gatewise_home: Path
) -> None:
    prices = market(120)
    prices["high"][20] *= 100
    path, lake = file_of(tmp_path, prices), Lake(gatewise_home / "lake")
    import_rows(DataConfig(paths=(str(path),)), lake, "vendor")
    (plain,) = cli("data", "check", "--json").json["series"]
    (mended,) = cli("data", "check", "--repair", "hundredfold", "--json").json["series"]
    assert (plain["report"]["hundredfold"], plain["ok"]) == (1, False)
    assert (mended["report"]["hundredfold"], mended["ok"], len(mended["report"]["repairs"])) == (0, True, 1)
    rows = read_source(DataConfig(source="lake", repair=("hundredfold",)))
    assert rows.repairs[0].start == datetime.fromisoformat("2001-01-22T00:00:00+00:00")
    with pytest.raises(SchemaError, match="rows must be mended as those that the lake holds"):
        import_rows(DataConfig(paths=(str(path),), repair=("hundredfold",)), lake, "vendor")


@pytest.mark.parametrize("source", ["files", "lake", "sql"])
@pytest.mark.parametrize("columns", [("close",), ("close", "vwap"), ("vwap", "low", "close")], ids=",".join)
def test_what_is_kept_is_mended_as_if_all_were(
    columns: tuple[str, ...], source: str, tmp_path: Path, gatewise_home: Path
) -> None:
    prices, volume = market(300, 5), VOLUME.copy()
    prices["vwap"] = (prices["high"] + prices["low"] + prices["close"]) / 3
    split(prices, volume, 150, 4, 1)
    prices["close"][40] *= 100
    path = file_of(tmp_path, prices, volume)
    said: dict[str, object] = {
        "source": source,
        "table": "bars" if source == "sql" else None,
        "repair": ("splits", "hundredfold"),
    }
    if source == "files":
        said |= {"paths": (str(path),)}
    elif source == "lake":
        import_rows(DataConfig(paths=(str(path),)), Lake(gatewise_home / "lake"), "vendor")
    else:
        said |= {"url": put_table(sqlite_url(tmp_path / "bars.db"), pl.read_csv(path), types={"time": "TEXT"})}
    whole = read_source(DataConfig.model_validate(said))
    kept = read_source(DataConfig.model_validate({**said, "columns": columns}))
    assert {one.kind for one in kept.repairs} == {"splits", "hundredfold"}
    assert set(kept.columns) == set(columns)
    assert all(kept.frame[name].equals(whole.frame[name]) for name in columns)


def test_repairs_look_at_what_all_files_share_beside_the_columns_that_were_asked_for(tmp_path: Path) -> None:
    prices = market(60)
    close = pl.DataFrame({"time": [datetime(2002, 1, 1) + timedelta(days=n) for n in range(60)], **prices})
    file_of(tmp_path, prices, name="AAA.csv")
    put(tmp_path, "BBB.csv", as_csv(close.select("time", "close")))
    rows = read_source(DataConfig(paths=(str(tmp_path),), columns=("close",), repair=("splits",)))
    assert (rows.columns, rows.frame.height) == (("close",), 120)
