"""`gatewise predict`: a file goes through the bundle as a validation row did, or is refused in one line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from conftest import Cli
from gatewise.bundle import Bundle
from gatewise.bundle.reading import reading_config
from gatewise.config.load import load_config
from gatewise.data.load import load_table
from gatewise.errors import ConfigError
from gatewise.fold import fit_fold
from gatewise.learners.table import learner_of
from gatewise.samples import make_samples


def write_bars(path: Path, num_rows: int, start: datetime = datetime(2024, 1, 1), **renamed: str) -> Path:
    """Minute bars as an exchange gives them: stamped with the bar's start, in a column of its own name."""
    random = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, num_rows)))
    open_ = np.concatenate([[100.0], close[:-1]])
    frame = pl.DataFrame(
        {
            "begin": [start + n * timedelta(minutes=1) for n in range(num_rows)],
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": random.uniform(1, 100, num_rows),
        }
    ).rename(renamed)
    frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained, so to speak, on a file whose reading takes flags."""
    root = tmp_path_factory.mktemp("trained")
    source = write_bars(root / "train.csv", 400)
    overrides: dict[str, Any] = {
        "data.paths": [str(source)],
        "data.time_column": "begin",
        "data.stamp": "open",
        "data.symbol": "COIN",
        "data.end": "2024-01-01T06:00:00Z",
        "model.hidden_size": 4,
        "windows.sequence_length": 10,
        "target.horizon": 3,
        "features.sets": ["ohlcv"],
    }
    config = load_config(overrides=overrides)
    samples = make_samples(config, load_table(config.data))
    fold = fit_fold(config, samples, samples.rows)
    sketch = learner_of(config.model).sketch(config, samples, fold, samples.rows)
    Bundle.of(config, samples, fold, sketch).save(root / "bundle")
    return root / "bundle"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_of_the_same_kind_needs_no_flags(cli: Any, trained: Path, tmp_path: Path, suffix: str) -> None:
    new = write_bars(tmp_path / "new.csv", 60, datetime(2025, 5, 5))
    output = tmp_path / f"out{suffix}"
    said = cli("predict", "--model", trained, "--data", new, "-o", output, "--json", "--quiet")
    assert (said.code, said.json, said.err) == (
        0,
        {"rows": 51, "output": str(output), "unit": "", "stamps": {"begin": "begin"}, "warnings": []},
        "",
    )
    frame = pl.read_parquet(output) if suffix == ".parquet" else pl.read_csv(output, try_parse_dates=True)
    assert frame.columns == ["symbol", "time", "begin", "prob_down", "prob_flat", "prob_up", "label"]
    assert frame["symbol"].unique().to_list() == ["COIN"]
    # Stamped with the start, usable at the end: the tenth row's bar ends at minute 10.
    assert frame["time"].dt.replace_time_zone(None)[0] == datetime(2025, 5, 5, 0, 10)
    assert frame.select(pl.sum_horizontal("prob_down", "prob_flat", "prob_up")).to_series().to_numpy() == pytest.approx(
        1
    )


def test_csv_and_parquet_say_the_same_to_the_last_bit(cli: Any, trained: Path, tmp_path: Path) -> None:
    new = write_bars(tmp_path / "new.csv", 60)
    for suffix in ("csv", "parquet"):
        assert cli("predict", "--model", trained, "--data", new, "-o", tmp_path / f"out.{suffix}").code == 0
    text, table = pl.read_csv(tmp_path / "out.csv"), pl.read_parquet(tmp_path / "out.parquet")
    assert text.drop("time").equals(table.drop("time"))
    assert text["time"][0] == "2024-01-01T00:10:00Z"


def test_flags_override_the_training_files_reading(cli: Any, trained: Path, tmp_path: Path) -> None:
    new = write_bars(tmp_path / "new.parquet", 60, begin="when")
    output = tmp_path / "out.parquet"
    flags = ("--time-column", "when", "--stamp", "close", "--symbol", "OTHER")
    assert cli("predict", "--model", trained, "--data", new, "-o", output, *flags).code == 0
    frame = pl.read_parquet(output)
    assert frame["symbol"][0] == "OTHER"
    assert frame["time"].dt.replace_time_zone(None)[0] == datetime(2024, 1, 1, 0, 9)


def test_a_run_is_named_by_enough_of_its_id_or_by_its_folder(
    cli: Any, trained: Path, tmp_path: Path, gatewise_home: Path
) -> None:
    import shutil

    run = gatewise_home / "runs" / "3f2a77"
    shutil.copytree(trained, run / "bundle")
    (run / "config.yaml").write_text("")
    new = write_bars(tmp_path / "new.csv", 60)
    for name in ("3f2", run, run / "bundle"):
        assert cli("predict", "--model", name, "--data", new, "-o", tmp_path / "out.csv").code == 0
        (tmp_path / "out.csv").unlink()


REFUSED: dict[str, tuple[tuple[str, ...], dict[str, str], int, str, str]] = {
    "a renamed column": ((), {"close": "closing"}, 60, "SchemaError", "--set data.rename.close=closing"),
    "a column under no near name": ((), {"close": "x"}, 60, "SchemaError", "--set data.rename.close=NAME"),
    "too few rows": ((), {}, 9, "NotEnoughRowsError", "takes 10 gap-free rows"),
    "too few rows to tell their timeframe": ((), {}, 1, "NotEnoughRowsError", "takes 10 gap-free rows"),
    "a setting of the model": (("--set", "model.hidden_size=9"), {}, 60, "ConfigError", "settings of data alone"),
    "an unknown setting": (("--set", "data.stanp=open"), {}, 60, "UnknownNameError", "stanp"),
    "an output of another kind": (("-o", "out.xlsx"), {}, 60, "ConfigError", ".csv or .parquet"),
    "a device that is not there": (("--device", "tpu"), {}, 60, "ConfigError", "tpu"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_scored_is_refused_in_one_line_and_writes_nothing(
    cli: Any, trained: Path, tmp_path: Path, what: str
) -> None:
    flags, renamed, num_rows, kind, words = REFUSED[what]
    new = write_bars(tmp_path / "new.csv", num_rows, **renamed)
    said = cli("predict", "--model", trained, "--data", new, "-o", tmp_path / "out.csv", "--json", *flags)
    error = json.loads(said.out)["error"]
    assert said.code == 2
    assert error["type"] == kind
    assert words in f"{error['message']} {error['hint']}"
    assert error["hint"]
    assert "\n" not in error["message"]
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", "home"}


def test_what_is_read_is_never_written_over(cli: Any, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    new = write_bars(folder / "new.csv", 60)
    before = new.read_bytes()
    (tmp_path / "link.csv").symlink_to(new)
    for data, output in (
        (new, new),
        (folder, new),
        (new, tmp_path / "link.csv"),
        (folder / "*.csv", f"{folder}/../in/new.csv"),
    ):
        said = cli("predict", "--model", trained, "--data", data, "-o", output, "--json")
        error = json.loads(said.out)["error"]
        assert (said.code, error["type"]) == (2, "ConfigError")
        assert "one of the files read" in error["message"]
        assert "-o" in error["hint"]
        assert new.read_bytes() == before
    assert cli("predict", "--model", trained, "--data", folder, "-o", tmp_path / "out.csv").code == 0
    assert cli("predict", "--model", trained, "--data", folder, "-o", tmp_path / "out.csv").code == 0


def test_a_place_that_can_not_be_written_is_answered_with_the_flag_that_names_it(
    cli: Any, trained: Path, tmp_path: Path
) -> None:
    new = write_bars(tmp_path / "new.csv", 60)
    (tmp_path / "folder.csv").mkdir()
    for output in (tmp_path / "folder.csv", new / "out.csv"):
        said = cli("predict", "--model", trained, "--data", new, "-o", output, "--json")
        error = json.loads(said.out)["error"]
        assert (said.code, error["type"]) == (2, "StorageError")
        assert str(output) in error["message"]
        assert "-o FILE" in error["hint"]
        assert "GATEWISE_HOME" not in error["hint"]


def test_another_timeframe_is_refused(cli: Any, trained: Path, tmp_path: Path) -> None:
    new = write_bars(tmp_path / "new.csv", 300)
    pl.read_csv(new)[::5].write_csv(new)
    said = cli("predict", "--model", trained, "--data", new, "-o", tmp_path / "out.csv", "--json")
    assert json.loads(said.out)["error"]["message"] == "the model was trained on rows of 1m; these are of 5m"


def test_rows_of_another_level_or_unit_are_told_of_and_rows_like_those_of_training_are_not(
    cli: Any, trained: Path, tmp_path: Path
) -> None:
    frame = pl.read_csv(write_bars(tmp_path / "like.csv", 60, datetime(2025, 5, 5)))
    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    for name, other in {
        "level": [price + 1e6 for price in prices],
        "unit": [price * 1e4 for price in prices],
        "volume": [pl.col("volume") * 1e3],
        "some": [pl.when(pl.int_range(pl.len()) < 12).then(price * 1e6).otherwise(price) for price in prices],
    }.items():
        frame.with_columns(other).write_csv(tmp_path / f"{name}.csv")
        said = cli(
            "predict", "--model", trained, "--data", tmp_path / f"{name}.csv", "-o", tmp_path / "o.csv", "--json"
        )
        (warning,) = said.json["warnings"]
        assert "more than 10 standard deviations from its mean in training" in warning, name
        assert warning in said.err
        assert said.code == 0
        assert ("volume" in warning) is (name == "volume")
    like = cli("predict", "--model", trained, "--data", tmp_path / "like.csv", "-o", tmp_path / "o.csv", "--json")
    assert like.json["warnings"] == []
    assert "far from" not in like.err


def test_a_model_that_is_not_there_is_refused(cli: Any, tmp_path: Path, gatewise_home: Path) -> None:
    new = write_bars(tmp_path / "new.csv", 60)
    (gatewise_home / "runs" / "abc").mkdir(parents=True)
    (gatewise_home / "runs" / "abc" / "config.yaml").write_text("")
    nameless = "no run has the name 'zzz' or an id that starts with it"
    refused = {"zzz": nameless, "abc": "no bundle", tmp_path: "manifest.json", new: "is a file"}
    for name, words in refused.items():
        said = cli("predict", "--model", name, "--data", new, "-o", tmp_path / "out.csv")
        assert said.code == 2
        assert words in said.err
        assert not (tmp_path / "out.csv").exists()


def test_new_rows_are_read_like_the_old_ones_and_all_of_them_are_wanted() -> None:
    old = load_config(
        overrides={
            "data.paths": ["a.csv"],
            "data.stamp": "open",
            "data.timezone": "America/Chicago",
            "data.symbols": ["A"],
            "data.start": "2020-01-01T00:00:00Z",
            "data.end": "2021-01-01T00:00:00Z",
        }
    )
    new = reading_config(old, None, (), {"data.paths": ["b.csv"]})
    assert (new.paths, new.stamp, new.timezone) == (("b.csv",), "open", "America/Chicago")
    assert (new.symbols, new.start, new.end) == ((), None, None)
    assert reading_config(old, None, ("data.stamp=close",), {}).stamp == "close"
    filtered = load_config(None, ["data.filter.interval=1m"])
    assert reading_config(filtered, None, (), {"data.paths": ["b.csv"]}).filter == {"interval": "1m"}
    assert reading_config(filtered, None, ["data.source=sql"], {}).filter == {"interval": "1m"}
    assert reading_config(filtered, None, ["data.source=lake"], {}).filter == {}
    assert reading_config(filtered, None, ["data.filter=null"], {}).filter == {}
    with pytest.raises(ConfigError, match="others for windows"):
        reading_config(old, None, (), {"windows.sequence_length": 5})


def test_a_kind_of_model_that_is_said_must_be_the_runs(trained: Path, cli: Cli, tmp_path: Path) -> None:
    file = write_bars(tmp_path / "new.csv", 200)
    words = ("predict", "--model", trained, "--data", file, "-o", tmp_path / "out.csv")
    assert cli(*words, "--model-type", "lstm").code == 0
    refused = cli(*words, "--model-type", "gru")
    assert refused.code == 2
    assert "it is lstm, not gru" in refused.err
    assert "hint: --model-type lstm" in refused.err
    assert "did you mean 'lstm'" in cli(*words, "--model-type", "lstn").err
