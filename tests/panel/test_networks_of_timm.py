"""Networks of the catalogue compute what timm's models of that name do, with the same weights.

Weights, biases and statistics are random, and the outputs equal to double precision.
"""

import importlib.util
import os
from collections.abc import Iterator

import pytest
import torch
from panel_models import timm_model
from torch import Tensor, nn

from cspbench.blocks.crossstage import CrossStage
from cspbench.catalogue import find
from cspbench.catalogue.entry import Value
from cspbench.catalogue.loading import resolve

MISSING = [name for name in ("timm", "torchvision") if importlib.util.find_spec(name) is None]

# Entries whose leaky ReLU has darknet's slope by default.
SLOPE: dict[str, Value] = {"activation": "leaky_relu_0.01"}
NETWORKS: list[tuple[str, dict[str, Value]]] = [
    ("densenet121", {}),
    ("resnet50", {}),
    ("resnext50_32x4d", {}),
    ("cspresnet50", {}),
    ("cspresnet50d", {}),
    ("cspresnet50w", {}),
    ("cspresnext50", {}),
    ("darknet17", SLOPE),
    ("darknet21", SLOPE),
    ("darknet53", SLOPE),
    ("sedarknet21", {}),
    ("darknetaa53", {}),
    ("cspdarknet53", SLOPE),
    ("cs3darknet_s", {}),
    ("cs3darknet_focus_m", {}),
    ("cs3sedarknet_l", {}),
    ("cs3sedarknet_x", {}),
    ("cs3edgenet_x", {}),
    ("cs3se_edgenet_x", {}),
    ("ese_vovnet19b_dw", {}),
    ("ese_vovnet39b", {}),
]


@pytest.fixture(autouse=True)
def _libraries() -> None:
    """Skip, or fail where the environment says ``PANEL=required``, if a library is missing."""
    if MISSING:
        reason = f"{' and '.join(MISSING)} missing: make setup installs them"
        if os.environ.get("PANEL") == "required":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Spare the waking of threads, which takes longer than small images do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def ours(name: str, overrides: dict[str, Value]) -> nn.Module:
    entry = find(name)
    with torch.device("meta"):
        module: nn.Module = resolve(entry.build)(**dict(entry.fixed), **entry.arguments(overrides))
    return module.eval()


def theirs(name: str) -> nn.Module:
    with torch.device("meta"):
        return timm_model(name).eval()


def random_state(module: nn.Module) -> Iterator[Tensor]:
    """A tensor for each of the module's state, of a size that keeps the signal's through it."""
    for name, tensor in module.state_dict().items():
        shape = tensor.shape
        if len(shape) > 1:
            yield torch.randn(shape, dtype=torch.float64) * (2 / shape[1:].numel()) ** 0.5
        elif not tensor.is_floating_point():
            yield torch.zeros(shape, dtype=tensor.dtype)
        elif name.endswith(("bias", "running_mean")):
            yield torch.randn(shape, dtype=torch.float64) / 4
        else:  # the scales and variances of normalisation
            yield torch.rand(shape, dtype=torch.float64) + 0.5


def load(module: nn.Module, state: list[Tensor]) -> None:
    """Give ``module`` the tensors of ``state``, in the order of its own."""
    names = list(module.state_dict())
    module.load_state_dict(dict(zip(names, state, strict=True)), assign=True)


def exchange_halves(module: nn.Module) -> None:
    """Where a stage fuses first, timm's blocks take the first half and ours the other."""
    for stage in module.modules():
        if isinstance(stage, CrossStage) and isinstance(stage.leave, nn.Identity):
            half = stage.halves[0]
            for layer, dimension in ((stage.enter, 0), (stage.fuse.conv, 1)):
                state = layer.state_dict().items()
                rolled = {
                    key: tensor.roll(half, dimension) if tensor.dim() else tensor
                    for key, tensor in state
                }
                layer.load_state_dict(rolled, assign=True)  # timm's model has the same tensors


@pytest.mark.parametrize(("name", "overrides"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_a_network_computes_what_timms_does(name: str, overrides: dict[str, Value]) -> None:
    torch.manual_seed(0)
    mine, other = ours(name, overrides), theirs(name)
    state = list(random_state(other))
    load(mine, state)
    load(other, state)
    exchange_halves(mine)
    image = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        logits, expected = mine(image), other(image)
    assert 0.01 < expected.std() < 1e6  # neither vanished nor without bounds
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-10 * float(expected.std()))
