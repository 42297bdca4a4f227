"""The history of champions: what an edited entry, a second writer or a later version would do without a word.

Each promise is held on SQLite and on a real PostgreSQL: a chain that only SQLite keeps is no chain.
"""

import errno
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewise.champions import schema
from gatewise.champions.backup import backup
from gatewise.champions.entry import GENESIS, Draft
from gatewise.champions.log import Log, open_log
from gatewise.data.sql.connect import open_database
from gatewise.errors import ChampionChangedError, ConfigError, RegistryError, UnknownNameError


def address(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def draft(number: int, name: str = "btc", **values: object) -> Draft:
    return Draft(name=name, action="promote", bundle=address(number), **values)


def filled(log: Log, count: int = 4) -> Log:
    previous = None
    for number in range(count):
        previous = log.append(draft(number, gates={"passed": True, "value": 0.1 + number}), previous).bundle
    return log


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "sqlite":
        yield open_log(f"sqlite:///{tmp_path}/new/registry.db")
    else:
        yield open_log(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def on_disk(tmp_path: Path) -> Log:
    return filled(open_log(f"sqlite:///{tmp_path}/registry.db"))


def statement(log: Log, *statements: str) -> None:
    with open_database(log.url, write=True) as connection:
        for each in statements:
            connection.exec_driver_sql(each)


def test_entries_follow_one_another_and_say_who_is_champion(log: Log) -> None:
    assert (log.entries(), log.names(), log.champion("btc"), log.verify()) == ((), (), None, ())
    first = log.append(draft(1, reason='it\'s "the" first ☃', gates={"value": 0.1, "low": None}), None)
    other = log.append(draft(5, "eth"), None)
    second = log.append(draft(2, override="a hunch", run_id="3f2a"), address(1))
    assert log.entries() == (first, other, second)
    assert log.entries("btc") == (first, second)
    assert (first.prior, other.prior, second.prior) == (GENESIS, first.hash, other.hash)
    assert (first.previous, second.previous) == (None, address(1))
    assert log.champion("btc") == log.require_champion("btc") == second
    assert log.names() == ("btc", "eth")
    assert log.verify() == log.verify(second.hash) == log.verify(first.hash[:8]) == ()
    assert log.champion("btc", datetime.fromisoformat(first.utc)) == first
    assert log.champion("btc", datetime.fromisoformat(second.utc)) == second
    assert log.champion("btc", datetime(2020, 1, 1, tzinfo=UTC)) is None
    with pytest.raises(UnknownNameError, match="sol"):
        log.require_champion("sol")


def test_an_entry_is_written_only_over_the_champion_that_was_looked_at(log: Log) -> None:
    filled(log, 2)
    with pytest.raises(ChampionChangedError, match=f"its champion is {address(1)[:12]} .entry 2, promote by .*@"):
        log.append(draft(7), address(0))
    with pytest.raises(ChampionChangedError, match="without a champion any more"):
        log.append(draft(7), None)
    with pytest.raises(ChampionChangedError, match="has none"):
        log.append(draft(7, "eth"), address(0))
    assert len(log.entries()) == 2


def test_of_two_who_promote_at_once_one_wins(log: Log) -> None:
    filled(log, 1)
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def promote(number: int) -> None:
        barrier.wait()
        try:
            log.append(draft(number), address(0))
            outcomes.append("won")
        except ChampionChangedError:
            outcomes.append("told")

    threads = [threading.Thread(target=promote, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["told", "told", "told", "won"]
    assert len(log.entries()) == 2
    assert not log.verify()


def test_a_hash_is_the_one_of_the_content_that_anybody_can_compute(on_disk: Log) -> None:
    """SHA-256 by hand, over JSON with sorted keys and without blanks."""
    for entry in on_disk.entries():
        values = {name: value for name, value in entry.to_dict().items() if name != "hash"}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


def test_a_backups_lines_are_those_that_the_page_describes(on_disk: Log, tmp_path: Path) -> None:
    assert backup(on_disk, tmp_path / "registry.jsonl") == 4
    first, *lines = map(json.loads, (tmp_path / "registry.jsonl").read_text("ascii").splitlines())
    assert first == {"format": "gatewise-registry/1", "entries": 4, "head": lines[-1]["hash"]}
    prior = "0" * 64
    for number, line in enumerate(lines, 1):
        assert line.keys() == {"number", "name", "content", "hash"}
        content = json.loads(line["content"])
        assert (line["number"], content["number"], content["name"]) == (number, number, line["name"])
        assert line["content"] == json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert line["hash"] == hashlib.sha256(line["content"].encode("ascii")).hexdigest()
        assert content["prior"] == prior
        prior = line["hash"]


def _with_hash_of_its_own(number: int, **changed: str) -> Callable[[Log], None]:
    """Whoever edits an entry and computes its hash anew."""

    def tamper(log: Log) -> None:
        entry = log.entries()[number - 1].to_dict()
        values = {name: value for name, value in entry.items() if name != "hash"} | changed
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        hash_ = hashlib.sha256(text.encode()).hexdigest()
        statement(log, f"UPDATE {TABLE} SET content = '{text}', hash = '{hash_}' WHERE number = {number}")

    return tamper


def _run(*statements: str) -> Callable[[Log], None]:
    return lambda log: statement(log, *statements)


TABLE = "registry_entries"
SWAP = (
    f"UPDATE {TABLE} SET number = 99 WHERE number = 2",
    f"UPDATE {TABLE} SET number = 2 WHERE number = 3",
    f"UPDATE {TABLE} SET number = 3 WHERE number = 99",
)
INSERT = f"INSERT INTO {TABLE} SELECT 5, name, content, '{'0' * 64}' FROM {TABLE} WHERE number = 2"
FAULTS: dict[str, tuple[Callable[[Log], None], str]] = {
    "edited": (
        _run(f"UPDATE {TABLE} SET content = replace(content, 'promote', 'Promote') WHERE number = 2"),
        "entry 2 was edited",
    ),
    "edited hash": (_run(f"UPDATE {TABLE} SET hash = '{'ab' * 32}' WHERE number = 2"), "entry 2 was edited"),
    "edited with its hash": (_with_hash_of_its_own(2, bundle=address(9)), "entry 3 does not follow entry 2"),
    "the newest dated back": (_with_hash_of_its_own(4, utc="2001-01-01T00:00:00+00:00"), "entry 4 does not fit"),
    "the newest after another": (_with_hash_of_its_own(4, previous=address(9)), "entry 4 does not fit"),
    "renamed": (_run(f"UPDATE {TABLE} SET name = 'eth' WHERE number = 2"), "entry 2 of eth was moved"),
    "removed": (_run(f"DELETE FROM {TABLE} WHERE number = 2"), "entry 2 is missing"),
    "first two removed": (_run(f"DELETE FROM {TABLE} WHERE number < 3"), "entries 1 to 2 are missing"),
    "reordered": (_run(*SWAP), "entry 2 of btc was moved: it was written as entry 3"),
    "inserted": (_run(INSERT), "entry 5 was edited"),
    "inserted without a number": (
        _run(INSERT.replace("SELECT 5", "SELECT NULL")),
        "an entry of btc has the number None",
    ),
    "numbered in words": (_run(f"UPDATE {TABLE} SET number = 'two' WHERE number = 2"), "entry 2 is missing"),
    "of another type": (
        _run(f"UPDATE {TABLE} SET content = CAST(content AS BLOB) WHERE number = 2"),
        "entry 2 was edited",
    ),
    "a flipped byte": (
        _run(f"UPDATE {TABLE} SET content = CAST(x'fb' || substr(content, 2) AS TEXT) WHERE number = 2"),
        "entry 2 was edited",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whoever_edits_the_history_is_named(on_disk: Log, fault: str) -> None:
    tamper, words = FAULTS[fault]
    assert not on_disk.verify()
    tamper(on_disk)
    first, *_ = on_disk.verify()
    assert first.startswith(words)


def test_an_edited_entry_is_refused_by_whoever_reads_it(log: Log) -> None:
    filled(log, 3)
    statement(log, f"UPDATE {TABLE} SET content = replace(content, '{address(2)}', '{address(9)}') WHERE number = 3")
    for read in (log.entries, lambda: log.champion("btc"), lambda: log.append(draft(8), address(2))):
        with pytest.raises(RegistryError, match="entry 3 was edited"):
            read()
    assert log.verify() == ("entry 3 was edited since it was written: its SHA-256 differs",)


def test_one_fault_is_told_once(on_disk: Log) -> None:
    statement(on_disk, f"UPDATE {TABLE} SET content = '' WHERE number = 2")
    assert len(on_disk.verify()) == 1


def test_a_tail_that_was_cut_off_shows_beside_a_hash_that_was_noted(on_disk: Log) -> None:
    """The chain alone can't tell it from one that never went further."""
    noted = on_disk.entries()[-1].hash
    statement(on_disk, f"DELETE FROM {TABLE} WHERE number = 4")
    assert not on_disk.verify()
    assert on_disk.verify(noted) == (
        f"no entry has the hash {noted}: the chain was cut off before it, or written anew",
    )
    assert on_disk.verify("0a")


def test_time_in_the_history_never_goes_back(on_disk: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("gatewise.champions.log.datetime", SetBack)
    before = on_disk.entries()[-1]
    assert on_disk.append(draft(9), before.bundle).utc == before.utc


def test_the_tables_of_an_earlier_version_are_upgraded_and_those_of_a_later_one_refused(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(log, 2)
    entries = log.entries()
    later = (*schema.VERSIONS, ("ALTER TABLE registry_entries ADD COLUMN colour TEXT",))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSIONS", later)
        patch.setattr("gatewise.champions.database.VERSIONS", later)
        assert log.entries() == entries
        with open_database(log.url) as connection:
            assert connection.exec_driver_sql("SELECT version FROM registry_version").scalar() == 2
            connection.exec_driver_sql("SELECT colour FROM registry_entries")
        log.append(draft(3), address(1))
        assert not log.verify()
    for use in (log.entries, lambda: log.append(draft(4), address(3))):
        with pytest.raises(RegistryError, match="of version 2; this gatewise reads up to 1"):
            use()


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE registry_version SET version = 0",),
        ("UPDATE registry_version SET version = -1",),
        ("DELETE FROM registry_version",),
        ("INSERT INTO registry_version VALUES (1)",),
        ("DROP TABLE registry_version",),
    ],
)
def test_a_history_whose_version_was_edited_is_refused_and_not_taken_for_an_empty_one(
    log: Log, statements: tuple[str, ...]
) -> None:
    filled(log, 2)
    statement(log, *statements)
    for use in (log.entries, log.verify, log.names, lambda: log.append(draft(4), address(1))):
        with pytest.raises(RegistryError, match="the registry was edited"):
            use()


@pytest.mark.parametrize("name", ["", "a/b", "btc@champion", ".hidden", "-x", "a b", "ü", "x" * 65, "../up"])
def test_names_are_safe_everywhere(on_disk: Log, name: str) -> None:
    with pytest.raises(ConfigError, match="a champion's name"):
        on_disk.append(draft(1, name), None)


def test_followers_note_how_far_they_came(log: Log) -> None:
    assert log.followed("mlflow") == 0
    filled(log, 2)
    log.set_followed("mlflow", 1)
    log.set_followed("mlflow", 2)
    assert (log.followed("mlflow"), log.followed("other")) == (2, 0)


def test_a_registry_that_can_not_be_used_is_told_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, however long it is")
    with pytest.raises(RegistryError, match="is no SQLite database"):
        open_log(f"sqlite:///{tmp_path}/text.db").entries()
    unreachable = open_log("postgresql://me:s3cret@127.0.0.1:1/champions")
    for use in (unreachable.entries, lambda: unreachable.append(draft(1), None)):
        with pytest.raises(RegistryError) as raised:
            use()
        assert "s3cret" not in f"{raised.value.message} {raised.value.hint} {unreachable.place}"
        assert "GATEWISE_REGISTRY" in str(raised.value.hint)
    for text in ("mysql://me@host/x", "no url", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ConfigError):
            open_log(text)


def test_a_registry_in_whose_place_something_else_is_or_that_can_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RegistryError, match="must be a file; it is a folder"):
        open_log(f"sqlite:///{tmp_path}").entries()

    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    log = open_log(f"sqlite:///{tmp_path}/registry.db")
    monkeypatch.setattr(Path, "touch", refused)
    with pytest.raises(RegistryError, match="can't be written: Read-only file system"):
        log.append(draft(1), None)
    monkeypatch.setattr(Path, "is_dir", refused)
    with pytest.raises(RegistryError, match="can't be read: Read-only file system"):
        log.entries()


@pytest.mark.parametrize("words", [{"reason": "x\udcff"}, {"override": "\udcff"}, {"reason": "a\0b"}])
def test_words_that_are_no_text_are_refused_as_no_page_or_follower_could_take_them(
    on_disk: Log, words: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="must be text in UTF-8"):
        on_disk.append(draft(9, **words), address(3))
    assert len(on_disk.entries()) == 4
