"""Targets and splitters of one's own: what they say wrongly of time would let the purge pass a leak in silence.

The page's example is what is tried, in a package beside.
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest

from audit_tables import case_of, random_walk
from conftest import Cli
from gatewise import parts
from gatewise.bundle import Bundle
from gatewise.config.load import build_config, load_config
from gatewise.config.schema import ExperimentConfig, TargetConfig
from gatewise.data.load import load_table
from gatewise.errors import BundleError, ConfigError, GatewiseError, UnknownNameError
from gatewise.proofs.labels import check_labels
from gatewise.samples import make_samples
from gatewise.selection.tuning.space_file import load_space
from gatewise.selection.tuning.study import study_terms
from gatewise.splits.folds import FoldSplit, make_folds
from gatewise.targets.make import make_labels
from page_examples import example

TARGET = "mypkg.targets:BigMove"
SPLITTER = "mypkg.splits:Yearly"
SHORT = (
    *("--source", "sp500", "--seq-len", "8", "--horizon", "3", "--json", "--quiet", "--model", "logistic"),
    *("--set", "features.sets=[ohlcv]", "--set", "evaluation.bootstrap_samples=50", "--target", TARGET),
)

CV = [*SHORT[:4], "--horizons", "3", *SHORT[6:8], "--models", "logistic", *SHORT[10:]]


@pytest.fixture
def package(mypkg: Path) -> Path:
    """The page's examples as modules of `mypkg`."""
    for name, part in (("targets", "target"), ("splits", "splitter")):
        (mypkg / f"{name}.py").write_text(example(part), encoding="utf-8")
    return mypkg


def experiment(kind: str, **overrides: object) -> ExperimentConfig:
    fields: dict[str, object] = {"windows.sequence_length": 8, "target.horizon": 5, "target.kind": kind}
    fields |= {"split.embargo_rows": 10, "features.sets": ["ohlcv"]}
    return load_config(overrides=fields | {name.replace("__", "."): value for name, value in overrides.items()})


def write(package: Path, name: str, code: str) -> None:
    (package / f"{name}.py").write_text(code, encoding="utf-8")
    importlib.invalidate_caches()


def test_the_pages_target_is_trained_predicted_cross_validated_and_audited(
    package: Path, gatewise_home: Path, cli: Cli
) -> None:
    run = cli("train", *SHORT, "--set", "target.size=0.02")
    assert run.code == 0, run.err
    bundle = Bundle.load(Path(run.json["bundle"]))
    assert bundle.record.classes == ("calm", "big")
    assert bundle.record.config.target.model_dump()["size"] == 0.02
    predicted = cli("predict", "--model", run.json["run_id"], "--source", "sp500", "-o", "p.csv", "--quiet")
    assert predicted.code == 0, predicted.err
    assert "prob_big" in Path("p.csv").read_text(encoding="utf-8").splitlines()[0]
    folds = cli("cv", *CV, "--n-splits", "2", "--workers", "2")
    assert folds.code == 0, folds.err
    resume = ("cv", "--resume", folds.json["id"], "--json", "--quiet")
    assert cli(*resume).json["resumed"] == 2
    code = (package / "targets.py").read_text(encoding="utf-8")
    write(package, "targets", f"{code}\n# another\n")
    assert cli(*resume).json["resumed"] == 0  # what other code labelled is not gone on from
    with pytest.raises(BundleError, match="is other code than trained the model"):
        Bundle.load(Path(run.json["bundle"]))


def test_its_labels_are_those_of_the_formula_and_of_the_same_rows_as_gatewises(package: Path) -> None:
    table = random_walk(400, symbols="AB", gaps=3, missing=5)
    config = experiment(TARGET, target__size=0.001)
    labels = make_labels(table, config.target)
    gatewises = make_labels(table, TargetConfig(kind="direction", horizon=5))
    close = table.frame["close"].to_numpy()
    rows = np.flatnonzero(labels.valid)
    assert np.array_equal(labels.known_at, gatewises.known_at)
    assert np.array_equal(labels.y[rows], np.abs(np.log(close[rows + 5] / close[rows])) > 0.001)
    samples = make_samples(config, table)  # the purge reads these spans
    assert np.array_equal(samples.spans.last_us, table.time_us[samples.rows + 5])


def test_its_fields_are_checked_and_kept(package: Path) -> None:
    config = load_config(overrides={"target.kind": TARGET, "target.size": 0.5})
    assert config.own_parts.keys() == {TARGET}
    assert build_config(config.to_dict()) == config
    with pytest.raises(ConfigError, match=r"target\.size"):
        load_config(overrides={"target.kind": TARGET, "target.size": 0})
    with pytest.raises(UnknownNameError, match="szie") as caught:
        load_config(overrides={"target.kind": TARGET, "target.szie": 1})
    assert "'size'" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match=rf"target\.upper belongs to triple_barrier .*; target\.kind is {TARGET}"):
        load_config(overrides={"target.kind": TARGET, "target.upper": 1})
    with pytest.raises(ConfigError, match="mse is for values"):
        load_config(overrides={"target.kind": TARGET, "training.loss": "mse"})


def test_a_study_of_other_code_is_another(package: Path) -> None:
    config = load_config(overrides={"target.kind": TARGET})
    space = load_space(None, config)
    before = study_terms(config, space, "rows", "median")
    write(package, "targets", "# another\n")
    assert study_terms(config, space, "rows", "median") != before


def test_a_search_goes_on_with_the_same_code_and_not_with_another(package: Path, gatewise_home: Path, cli: Cli) -> None:
    tuned = cli("tune", *SHORT, "--n-trials", "1", "--n-splits", "2")
    assert tuned.code == 0, tuned.err
    resume = ("tune", "--resume", tuned.json["id"], "--json", "--quiet")
    again = cli(*resume)
    assert again.code == 0, again.err
    assert again.json["trials"] == tuned.json["trials"]
    code = (package / "targets.py").read_text(encoding="utf-8")
    write(package, "targets", f"{code}\n# another\n")
    refused = cli(*resume)
    assert refused.code == 2
    assert "was begun on other code" in refused.json["error"]["message"]


def test_an_entry_point_names_a_target(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = {"big_move": [EntryPoint("big_move", TARGET, "gatewise.targets")]}
    monkeypatch.setattr(parts, "_points", lambda group: point if group == "gatewise.targets" else {})
    assert load_config(overrides={"target.kind": "big_move"}).own_parts.keys() == {TARGET}


def test_installed_packages_are_read_for_entry_points_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def entry_points(**groups: str) -> EntryPoints:
        asked.append(str(groups))
        return EntryPoints([EntryPoint("mine", "mypkg.nets:Conv", "gatewise.models")])

    monkeypatch.setattr(parts, "entry_points", entry_points)
    parts._every_point.cache_clear()
    try:
        assert [parts.own_names(kind) for kind in parts.GROUPS] == [("mine",), (), (), (), ()]
        assert asked == ["{}"]
    finally:
        parts._every_point.cache_clear()


VALUES = """
import numpy as np
from gatewise.config.target_section import TargetSection
from gatewise.targets.base import Labels
from gatewise.targets.make import TargetSpec
from gatewise.targets.outputs.values import Values
from gatewise.targets.paths import run_bounds, settled_at
from gatewise.targets.spec import output_spec

def label(table, config):
    close = table.frame["close"].to_numpy()
    rows = np.arange(table.num_rows)
    end = run_bounds(table.segment_start, np.isfinite(close))[1]
    known_at = settled_at(end, [config.horizon])[:, 0]
    valid = known_at >= 0
    y = np.where(valid, close[known_at] - close, 0)[:, None]
    spec = output_spec(config, ("move",), "price units")
    lookback, by_output = 1, None
    {change}
    return Labels(y, known_at, valid, spec, lookback, by_output)

Mine = TargetSpec(label)
"""


def labelled(package: Path, change: str, **overrides: object) -> object:
    write(package, "mine", VALUES.replace("{change}", change))
    config = experiment("mypkg.mine:Mine", **overrides)
    return make_labels(random_walk(300, gaps=2), config.target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("return y", "must make gatewise.targets.base.Labels; got ndarray"),
        ("spec = None", "must say by output_spec"),
        ("spec = Values(('move',), price=0)", "must say by output_spec"),
        ("y = y[:, 0]", r"y must be float64 \[300, 1\]; got float64 \[300\]"),
        ("y = y.astype(int)", r"y must be float64 \[300, 1\]; got int64"),
        ("known_at = known_at.tolist()", r"known_at must be int64 \[300\]; got list"),
        ("valid = valid.astype(int)", r"valid must be bool \[300\]; got int64"),
        ("lookback = 0", "lookback must be rows, at least 1; got 0"),
        (
            "known_at = np.where(valid, rows, -1)",
            "known after its row, not with it or before.* A 2024-01-01 00:01:00",
        ),
        ("known_at = np.where(valid, known_at + 1, -1)", r"known within target\.horizon, 5 rows.* 00:01:00"),
        ("valid, known_at = rows < 290, np.where(rows < 290, rows + 5, -1)", "beyond a gap or in another symbol"),
        ("by_output = np.where(valid, rows + 1, -1)[:, None]", "latest of known_by_output"),
        ("known_at = np.abs(known_at)", "must be -1 where there is no label"),
        ("y = y + 1", "y must be 0 where there is no label"),
        ("y[7] = np.inf", "finite within float32; rows: 1, the first A 2024-01-01 00:08:00"),
        ("y[7] = np.nan", "finite within float32; rows: 1"),
        ("close[len(close)]", "can't label these rows: IndexError"),
    ],
)
def test_labels_that_break_the_contract_are_refused_by_the_rows_name(package: Path, change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        labelled(package, change)
    assert len(caught.value.message.splitlines()) == 1
    assert caught.value.hint


def test_several_horizons_are_refused_where_labels_are_of_one(package: Path) -> None:
    with pytest.raises(ConfigError, match="predicts one horizon"):
        labelled(package, "pass", target__horizons=[1, 5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("pass", "settled labels unchanged"),
        ("known_at = np.where(valid, rows + 2, -1)", "changes when rows after"),
        (
            "y = np.where(valid, np.nan_to_num(close - close[np.maximum(rows - 3, 0)]), 0)[:, None]",
            "declared lookback of 1",
        ),
    ],
)
def test_the_audit_finds_labels_that_read_other_rows_than_they_say(package: Path, change: str, message: str) -> None:
    write(package, "mine", VALUES.replace("{change}", change))
    check = check_labels(case_of(random_walk(600), config=experiment("mypkg.mine:Mine")))
    assert message in check.detail
    assert check.passed is (change == "pass")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("Mine = 3", "must be a TargetSpec; got int"),
        ("raise ValueError('no')", "can't be imported: ValueError: no"),
        ("", "unknown name in mypkg.bad 'Mine'"),
    ],
)
def test_what_is_no_target_is_refused(package: Path, code: str, message: str) -> None:
    write(package, "bad", code)
    with pytest.raises(GatewiseError, match=message):
        load_config(overrides={"target.kind": "mypkg.bad:Mine"})


def test_the_pages_splitter_cuts_years_and_is_cross_validated(package: Path, gatewise_home: Path, cli: Cli) -> None:
    words = ("--splitter", SPLITTER, "--n-splits", "2", "--set", "cv.memory=3", "--workers", "2")
    run = cli("cv", *CV[:-2], "--target", "direction", *words)
    assert run.code == 0, run.err
    config = load_config(overrides={"cv.splitter": SPLITTER, "cv.n_splits": 2, "cv.memory": 3, "data.source": "sp500"})
    assert config.own_parts.keys() == {SPLITTER}
    assert build_config(config.to_dict()) == config
    table = load_table(config.data)
    samples = make_samples(config, table)
    folds = make_folds(samples.spans, config.cv, config.split, table.timeframe)
    years = table.time_us.astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    newest = years[samples.rows[-1]]
    assert [set(years[fold.test]) for fold in folds] == [{newest - 1}, {newest}]
    for fold in folds:
        assert set(years[fold.train]) <= set(range(years[fold.test[0]] - 3, years[fold.test[0]]))
        assert table.time_us[fold.train].max() < table.time_us[fold.val].min()  # val is set aside, and both are purged
        assert fold.purged.size > 0
    with pytest.raises(ConfigError, match=r"cv\.memory"):
        load_config(overrides={"cv.splitter": SPLITTER, "cv.memory": 0})


def cut(package: Path, folds: str, n_splits: int = 2) -> tuple[FoldSplit, ...]:
    code = (
        "import numpy as np\n"
        "from gatewise.splits.folds import SplitterSpec\n"
        "def masks(spans, config):\n"
        "    at = np.arange(spans.row.size)\n"
        f"    return {folds}\n"
        "Mine = SplitterSpec(masks)\n"
    )
    write(package, "mine", code)
    config = experiment("direction", cv__splitter="mypkg.mine:Mine", cv__n_splits=n_splits)
    samples = make_samples(config, random_walk(500))
    return make_folds(samples.spans, config.cv, config.split, samples.table.timeframe)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (
            "[(at < 201, (at >= 200) & (at < 300)), (at < 300, at >= 300)]",
            "1: a sample must not be trained on and tested",
        ),
        ("[(at < 200, at >= 200), (at < 300, at >= 300)]", "fold 2: a sample must not be tested in two folds; samples"),
        (
            "[(at < 300, at >= 300), (at < 200, (at >= 200) & (at < 300))]",
            "2: test blocks must be in order of time",
        ),
        ("[(at < 300, at >= 300)]", "must cut 2 folds, its num_folds; got 1"),
        ("[(at < 300, at >= 300), (at < 300, at > 999)]", "fold 2: tested must hold samples; got none"),
        ("[(at[:300], at[300:])] * 2", r"fold 1: training must be bool \[488\], one a sample; got int64 \[300\]"),
        ("[at, at]", "fold 1: must be .what may be trained on, what is tested.; got ndarray"),
        ("at[999]", "can't cut these samples: IndexError"),
    ],
)
def test_folds_that_break_the_contract_are_refused_by_their_rows(package: Path, folds: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        cut(package, folds)
    assert len(caught.value.message.splitlines()) == 1
    if "sample must not" in message:
        assert re.search(r"samples: \d+, the first row \d+ at 2024-01-01 \d\d:\d\d:00$", caught.value.message)


def test_folds_of_ones_own_are_purged_and_stopped_as_gatewises_are(package: Path) -> None:
    own = cut(package, "list(__import__('gatewise.splits.walk_forward', fromlist='_').walk_forward(spans.time_us, 2))")
    config = experiment("direction", cv__n_splits=2)
    samples = make_samples(config, random_walk(500))
    gatewises = make_folds(samples.spans, config.cv, config.split, samples.table.timeframe)
    for one, other in zip(own, gatewises, strict=True):
        assert one.purged.size > 0
        for name in ("train", "val", "test", "purged", "embargoed"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


def test_an_unknown_splitter_is_named_by_its_setting() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown cv\.splitter 'kfolds'") as caught:
        load_config(overrides={"cv.splitter": "kfolds"})
    assert "did you mean 'kfold'" in (caught.value.hint or "")
