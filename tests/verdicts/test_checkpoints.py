"""What checkpoints free and need, of storages written out by hand."""

from cspbench.records.layers import Layer
from cspbench.records.memory_series import (
    Change,
    Changes,
    MemorySeries,
    ModuleInputs,
    ModuleMemory,
    SavedStorage,
    SavedTensors,
)
from cspbench.verdicts.checkpoints import Checkpoint, Saved, candidates

MODULES = ("", "a", "a.0", "b", "b.0", "head")

# What is saved, in bytes: 100 in a.0; 10 in a.0 that b takes; 200 in b.0; 20 in b.0 that the head
# takes and saves, too; 5 are the output. 7 that nobody saves are taken by the head.
STORAGES = (
    SavedStorage(size_bytes=100, savers=(2,)),
    SavedStorage(size_bytes=10, savers=(2,)),
    SavedStorage(size_bytes=200, savers=(4,)),
    SavedStorage(size_bytes=20, savers=(4, 5)),
    SavedStorage(size_bytes=7, savers=()),
    SavedStorage(size_bytes=5, savers=()),
)


def series(changed: Change = "") -> MemorySeries:
    inputs = {0: (), 1: (), 2: (), 3: (1,), 4: (1,), 5: (3, 4)}
    return MemorySeries(
        case="case",
        operators=("",),
        modules=MODULES,
        begins=(0,),
        steps=(0,),
        operator=(0,),
        module=(0,),
        changes={"weights": Changes(steps=(0,), bytes=(1,))},
        by_module=tuple(
            ModuleMemory(
                module=index,
                calls=1,
                output_bytes=0,
                freed_after=None,
                needed_bytes=0,
                working_bytes=0,
            )
            for index in range(len(MODULES))
        ),
        saved=SavedTensors(
            storages=STORAGES,
            inputs=tuple(
                ModuleInputs(module=module, storages=taken, changed=changed if module == 3 else "")
                for module, taken in inputs.items()
            ),
            held=(5,),
        ),
    )


LAYERS = tuple(
    Layer(path=path, type=kind, output_shape=None, params=0, macs=macs, calls=1)
    for path, kind, macs in (
        ("", "Net", 0),
        ("a", "Stage", 1),
        ("a.0", "Conv", 30),
        ("b", "Stage", 2),
        ("b.0", "Conv", 50),
        ("head", "Linear", 4),
    )
)


def of(*paths: str) -> Checkpoint:
    return Saved(series()).checkpoint(paths, "", 0)


def test_bytes_saved_belong_to_the_module_that_saved_them_first() -> None:
    """And to all that it is in; the head's are shared."""
    saved = Saved(series())
    assert saved.total_bytes == 100 + 10 + 200 + 20 + 5
    assert [saved.saved_bytes(path) for path in MODULES] == [330, 110, 110, 220, 220, 0]
    assert [saved.shared_bytes(path) for path in MODULES] == [0, 0, 0, 0, 0, 20]


def test_a_checkpoint_frees_what_is_saved_inside_alone() -> None:
    """Not what others save, and not what it takes."""
    assert of("a").freed_bytes == 110
    assert of("b").freed_bytes == 200
    assert of("a", "b").freed_bytes == 100 + 200
    assert of("").freed_bytes == 330


def test_a_checkpoint_keeps_an_input_that_nobody_saved() -> None:
    """So that it may keep more than it frees."""
    assert of("head").freed_bytes == -7


def test_what_runs_again_is_saved_once_more_while_the_rest_is_gone() -> None:
    """At b's turn everything is there; at a's turn what b saved is gone already.

    With both, 35 bytes are left after the forward pass; b's turn adds 200, a's turn 100 less the
    20 that are gone.
    """
    assert of("b").highest_bytes == 335
    assert of("a").highest_bytes == 225
    assert of("a", "b").highest_bytes == 35 + 200
    assert of("").highest_bytes == 335


def test_the_checkpoints_that_are_offered_are_the_best_at_their_price() -> None:
    """For 31 MACs, a leaves 225 bytes; a.0 leaves as few for 30, and b lowers nothing."""
    offered = candidates(series(), LAYERS)
    assert [(item.paths, item.highest_bytes, item.macs) for item in offered] == [
        (("a.0",), 225, 30)
    ]
    assert offered[0].type == "Conv"


def test_a_module_whose_input_is_overwritten_is_not_offered() -> None:
    """A list that changes is no hindrance."""
    assert not Saved(series("in_place")).can_checkpoint("b")
    assert Saved(series("list")).can_checkpoint("b")
    assert Saved(series("list")).changed_inputs == {"b": "list"}
