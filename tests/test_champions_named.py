"""NAME@champion in place of a run: the weights that predict are those that were promoted, whatever else was trained.

A model that is the wrong one predicts as fluently as the right one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import gatewise as gw
from conftest import Cli
from gatewise.bundle import Bundle
from gatewise.champions.entry import Draft
from gatewise.champions.log import open_log
from gatewise.champions.named import champion_address, find_any_run, find_model, find_model_run, is_champion
from gatewise.champions.rollback import rollback
from gatewise.champions.store import open_store
from gatewise.cli.completion import model_ids
from gatewise.errors import BundleError, GatewiseError, RunNotFoundError
from test_bundle import BUNDLE, TABLE

NAME = "btc-direction"
TAIL = TABLE.frame.tail(200)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the second of two bundles is champion, by the second of two runs."""
    home = tmp_path_factory.mktemp("champions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(home))
        previous = None
        for number in range(2):
            folder = home / "runs" / (f"{number}" * 32)
            weights = {name: value + 0.25 * number for name, value in BUNDLE.record.weights.items()}
            Bundle(replace(BUNDLE.record, weights=weights)).save(folder / "bundle")
            (folder / "config.yaml").touch()
            address = open_store().put(folder / "bundle")
            draft = Draft(name=NAME, action="promote", bundle=address, run_id=folder.name)
            previous = open_log().append(draft, previous).bundle
    return home


@pytest.fixture
def home(template: Path, gatewise_home: Path) -> Path:
    return Path(shutil.copytree(template, gatewise_home, dirs_exist_ok=True))


def prediction_of(folder: Path) -> pl.DataFrame:
    return Bundle.load(folder).predict(TABLE.with_frame(TAIL))


def test_each_word_gives_the_bundle_that_the_history_says(home: Path) -> None:
    entries = open_log().entries(NAME)
    addresses = [entry.bundle for entry in entries]
    for word, number in {"champion": 1, "previous": 0, "frozen": 1, "1": 0, "2": 1}.items():
        assert champion_address(f"{NAME}@{word}") == addresses[number]
        folder = find_model(f"{NAME}@{word}")
        assert folder.is_relative_to(home / "store")
        assert prediction_of(folder).equals(prediction_of(home / "runs" / (f"{number}" * 32) / "bundle"))
        assert find_model_run(f"{NAME}@{word}") == home / "runs" / (f"{number}" * 32)
    assert find_model("1111") == home / "runs" / ("1" * 32) / "bundle"


def test_the_previous_one_is_what_a_rollback_goes_back_to(home: Path) -> None:
    previous = champion_address(f"{NAME}@previous")
    assert rollback(NAME).entry.bundle == previous == champion_address(f"{NAME}@champion")
    with pytest.raises(RunNotFoundError, match="stood before"):
        champion_address(f"{NAME}@previous")


def test_the_champion_predicts_frames_and_lives_on_when_its_run_is_gone(home: Path) -> None:
    frame = TAIL.to_pandas()
    how = {"stamp": "close", "time_column": "time", "symbol_column": "symbol"}
    expected = gw.load("1" * 32).predict(frame, **how)
    shutil.rmtree(home / "runs")
    assert gw.champion(NAME).predict(frame, **how).equals(expected)
    assert gw.load(f"{NAME}@1").predict(frame, **how).equals(expected) is False
    with pytest.raises(RunNotFoundError, match="is not in this home"):
        find_model_run(f"{NAME}@champion")


def test_commands_take_it_and_shells_complete_it(home: Path, cli: Cli) -> None:
    TAIL.write_parquet(home / "new.parquet")
    made = {}
    for model in ("1111", f"{NAME}@champion", f"{NAME}@previous"):
        words = ("--data", home / "new.parquet", "--stamp", "close", "-o", home / "said.parquet", "--json")
        said = cli("predict", "--model", model, *words)
        assert said.code == 0, said.err
        made[model] = pl.read_parquet(home / "said.parquet")
    assert made["1111"].equals(made[f"{NAME}@champion"])
    assert not made["1111"].equals(made[f"{NAME}@previous"])
    assert [*model_ids("btc")] == [f"{NAME}@champion"]
    assert {"1" * 32, f"{NAME}@champion"} <= {*model_ids("")}


@pytest.mark.parametrize("find", [find_any_run, find_model, find_model_run])
def test_a_champions_name_alone_is_refused_with_how_it_is_written(home: Path, find: Callable[[str], Path]) -> None:
    with pytest.raises(RunNotFoundError) as refused:
        find(NAME)
    assert f"{NAME}@champion" in str(refused.value.hint)


def test_what_no_history_holds_is_refused_and_the_names_are_listed(home: Path) -> None:
    for text, said in {
        "eth@champion": f"champions: {NAME}",
        f"{NAME}@7": "gatewise registry history",
    }.items():
        with pytest.raises(RunNotFoundError) as refused:
            find_model(text)
        assert said in str(refused.value.hint)
    open_log().append(Draft(name="one", action="promote", bundle="0" * 64), None)
    with pytest.raises(RunNotFoundError, match="stood before"):
        find_model("one@previous")
    with pytest.raises(BundleError, match="holds no bundle"):
        find_model("one@champion")


def test_in_an_empty_home_it_is_said_that_nothing_was_promoted(cli: Cli) -> None:
    said = cli("predict", "--model", "btc@champion", "--source", "sp500")
    assert said.code == 2
    assert said.err.splitlines()[0].startswith("error: nothing was promoted under the name 'btc'")
    assert "gatewise promote" in said.err
    assert not [*model_ids("")]


def test_a_flipped_byte_of_the_champion_is_refused_and_the_file_named(home: Path) -> None:
    path = find_model(f"{NAME}@champion") / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(GatewiseError, match="has changed since it was written") as refused:
        gw.champion(NAME)
    assert str(path) in refused.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a@champion", True), ("a@3", True), ("a@b", False), ("@champion", False), ("champion", False), ("a@", False)],
)
def test_only_a_name_with_a_known_word_means_a_champion(text: str, expected: bool) -> None:
    assert is_champion(text) is expected
