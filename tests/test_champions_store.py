"""The store of promoted bundles: an address names one content for good, whole or absent, whatever was killed.

What the log says was promoted is worth nothing if the bytes under its address can be others, or half.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from champion_worlds import planted_bundle
from gatewise.champions.store import Store, open_store
from gatewise.errors import BundleError, StorageError
from gatewise.files import write_json
from gatewise.manifest import MANIFEST, manifest_of


def planted(folder: Path, number: int = 0, num_bytes: int = 2000) -> Path:
    """A sealed folder that says it is a bundle; the store asks for no more."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(random.Random(number).randbytes(num_bytes))
    write_json(folder / "bundle.json", {"number": number})
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    write_json(folder / MANIFEST, manifest_of(hashes))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_put_is_given_back_byte_for_byte_from_where_its_manifest_hashes_to(
    store: Store, tmp_path: Path
) -> None:
    bundle = planted(tmp_path / "bundle")
    address = store.put(bundle)
    assert address == hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
    kept = store.bundle(address)
    assert kept == store.folder / address[:2] / address
    for file in bundle.iterdir():
        assert (kept / file.name).read_bytes() == file.read_bytes()
    assert not any(file.stat().st_mode & 0o222 for file in kept.iterdir())
    assert store.num_bytes(address) == sum(file.stat().st_size for file in bundle.iterdir())


def test_putting_twice_is_one_and_a_copy_that_was_damaged_is_replaced(store: Store, tmp_path: Path) -> None:
    bundle = planted(tmp_path / "bundle")
    address = store.put(bundle)
    before = (store.bundle(address) / MANIFEST).stat().st_ino
    assert store.put(bundle) == address
    assert (store.bundle(address) / MANIFEST).stat().st_ino == before
    damage(store, address, "model.safetensors")
    assert store.put(bundle) == address
    assert store.bundle(address)
    assert list(store.addresses()) == [address]


def damage(store: Store, address: str, name: str, at: int = 7) -> Path:
    path = store.folder / address[:2] / address / name
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["model.safetensors", "bundle.json", MANIFEST])
def test_a_flipped_byte_is_refused_and_the_file_named(store: Store, tmp_path: Path, name: str) -> None:
    address = store.put(planted(tmp_path / "bundle"))
    path = damage(store, address, name)
    with pytest.raises(BundleError, match=r"changed|damaged") as refused:
        store.bundle(address)
    assert str(path) in refused.value.message


def test_another_bundle_in_the_place_of_one_is_refused(store: Store, tmp_path: Path) -> None:
    """Whole in itself, so that its manifest alone would pass."""
    one, other = (store.put(planted(tmp_path / str(number), number)) for number in range(2))
    place, source = store.bundle(one), store.bundle(other)
    place.rename(tmp_path / "aside")
    source.rename(place)
    with pytest.raises(BundleError, match="not the address"):
        store.bundle(one)


@pytest.mark.parametrize("address", ["", "..", "ab", "f" * 64, "F" * 64])
def test_an_address_that_is_none_or_not_there_is_refused(store: Store, address: str) -> None:
    with pytest.raises(BundleError) as refused:
        store.bundle(address)
    assert refused.value.hint


def test_a_folder_that_is_no_bundle_or_a_damaged_one_is_not_taken(store: Store, tmp_path: Path) -> None:
    bundle = planted(tmp_path / "bundle")
    (bundle / "bundle.json").write_text("{}")
    with pytest.raises(BundleError, match=r"bundle\.json has changed"):
        store.put(bundle)
    (bundle / "bundle.json").unlink()
    write_json(
        bundle / MANIFEST,
        manifest_of({"model.safetensors": hashlib.sha256((bundle / "model.safetensors").read_bytes()).hexdigest()}),
    )
    with pytest.raises(BundleError, match="is no bundle"):
        store.put(bundle)
    assert not list(store.addresses())


def test_a_full_disk_leaves_nothing_under_the_address(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = planted(tmp_path / "bundle")
    write = Path.write_bytes

    def fill_up(path: Path, data: bytes) -> int:
        if path.name == MANIFEST:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, data)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", fill_up)
        with pytest.raises(StorageError, match="No space left") as refused:
            store.put(bundle)
    assert "GATEWISE_STORE" in str(refused.value.hint)
    assert not list(store.addresses())
    assert store.bundle(store.put(bundle))


def test_what_is_removed_is_gone_and_leftovers_of_the_killed_are_cleared(store: Store, tmp_path: Path) -> None:
    one, other = (store.put(planted(tmp_path / str(number), number)) for number in range(2))
    assert store.is_young(one)
    left = planted(store.folder / one[:2] / f".{one}.half")
    store.remove(one)
    store.clear_leftovers()
    assert list(store.addresses()) == [other]
    assert not left.exists()


_PUT_FOREVER = """
import itertools, pathlib, sys
from gatewise.champions.store import Store
store, bundles = Store(pathlib.Path(sys.argv[1])), sorted(pathlib.Path(sys.argv[2]).iterdir())
for bundle in itertools.cycle(bundles):
    print(store.put(bundle), flush=True)
"""


def test_what_is_gone_takes_no_room(store: Store, tmp_path: Path) -> None:
    """Two who prune at once list the same bundles."""
    address = store.put(planted_bundle(tmp_path / "one", 1))
    assert store.num_bytes(address) > 0
    store.remove(address)
    store.remove(address)
    assert store.num_bytes(address) == 0


def test_processes_that_put_the_same_at_once_and_are_killed_leave_whole_bundles_alone(
    store: Store, tmp_path: Path
) -> None:
    for number in range(6):
        planted(tmp_path / "bundles" / str(number), number, 200_000)
    command = [sys.executable, "-c", _PUT_FOREVER, str(store.folder), str(tmp_path / "bundles")]
    acknowledged = set()
    for seed in range(2):
        killed = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        assert killed[0].stdout is not None
        killed[0].stdout.readline()
        time.sleep(random.Random(seed).uniform(0.0, 0.05))
        for process in killed:
            process.kill()
        for process in killed:
            acknowledged |= {line for line in process.communicate()[0].splitlines() if len(line) == 64}
    assert acknowledged
    assert acknowledged <= set(store.addresses())
    for address in store.addresses():
        assert json.loads((store.bundle(address) / "bundle.json").read_bytes())["number"] in range(6)
    store.clear_leftovers()
    assert {path.name for path in store.folder.glob("??/*")} == set(store.addresses())


def test_it_lies_in_the_home_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    assert open_store().folder == tmp_path / "home" / "store"
    monkeypatch.setenv("GATEWISE_STORE", str(tmp_path / "elsewhere"))
    assert open_store().folder == tmp_path / "elsewhere"


def test_reading_it_loads_neither_mlflow_nor_torch(store: Store, tmp_path: Path) -> None:
    address = store.put(planted(tmp_path / "bundle"))
    code = (
        "import pathlib, sys; from gatewise.champions.store import Store; "
        f"Store(pathlib.Path({str(store.folder)!r})).bundle({address!r}); "
        "print({'mlflow', 'torch', 'polars', 'numpy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
