"""The doctor's checks on machines that are made up, good and bad, and on this one."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from factories import make_gpu, make_gpu_state
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cspbench.machine.health import CHECKS, busy_warning, findings, worst
from cspbench.records.base import Failure
from cspbench.records.diagnosis import Finding
from cspbench.records.machine import AvailableGpu, GpuState

CPU = "sys/devices/system/cpu"

GOOD = {
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-1\n",
    "proc/self/cgroup": "0::/user.slice/job\n",
    "proc/loadavg": "0.05 0.10 0.20 1/100 4321\n",
    "proc/meminfo": (
        "MemTotal: 16000000 kB\nMemAvailable: 12000000 kB\n"
        "SwapTotal: 2000000 kB\nSwapFree: 2000000 kB\n"
    ),
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx2\n",
    "proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\n",
    f"{CPU}/online": "0-3\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/intel_pstate/no_turbo": "1\n",
    f"{CPU}/cpu0/topology/thread_siblings_list": "0,2\n",
    f"{CPU}/cpu1/topology/thread_siblings_list": "1,3\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "sys/fs/cgroup/user.slice/job/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/job/memory.max": "max\n",
    "sys/class/power_supply/BAT0/status": "Charging\n",
}


def findings_by_name(
    root: Path,
    changes: Mapping[str, str | None] | None = None,
    *,
    threads: int = 2,
    gpus: Sequence[AvailableGpu] = (),
    variables: Mapping[str, str] | None = None,
) -> dict[str, Finding]:
    """The findings on the good machine with some files changed, or taken away."""
    for path, content in {**GOOD, **(changes or {})}.items():
        if content is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
    listed = list(findings(threads=threads, gpus=gpus, root=root, variables=variables or {}))
    return {finding.name: finding for finding in listed}


def test_a_machine_that_is_set_well_has_nothing_to_mend(tmp_path: Path) -> None:
    """Every check but that for a GPU finds something, and all of it is good."""
    by_name = findings_by_name(tmp_path)
    assert list(by_name) == [name for name in CHECKS if name != "GPU"]
    assert {finding.level for finding in by_name.values()} == {"good"}
    assert not any(finding.remedy for finding in by_name.values())
    assert worst(by_name.values()) == "good"


@pytest.mark.parametrize(
    ("name", "level", "changes", "text", "remedy"),
    [
        (
            "governor",
            "fair",
            {f"{CPU}/cpu1/cpufreq/scaling_governor": "powersave"},
            "performance, powersave",
            "cpupower frequency-set --governor performance",
        ),
        ("turbo", "fair", {f"{CPU}/intel_pstate/no_turbo": "0"}, "on", "echo 1 | sudo tee"),
        (
            "turbo",
            "fair",
            {f"{CPU}/intel_pstate/no_turbo": None, f"{CPU}/cpufreq/boost": "1"},
            "on",
            "echo 0 | sudo tee",
        ),
        ("load", "poor", {"proc/loadavg": "1.90 1 1 1/1 1"}, "1.90", "top"),
        ("load", "poor", {"proc/loadavg": "0.70 1 1 1/1 1"}, "0.70", "top"),
        (
            "threads",
            "fair",
            {f"{CPU}/cpu{core}/topology/thread_siblings_list": "0-1" for core in (0, 1)},
            "2 on 1 physical cores",
            "--threads 1",
        ),
        (
            "memory",
            "poor",
            {"proc/meminfo": GOOD["proc/meminfo"].replace("12000000", "1000000")},
            "976.56 MiB of 15.26 GiB",
            "top -o %MEM",
        ),
        (
            "memory",
            "fair",
            {"proc/meminfo": GOOD["proc/meminfo"].replace("Free: 2000000", "Free: 1000000")},
            "976.56 MiB swapped",
            "swapoff",
        ),
        (
            "CPU quota",
            "poor",
            {"sys/fs/cgroup/user.slice/job/cpu.max": "150000 100000"},
            "1.5 cores for 2 threads",
            "--threads 1",
        ),
        (
            "CPU quota",
            "poor",
            {"sys/fs/cgroup/user.slice/cpu.max": "100000 100000"},  # set by a parent
            "1 cores",
            "--cpus",
        ),
        (
            "CPU quota",
            "poor",
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/job\n1:name=systemd:/\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000",
            },
            "0.5 cores",
            "--cpus",
        ),
        (
            "memory limit",
            "fair",
            {"sys/fs/cgroup/user.slice/job/memory.max": str(1 << 30)},
            "1.00 GiB",
            "more memory",
        ),
        (
            "virtual machine",
            "fair",
            {
                "proc/cpuinfo": "flags\t: fpu hypervisor\n",
                "proc/stat": "cpu  100 0 100 700 0 0 0 100 0 0\n",
            },
            "10.00%",
            "hardware of your own",
        ),
        ("power", "poor", {"sys/class/power_supply/BAT0/status": "Discharging"}, "battery", "plug"),
        (
            "throttling",
            "fair",
            {f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "1234"},
            "1,234 times",
            "cooling",
        ),
    ],
)
def test_what_is_set_badly_is_graded_and_has_a_remedy(
    tmp_path: Path,
    name: str,
    level: str,
    changes: Mapping[str, str | None],
    text: str,
    remedy: str,
) -> None:
    """One change to the good machine changes one finding, with the figure that was read."""
    by_name = findings_by_name(tmp_path, changes)
    assert by_name[name].level == level
    assert text in by_name[name].text
    assert remedy in by_name[name].remedy
    assert [finding.name for finding in by_name.values() if finding.level != "good"] == [name]


def test_variables_that_change_what_is_measured_are_named(tmp_path: Path) -> None:
    """Those of OpenMP, oneDNN and the allocator; a thread count and others are not among them."""
    by_name = findings_by_name(
        tmp_path,
        variables={"GOMP_SPINCOUNT": "0", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "2", "A": ""},
    )
    assert by_name["environment"].level == "fair"
    assert by_name["environment"].text.startswith("GOMP_SPINCOUNT, MALLOC_ARENA_MAX may")


def test_an_allocator_that_cannot_be_pinned_is_found(tmp_path: Path) -> None:
    """A preloaded jemalloc takes malloc over."""
    by_name = findings_by_name(tmp_path, variables={"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"})
    assert (by_name["allocator"].level, by_name["allocator"].text) == (
        "poor",
        "jemalloc, which cannot be pinned",
    )


def test_what_cannot_be_read_is_said_and_lowers_no_grade(tmp_path: Path) -> None:
    """An empty root: no /proc and no /sys."""
    listed = list(findings(threads=2, root=tmp_path, variables={}))
    unknown = [finding for finding in listed if finding.level == "unknown"]
    assert len(unknown) >= 8
    assert all(finding.text for finding in unknown)
    assert worst(listed) == "good"
    assert worst([]) == "unknown"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.binary(max_size=40)))
def test_no_content_makes_a_check_raise(tmp_path: Path, garbage: dict[str, bytes]) -> None:
    """Whatever stands in those files."""
    findings_by_name(tmp_path)
    for path, content in garbage.items():
        (tmp_path / path).write_bytes(content)
    listed = list(findings(threads=2, root=tmp_path, variables={}))
    assert all(finding.text for finding in listed)


@pytest.mark.parametrize(
    ("gpus", "level", "text"),
    [
        ([make_gpu()], "good", "a GPU, 1,980 MHz, 41 °C, no other process, not throttled"),
        ([make_gpu(state=make_gpu_state(others=2))], "poor", "2 other processes"),
        ([make_gpu(state=make_gpu_state(limits=("heat",)))], "poor", "clocks held down by heat"),
        (
            [make_gpu(state=GpuState.unknown(Failure(reason="no library")))],
            "unknown",
            "a GPU: no library",
        ),
        ([make_gpu("x"), make_gpu("y", make_gpu_state(others=1))], "poor", "not throttled; y, "),
    ],
)
def test_a_gpus_state_is_judged_where_it_could_be_read(
    tmp_path: Path, gpus: list[AvailableGpu], level: str, text: str
) -> None:
    """The worst of several counts; a reading that is missing is passed over."""
    finding = findings_by_name(tmp_path, gpus=gpus)["GPU"]
    assert finding.level == level
    assert text in finding.text
    assert bool(finding.remedy) == (level == "poor")


def test_this_machine_has_findings() -> None:
    """The real /proc and /sys, whatever they say."""
    listed = list(findings(threads=1, variables=os.environ))
    assert {"load", "memory", "allocator"} <= {finding.name for finding in listed}
    assert next(finding for finding in listed if finding.name == "memory").level != "unknown"


@pytest.mark.parametrize(
    ("taken", "threads", "words"),
    [
        (0.5, 2, ""),
        (0.7, 1, "other processes use 0.7 of 2 cores: timings will be fair; wait until they end"),
        (
            1.2,
            2,
            "other processes use 1.2 of 2 cores: timings will be poor; wait, or use --threads 1",
        ),
        (1.9, 2, "other processes use 1.9 of 2 cores: timings will be poor; wait until they end"),
    ],
)
def test_a_busy_machine_is_graded_as_the_doctor_does(
    tmp_path: Path, taken: float, threads: int, words: str
) -> None:
    """One thread is offered only where it helps."""
    assert busy_warning(taken, cores=2, threads=threads) == words
    load = findings_by_name(tmp_path, {"proc/loadavg": f"{taken} 1 1 1/1 1"}, threads=threads)
    assert load["load"].level == (words.partition("will be ")[2].partition(";")[0] or "good")
