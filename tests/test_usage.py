"""What Typer refuses reads as what gatewise refuses: one line and a hint, exit code 2, one object with --json."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Cli

LINES = [
    ("train --hidden-sise 4", "unknown option --hidden-sise", "did you mean --hidden-size?"),
    ("train --hid 4", "unknown option --hid", "did you mean --hidden-size?"),
    ("train --min-delta 0.1", "unknown option --min-delta", "did you mean --set training.min_delta=…?"),
    ("cv --stop-after-epoch 3", "unknown option --stop-after-epoch", "--max-epochs 20 gives fewer"),
    ("tune --max-time 10m", "unknown option --max-time", "--timeout 30m"),
    ("train --nope", "unknown option --nope", "gatewise train --help"),
    ("train --hidden-size", "--hidden-size takes a value", "gatewise train --help"),
    ("train --hidden-size many", "--hidden-size must be a whole number; got 'many'", "gatewise train --help"),
    ("train --dropout much", "--dropout must be a number; got 'much'", "gatewise train --help"),
    ("cv --workers 0", "--workers must be at least 1; got '0'", "gatewise cv --help"),
    ("train --quiet=3", "--quiet takes no value", "gatewise train --help"),
    ("trian", "unknown command 'trian'", "did you mean train? valid: train, cv"),
    ("runs shwo", "unknown command 'shwo'", "did you mean show? valid: list, show"),
    ("train bars", "gatewise train takes no 'bars'", "gatewise train --help"),
    ("predict", "gatewise predict needs --model", "See gatewise predict --help"),
    ("data fetch", "gatewise data fetch needs FEED", "See gatewise data fetch --help"),
    ("runs show", "gatewise runs show needs ID", "See gatewise runs show --help"),
]


@pytest.mark.parametrize(("line", "message", "hint"), LINES, ids=[line for line, _, _ in LINES])
def test_a_line_that_can_not_be_is_refused_in_one_line_with_a_hint(
    cli: Cli, line: str, message: str, hint: str
) -> None:
    said = cli(*line.split())
    assert (said.code, said.out) == (2, "")
    first, second = said.err.splitlines()
    assert first == f"error: {message}"
    assert second.startswith("hint: ")
    assert hint in second


def test_a_file_that_no_flag_names_is_named_by_one(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "my bars.csv"
    file.touch()
    assert cli("train", file).err.endswith(f"hint: --data '{file}'\n")


def test_with_json_it_is_one_object(cli: Cli) -> None:
    said = cli("train", "--json", "--hidden-sise", 4)
    assert said.code == 2
    assert said.json["error"] == {
        "type": "UsageError",
        "message": "unknown option --hidden-sise",
        "hint": "did you mean --hidden-size? See gatewise train --help",
    }
    assert "\n" not in cli("runs", "--json").json["error"]["message"]
