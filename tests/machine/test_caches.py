"""Capacities of caches, from a tree of files like the kernel's."""

from pathlib import Path

from cspbench.machine.caches import capacities

CPU = Path("sys/devices/system/cpu")


def add_cache(root: Path, core: int, index: int, **values: str) -> None:
    folder = root / CPU / f"cpu{core}" / "cache" / f"index{index}"
    folder.mkdir(parents=True)
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n", encoding="ascii")


def machine(root: Path) -> Path:
    """Two cores with caches of their own, and one that they share."""
    for core in (0, 1):
        own = str(core)
        add_cache(root, core, 0, type="Data", level="1", size="48K", shared_cpu_list=own)
        add_cache(root, core, 1, type="Instruction", level="1", size="32K", shared_cpu_list=own)
        add_cache(root, core, 2, type="Unified", level="2", size="2M", shared_cpu_list=own)
        add_cache(root, core, 3, type="Unified", level="3", size="8192K", shared_cpu_list="0-1")
    return root


def test_caches_of_data_count_once_each_for_as_many_threads_as_use_them(tmp_path: Path) -> None:
    """Instructions' do not count, and a shared one is one."""
    root = machine(tmp_path)
    assert capacities((0, 1), 2, root) == {"L1": 96 << 10, "L2": 4 << 20, "L3": 8 << 20}
    assert capacities((0, 1), 1, root) == {"L1": 48 << 10, "L2": 2 << 20, "L3": 8 << 20}
    assert capacities((1,), 1, root) == {"L1": 48 << 10, "L2": 2 << 20, "L3": 8 << 20}


def test_what_the_kernel_does_not_say_is_left_out(tmp_path: Path) -> None:
    """A size that is no number, a cache without a level, and a machine without any."""
    assert capacities((0,), 1, tmp_path) == {}
    add_cache(tmp_path, 0, 0, type="Data", level="1", size="much", shared_cpu_list="0")
    add_cache(tmp_path, 0, 1, type="Unified", size="2M", shared_cpu_list="0")
    add_cache(tmp_path, 0, 2, type="Unified", level="3", size="1G", shared_cpu_list="0")
    assert capacities((0,), 1, tmp_path) == {"L3": 1 << 30}
