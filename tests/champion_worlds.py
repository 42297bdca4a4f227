"""Planted bundles and champions: folders of a few bytes that take no training."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log
from gatewise.champions.store import Store
from gatewise.files import write_json
from gatewise.manifest import MANIFEST, manifest_of


def planted_bundle(folder: Path, number: int) -> Path:
    """A folder that the store takes for a bundle."""
    folder.mkdir(parents=True)
    write_json(folder / "bundle.json", {"number": number})
    (folder / "model.safetensors").write_bytes(bytes([number % 256]) * 64)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    write_json(folder / MANIFEST, manifest_of(hashes))
    return folder


def planted_champions(log: Log, store: Store, folder: Path, count: int, name: str = "btc") -> list[Entry]:
    """So many promotions one after another, without gates."""
    entries: list[Entry] = []
    for number in range(count):
        address = store.put(planted_bundle(folder / f"{name}-{number}", len(name) * 100 + number))
        draft = Draft(name=name, action="promote", bundle=address, run_id=f"{number:032x}", reason=f"number {number}")
        entries.append(log.append(draft, entries[-1].bundle if entries else None))
    return entries
