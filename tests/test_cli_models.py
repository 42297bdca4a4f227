"""`gatewise models`: the zoo, the presets and the memory account, for people and as JSON."""

from __future__ import annotations

import re

import pytest

from gatewise.config.load import model_preset
from gatewise.models.registry import MODELS


def test_the_list_holds_every_model(cli) -> None:
    rows = cli("models", "list", "--json").json["models"]
    assert [row["name"] for row in rows] == list(MODELS)
    assert all(row["summary"] and row["source"] for row in rows)
    said = cli("models", "list").out
    assert all(re.search(rf"^{name} .*{re.escape(MODELS[name].summary)}", said, re.MULTILINE) for name in MODELS)
    assert re.search(r"^attention \(predict --attention\): .*attentive_lstm", said, re.MULTILINE)
    assert "Hochreiter" in cli("models", "show", "lstm").out


@pytest.mark.parametrize("name", MODELS)
def test_show_gives_the_preset(cli, name) -> None:
    assert cli("models", "show", name, "--json").json["preset"] == model_preset(name)
    field = next(iter(model_preset(name)))
    assert f"{field}: {model_preset(name)[field]}" in cli("models", "show", name).out


SEED_003 = ("hidden_size=64", "head_hidden=64", "single_logit=true")


@pytest.mark.parametrize(
    ("more", "parts", "total"),
    [
        (("bidirectional=true",), {"rnn": 148_992, "head": 8_321}, 157_313),
        ((), {"rnn": 58_112, "head": 4_225}, 62_337),
    ],
)
def test_show_counts_seed_003s_printed_layers_and_the_smaller_ones_that_it_states(cli, more, parts, total) -> None:
    settings = [word for field in SEED_003 + more for word in ("--set", f"model.{field}")]
    weights = cli("models", "show", "lstm", "--features", 31, "--outputs", 2, *settings, "--json").json["weights"]
    assert weights == {"features": 31, "outputs": 2, "parts": parts, "total": total}
    words = cli("models", "show", "lstm", "--features", 31, "--outputs", 2, *settings).out
    assert f"{total:,}" in words
    assert "  hidden_size: 64\n" in words


def test_show_counts_within_a_frame_and_a_symbols_vector(cli) -> None:
    framed = ("--set", "model.revin=true", "--set", "model.channel_independent=true", "--set", "model.input_patch=4")
    settings = (*framed, "--set", "model.hidden_size=8", "--set", "model.num_layers=1")
    weights = cli("models", "show", "gru", "--features", 7, "--outputs", 21, *settings, "--json").json["weights"]
    assert weights["parts"] == {"level": 14, "model.rnn": 3 * 8 * (4 + 8 + 2), "model.head": 3 * 9}
    answer = cli("models", "show", "gru", "--features", 7, "--outputs", 20, *settings)
    assert (answer.code, "--outputs 21" in answer.err) == (2, True)
    symbols = cli("models", "show", "gru", "--set", "model.symbol_embedding=5", "--json").json["weights"]["parts"]
    assert [*symbols] == ["embedding", "model.rnn", "model.head"]


def test_show_counts_nothing_of_a_model_of_one_row(cli) -> None:
    assert cli("models", "show", "ridge", "--json").json["weights"] is None


def test_the_memory_account_of_the_training_guides_example_is_neither_the_guides_nor_its_formulas(cli) -> None:
    # Seed 000 says 3.8 GB for this shape, and its own formula gives 0.15 GB. Measured on a CPU: docs/performance.md.
    words = ("--batch-size", 512, "--seq-len", 60, "--features", 25, "--hidden-size", 256, "--num-layers", 2)
    account = cli("models", "memory", *words, "--json").json
    items = account["megabytes"]
    assert sum(value for name, value in items.items() if name != "total") == pytest.approx(items["total"], abs=1)
    assert 1.25 * 0.15 * 1024 < items["total"] < 3.8 * 1024 / 1.25  # with one thread; each more adds its own pieces
    assert "activations" in cli("models", "memory", *words).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--features", -3), "--features"),
        (("--rows", -5), "--rows"),
        (("--device", "tpu"), "valid: cpu, cuda"),
        (("--precision", "fp8"), "valid: bf16, fp16, fp32"),
        (("--fits", "eleven"), "like --fits 11GB"),
        (("--fits", "-3GB"), "like --fits 11GB"),
        (("--fits", "11GB", "--batch-size", 64), "leave out one of the two"),
        (("--fits", "1MB", "--device", "cpu"), "not one window fits 1MB"),
    ],
)
def test_an_account_of_what_can_not_be_is_refused(cli, words, said) -> None:
    answer = cli("models", "memory", *words)
    assert answer.code == 2
    assert said in answer.err


def test_the_batch_that_fits_a_card_is_told_with_its_account(cli) -> None:
    words = ("models", "memory", "--features", 25, "--fits")
    small, large, same = (cli(*words, size, "--json").json for size in ("4GB", "11GB", "11000000000 b"))
    assert same == large
    assert large["fits"] == {"bytes": 11 * 10**9, "batch_size": large["batch_size"]}
    assert small["batch_size"] < large["batch_size"]
    assert large["megabytes"]["total"] * 2**20 <= 11 * 10**9
    assert large["is_measured"] is False
    assert f"--batch-size {large['batch_size']} fits 11GB" in cli(*words, "11GB").out
    on_cpu = cli(*words, "11GB", "--device", "cpu", "--json").json
    assert on_cpu["fits"]["batch_size"] is None  # a batch runs in pieces
    assert cli(*words, "1MB").code == 2
    least = next(word for word in cli(*words, "1MB").err.split() if word.endswith("MB,"))[:-1]
    assert cli(*words, least).code == 0  # the hint can be followed


@pytest.mark.parametrize(
    "words",
    [("models", "list"), ("models", "show", "gru"), ("models", "memory", "--hidden-size", 4), ("config", "show")],
)
def test_commands_that_only_tell_take_json_and_quiet_too(cli, words) -> None:
    said = cli(*words, "--json", "--quiet")
    assert said.code == 0
    assert said.json == cli(*words, "--json").json
    assert said.err == ""


def test_an_auto_batch_size_is_measured_and_said(cli) -> None:
    from conftest import TINY

    said = cli("train", *TINY, "--auto-batch-size", "--max-epochs", 1)
    assert said.code == 0
    assert "Measured windows/s by batch size: 32: " in said.err
    assert "Initializing lstm: hidden_size=4" in said.err


def test_a_preset_says_how_many_columns_and_steps_a_model_has(cli) -> None:
    weights = cli("models", "show", "segrnn", "--preset", "etth1", "--set", "model.hidden_size=8", "--json").json[
        "weights"
    ]
    assert (weights["features"], weights["outputs"]) == (7, 7 * 96)
    assert weights["parts"]["model.channel"] == 7 * 4
    words = ("models", "memory", "segrnn", "--set", "model.hidden_size=32", "--batch-size", 64, "--json")
    together = cli(*words, "--features", 7, "--seq-len", 96).json["megabytes"]["activations"]
    assert cli(*words, "--preset", "etth1").json["megabytes"]["activations"] > 3 * together
