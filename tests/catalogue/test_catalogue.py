"""The catalogue: entries agree with their builders, train, and are found by name."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import torch
from factories import WITH_ATTENTION
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cspbench.blocks import layers
from cspbench.catalogue import ENTRIES, detectors, find, networks, parameters
from cspbench.catalogue.entries import join
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.loading import resolve
from cspbench.errors import CspbenchError

NETWORKS = [entry.name for entry in networks.ENTRIES]
DETECTORS = [entry.name for entry in detectors.ENTRIES]
BLOCKS = [name for name in ENTRIES if name not in {*NETWORKS, *DETECTORS}]
every_entry = pytest.mark.parametrize("name", ENTRIES)
every_block = pytest.mark.parametrize("name", BLOCKS)
TINY: dict[str, Value] = {
    "channels": 6, "layers": 2, "growth": 3, "bn_size": 2, "c1": 6, "c2": 8, "n": 2,
    "c3": 6, "c4": 4, "c5": 10, "mid": 4,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def without_onednn() -> Iterator[None]:
    """Spare the compilation of a kernel for every new shape, eight times what the tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)
        yield


def full(entry: Entry, overrides: Mapping[str, Value]) -> dict[str, Value]:
    """The arguments of ``entry`` with those of ``overrides`` that it has."""
    accepted = {parameter.name for parameter in entry.parameters}
    return entry.arguments({key: value for key, value in overrides.items() if key in accepted})


def build(entry: Entry, overrides: Mapping[str, Value]) -> nn.Module:
    """Build ``entry`` with those of ``overrides`` that it has."""
    arguments = full(entry, overrides)
    module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **arguments)
    return module


def tiny_inputs(entry: Entry, batch: int, height: int, width: int) -> list[Tensor]:
    """Inputs of ``entry`` with the arguments `TINY`; a pyramid's heights are multiples of 4."""
    if entry.levels:
        height = -(-height // 4) * 4
    tensors = entry.inputs(full(entry, TINY)).tensors
    return [
        torch.randn(batch, tensor.shape[1], height >> level, width >> level)
        for level, tensor in enumerate(tensors)
    ]


def outputs(module: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    """All outputs of ``module``."""
    out = module(*inputs)
    return list(out) if isinstance(out, tuple) else [out]


@pytest.mark.parametrize("name", [*BLOCKS, *NETWORKS])
def test_parameters_are_the_builders_signature(name: str) -> None:
    entry = ENTRIES[name]
    signature = inspect.signature(resolve(entry.build)).parameters
    assert dict(entry.fixed).keys() <= signature.keys()
    if name in BLOCKS:
        assert dict(entry.fixed) | entry.arguments() == {
            parameter.name: parameter.default for parameter in signature.values()
        }
    assert {type(parameter.default) for parameter in entry.parameters} <= {bool, int, float, str}
    assert [parameter.name for parameter in entry.parameters] == [
        parameter for parameter in signature if parameter not in dict(entry.fixed)
    ]


@every_entry
def test_defaults_lie_in_their_ranges(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.arguments(entry.arguments()) == entry.arguments()


@every_entry
def test_the_default_input_fits_the_default_module(name: str) -> None:
    """A block keeps batch, height and width; a network gives logits, a detector predictions."""
    entry = ENTRIES[name]
    shapes = entry.inputs(entry.arguments()).only_shapes
    with torch.device("meta"):
        outs = outputs(build(entry, {}).eval(), [torch.empty(shape) for shape in shapes])
    if name in NETWORKS:
        assert [out.shape for out in outs] == [(1, 1000)]
    elif name in DETECTORS:
        assert {out.shape for out in outs} == {(1, 4 + 80, 80 * 80 + 40 * 40 + 20 * 20)}
    else:
        assert [(out.shape[0], *out.shape[2:]) for out in outs] == [
            (shape[0], *shape[2:]) for shape in shapes
        ]


def test_the_words_of_the_catalogue_are_those_of_the_layers() -> None:
    assert tuple(layers.ACTIVATIONS) == parameters.ACTIVATIONS
    assert tuple(layers.POOLS) == parameters.POOLS


def check_training_step(name: str, **arguments: Value) -> None:
    torch.manual_seed(0)
    module = build(ENTRIES[name], TINY | arguments)
    inputs = [x.requires_grad_() for x in tiny_inputs(ENTRIES[name], 2, 4, 4)]
    outs = outputs(module, inputs)
    torch.autograd.backward(outs, [torch.randn_like(out) for out in outs])
    gradients = {key: tensor.grad for key, tensor in module.named_parameters()}
    gradients |= {f"input {place}": x.grad for place, x in enumerate(inputs)}
    assert [
        key for key, tensor in gradients.items() if tensor is None or not tensor.isfinite().all()
    ] == []


@pytest.mark.parametrize(
    "name",
    [name for name in BLOCKS if "activation" in ENTRIES[name].arguments()],
)
@pytest.mark.parametrize("activation", parameters.ACTIVATIONS)
def test_a_training_step_reaches_all_parameters_with_every_activation(
    name: str, activation: str
) -> None:
    check_training_step(name, activation=activation)


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.halves])
@pytest.mark.parametrize("pool", parameters.POOLS)
def test_a_training_step_reaches_all_parameters_with_every_pool(name: str, pool: str) -> None:
    check_training_step(name, pool=pool)


def test_a_training_step_reaches_all_parameters_of_a_block_without_activation() -> None:
    check_training_step("fpn")


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
    """The names of all operators that ran."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.names: list[str] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@every_block
def test_only_attention_has_a_softmax_and_every_convolution_is_registered(name: str) -> None:
    """A softmax inside attention is right; as the last of a block it would be a classifier's."""
    entry = ENTRIES[name]
    module = build(entry, TINY).eval()
    with torch.no_grad(), Operators() as operators:
        module(*tiny_inputs(entry, 1, 4, 4))
    attends = [item for item in operators.names if "softmax" in item or "attention" in item]
    assert bool(attends) == (name in WITH_ATTENTION)
    assert operators.names[-1] not in attends
    assert operators.names.count("convolution") == sum(
        isinstance(item, nn.Conv2d) for item in module.modules()
    )


@every_block
def test_a_module_is_saved_and_loaded_whole(name: str) -> None:
    first, second = build(ENTRIES[name], TINY).eval(), build(ENTRIES[name], TINY).eval()
    second.load_state_dict(first.state_dict())
    inputs = tiny_inputs(ENTRIES[name], 1, 4, 4)
    for out, expected in zip(outputs(second, inputs), outputs(first, inputs), strict=True):
        assert torch.equal(out, expected)


@every_block
def test_an_exported_program_computes_what_the_module_does(name: str) -> None:
    module, inputs = build(ENTRIES[name], TINY).eval(), tiny_inputs(ENTRIES[name], 1, 5, 4)
    program = torch.export.export(module, tuple(inputs), strict=False)
    torch.testing.assert_close(program.module()(*inputs), module(*inputs))


@every_block
def test_channels_last_changes_the_layout_and_not_the_result(name: str) -> None:
    module, inputs = build(ENTRIES[name], TINY).eval(), tiny_inputs(ENTRIES[name], 2, 5, 4)
    layout = torch.channels_last
    expected = outputs(module, inputs)
    module.to(memory_format=layout)  # type: ignore[call-overload]
    outs = outputs(module, [x.contiguous(memory_format=layout) for x in inputs])
    assert all(out.is_contiguous(memory_format=layout) for out in outs)
    torch.testing.assert_close(outs, expected, atol=1e-5, rtol=1e-5)


@every_block
def test_a_wrong_number_of_input_channels_is_named(name: str) -> None:
    """Of each input."""
    module, inputs = build(ENTRIES[name], TINY).eval(), tiny_inputs(ENTRIES[name], 1, 4, 4)
    for place, x in enumerate(inputs):
        channels = x.shape[1]
        wrong = [*inputs[:place], x[:, 1:], *inputs[place + 1 :]]
        message = rf"\b{channels} channels, (but )?got {channels - 1}\b"
        with pytest.raises((RuntimeError, ValueError), match=message):
            module(*wrong)


@every_entry
def test_an_entry_names_its_paper_or_project(name: str) -> None:
    assert "arXiv" in ENTRIES[name].source
    assert ENTRIES[name].description


def test_the_order_of_the_catalogue_is_that_of_the_reports() -> None:
    assert list(ENTRIES) == [
        "dense",
        "csp",
        "csp_fusion_first",
        "csp_fusion_last",
        "csp_split_only",
        "csp_both_transitions",
        "bottleneck_csp",
        "bottleneck_csp2",
        "c3",
        "c3k",
        "csplayer_depthwise",
        "c3x",
        "c3ghost",
        "c3tr",
        "c3f",
        "bep_c3",
        "damo_csp_stage",
        "rep_ncsp",
        "rep_c3",
        "c3ah",
        "sppcspc",
        "csp_sppf",
        "sppf",
        "spp_elan",
        "cspnext",
        "csp_res_stage",
        "c2",
        "c2f",
        "c3k2",
        "c2fcib",
        "psa",
        "c2psa",
        "c2fpsa",
        "a2c2f",
        "dsc3k2",
        "mbla",
        "elan",
        "e_elan",
        "elan1",
        "rep_ncsp_elan4",
        "dfine_rep_ncsp_elan4",
        "hg_block",
        "fpn",
        "pan",
        "bifpn",
        *NETWORKS,
        *DETECTORS,
    ]


def test_an_entry_is_found_by_its_name() -> None:
    assert find("dense") is ENTRIES["dense"]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(CspbenchError) as error:
        find("csp_fusion_lst")
    assert str(error.value) == (
        "no catalogue entry 'csp_fusion_lst'; nearest: 'csp_fusion_last', 'csp_fusion_first' "
        "(python -m cspbench list shows all)"
    )


def test_a_repeated_name_is_refused() -> None:
    entry = ENTRIES["dense"]
    message = "two catalogue entries are named 'dense'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        join([entry], [ENTRIES["csp"], entry])


def test_the_catalogue_needs_no_torch() -> None:
    code = "import sys, cspbench.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
