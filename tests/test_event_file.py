"""TensorBoard's event files, read back by TensorBoard's own reader.

A record with a wrong checksum is skipped without a word, and the page stays empty.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gatewise.errors import MissingExtraError, StorageError
from gatewise.training.event_file import EventFile, require_tensorboard


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def epoch(number: int) -> dict[str, float]:
    return {"train_loss": 1 / number, "val_loss": 2 / number, "learning_rate": 0.5**number, "seconds": 1.0}


def test_every_epochs_numbers_are_read_back_with_losses_in_one_group(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "tensorboard")
    for number in (1, 2, 3):
        file.on_epoch(number, epoch(number))
        file.on_step(number, 1, 2)
        file.on_message("nothing that is a number")
    found = scalars(tmp_path / "tensorboard")
    assert set(found) == {"loss/train", "loss/val", "learning_rate", "seconds"}
    assert found["loss/train"] == [(k, pytest.approx(1 / k)) for k in (1, 2, 3)]
    assert found["loss/val"] == [(k, pytest.approx(2 / k)) for k in (1, 2, 3)]
    assert found["learning_rate"] == [(k, pytest.approx(0.5**k)) for k in (1, 2, 3)]


def test_a_run_that_goes_on_shows_each_epoch_once_as_it_was_trained_last(tmp_path: Path) -> None:
    first = EventFile(tmp_path)
    for number in (1, 2, 3):
        first.on_epoch(number, epoch(number))
    resumed = EventFile(tmp_path)
    for number in (3, 4):
        resumed.on_epoch(number, {"train_loss": 10.0 + number})
    found = scalars(tmp_path)
    assert found["loss/train"] == [(1, 1.0), (2, 0.5), (3, 13.0), (4, 14.0)]
    assert [step for step, _ in found["loss/val"]] == [1, 2]


def test_a_run_begun_anew_in_its_folder_leaves_nothing_of_the_first_try(tmp_path: Path) -> None:
    EventFile(tmp_path).on_epoch(1, {"train_loss": 5.0})
    EventFile(tmp_path).on_epoch(1, {"train_loss": 6.0})
    assert scalars(tmp_path) == {"loss/train": [(1, 6.0)]}


def test_a_place_that_can_not_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(StorageError, match="tensorboard"):
        EventFile(tmp_path / "tensorboard").on_epoch(1, {"train_loss": 1.0})


def test_an_absent_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    require_tensorboard()
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(MissingExtraError) as caught:
        require_tensorboard()
    assert caught.value.hint == "pip install 'gatewise[tensorboard]'"


def test_writing_loads_neither_tensorflow_nor_torchs_writer(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gatewise.training.event_file import EventFile\n"
        f"EventFile(Path({str(tmp_path)!r})).on_epoch(1, {{'train_loss': 1.0}})\n"
        "assert not {'tensorflow', 'torch', 'torch.utils.tensorboard'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
