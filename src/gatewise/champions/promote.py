"""From a judged run to a champion: its bundle is checked, gates are asked, it is stored, then one entry is written.

Whatever ends this on the way leaves the champion that was: until the entry there is at most a stored bundle more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatewise.champions.change import Change, append
from gatewise.champions.entry import Draft, Entry, require_name
from gatewise.champions.log import Log, open_log
from gatewise.champions.named import find_model_run
from gatewise.champions.store import Store, known_at_utc, open_store, weights_hash
from gatewise.errors import ConfigError, RunNotFoundError
from gatewise.gates.checks import check
from gatewise.gates.gate import Gate
from gatewise.gates.read import default_gates
from gatewise.gates.results import GateResults
from gatewise.manifest import read_files
from gatewise.registry.folders import run_folder
from gatewise.registry.info import RunInfo
from gatewise.registry.listing import info_of

_BESIDE_CHAMPION = "gain_over_champion"


@dataclass(frozen=True)
class Candidate:
    """A run that may become a champion, and what its gates said.

    Attributes:
        bundle: its folder, every byte of which was checked; weights_hash: SHA-256 of its tensors.
        present: the champion that it was held beside; `None`: the name has none.
        gates: their results.
        alone: whether a gate on the champion could not be asked, as the champion's run is gone.
        known_at_utc: when the newest label that it learned from became known; `None`: it does not say.
    """

    name: str
    info: RunInfo
    bundle: Path
    weights_hash: str | None
    present: Entry | None
    gates: GateResults
    alone: bool = False
    known_at_utc: str | None = None

    def draft(self, address: str, reason: str, override: str | None) -> Draft:
        """The entry that makes it champion."""
        tags = self.info.tags
        return Draft(
            name=self.name,
            action="promote",
            bundle=address,
            reason=reason,
            run_id=self.info.run_id,
            weights_hash=self.weights_hash,
            config_hash=tags.get("gatewise.config_hash"),
            data_hash=tags.get("gatewise.data_fingerprint"),
            gates=self.gates.to_dict(),
            override=override,
            known_at_utc=self.known_at_utc,
        )


def candidate(
    run: str, name: str, gates: Sequence[Gate] | None = None, *, override: bool = False, log: Log | None = None
) -> Candidate:
    """Checks a run's bundle and asks its gates; nothing is written.

    Args:
        run: name or id of a run, or NAME@WORD: the run of a champion.
        gates: `None`: the default ones.
        override: goes on where the champion's run is gone, beside which a gate holds this one.

    Raises:
        ConfigError: no name for a champion; or that champion's run is gone. RunNotFoundError: no such run, or none that
            was judged. BundleError: its bundle is damaged.
    """
    require_name(name)
    log = log or open_log()
    info = info_of(find_model_run(run))
    bundle = info.folder / "bundle"
    if not bundle.is_dir():
        raise RunNotFoundError(f"run {info.run_id[:8]} has no bundle", f"gatewise runs show {info.run_id[:8]}")
    files = read_files(bundle)
    present = log.champion(name)
    asked = default_gates() if gates is None else gates
    beside = run_folder(present.run_id) if present and present.run_id else None
    is_gone = present is not None and not (beside and beside.is_dir())
    alone = is_gone and any(gate.metric == _BESIDE_CHAMPION for gate in asked)
    if alone and not override:
        raise ConfigError(
            f"the run of {name}'s champion is not in this home, so no gate can hold another beside it",
            f"promote where that run lies, or with gates of your own, without {_BESIDE_CHAMPION}",
        )
    results = check(info.folder, asked, champion=None if is_gone else beside)
    return Candidate(name, info, bundle, weights_hash(files), present, results, alone, known_at_utc(files))


def promote(
    judged: Candidate,
    *,
    reason: str = "",
    override: str | None = None,
    log: Log | None = None,
    store: Store | None = None,
) -> Change:
    """Makes a candidate the champion.

    Args:
        override: why, although a gate fails; kept in the entry with what failed. Not kept where all pass.

    Raises:
        GateError: a gate fails and nothing overrides it. ConfigError: it is the champion already, or an empty override.
        ChampionChangedError: another is the champion since the gates were asked.
        BundleError: its bundle was damaged meanwhile. StorageError: the store can't be written.
    """
    if override is not None and not override.strip():
        raise ConfigError("an override must say why, as it stays in the history; got nothing", None)
    if override is None:
        judged.gates.require()
    log, store = log or open_log(), store or open_store()
    address = store.put(judged.bundle)
    present = judged.present
    if present is not None and present.bundle == address:
        raise ConfigError(
            f"run {judged.info.run_id[:8]} is the champion of {judged.name} already, since entry {present.number}",
            f"gatewise registry champion {judged.name}",
        )
    kept = override if judged.alone or not judged.gates.passed else None
    return append(log, judged.draft(address, reason, kept), present)
