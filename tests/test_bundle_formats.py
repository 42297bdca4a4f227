"""Formats of bundles: what an earlier version wrote is read, and what can't be is refused in one line.

A bundle that is read into other numbers than it was written with predicts all the same. Those in assets/bundles_1 were
written by the code of commit 7ce78d9, in format 1, with initial weights, on the rows of `waves`; the tables beside them
are what that code predicted of the last six.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.bundle import Bundle, Scorer
from gatewise.bundle.state import from_json, to_json
from gatewise.bundle.upgrades import FORMAT, UPGRADES, VERSION, upgraded
from gatewise.data.table import Table
from gatewise.errors import BundleError
from gatewise.sealed import read_sealed, write_sealed

WRITTEN = Path(__file__).parent / "assets" / "bundles_1"
NAMES = {"classes": ("A",), "values": ("A", "B")}
MINUTE = timedelta(minutes=1)


def waves(symbols: tuple[str, ...]) -> Table:
    """Sixty minutes a symbol that follow from their numbers alone."""
    frames = []
    for number, symbol in enumerate(symbols):
        minute = np.arange(60)
        close = 100 * (1 + number) + 3 * np.sin(minute / 5 + number) + np.cos(minute / 2)
        opened = np.concatenate([close[:1], close[:-1]])
        times = [datetime(2024, 1, 1, tzinfo=UTC) + int(m) * MINUTE for m in minute]
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * 60,
                    "time": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
                    "open": opened,
                    "high": np.maximum(opened, close) + 0.5,
                    "low": np.minimum(opened, close) - 0.25,
                    "close": close,
                    "volume": (10 + minute % 7).astype(float),
                }
            )
        )
    return Table(pl.concat(frames), MINUTE, MINUTE)


def values_of(name: str = "classes") -> dict[str, Any]:
    values = json.loads((WRITTEN / name / "bundle.json").read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def sealed_again(folder: Path, values: object, name: str = "classes") -> Path:
    """A bundle with another bundle.json, under good hashes."""
    documents, weights = read_sealed(WRITTEN / name)
    write_sealed(folder, documents | {"bundle": values}, weights)
    return folder


# ---- what was written before


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_format_1_predicts_what_the_code_that_wrote_it_predicted(name: str, tmp_path: Path) -> None:
    bundle = Bundle.load(WRITTEN / name)
    expected = pl.read_csv(WRITTEN / f"{name}.csv")
    predicted = bundle.predict(waves(NAMES[name]))[-6:]
    assert predicted.columns == expected.columns
    for column in expected.columns:
        if column in ("symbol", "label"):
            assert predicted[column].to_list() == expected[column].to_list()
        elif column != "time":
            assert predicted[column].to_numpy() == pytest.approx(expected[column].to_numpy(), rel=1e-5)
    bundle.save(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "bundle.json").read_text())["format"] == FORMAT
    assert Bundle.load(tmp_path / "again").predict(waves(NAMES[name]))[-6:].equals(predicted)


def test_settings_that_did_nothing_in_format_1_and_are_refused_by_now_are_read(tmp_path: Path) -> None:
    values = values_of("values")
    values["config"]["windows"]["burn_in"] = 2
    values["config"]["training"]["class_weights"] = "balanced"
    config = Bundle.load(sealed_again(tmp_path / "bundle", values, "values")).record.config
    assert (config.windows.burn_in, config.training.class_weights) == (0, "none")


def test_format_1_may_not_say_which_classes_training_never_saw_and_the_newest_must(tmp_path: Path) -> None:
    assert "unseen" not in values_of()
    assert Bundle.load(WRITTEN / "classes").record.unseen == {}
    newest = upgraded(values_of())
    del newest["unseen"]
    with pytest.raises(BundleError, match="unseen"):
        Bundle.load(sealed_again(tmp_path / "bundle", newest))


# ---- laws of upgrades


def test_there_is_an_upgrade_of_each_earlier_format_and_of_no_other() -> None:
    assert sorted(UPGRADES) == list(range(1, VERSION))


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_changes_nothing_that_it_is_given(name: str) -> None:
    values = values_of(name)
    before = copy.deepcopy(values)
    for step in sorted(UPGRADES):
        values, kept = UPGRADES[step](values), values
        assert kept == before
        before = copy.deepcopy(values)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_the_newest_format_stays_as_it_is(name: str) -> None:
    once = upgraded(values_of(name))
    assert once["format"] == FORMAT
    assert upgraded(once) == once
    record = Bundle.load(WRITTEN / name).record
    written = json.loads(json.dumps(to_json(record)))
    assert upgraded(written) == written
    assert to_json(from_json(written, {}, {})) == to_json(record)


@pytest.mark.parametrize(
    "format_", [None, 1, "", "gatewise-bundle", "gatewise-bundle/0", "gatewise-bundle/1.5", "x\ny", "gatewise-bundle/²"]
)
def test_what_is_of_no_known_format_is_refused(format_: object) -> None:
    with pytest.raises(BundleError, match=FORMAT) as refused:
        upgraded(values_of() | {"format": format_})
    assert refused.value.hint


def test_a_later_format_is_refused_with_the_advice_to_update(tmp_path: Path) -> None:
    values = upgraded(values_of()) | {"format": f"gatewise-bundle/{VERSION + 1}", "sharpness": 3}
    with pytest.raises(BundleError, match=f"got gatewise-bundle/{VERSION + 1}") as refused:
        Bundle.load(sealed_again(tmp_path / "bundle", values))
    assert "a later gatewise wrote it: update" in str(refused.value.hint)


# ---- slots


@pytest.mark.parametrize("slot", ["members"])
def test_an_empty_slot_is_none_and_a_filled_one_is_never_left_out_of_a_prediction(slot: str, tmp_path: Path) -> None:
    values = upgraded(values_of())
    assert slot not in values
    assert getattr(Bundle.load(sealed_again(tmp_path / "bundle", values | {slot: None})).record, slot) is None
    for filled in ({"kind": "isotonic"}, {}, [], False):
        with pytest.raises(BundleError, match=slot) as refused:
            Bundle.load(sealed_again(tmp_path / "bundle", values | {slot: filled}))
        assert "later one" in str(refused.value.hint)
        with pytest.raises(BundleError, match=slot):
            Bundle(replace(Bundle.load(WRITTEN / "classes").record, **{slot: filled}))


@pytest.mark.parametrize("format_", [1, VERSION])
def test_an_unknown_field_is_refused_by_name(format_: int, tmp_path: Path) -> None:
    values = (values_of() if format_ == 1 else upgraded(values_of())) | {"sharpness": None}
    with pytest.raises(BundleError, match="'sharpness' is no field"):
        Bundle.load(sealed_again(tmp_path / "bundle", values))
    documents, weights = read_sealed(WRITTEN / "classes")
    write_sealed(tmp_path / "more", documents | {"sharpness": {}}, weights)
    with pytest.raises(BundleError, match=r"sharpness\.json is no part"):
        Bundle.load(tmp_path / "more")


# ---- damage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every key of every mapping and list in JSON values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [deep for key, entry in inner for deep in ((*path, key), *places(entry, (*path, key)))]


@st.composite
def damages(draw: st.DrawFn) -> Callable[[dict[str, Any]], None]:
    """A change of one place: another value, none at all, or one more beside it."""
    values = upgraded(values_of())
    *outer, key = draw(st.sampled_from(places(values)))
    kind, other, name = draw(st.sampled_from(["other", "gone", "more"])), draw(JSON), draw(st.text(max_size=5))

    def change(values: dict[str, Any]) -> None:
        place: Any = values
        for step in outer:
            place = place[step]
        if kind == "gone":
            del place[key]
        elif kind == "other":
            place[key] = other
        elif isinstance(place, dict):
            place[name] = other
        else:
            place.append(other)

    return change


def refusal(values: dict[str, Any]) -> BundleError | None:
    try:
        from_json(upgraded(values), {}, {})
    except BundleError as error:
        return error
    return None


@settings(max_examples=150)
@given(damages(), st.sampled_from([1, VERSION]))
def test_a_damaged_record_is_refused_in_one_line_with_a_hint(change: Callable[..., None], version: int) -> None:
    values = upgraded(values_of()) | {"format": f"gatewise-bundle/{version}"}
    assert refusal(values) is None
    change(values)
    if (error := refusal(values)) is not None:
        assert "\n" not in error.message
        assert error.hint


@given(JSON)
def test_what_is_no_record_at_all_is_refused(values: object) -> None:
    with pytest.raises(BundleError) as refused:
        upgraded(values)
    assert "\n" not in refused.value.message


# ---- what consumers depend on


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_says_before_it_predicts_what_it_takes_and_gives(name: str) -> None:
    scorer: Scorer = Bundle.load(WRITTEN / name)
    table = waves(NAMES[name])
    buffer = table.with_frame(table.frame[-scorer.rows_needed :].select("symbol", "time", *scorer.required_columns))
    live = scorer.predict(buffer)
    assert tuple(live.columns) == scorer.predicted_columns
    assert live.equals(scorer.predict(table, [table.num_rows - 1]))
