"""The bundle: what is loaded is what was saved, and a row's prediction is its own.

Every fault here is silent. A flipped weight still predicts, a renamed column may be found under another's name, and a
prediction that leans on the rows beside it is right in the backtest and wrong on the next live bar.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.bundle import Bundle, with_targets
from gatewise.bundle.state import to_json
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import BundleError, ConfigError, NotEnoughRowsError, SchemaError, StorageError
from gatewise.fold import fit_fold
from gatewise.learners.neural import NeuralPredictor
from gatewise.models.registry import build_model
from gatewise.nn.initial import seeded
from gatewise.samples import Samples, make_samples
from gatewise.sealed import read_sealed, write_sealed

MINUTE = timedelta(minutes=1)


def bars(num_rows: int, seed: int = 0, symbols: tuple[str, ...] = ("A",), gap_at: int | None = None) -> Table:
    """Random-walk bars of one minute; with `gap_at`, an hour is missing before that row of each symbol."""
    frames = []
    for number, symbol in enumerate(symbols):
        random = np.random.default_rng(seed + number)
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.001, num_rows)))
        open_ = np.concatenate([[100.0], close[:-1]])
        spread = random.uniform(0.0001, 0.002, (2, num_rows))
        minutes = np.arange(num_rows) + (0 if gap_at is None else 60 * (np.arange(num_rows) >= gap_at))
        start = datetime(2024, 1, 1, tzinfo=UTC)
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * num_rows,
                    "time": pl.Series([start + int(m) * MINUTE for m in minutes], dtype=pl.Datetime("us", "UTC")),
                    "open": open_,
                    "high": np.maximum(open_, close) * (1 + spread[0]),
                    "low": np.minimum(open_, close) * (1 - spread[1]),
                    "close": close,
                    "volume": random.uniform(1, 100, num_rows),
                }
            )
        )
    return Table(pl.concat(frames), MINUTE, MINUTE)


def changed(**fields: Any) -> Bundle:
    return Bundle(replace(BUNDLE.record, **fields))


def make(table: Table, **overrides: Any) -> tuple[Bundle, Samples]:
    """A bundle with freshly drawn weights: nothing below needs a model that is any good."""
    given = {
        "model.hidden_size": 8,
        "windows.sequence_length": 12,
        "target.horizon": 5,
        "target.volatility_rows": 10,
        "features.sets": ["market39"],
    }
    config = load_config(overrides=given | {name.replace("__", "."): value for name, value in overrides.items()})
    samples = make_samples(config, table)
    fold = fit_fold(config, samples, samples.rows)
    outputs = len(samples.labels.classes or samples.labels.outputs)
    model = build_model(config.model, len(samples.matrix.names), outputs, generator=seeded(1))
    return Bundle.of(config, samples, fold, NeuralPredictor(model, samples.labels.spec, fold.floor)), samples


TABLE = bars(900)
BUNDLE, SAMPLES = make(TABLE)
KINDS: dict[str, dict[str, Any]] = {
    "triple barrier": {},
    "direction, gru": {"target__kind": "direction", "model__name": "gru"},
    "forward return": {"target__kind": "forward_return", "features__scaler": "robust"},
    "next row of raw columns": {
        "target__kind": "next_row",
        "target__horizon": 1,
        "target__columns": ["open", "close"],
        "features__sets": [],
        "features__columns": ["close", "volume", "open"],
        "features__clip": 3.0,
        "model__bidirectional": True,
    },
}


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "bundle"
    BUNDLE.save(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, saved: Path) -> Path:
    """A bundle's folder of one's own, to be spoilt."""
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


# ---- scoring


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_bundle_predicts_the_same_bits(tmp_path: Path, kind: str) -> None:
    bundle, _ = make(TABLE, **KINDS[kind])
    bundle.save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle")
    assert loaded.predict(TABLE).equals(bundle.predict(TABLE))
    assert to_json(loaded.record) == to_json(bundle.record)
    assert (loaded.record.symbols, loaded.record.data_fingerprint) == (("A",), TABLE.fingerprint)


def test_probabilities_are_those_of_torchs_own_lstm_on_the_scaled_window() -> None:
    bundle, samples = make(TABLE, model__num_layers=1, model__dropout=0.0)
    lstm = torch.nn.LSTM(len(bundle.record.feature_names), 8, batch_first=True)
    lstm.load_state_dict(
        {name.removeprefix("rnn."): v for name, v in bundle.record.weights.items() if name.startswith("rnn.")}
    )
    row = int(samples.rows[100])
    window = bundle.record.scaler.transform(samples.matrix.values[row - 11 : row + 1])
    with torch.no_grad():
        states, _ = lstm(torch.from_numpy(window)[None])
        logits = states[0, -1] @ bundle.record.weights["head.weight"].T + bundle.record.weights["head.bias"]
    expected = torch.softmax(logits.double(), 0).numpy()
    scored = bundle.predict(TABLE, np.array([row])).row(0, named=True)
    assert [scored[f"prob_{name}"] for name in bundle.record.classes] == pytest.approx(expected, abs=1e-6)
    assert scored["label"] == bundle.record.classes[int(expected.argmax())]
    assert (scored["symbol"], scored["time"]) == TABLE.frame.row(row)[:2]


def test_regression_speaks_in_the_targets_own_unit() -> None:
    bundle, samples = make(TABLE, **KINDS["next row of raw columns"])
    assert bundle.record.target_scaler is not None
    frame = bundle.predict(TABLE)
    assert frame.columns == ["symbol", "time", *samples.labels.outputs]
    # Untrained outputs lie within a few scaled units of 0, so in their unit near the mean of what was seen.
    for name, center, scale in zip(
        bundle.record.outputs, bundle.record.target_scaler.center, bundle.record.target_scaler.scale, strict=True
    ):
        assert float((frame[name] - center).abs().max()) < 3 * scale  # type: ignore[arg-type]  # of a numeric column


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_scores_the_same_bits_in_any_company(kind: str) -> None:
    bundle, _ = make(TABLE, **KINDS[kind])
    whole = bundle.predict(TABLE)
    for start, stop in ((0, 300), (217, 555), (400, 900), (899 - bundle.rows_needed, 899)):
        part = bundle.predict(TABLE.with_frame(TABLE.frame[start:stop]))
        assert len(part) == stop - start - bundle.rows_needed + 1
        assert part.equals(whole.filter(pl.col("time").is_in(part["time"].implode())))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 899))
def test_a_live_buffer_of_just_enough_rows_scores_what_the_whole_table_scored(last: int) -> None:
    buffer = TABLE.frame[max(0, last + 1 - BUNDLE.rows_needed) : last + 1]
    if len(buffer) < BUNDLE.rows_needed:
        with pytest.raises(NotEnoughRowsError):
            BUNDLE.predict(TABLE.with_frame(buffer))
    else:
        live = BUNDLE.predict(TABLE.with_frame(buffer))
        assert live.equals(BUNDLE.predict(TABLE, np.array([last])))


def test_each_row_with_a_full_gap_free_window_is_scored_and_no_other() -> None:
    table = bars(400, symbols=("A", "B"), gap_at=250)
    scored = BUNDLE.predict(table)
    needed = BUNDLE.rows_needed
    expected = [
        (symbol, time)
        for symbol in ("A", "B")
        for times in [table.frame.filter(pl.col("symbol") == symbol)["time"].to_list()]
        for n, time in enumerate(times)
        if n >= needed - 1 and time - times[n - needed + 1] == (needed - 1) * MINUTE
    ]
    assert scored.select("symbol", "time").rows() == expected
    assert 0 < len(expected) < 800


def test_asked_rows_are_scored_in_the_order_asked_for() -> None:
    rows = np.array([700, 300, 301])
    assert BUNDLE.predict(TABLE, rows)["time"].to_list() == TABLE.frame[rows]["time"].to_list()
    assert BUNDLE.predict(TABLE, rows)[0].equals(BUNDLE.predict(TABLE, rows[:1]))


def test_no_rows_give_an_empty_frame_of_the_same_columns() -> None:
    for kind in ("triple barrier", "forward return"):
        bundle, _ = make(TABLE, **KINDS[kind])
        none: list[int] = []
        assert bundle.predict(TABLE, rows=none).equals(bundle.predict(TABLE)[:0])
        assert bundle.predict(TABLE, rows=none).schema == bundle.predict(TABLE).schema
    assert BUNDLE.predict(TABLE, rows=[700, 701]).equals(BUNDLE.predict(TABLE, np.array([700, 701])))


@pytest.mark.parametrize("rows", [np.ones(900, bool), [700.0], [[700]], ["700"], 700])
def test_rows_that_are_no_row_numbers_are_refused(rows: Any) -> None:
    with pytest.raises(ConfigError, match="row numbers") as caught:
        BUNDLE.predict(TABLE, rows)
    assert caught.value.hint


def test_predicting_leaves_the_callers_random_numbers_alone(folder: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    Bundle.load(folder).predict(TABLE)
    assert torch.equal(torch.rand(3), expected)


def test_columns_that_the_features_do_not_read_change_nothing() -> None:
    bundle, _ = make(TABLE, features__sets=["ticker"])
    noise = TABLE.with_frame(TABLE.frame.with_columns(sma_value=pl.lit(1.0), gaps=pl.lit(None, pl.Float64)))
    assert bundle.predict(noise).equals(bundle.predict(TABLE))


def test_known_targets_stand_beside_predictions_and_unknown_ones_are_null() -> None:
    rows = np.arange(890, 900)
    labels = SAMPLES.labels
    frame = with_targets(BUNDLE.predict(TABLE, rows), "test", labels, rows)
    probabilities = [f"prob_{name}" for name in BUNDLE.record.classes]
    assert frame.columns == ["symbol", "time", "part", *probabilities, "label", "target"]
    assert frame["part"].unique().to_list() == ["test"]
    expected = [labels.classes[int(labels.y[row])] if labels.valid[row] else None for row in rows]
    assert frame["target"].to_list() == expected
    assert None in expected


def test_known_regression_targets_have_a_column_an_output() -> None:
    bundle, samples = make(TABLE, **KINDS["next row of raw columns"])
    rows = np.array([500, 899])
    frame = with_targets(bundle.predict(TABLE, rows), "val", samples.labels, rows)
    first, second = samples.labels.outputs
    assert frame.columns == ["symbol", "time", "part", first, second, f"target_{first}", f"target_{second}"]
    assert frame[f"target_{second}"].to_list() == [pytest.approx(TABLE.frame["close"][501], rel=1e-6), None]


# ---- tables that a bundle must refuse


def test_a_table_of_another_timeframe_is_refused() -> None:
    other = Table(TABLE.frame[::5], 5 * MINUTE, 5 * MINUTE)
    with pytest.raises(SchemaError, match="trained on rows of 1m; these are of 5m"):
        BUNDLE.predict(other)


@pytest.mark.parametrize(
    ("new", "guess"),
    [
        ("Close", "rename 'Close' to 'close' if that is what it holds: data.rename={'close': 'Close'}"),
        ("closing price", "data.rename={'close': 'closing price'}"),
        ("x", "data.rename={'close': 'NAME'}"),
    ],
)
def test_a_renamed_column_is_refused_and_its_nearest_name_given(new: str, guess: str) -> None:
    with pytest.raises(SchemaError, match="missing: close ") as caught:
        BUNDLE.predict(TABLE.with_frame(TABLE.frame.rename({"close": new})))
    assert caught.value.hint is not None
    assert guess in caught.value.hint


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(SchemaError, match="Float64"):
        BUNDLE.predict(TABLE.with_frame(TABLE.frame.with_columns(pl.col("close").cast(pl.String))))


def test_rows_without_a_full_window_are_refused() -> None:
    with pytest.raises(NotEnoughRowsError, match=f"takes {BUNDLE.rows_needed} gap-free rows"):
        BUNDLE.predict(TABLE, np.array([BUNDLE.rows_needed - 2]))
    with pytest.raises(NotEnoughRowsError):
        BUNDLE.predict(TABLE.with_frame(TABLE.frame[: BUNDLE.rows_needed - 1]))
    with pytest.raises(NotEnoughRowsError):
        BUNDLE.predict(TABLE.with_frame(TABLE.frame[:1]))


def test_features_of_another_version_are_refused() -> None:
    with pytest.raises(BundleError, match="builds other features"):
        changed(lookback=BUNDLE.record.lookback + 1).predict(TABLE)


# ---- folders that must be refused


def test_a_bundle_is_three_files_and_none_of_them_runs_code(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"bundle.json", "manifest.json", "model.safetensors"}
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_without_tensors_is_whole_where_none_were_written_and_refused_where_some_were(tmp_path: Path) -> None:
    write_sealed(tmp_path / "none", {"model": {"trees": [1]}}, {})
    assert {path.name for path in (tmp_path / "none").iterdir()} == {"manifest.json", "model.json"}
    assert read_sealed(tmp_path / "none") == ({"model": {"trees": [1]}}, {})
    write_sealed(tmp_path / "network", {"bundle": to_json(BUNDLE.record)}, {})
    with pytest.raises(BundleError, match=r"head\.bias must be \(3,\); got nothing"):
        Bundle.load(tmp_path / "network")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["bundle.json", "manifest.json", "model.safetensors"]), st.floats(0, 1), st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_refused(saved: Path, name: str, place: float, flip: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(shutil.copytree(saved, Path(root) / "bundle"))
        content = bytearray((folder / name).read_bytes())
        content[round(place * (len(content) - 1))] ^= flip
        (folder / name).write_bytes(content)
        with pytest.raises(BundleError, match="bundle/") as caught:
            Bundle.load(folder)
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["bundle.json", "manifest.json", "model.safetensors"])
def test_a_missing_or_emptied_file_is_refused_by_name(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        Bundle.load(folder)
    for other in (b"", content[:-1], content + b"\n"):
        (folder / name).write_bytes(other)
        with pytest.raises(BundleError, match=name):
            Bundle.load(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(BundleError, match=name):
        Bundle.load(folder)


def test_a_stray_file_is_refused_by_name(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"notes\.txt"):
        Bundle.load(folder)


def test_no_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Bundle.load(tmp_path / "nothing")


def tampered(change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object], folder: Path) -> Path:
    """The bundle with a change in it, sealed again: the hashes hold, the content does not."""
    documents, weights = read_sealed(folder)
    change(documents["bundle"], weights)
    write_sealed(folder, documents, weights)
    return folder


TAMPERED: dict[str, tuple[str, Callable[[dict[str, Any], dict[str, torch.Tensor]], object]]] = {
    "a later format": ("got gatewise-bundle/99", lambda v, w: v.update(format="gatewise-bundle/99")),
    "no format": ("got None", lambda v, w: v.pop("format")),
    "a shorter window": ("schema hash", lambda v, w: v["config"]["windows"].update(sequence_length=11)),
    "another timeframe": ("schema hash", lambda v, w: v.update(timeframe="5m")),
    "other columns": ("schema hash", lambda v, w: v.update(required_columns=["close"])),
    "a field missing": ("scaler", lambda v, w: v.pop("scaler")),
    "an unknown key in the config": ("hidden", lambda v, w: v["config"]["model"].update(hidden=1)),
    "an unknown model": ("unknown model", lambda v, w: v["config"]["model"].update(name="lstn")),
    "a scaler without spread": ("scale", lambda v, w: v["scaler"]["scale"].__setitem__(0, 0.0)),
    "a scaler of other columns": ("scaler", lambda v, w: v["scaler"]["names"].__setitem__(0, "x")),
    "own parts that are no hashes": ("own_parts", lambda v, w: v["provenance"].update(own_parts=5)),
    "a bad duration": ("duration", lambda v, w: v.update(timeframe="5 parsecs")),
    "a number as duration": ("timeframe", lambda v, w: v.update(timeframe=5)),
    "a bigger model": ("head.weight must be", lambda v, w: v["config"]["model"].update(hidden_size=16)),
    "a tensor missing": ("head.bias", lambda v, w: w.pop("head.bias")),
    "a tensor more": ("extra", lambda v, w: w.update(extra=torch.zeros(1))),
    "a tensor of another shape": ("head.bias", lambda v, w: w.update({"head.bias": torch.zeros(4)})),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_content_that_does_not_fit_itself_is_refused_even_under_good_hashes(folder: Path, what: str) -> None:
    words, change = TAMPERED[what]
    with pytest.raises(BundleError, match=words) as caught:
        Bundle.load(tampered(change, folder))
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_document_that_is_no_mapping_is_refused(folder: Path) -> None:
    write_sealed(folder, {"bundle": [1, 2]}, {})
    with pytest.raises(BundleError, match="gatewise-bundle/5"):
        Bundle.load(folder)


# ---- saving


def test_a_bundle_is_replaced_as_a_whole(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    changed(unit="other").save(str(folder))
    assert Bundle.load(str(folder)).record.unit == "other"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    BUNDLE.save(tmp_path / "bundle")
    assert to_json(Bundle.load(tmp_path / "bundle").record) == to_json(BUNDLE.record)


@pytest.mark.parametrize(
    "theirs",
    [
        {"thesis.txt": "years of work"},
        {"chapters/one.txt": "years of work"},
        {"manifest.json": '{"name": "a browser extension"}', "icon.svg": "<svg/>"},
        {"manifest.json": "[1, 2]"},
        {"manifest.json": "no JSON"},
    ],
)
def test_a_folder_of_somebody_elses_is_never_written_over(tmp_path: Path, theirs: dict[str, str]) -> None:
    for name, text in theirs.items():
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)
    with pytest.raises(StorageError, match="new or empty folder") as caught:
        BUNDLE.save(tmp_path / "docs")
    assert caught.value.hint == "choose another folder"
    assert list(tmp_path.iterdir()) == [tmp_path / "docs"]
    kept = {
        str(path.relative_to(tmp_path / "docs")): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert kept == theirs


def test_what_was_added_to_a_bundle_is_never_written_over(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"notes\.txt"):
        BUNDLE.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(StorageError, match="it is a file"):
        BUNDLE.save(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"


def test_a_bundle_that_cannot_take_its_place_leaves_the_old_one_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def fail_onto_the_place(self: Path, target: Path) -> Path:
        if Path(target) == folder and ".old." not in str(self):
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_onto_the_place)
        with pytest.raises(StorageError, match="No space left on device"):
            changed(unit="other").save(folder)
    assert Bundle.load(folder).record.unit == BUNDLE.record.unit
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("function", ["write_bytes", "write_text", "rename"])
def test_a_full_disk_leaves_the_old_bundle_whole_and_nothing_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, function, full)
        with pytest.raises(StorageError, match="No space left on device"):
            changed(unit="other").save(folder)
    assert Bundle.load(folder).record.unit == BUNDLE.record.unit
    assert list(folder.parent.iterdir()) == [folder]


def test_metrics_that_are_no_numbers_are_saved_as_null(tmp_path: Path) -> None:
    metrics = {"test": {"sharpe": {"value": float("nan"), "low": 1.0}}, "rows": [1, float("inf")]}
    changed(metrics=metrics).save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle").record.metrics
    assert loaded == {"test": {"sharpe": {"value": None, "low": 1.0}}, "rows": [1, None]}
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["metrics"] == loaded


def test_the_schema_hash_moves_with_everything_that_a_table_must_be() -> None:
    config = BUNDLE.record.config

    def with_config(**sections: Any) -> Bundle:
        values = {name: {**config.to_dict()[name], **fields} for name, fields in sections.items()}
        return changed(config=ExperimentConfig(**{**config.to_dict(), **values}))

    others = [
        with_config(windows={"sequence_length": 13}),
        with_config(target={"horizon": 6}),
        with_config(features={"clip": 5.0}),
        changed(timeframe=2 * MINUTE),
        changed(required_columns=BUNDLE.record.required_columns[::-1]),
        changed(feature_names=BUNDLE.record.feature_names[::-1]),
    ]

    def schema_hash(bundle: Bundle) -> str:
        return str(to_json(bundle.record)["schema_hash"])

    assert len({schema_hash(bundle) for bundle in (BUNDLE, *others)}) == 7
    assert schema_hash(with_config(training={"batch_size": 3}, data={"symbol": "X"})) == schema_hash(BUNDLE)
