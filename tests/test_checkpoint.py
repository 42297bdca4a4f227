"""A checkpoint goes on from exactly what was written, or is refused: whole, and of the same config and data."""

from __future__ import annotations

import json
import resource
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from gatewise.errors import BundleError, StorageError
from gatewise.training.checkpoint import load_checkpoint, save_checkpoint


class State:
    """Tensors of every sort that a training state holds: halves, scalars, empty ones."""

    def __init__(self, size: int = 6) -> None:
        self.size = size

    def to_tensors(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors = {
            "weights": torch.arange(float(self.size)).reshape(2, -1),
            "half": torch.ones(3, dtype=torch.bfloat16),
            "step": torch.tensor(7.0),
            "none": torch.empty(0),
            "lone": torch.tensor(7).expand(1),  # of stride 0
        }
        return tensors, {"epoch": 3, "history": [{"loss": 0.1}]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "checkpoint.safetensors"
    save_checkpoint(path, State(), "key")
    return path.read_bytes()


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    assert load_checkpoint(path, "key") is None
    save_checkpoint(path, State(), "key")
    loaded = load_checkpoint(path, "key")
    assert loaded is not None
    tensors, values = State().to_tensors()
    assert loaded[1] == values
    assert loaded[0].keys() == tensors.keys() == load_file(path).keys()
    for name, value in tensors.items():
        assert loaded[0][name].dtype == value.dtype
        assert torch.equal(loaded[0][name], value)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_refused_or_changes_nothing(whole: bytes, place: float, flip: int) -> None:
    spoilt = bytearray(whole)
    spoilt[round(place * (len(spoilt) - 1))] ^= flip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        path.write_bytes(spoilt)
        try:
            loaded = load_checkpoint(path, "key")
        except BundleError:
            return
    # A blank that pads the header may become another blank: the content is then the same.
    tensors, values = State().to_tensors()
    assert loaded is not None
    assert loaded[1] == values
    assert loaded[0].keys() == tensors.keys()
    assert all(torch.equal(loaded[0][name], value) for name, value in tensors.items())


def test_every_flipped_byte_of_the_tensors_is_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    for place in range(8 + int.from_bytes(whole[:8], "little"), len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BundleError, match="has changed since it was written"):
            load_checkpoint(path, "key")


@pytest.mark.parametrize("header", [None, {"state": "{}", "key": "key"}, {"state": "{}", "key": "key", "seal": "0"}])
def test_a_file_without_its_seal_is_refused(tmp_path: Path, header: dict[str, str] | None) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file({"weights": torch.ones(2)}, path, metadata=header)
    with pytest.raises(BundleError, match=r"checkpoint\.safetensors") as caught:
        load_checkpoint(path, "key")
    assert caught.value.hint


def test_a_checkpoint_cut_short_and_one_of_another_run_are_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(whole)
    with pytest.raises(BundleError, match="another config or other data"):
        load_checkpoint(path, "another key")
    for size in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleError, match="damaged") as caught:
            load_checkpoint(path, "key")
        assert caught.value.hint


def test_a_disk_that_fills_while_writing_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, State(), "key")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel itself refuses to write on, as it does on a full disk; Python ignores the signal that comes with it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(StorageError, match="can't write") as caught:
            save_checkpoint(path, State(1 << 20), "key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [path]
    loaded = load_checkpoint(path, "key")
    assert loaded is not None
    assert json.dumps(loaded[1]) == json.dumps(State().to_tensors()[1])
