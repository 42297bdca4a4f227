"""The host's settings: what they read, that a user's own win, and that they take effect where they should.

A wrong one is silent: training still works, at a half or a thousandth of its speed.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise import host

GLIBC = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc") if hasattr(os, "confstr") else False
SPIN = "GOMP_SPINCOUNT"


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean | environment
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("prepared", "changed"), [("pass", {}), ("gatewise.host.prepare()", {SPIN: str(host.SPIN_COUNT)})]
)
def test_spinning_is_bounded_where_a_process_is_prepared_and_importing_alone_changes_nothing(prepared, changed) -> None:
    code = (
        f"import os, json; before = dict(os.environ); import gatewise, gatewise.host; {prepared};"
        "print(json.dumps({k: v for k, v in os.environ.items() if before.get(k) != v}))"
    )
    assert json.loads(run(code)) == changed


@pytest.mark.parametrize("setting", [{"OMP_WAIT_POLICY": "ACTIVE"}, {SPIN: "77"}], ids=str)
def test_a_user_s_own_waiting_policy_wins(setting: dict[str, str]) -> None:
    code = f"import os, gatewise.host; gatewise.host.prepare(); print(os.environ.get({SPIN!r}))"
    assert run(code, **setting) == setting.get(SPIN, "None")


def test_nothing_is_said_where_torch_would_no_longer_hear_it() -> None:
    code = (
        "import sys, os; sys.modules['torch'] = None; import gatewise.host; gatewise.host.prepare();"
        f"print(os.environ.get({SPIN!r}))"
    )
    assert run(code) == "None"


def test_preparing_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; from gatewise import host; host.prepare(); host.choose_threads();"
        "print({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'gatewise', '__main__'})"
    )
    loaded = run(code)
    assert not {"torch", "numpy", "polars"} & set(loaded.replace("'", " ").split())


@pytest.mark.skipif(not GLIBC, reason="only glibc has mallopt")
def test_freed_memory_stays_with_the_process() -> None:
    code = """
import ctypes, gatewise.host, pathlib
def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
assert gatewise.host.keep_freed_memory()
size, before = 100_000_000, resident()
block = libc.malloc(size); ctypes.memset(block, 1, size); libc.free(block)
print(resident() - before > 0.9 * size)
"""
    assert run(code) == "True"


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> str:
        raise ValueError("unrecognized configuration name")  # as musl answers

    monkeypatch.setattr(os, "confstr", refuse)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("touched the C library"))
    assert host.keep_freed_memory() is False


def control_groups(root: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A tree of control groups: (file that names the process's own, root)."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (root / "own").write_text(own + "\n")
    return root / "own", root


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/", {}, None),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/a/b", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "400000 100000"}, 0.5),
        ("0::/docker/1234", {"cpu.max": "200000 100000"}, 2.0),
        ("3:cpu,cpuacct:/pod\n0::/", {"cpu,cpuacct/pod/cpu.cfs_quota_us": "30000"}, 0.3),
        ("3:cpu:/pod", {"cpu/pod/cpu.cfs_quota_us": "-1", "cpu/pod/cpu.cfs_period_us": "100000"}, None),
        ("3:cpu:/p", {"cpu/p/cpu.cfs_quota_us": "100000", "cpu/p/cpu.cfs_period_us": "50000"}, 2.0),
        ("4:cpuset:/x", {"cpuset/x/cpu.cfs_quota_us": "100000"}, None),
    ],
)
def test_the_tightest_cpu_quota_on_the_way_to_the_root_counts(
    tmp_path: Path, own: str, files: dict[str, str], quota: float | None
) -> None:
    assert host.cpu_quota(*control_groups(tmp_path, own, files)) == quota


def test_available_memory_is_the_lesser_of_the_machine_s_and_the_container_s(tmp_path: Path) -> None:
    own, root = control_groups(tmp_path, "0::/pod", {"pod/memory.max": "3000000", "pod/memory.current": "1000000"})
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert host.available_memory(meminfo, own, root) == 2_000_000
    (tmp_path / "pod" / "memory.max").write_text("max\n")
    assert host.available_memory(meminfo, own, root) == 8000 * 1024
    assert host.available_memory(tmp_path / "absent", tmp_path / "absent", root) is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_hyper_threads_of_one_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4})
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    assert host.usable_cores(tmp_path) == 3  # the fifth says nothing of its siblings


@given(cores=st.integers(1, 64), quota=st.one_of(st.none(), st.floats(0.1, 64)))
def test_threads_never_exceed_cores_and_a_quota_is_rounded_up(cores: int, quota: float | None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)
        patch.setattr(host, "usable_cores", lambda: cores)
        patch.setattr(host, "cpu_quota", lambda: quota)
        patch.setattr(host, "machine_threads", host.machine_threads.__wrapped__)
        threads, reason = host.choose_threads()
    assert 1 <= threads <= cores
    assert quota is None or threads >= min(quota, cores)
    assert "quota" in reason if quota is not None and quota < cores else "core" in reason


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("3,2", 3), ("1", 1)])
def test_omp_num_threads_wins(monkeypatch: pytest.MonkeyPatch, said: str, threads: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    assert host.choose_threads()[0] == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "a lot")
    assert host.choose_threads()[0] <= 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_bound_to_one_cpu_takes_one_thread() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from gatewise import host; print(host.choose_threads()[0])"
    )
    assert run(code) == "1"
