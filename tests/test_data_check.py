"""Laws of the check: what was planted is counted, exactly, and where nothing was planted nothing is found."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data

KEYS = {
    "files",
    "rows",
    "symbols",
    "timeframe",
    "start",
    "end",
    "gaps",
    "duplicates",
    "out_of_order",
    "ohlc_violations",
    "nan",
    "zero_volume",
    "ok",
}
COUNTS = ("gaps", "duplicates", "out_of_order", "ohlc_violations", "nan", "zero_volume")
MORE = ("infinite", "non_positive", "negative_volume", "empty_columns", "constant_columns", "lost_steps")
MINUTE = timedelta(minutes=1)


def check(*paths: Path, **said: str) -> dict[str, object]:
    return check_data(DataConfig(paths=tuple(map(str, paths)), **said)).to_dict()  # type: ignore[arg-type]  # parsed


def test_clean_bars_have_no_finding(tmp_path: Path) -> None:
    report = check(put(tmp_path, "X.csv", as_csv(bars(30))))
    assert report.keys() >= KEYS
    assert [report[key] for key in (*COUNTS, *MORE)] == [0] * 12
    assert (report["files"], report["rows"], report["symbols"], report["timeframe"]) == (1, 30, 1, "1h")
    assert (report["first_stamp"], report["last_stamp"]) == ("2020-01-11T22:30:00Z", "2020-01-13T03:30:00Z")
    assert (report["start"], report["end"]) == ("2020-01-11T23:30:00Z", "2020-01-13T04:30:00Z")
    assert report["ok"] is True


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.sets(st.integers(2, 97), max_size=6),
    nans=st.sets(st.integers(0, 99), max_size=6),
    zeros=st.sets(st.integers(0, 99), max_size=6),
    broken=st.sets(st.integers(0, 99), max_size=6),
    again=st.lists(st.integers(0, 99), max_size=6),
)
def test_planted_faults_are_counted_exactly(
    gaps: set[int],
    nans: set[int],
    zeros: set[int],
    broken: set[int],
    again: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows = pl.int_range(100, eager=True)
    hurt = bars(100, MINUTE).with_columns(
        # Every row from a gap on is two minutes later: three minutes between two rows, in place of one.
        (pl.col("time") + rows.map_elements(lambda row: sum(at <= row for at in gaps) * 2, pl.Int64) * MINUTE),
        pl.Series("volume", [0.0 if row in zeros else 5.0 + row for row in range(100)]),
        pl.when(rows.is_in(list(broken))).then(pl.col("high") + 1).otherwise(pl.col("low")).alias("low"),
        pl.Series("extra", ["NA" if row in nans else str(row) for row in range(100)]),
    )
    frame = pl.concat([hurt, hurt[sorted(again)]])
    report = check(put(tmp_path_factory.mktemp("check"), "X.csv", as_csv(frame)))
    copies = {
        "gaps": len(gaps),
        "duplicates": len(again),
        "ohlc_violations": len(broken) + sum(row in broken for row in again),
        "zero_volume": len(zeros) + sum(row in zeros for row in again),
        "nan": len(nans) + sum(row in nans for row in again),
        "out_of_order": int(bool(again) and min(again) < 99),
    }
    assert {key: report[key] for key in copies} == copies
    assert report["ok"] is not (bool(broken) or bool(again))


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("high", "inf", "infinite"),
        ("open", "0", "non_positive"),
        ("volume", "-1", "negative_volume"),
        ("low", "1e9", "ohlc_violations"),
    ],
)
def test_rows_that_load_would_refuse_are_located(column: str, value: str, kind: str, tmp_path: Path) -> None:
    frame = bars(20)
    cells = frame[column].cast(pl.String).to_list()
    cells[6] = value
    path = put(tmp_path, "X.csv", as_csv(frame.with_columns(pl.Series(column, cells))))
    report = check_data(DataConfig(paths=(str(path),)))
    found = next(finding for finding in report.findings if finding.kind == kind)
    assert (found.count, found.blocks, report.ok) == (1, True, False)
    assert found.examples[0].startswith("row 7 (X 2020-01-12 04:30:00)")


def test_gaps_missing_values_disorder_and_quiet_bars_do_not_block(tmp_path: Path) -> None:
    frame = bars(30)[[0, 1, 2, 9, 8, 7, 20, 21, 22]].with_columns(volume=pl.lit(0.0), x=pl.lit(1.0))
    frame = frame.with_columns(pl.when(pl.col("close") > frame["close"].median()).then(pl.col("x")))
    report = check(put(tmp_path, "X.csv", as_csv(frame)))
    assert (report["gaps"], report["out_of_order"], report["zero_volume"]) == (2, 2, 9)
    assert report["constant_columns"] == 2
    assert report["ok"] is True


def test_a_column_without_values_blocks_where_bars_need_it(tmp_path: Path) -> None:
    text = as_csv(bars(9).with_columns(close=pl.lit("NA"), other=pl.lit("NA")))
    report = check(put(tmp_path, "X.csv", text))
    assert (report["empty_columns"], report["nan"], report["ok"]) == (1, 9, False)


def test_newest_first_and_a_choice_of_duplicates_are_told(tmp_path: Path) -> None:
    frame = bars(9)
    path = put(tmp_path, "X.csv", as_csv(pl.concat([frame.reverse(), frame[:1]])))
    report = check_data(DataConfig(paths=(str(path),)))
    assert "newest row comes first" in str(next(f for f in report.findings if f.kind == "out_of_order").examples)
    assert "1 of 1 repeat every value" in str(next(f for f in report.findings if f.kind == "duplicates").examples)
    assert check(path)["ok"] is False
    assert check(path, on_duplicate="last")["ok"] is True


def test_one_row_has_no_timeframe_and_is_still_counted(tmp_path: Path) -> None:
    report = check(put(tmp_path, "X.csv", as_csv(bars(1))))
    assert (report["rows"], report["timeframe"], report["gaps"], report["ok"]) == (1, None, 0, False)
    assert "timeframe unknown" in str(report["notes"])


def test_the_command_says_why_one_row_is_not_enough(cli: Cli, tmp_path: Path) -> None:
    one = put(tmp_path, "X.csv", as_csv(bars(1)))
    said = cli("data", "check", one)
    assert said.code == 1
    assert "timeframe is unknown" in " ".join(said.out.split())
    assert cli("data", "check", one, "--timeframe", "1h", "--json").json["ok"] is True


def test_a_file_name_that_holds_a_line_end_breaks_no_line(cli: Cli, tmp_path: Path) -> None:
    path = put(tmp_path, "a\nb.csv", as_csv(bars(5)))
    said = cli("data", "check", path)
    assert "5 rows of a\\nb in 1 file(s)" in said.out
    assert all("b.csv" not in line or "a\\nb.csv" in line for line in said.err.splitlines())
    error = cli("data", "check", tmp_path / "absent\nX.csv").err
    assert len(error.splitlines()) == 2
    assert "absent\\nX.csv does not exist" in error


def test_the_command_prints_one_object_and_says_by_its_exit_code_whether_all_is_well(cli: Cli, tmp_path: Path) -> None:
    good = put(tmp_path, "X.csv", as_csv(bars(30)))
    said = cli("data", "check", good, "--json", "--stamp", "close")
    assert said.code == 0
    assert said.json.keys() >= KEYS
    assert said.json["end"] == "2020-01-13T03:30:00Z"
    bad = put(tmp_path, "Y.csv", as_csv(bars(30)) + as_csv(bars(2)).split("\n", 1)[1])
    assert cli("data", "check", bad, "--json").code == 1
    both = cli("data", "check", good, "--data", bad, "--json")
    assert (both.json["files"], both.json["symbols"], both.json["duplicates"], both.code) == (2, 2, 2, 1)


def test_the_command_shows_people_where_and_what_to_do(cli: Cli, tmp_path: Path) -> None:
    frame = bars(30)
    bad = put(tmp_path, "Y.csv", as_csv(pl.concat([frame[:20], frame[25:], frame[:1]])))
    said = cli("data", "check", bad)
    words = re.sub(r"[\s│]+", " ", said.out)
    assert said.code == 1
    assert "26 rows of Y" in words
    assert "row 26 (Y 2020-01-11 22:30:00)" in words
    assert "--on-duplicate first" in words
    assert "6:00:00" in words
    assert "not fit to train on" in words
    assert "file's name gives Y" in said.err
    assert cli("data", "check", bad, "--quiet").err == ""


def test_what_can_not_be_read_is_an_error_of_one_object(cli: Cli, tmp_path: Path) -> None:
    said = cli("data", "check", tmp_path / "absent.csv", "--json")
    assert said.code == 2
    assert said.json["error"]["type"] == "ReadError"
    assert "absent.csv" in said.json["error"]["message"]


def test_rows_in_the_future_are_counted_and_located(tmp_path: Path) -> None:
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(days=7)
    path = put(tmp_path, "X.csv", as_csv(bars(10, timedelta(days=1), first)))
    report = check_data(DataConfig(paths=(str(path),)))
    found = next(finding for finding in report.findings if finding.kind == "in_the_future")
    assert (found.count, found.blocks, report.ok) == (1, False, True)
    assert found.examples[0].startswith("row 10 (X ")


@pytest.mark.parametrize("written", ["%d-%b-%y", "%y-%m-%d", "%d.%m.%y %H:%M"])
def test_two_digit_years_that_are_yet_to_come_are_of_the_century_before(written: str, tmp_path: Path) -> None:
    frame = bars(100, timedelta(days=1), datetime(1968, 10, 10, tzinfo=UTC))
    path = put(tmp_path, "X.csv", as_csv(frame, lambda moment: moment.strftime(written)))
    report = check(path)
    assert (report["first_stamp"], report["in_the_future"]) == ("1968-10-10T00:00:00Z", 0)
    assert "two digits" in str(report["notes"])


def test_symbols_that_only_capitals_tell_apart_are_named(tmp_path: Path) -> None:
    parts = [bars(9, seed=seed).with_columns(symbol=pl.lit(name)) for seed, name in enumerate(["aapl", "AAPL", "V"])]
    report = check(put(tmp_path, "X.csv", as_csv(pl.concat(parts))))
    assert "AAPL and aapl" in str(report["notes"])
    assert "capitals" not in str(check(put(tmp_path, "Y.csv", as_csv(pl.concat(parts[1:]))))["notes"])
