"""The memory over a call against live sets written out by hand, and checkpoints that are made."""

import contextlib
from collections.abc import Sequence

import msgspec
import pytest
import torch
from checkpointing import best_checkpoints, checkpointed_series, live_after_forward
from factories import SETTINGS
from function_modules import FunctionModule, chain, keeps_five
from torch import Tensor, nn

import cspbench
from cspbench.catalogue import find
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.memory_series import memory_series
from cspbench.measures.registry import stages
from cspbench.measures.tensor_peak import tensor_peak
from cspbench.plan.case import MODES, Case, Mode, make_case
from cspbench.records.memory_series import MemorySeries, ModuleMemory
from cspbench.verdicts.checkpoints import Saved

MIB = 2**20


def series_of(
    module: nn.Module | str, shape: tuple[int, ...] | None = None, mode: Mode = "infer"
) -> MemorySeries:
    record = cspbench.profile(module, shape, measures=["memory_series"], mode=mode).memory_series
    assert record is not None
    return record


def modules_of(series: MemorySeries) -> dict[str, ModuleMemory]:
    return {series.modules[row.module]: row for row in series.by_module}


def built(name: str, mode: Mode = "train", shape: tuple[int, ...] | None = None) -> BuiltSubject:
    return BuiltSubject(make_case(find(name), {}, shape=shape, mode=mode))


def test_each_operator_of_a_chain_is_a_point() -> None:
    """4→8→16→2 channels on 10x10 of 400 bytes, a ReLU after each; an input goes as its user ends.

    The second point is the first ReLU's: 8 channels beside its input's 8.
    """
    points = series_of(chain(), (1, 4, 10, 10)).points
    assert [(point.number, point.operator, point.module) for point in points] == [
        (0, "", ""),
        (1, "convolution", "0"),
        (2, "relu", "1"),
        (3, "convolution", "2"),
        (4, "relu", "3"),
        (5, "convolution", "4"),
        (6, "relu", "5"),
        (6, "", ""),
    ]
    channels = [point.live.activations // 400 for point in points]
    assert channels == [0, 8, 8 + 8, 8 + 16, 16 + 16, 16 + 2, 2 + 2, 0]
    assert {point.phase for point in points} == {"forward"}
    assert {(point.live.weights, point.live.inputs) for point in points} == {(768, 1_600)}


def test_a_training_step_has_three_phases() -> None:
    """32 weights in 128 bytes: their momentum stands throughout, their gradient from its node on.

    The output of 8 channels of 400 bytes is live with the gradient of ones until the backward pass
    is over.
    """
    step = series_of(nn.Conv2d(4, 8, 1, bias=False), (1, 4, 10, 10), "train")
    points = step.points
    assert [point.phase for point in points] == sorted(
        (point.phase for point in points), key=["forward", "backward", "optimizer"].index
    )
    after_forward, optimizer = (points[begin].live for begin in step.begins[1:])
    assert (after_forward.activations, after_forward.gradients) == (3_200, 0)
    assert (optimizer.activations, optimizer.gradients) == (0, 128)
    assert {point.live.optimizer_state for point in points} == {128}
    assert step.peak.live.gradients == 3_200 + 128


def test_a_linear_layer_that_is_called_100_times_keeps_its_outputs_after_the_forward() -> None:
    """Weight 4 MiB and bias 4 KiB once, an input of 40 MiB, 100 outputs of 40 MiB.

    Momentum, as large as the weights, is there before the step.
    """

    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(1024, 1024)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(100):
                x = self.linear(x)
            return x

    step = series_of(Repeated(), (10_240, 1024), "train")
    assert step.after_forward is not None
    live = step.after_forward.live
    assert (live.total - live.optimizer_state) / MIB == 4_044.00390625
    assert live.activations == 100 * 40 * MIB
    assert (live.gradients, live.other) == (0, 0)
    assert modules_of(step)["linear"].calls == 100


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["dense", "csp", "c3", "csp_res_stage", "sppcspc", "elan", "c2fcib"]
)
def test_the_highest_point_is_the_tensor_peak(name: str, mode: Mode) -> None:
    """In all its parts, with its operator and module; `bench/` has all entries."""
    subject = built(name, mode)
    over_call, peak = memory_series(subject), tensor_peak(subject)
    assert over_call.peak_tensor_bytes == peak.peak_tensor_bytes
    assert over_call.peak.live == peak.split
    assert (over_call.peak.operator, over_call.peak.module) == (peak.operator, peak.module)
    assert over_call.points[0].live.total == peak.baseline_bytes


@pytest.mark.parametrize("mode", MODES)
def test_real_tensors_make_the_series_of_fake_ones(mode: Mode) -> None:
    """Operator by operator, and what is saved."""
    subject = built("csp", mode, (1, 64, 8, 8))
    assert memory_series(subject, "real") == memory_series(subject, "fake")


def test_a_module_is_said_what_its_output_keeps_and_what_it_works_with() -> None:
    """A channel of 10x10 has 400 bytes. The inner module makes 8, then 16, and returns 2.

    At its entry nothing is live but its input. It needs 8 + 16 channels at once, of which 22 are
    more than its output. The last convolution reads that output, and is the fourth operator.
    """
    inner = nn.Sequential(
        nn.Conv2d(4, 8, 1, bias=False),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.Conv2d(16, 2, 1, bias=False),
    )
    forward = series_of(
        nn.Sequential(inner, nn.Conv2d(2, 1, 1, bias=False)), (1, 4, 10, 10), "infer"
    )
    row = modules_of(forward)["0"]
    assert row.output_bytes == 2 * 400
    assert row.needed_bytes == (8 + 16) * 400
    assert row.working_bytes == 22 * 400
    assert row.freed_after == 4
    first = modules_of(forward)["0.0"]
    assert (first.output_bytes, first.working_bytes, first.freed_after) == (3_200, 0, 2)


def test_an_output_that_is_saved_is_kept_until_its_node_ran() -> None:
    """The second convolution saves the first one's output, which goes in the backward pass."""
    step = series_of(
        nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.Conv2d(8, 2, 1, bias=False)),
        (1, 4, 10, 10),
        "train",
    )
    first = modules_of(step)["0"]
    assert first.freed_after is not None
    _, backward, optimizer = (step.points[begin].number for begin in step.begins)
    assert backward < first.freed_after <= optimizer


def test_a_module_that_returns_what_it_was_given_keeps_nothing() -> None:
    """Nor does one that writes in place."""
    rows = modules_of(
        series_of(nn.Sequential(nn.Tanh(), nn.Identity(), nn.ReLU(inplace=True)), (1, 2, 5, 5))
    )
    kept = {path: (rows[path].output_bytes, rows[path].needed_bytes) for path in rows if path}
    assert kept == {"0": (200, 200), "1": (0, 0), "2": (0, 0)}


class Fallible(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.repeat(1, 100, 1, 1)
        raise KeyError(y.shape)


class Catches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fallible, self.tanh = Fallible(), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        with contextlib.suppress(KeyError):
            self.fallible(x)
        result: Tensor = self.tanh(x)
        return result


def test_a_module_that_raises_takes_no_part_in_what_others_need() -> None:
    """An input of 200 bytes: 100 times that within the one that raises, once in the other."""
    rows = modules_of(series_of(Catches(), (1, 2, 5, 5)))
    assert rows["tanh"].needed_bytes == 200
    assert rows[""].needed_bytes == 20_000
    assert "fallible" not in rows


def test_autograd_saves_a_storage_once_and_no_weight() -> None:
    """Tanh saves its output, which the convolution saves again as its input; it owns nothing."""
    step = series_of(
        nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.Tanh(), nn.Conv2d(8, 2, 1, bias=False)),
        (1, 4, 10, 10),
        "train",
    )
    saved = Saved(step)
    assert [saved.saved_bytes(path) for path in ("0", "1", "2", "")] == [0, 3_200, 0, 3_200]
    assert [saved.shared_bytes(path) for path in ("0", "1", "2", "")] == [0, 0, 3_200, 0]
    assert saved.total_bytes == 3_200 + 800  # and the output, which its caller holds


def test_what_a_function_of_the_users_saves_is_saved_by_its_module() -> None:
    """A channel of 10x10 has 400 bytes: five of them are saved."""
    step = series_of(
        nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), FunctionModule(keeps_five)),
        (1, 1, 10, 10),
        "train",
    )
    assert Saved(step).saved_bytes("1") == 2_000


@pytest.mark.parametrize(
    "name", ["dense", "csp_fusion_last", "c3", "csp_res_stage", "rep_ncsp_elan4"]
)
def test_what_is_saved_or_held_is_what_is_live_after_the_forward(name: str) -> None:
    """Nothing else is."""
    step = memory_series(built(name))
    assert step.after_forward is not None
    assert Saved(step).total_bytes == step.after_forward.live.activations


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dense", None),
        ("csp", None),
        ("c3", None),
        ("elan", None),
        ("csp_res_stage", None),
        ("resnet50", (1, 3, 64, 64)),
    ],
)
def test_a_checkpoint_frees_what_is_said(name: str, shape: tuple[int, ...] | None) -> None:
    """To the byte, live tensors after the forward pass with `torch.utils.checkpoint` and without.

    The peak of the step falls as what is saved does, but for gradients and temporaries.
    """
    subject = built(name, shape=shape)
    plain = memory_series(subject)
    saved = Saved(plain)
    offered = best_checkpoints(subject)
    assert offered
    for checkpoint in (*offered[:2], offered[-1]):
        with_checkpoint = checkpointed_series(subject, checkpoint.paths)
        freed = live_after_forward(plain) - live_after_forward(with_checkpoint)
        assert freed == checkpoint.freed_bytes > 0
        fall = plain.peak_tensor_bytes - with_checkpoint.peak_tensor_bytes
        assert 0 < fall <= saved.total_bytes - checkpoint.highest_bytes


def test_any_module_of_a_block_frees_what_is_said() -> None:
    """Also those that nobody would checkpoint, which may keep more than they free."""
    subject = built("csp", shape=(1, 64, 8, 8))
    plain = memory_series(subject)
    saved = Saved(plain)
    changed = (
        {plain.modules[i.module] for i in plain.saved.inputs if i.changed} if plain.saved else ""
    )
    for path in modules_of(plain):
        if path and path not in changed:
            freed = live_after_forward(plain) - live_after_forward(
                checkpointed_series(subject, [path])
            )
            assert (path, saved.checkpoint([path], "", 0).freed_bytes) == (path, freed)


class _InOrder(nn.Module):
    """Calls its layers with the list of all earlier results, as a dense block does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = FunctionModule(torch.cat), FunctionModule(torch.cat)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        results = [x.tanh()]
        results.append(self.first(results))
        results.append(self.second(tuple(results)))
        return torch.cat(results)


def changed_inputs(series: MemorySeries) -> dict[str, str]:
    assert series.saved is not None
    return {series.modules[item.module]: item.changed for item in series.saved.inputs}


class _WithWeight(nn.Module):
    def __init__(self, rest: nn.Module) -> None:
        super().__init__()
        self.first, self.rest = nn.Conv2d(2, 2, 1), rest

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.rest(self.first(x))
        return result


def test_inputs_that_change_after_the_call_are_said() -> None:
    """A list to which results are added, and values that the module itself overwrites."""
    rest = nn.Sequential(_InOrder(), nn.ReLU(inplace=True), nn.Tanh())
    changed = changed_inputs(series_of(_WithWeight(rest), (1, 2, 5, 5), "train"))
    assert {path: how for path, how in changed.items() if how} == {
        "rest.0.first": "list",
        "rest.1": "in_place",
    }


def test_what_a_checkpoint_inside_the_model_drops_is_not_saved() -> None:
    """Of two convolutions and what is between them, the input and the output are left."""
    subject = built("dense")
    (best, *_) = best_checkpoints(subject)
    step = checkpointed_series(subject, best.paths)
    plain = memory_series(subject)
    assert Saved(step).total_bytes == Saved(plain).total_bytes - best.freed_bytes
    assert [row.calls for row in step.by_module] == [row.calls for row in plain.by_module]


class ForbidsHooks(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
            return super().forward(x)


def test_a_model_that_forbids_hooks_has_a_series_all_the_same() -> None:
    """What is saved is then missing, with its reason."""
    step = series_of(ForbidsHooks(), (1, 2, 5, 5), "train")
    assert step.saved is None
    assert step.saved_failure is not None
    assert step.saved_failure.reason == "RuntimeError: no hooks here"
    assert len(step.begins) == 3


def test_nothing_is_saved_at_inference() -> None:
    """And there is no phase but the forward pass."""
    forward = series_of("csp", (1, 64, 8, 8))
    assert (forward.saved, forward.saved_failure, forward.after_forward) == (None, None, None)


def _stages(*cases: Case, by_module: bool) -> Sequence[str]:
    return stages("run", msgspec.structs.replace(SETTINGS, by_module=by_module), cases)


def test_it_is_taken_where_it_is_asked_for_of_modules_as_they_run() -> None:
    """Not of compiled forms, whose operators are others."""
    case = make_case(find("csp"), {})
    compiled = msgspec.structs.replace(case, form="compiled")
    assert "memory_series" in _stages(case, by_module=True)
    assert "memory_series" not in _stages(case, by_module=False)
    assert "memory_series" not in _stages(compiled, by_module=True)
