"""One process in a folder: who comes second is refused, whoever died is forgotten, who only reads is let in.

A fault here is silent: two processes that go on with one run write each other's checkpoints, and the run that comes of
it is neither's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import Cli
from gatewise.config.load import load_config
from gatewise.errors import ConfigError, StorageError
from gatewise.locks import only_process
from gatewise.registry.listing import list_runs
from gatewise.registry.train import train

SMALL = {
    "data.source": "sp500",
    "target.horizon": 3,
    "windows.sequence_length": 8,
    "features.sets": ("ohlcv",),
    "model.hidden_size": 4,
    "model.num_layers": 1,
    "evaluation.bootstrap_samples": 50,
    "training.batch_size": 256,
    "training.windows_per_epoch": 512,
    "training.max_epochs": 3,
}
HOLDER = """
import sys, time
from pathlib import Path
from gatewise.locks import only_process
with only_process(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_held_while_its_process_lives_and_free_once_it_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ConfigError, match="one process at a time may work on it"), only_process(tmp_path, "it"):
                pass
        finally:
            holder.kill()
    with only_process(tmp_path, "it"):
        pass


def test_a_folder_that_was_given_back_can_be_held_again_by_the_same_process(tmp_path: Path) -> None:
    for _ in range(2):
        with only_process(tmp_path / "new", "it"):
            pass


def test_a_folder_that_can_not_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="can't write"), only_process(tmp_path / "file" / "run", "it"):
        pass


def test_a_run_that_is_alive_can_be_read_and_not_resumed(cli: Cli, gatewise_home: Path) -> None:
    class Ear:
        """Tries to resume the run that it listens to."""

        refusals = 0

        def on_step(self, epoch: int, step: int, num_steps: int) -> None: ...

        def on_message(self, text: str) -> None: ...

        def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
            run_id = list_runs()[0].run_id
            with pytest.raises(ConfigError, match=f"one process at a time may work on run {run_id}"):
                train(resume=run_id)
            assert list_runs()[0].status == "RUNNING"
            self.refusals += 1

    ear = Ear()
    run_id, _ = train(load_config(overrides=SMALL), listeners=(ear,))
    assert ear.refusals == 3
    assert list_runs()[0].status == "FINISHED"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(gatewise_home / "runs" / run_id)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            refused = cli("train", "--resume", run_id, "-q")
            assert (refused.code, refused.out) == (2, "")
            assert "another does" in refused.err
        finally:
            holder.kill()
    assert cli("train", "--resume", run_id, "-q", "--json").json["run_id"] == run_id
