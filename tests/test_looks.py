"""Looks at test rows are counted, whatever becomes of the runs, and the best of many without skill is called that.

A line that is lost, or a model that is counted once where it was two, makes luck look like skill and shows nowhere.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gatewise.errors import ReadError, StorageError
from gatewise.evaluation.paired import pair
from gatewise.evaluation.value_metrics import value_scores
from gatewise.looks.deflate import deflate, expected_best, standard_error
from gatewise.looks.ledger import Look, begin, ledger_file, read, record
from gatewise.looks.span import looks_on

DAY_US = 86_400_000_000


def look(run_id: str = "a" * 32, first: int = 0, last: int = 10, **changes: object) -> Look:
    values: dict[str, object] = {
        "run_id": run_id, "kind": "train", "model": "lstm", "config": "c1", "epochs": 3, "fingerprint": "f1",
        "symbols": ("BTC",), "part": "test", "first_us": first * DAY_US, "last_us": last * DAY_US,
        "metric": "log_loss", "value": 1.0, "baseline": "prior", "baseline_value": 1.1, "gain": 0.1, "error": 0.04,
        "freedom": 20, "sharpe": None, "sharpe_error": None, "utc": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Look(**values | changes)  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    return tmp_path


def on_days(first: int, last: int, *symbols: str, fingerprint: str = "f1"):
    return looks_on(symbols or ("BTC",), first * DAY_US, last * DAY_US, fingerprint)


def test_what_is_recorded_is_read_again_in_its_order(home: Path) -> None:
    kept = [look(f"{n:032x}", n, n + 5, sharpe=0.5 * n, error=None if n % 2 else 0.1) for n in range(5)]
    begin(kept[:2])
    record(kept[2])
    record(*kept[3:])
    begin([look("f" * 32)])  # it is there already
    assert read() == (tuple(kept), 0)


def test_a_ledger_that_is_not_there_is_empty(home: Path) -> None:
    assert read() == ((), 0)
    assert on_days(0, 10).words == "no model has been judged on these rows"


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_torn_line_is_counted_and_spoils_no_other(home: Path, kept: float) -> None:
    record(look("1" * 32))
    whole = ledger_file().read_bytes()
    record(look("2" * 32))
    end = len(whole) + int(kept * (len(ledger_file().read_bytes()) - len(whole) - 1))
    os.truncate(ledger_file(), end)
    record(look("3" * 32))
    ledger = read()
    assert [one.run_id[0] for one in ledger.looks] == ["1", "3"]
    assert ledger.torn == (end > len(whole) + 1)
    assert ("torn" in on_days(0, 10).words) == bool(ledger.torn)


WRITER = """
import sys
from gatewise.looks.ledger import Look, record
look = Look(*[[*map(str, range(4))], 0][:0], **__import__("json").loads(sys.argv[1]))
print("ready", flush=True)
for n in range(int(sys.argv[3])):
    record(look._replace(run_id=f"{sys.argv[2]}{n}"))
"""


@pytest.mark.parametrize(
    "line",
    ["3", "null", '"x"', "[" * 100_000, "{}", {"gain": "x"}, {"first_us": None}, {"config": []}, {"error": math.nan}],
)
def test_a_line_that_is_no_look_is_counted_as_torn(home: Path, line: str | dict[str, Any]) -> None:
    record(look("aa"))
    whole = json.loads(ledger_file().read_text())
    with ledger_file().open("a") as file:
        file.write("\n" + (line if isinstance(line, str) else json.dumps(whole | line)) + "\n")
    read_looks = looks_on(("BTC",), 0, 10**18, "")
    assert (len(read_looks.looks), read_looks.torn) == (1, 1)
    assert read_looks.to_dict()["best"]


def test_writers_at_once_lose_no_line_and_a_killed_one_spoils_none(home: Path) -> None:
    plain = json.dumps(look()._asdict())
    command = [sys.executable, "-c", WRITER.replace("*[[*map(str, range(4))], 0][:0], ", ""), plain]
    writers = [subprocess.Popen([*command, f"w{n}-", "60"]) for n in range(2)]
    killed = subprocess.Popen([*command, "k", "1000000"], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    killed.stdout.readline()
    for writer in writers:
        assert writer.wait() == 0
    killed.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    record(look("after"))
    ledger = read()
    names = [one.run_id for one in ledger.looks]
    assert {f"w{n}-{k}" for n in range(2) for k in range(60)} <= set(names)
    assert len(names) == len(set(names))
    assert names[-1] == "after"
    assert ledger.torn <= 1


def test_a_line_of_a_later_version_is_refused_and_not_left_out(home: Path) -> None:
    record(look())
    line = json.loads(ledger_file().read_text()) | {"schema": 2, "weight": 0.5}
    ledger_file().write_text(json.dumps(line))
    with pytest.raises(ReadError, match="later version"):
        read()


def test_a_ledger_that_cannot_be_written_is_a_typed_error(home: Path) -> None:
    ledger_file().mkdir()
    with pytest.raises(StorageError, match=r"looks\.jsonl"):
        record(look())


def test_looks_count_where_rows_overlap_and_share_a_symbol_or_the_table(home: Path) -> None:
    record(
        look("1" * 32, 0, 10),
        look("2" * 32, 10, 20, config="c2"),  # shares a last moment
        look("3" * 32, 11, 20),  # later
        look("4" * 32, 0, 10, symbols=("ETH",), fingerprint="f2"),
        look("5" * 32, 0, 10, symbols=("ETH", "BTC"), fingerprint="f2"),
        look("6" * 32, 0, 10, symbols=("XBT",), config="c6"),  # the same rows by another name
    )
    here = on_days(0, 10)
    assert [one.run_id[0] for one in here.looks] == ["1", "2", "5", "6"]
    assert (here.runs, here.models, here.on_same_data) == (4, 4, 3)
    assert here.words == "4 models of 4 runs have been judged on these rows, 1 of them on other data of the same time"
    assert [one.run_id[0] for one in looks_on(["BTC"], 0, 10 * DAY_US, "f1", "1" * 32).looks] == ["2", "5", "6"]


def test_a_rerun_is_no_new_model_and_more_epochs_are_one(home: Path) -> None:
    record(look("1" * 32), look("2" * 32), look("1" * 32, utc="2026-02-01T00:00:00+00:00"))
    assert (on_days(0, 10).runs, on_days(0, 10).models) == (2, 1)
    assert "counted" not in on_days(0, 10).best_words()
    record(look("1" * 32, epochs=9), look("3" * 32, config="c2"))
    assert (on_days(0, 10).runs, on_days(0, 10).models) == (3, 3)


def test_the_best_is_the_one_whose_gain_is_largest_beside_its_error(home: Path) -> None:
    record(
        look("1" * 32, config="1", gain=5.0, error=4.0, metric="rmse"),
        look("2" * 32, config="2", gain=0.1, error=0.02),
        look("3" * 32, config="3", gain=99.0, error=None),
    )
    best = on_days(0, 10).best
    assert best is not None
    assert best.run_id == "2" * 32
    said = on_days(0, 10).best_words()
    assert "with all 3 counted" in said
    assert "more than luck" in said
    assert "not shown" not in said


@settings(max_examples=30)
@given(
    gain=st.floats(-5, 5),
    error=st.floats(0.01, 5),
    freedom=st.integers(1, 200),
    confidence=st.sampled_from([0.9, 0.95]),
)
def test_of_one_look_the_interval_is_students_and_more_looks_only_widen_it(
    gain: float, error: float, freedom: int, confidence: float
) -> None:
    low, high = stats.t.interval(confidence, freedom, gain, error)
    one = deflate(gain, error, freedom, 1, confidence).interval
    assert one.low == pytest.approx(low)
    assert one.high == pytest.approx(high)
    assert standard_error(low, high, freedom, confidence) == pytest.approx(error)
    several = [deflate(gain, error, freedom, trials, confidence) for trials in (1, 2, 7, 50, 3000)]
    lows, chances = [one.interval.low or 0 for one in several], [one.chance or 0 for one in several]
    assert lows == sorted(lows, reverse=True)
    assert chances == sorted(chances)
    for left in several:  # the interval and the probability say the same
        assert left.is_shown == (left.chance is not None and left.chance < 1 - confidence)


def test_of_independent_looks_the_chance_is_that_of_the_largest(home: Path) -> None:
    drawn = np.abs(np.random.default_rng(0).standard_normal((40_000, 12))).max(axis=1)
    for size in (2.0, 2.5, 3.0):
        assert deflate(size, 1.0, 100_000, 12).chance == pytest.approx(np.mean(drawn >= size), abs=0.01)
    assert expected_best(12) == pytest.approx(
        np.random.default_rng(1).standard_normal((40_000, 12)).max(1).mean(), rel=0.03
    )
    assert expected_best(1) == 0


def test_the_expected_best_ten_without_skill_is_called_good_in_one_of_twenty_spans_at_most(home: Path) -> None:
    """Forecasts that are noise of one size, like the baseline's, lose as much as that in the long run."""
    rng, spans, models, rows = np.random.default_rng(7), 100, 10, 400
    when = {"time_us": np.arange(rows) * DAY_US, "symbol": np.zeros(rows, dtype=np.int64), "horizon": 1}
    naive = shown = 0
    for _ in range(spans):
        truth, *noise = rng.standard_normal((models + 2, rows))
        baseline, *judged = (value_scores(truth, 0.3 * forecast, ("y",)) for forecast in noise)
        looks = []
        for number, scores in enumerate(judged):
            apart = pair(scores, baseline, ["rmse"], "rmse", confidence=0.95, memory_rows=1, **when).differences["rmse"]
            freedom = int(0.4 * np.sqrt(rows))
            error = standard_error(apart.low, apart.high, freedom, 0.95)
            looks.append(look(f"{number:032x}", config=str(number), gain=-apart.value, error=error, freedom=freedom))
        ledger_file().unlink(missing_ok=True)
        record(*looks)
        here = on_days(0, 10)
        assert here.best is not None
        assert here.models == models
        naive += deflate(here.best.gain, here.best.error, here.best.freedom, 1).is_shown
        shown += here.deflated(here.best).is_shown
    assert naive >= 0.09 * spans  # what its own interval alone would say of the best
    assert shown <= 0.05 * spans
