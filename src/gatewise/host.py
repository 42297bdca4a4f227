"""The machine under the process: memory that stays, threads that do not spin, CPUs that are really ours.

Cheap and standard library only, so that it can run before anything heavy is imported. `prepare` removes two costs. What
it sets is the whole process's, so only processes that are ours call it: the command line and the workers. A program
that imports gatewise may call it too, before torch is imported; nothing else in gatewise changes its process.

- glibc hands large freed blocks back to the kernel, so every training step faults its activations in anew; keeping them
  gave 1.3 to 2.2 times the speed on two cores (docs/performance.md).
- GNU OpenMP, which torch's CPU wheels use, spins for milliseconds at each barrier; beside one busy process a training
  loop fell to a thousandth. Sleeping after microseconds ends that. It has to be said in the environment before the
  library is loaded, and a user's own settings always win.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path

from gatewise.foreign import PACKAGES

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_MMAP_MAX = -4
# Blocks up to here stay in the heap; a step's largest is below, a table of this size may well go back to the kernel.
_LARGEST_KEPT_BYTES = 1 << 30

# Turns of the waiting loop before a thread sleeps; the library's own default is 300,000.
SPIN_COUNT = 1000
# A user who said any of these has decided about waiting.
_WAIT_SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_ours = False

_CPUS = Path("/sys/devices/system/cpu")


def prepare() -> None:
    """What a process of our own does first; `gatewise.host.prepare()` gives a program that imports gatewise the same.

    It concerns speed and quiet alone: `set_environment`, `keep_freed_memory`, no warnings of packages below us. Numbers
    are the same with it and without.
    """
    global _ours
    _ours = True
    set_environment()
    keep_freed_memory()
    warnings.filterwarnings("ignore", module=PACKAGES)


def process_seconds() -> float:
    """Since this process was started; to a hundredth of a second."""
    import psutil

    return max(0.0, time.time() - float(psutil.Process().create_time()))


def is_ours() -> bool:
    """Whether this process was prepared: what concerns all of it may be settled as gatewise likes it."""
    return _ours


def set_environment() -> bool:
    """Says how long OpenMP threads spin, unless the user has; true if it will be heard.

    OpenMP reads the variable once, when torch loads it: nothing is said when torch is loaded already. Processes that
    this one starts inherit it.
    """
    if "torch" in sys.modules or any(name in os.environ for name in _WAIT_SETTINGS):
        return False
    os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)
    return True


def keep_freed_memory() -> bool:
    """Tells glibc to keep freed memory for the next step; true if done, false where the C library is another.

    The process keeps its peak until it ends. Blocks above 1 GiB still go back, and so do blocks above 64 MB of threads
    other than the first, whose heaps end there; one heap for all threads would spare them but halves the speed of two.
    """
    if not _on_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    # Before 2.35 glibc refuses thresholds above 32 MB; forbidding mapped blocks altogether comes next to it.
    kept = mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES) or mallopt(_MMAP_MAX, 0)
    trimmed = mallopt(_TRIM_THRESHOLD, -1)
    return bool(kept and trimmed)


def choose_threads() -> tuple[int, str]:
    """How many threads may compute at once, and why, for the log.

    `OMP_NUM_THREADS` if set; else the cores that the process may run on (hyper-threads of one core count once), or the
    container's CPU quota, rounded up, where that is less. The load of the moment is not asked: it changes within an
    epoch, and threads that sleep while they wait share the machine without being told.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if setting.isdigit() and int(setting) > 0:
        return int(setting), f"OMP_NUM_THREADS={setting}"
    return machine_threads()


@cache
def machine_threads() -> tuple[int, str]:
    """`choose_threads` where the environment says nothing; read once a process, as every prediction asks."""
    cores = usable_cores()
    quota = cpu_quota()
    if quota is not None and quota < cores:
        return max(1, math.ceil(quota)), f"the container's quota is {quota:g} CPUs of {cores} cores"
    return cores, f"{cores} usable core{'s' if cores > 1 else ''}"


def usable_cores(topology: Path = _CPUS) -> int:
    """Physical cores among the CPUs that this process may run on."""
    if not hasattr(os, "sched_getaffinity"):  # macOS and Windows have no affinity to ask for
        return os.cpu_count() or 1
    cpus = os.sched_getaffinity(0)
    return len({_read(topology / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu) for cpu in cpus})


def cpu_quota(groups_file: Path = _OWN_CGROUPS, root: Path = _CGROUPS) -> float | None:
    """CPUs that the control groups above this process grant it, or `None` where they set no limit.

    Both generations are read: `cpu.max` of the unified tree, `cpu.cfs_quota_us` of the older one. The tightest counts.
    """
    quotas = [_group_quota(folder) for folder in _own_groups("cpu", groups_file, root)]
    return min((quota for quota in quotas if quota is not None), default=None)


def available_memory(
    meminfo: Path = Path("/proc/meminfo"), groups_file: Path = _OWN_CGROUPS, root: Path = _CGROUPS
) -> int | None:
    """Bytes that can be taken without swapping, within the container's limit; `None` where the system does not say."""
    lines = (_read(meminfo) or "").splitlines()
    amounts = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for folder in _own_groups("memory", groups_file, root):
        limit = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
        used = _read(folder / "memory.current") or _read(folder / "memory.usage_in_bytes")
        if limit is not None and used is not None and limit != "max":
            amounts.append(max(0, int(limit) - int(used)))
    return min(amounts, default=None)


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """Bytes of memory that this process has held at most, pages that it shares with others included.

    Linux keeps the figure in /proc, other POSIX systems in getrusage (which on Linux would tell of the parent too),
    Windows in counters that psutil reads. Where none of them is there it is what the process holds now.
    """
    for line in (_read(status) or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    try:
        resource = import_module("resource")
    except ImportError:
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def _group_quota(folder: Path) -> float | None:
    limit = _read(folder / "cpu.max")
    if limit is not None:
        quota, _, period = limit.partition(" ")
    else:
        quota = _read(folder / "cpu.cfs_quota_us") or "max"
        period = _read(folder / "cpu.cfs_period_us") or "100000"
    return None if quota in ("max", "-1") else int(quota) / int(period)


def _own_groups(controller: str, groups_file: Path, root: Path) -> list[Path]:
    """Folders of the process's control groups for `controller`, from its own up to the root of each tree.

    A container often sees its own group as the root, whatever path the kernel gives: the root is always among them.
    """
    folders = []
    for line in (_read(groups_file) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            trees = (root, root / "unified")
        elif controller in controllers.split(","):
            trees = (root / controller, root / controllers)
        else:
            continue
        for tree in trees:
            group = tree / path.lstrip("/")
            folders += [folder for folder in (group, *group.parents) if folder == tree or tree in folder.parents]
    return folders


def _on_glibc() -> bool:
    if not hasattr(os, "confstr"):  # Windows
        return False
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError):  # macOS, musl
        return False


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
