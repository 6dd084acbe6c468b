"""The fused form: outputs beside those of the module as it was, counts by hand, and what is left.

All norms have random statistics, weights and biases; outputs are compared in double precision, in
which a wrong fold stands out from rounding.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from independent_counts import count
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrizations

from cspbench.catalogue import ENTRIES, find
from cspbench.catalogue.entry import Entry, Value
from cspbench.catalogue.loading import resolve
from cspbench.measures.execution import trees
from cspbench.measures.execution.copying import copy_with
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.placement import place_on_meta
from cspbench.measures.forms.fused import fuse
from cspbench.records.deployment import Fusion


@pytest.fixture(scope="module", autouse=True)
def doubles_on_one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)


def trained(module: nn.Module) -> nn.Module:
    """``module`` with norms as after some training."""
    torch.manual_seed(1)
    for norm in module.modules():
        if isinstance(norm, _BatchNorm) and norm.running_mean is not None:
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 1.5)
            if norm.affine:
                nn.init.uniform_(norm.weight, 0.5, 1.5)
                nn.init.normal_(norm.bias, 0, 0.3)
    return module.double().eval()  # what was made before the default was set, too


def inputs(*shape: int) -> Callable[[str], Arguments]:
    return lambda device: Arguments((torch.randn(shape, device=device),), {})


def to(device: str) -> Callable[[Tensor], Tensor]:
    return lambda tensor: tensor.to(device)


def check(module: nn.Module, *shape: int, at_most: float = 1e-10) -> tuple[nn.Module, Fusion]:
    """Fuse ``module``; its outputs stay what they are, and a copy on meta is fused alike."""
    x = torch.randn(shape)
    on_meta = copy_with(trained(module), place_on_meta())
    with torch.no_grad():
        expected = module(x.clone())
        fused, fusion = fuse(module, inputs(*shape))
        actual = fused(x.clone())
    assert (actual - expected).abs().max() <= at_most * expected.abs().max()
    fused_on_meta, fusion_on_meta = fuse(on_meta, inputs(*shape))
    assert fusion_on_meta == fusion
    assert str(fused_on_meta) == str(fused)
    return fused, fusion


def left(module: nn.Module, *shape: int) -> dict[str, int]:
    """The norms of ``module`` that are left, by the reason, if none is folded."""
    fusion = check(module, *shape)[1]
    assert fusion.folded == 0
    return fusion.left


class Called(nn.Module):
    """The modules ``parts``, called as ``function`` of all modules and the input does."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def conv_and_norm(function: Callable[..., Any], **parts: nn.Module) -> Called:
    return Called(function, **{"conv": nn.Conv2d(3, 4, 3), "norm": nn.BatchNorm2d(4), **parts})


IN_ORDER = lambda m, x: m.norm(m.conv(x))  # noqa: E731


# The catalogue


def size_of(entry: Entry) -> int:
    """A height and width that is quick, and not one pixel at the end of a network."""
    return 32 if entry.input_shape[-1] > 100 else 8


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_every_entry_of_the_catalogue_computes_what_it_did(entry: Entry) -> None:
    """Whatever follows a convolution is folded; left are norms of pre-activation."""
    made = entry.inputs(entry.arguments()).resized(batch_size=None, img_size=size_of(entry))
    module = resolve(entry.build)(**dict(entry.fixed), **entry.arguments())
    given = tuple(torch.randn(tensor.shape) for tensor in made.tensors)
    with torch.no_grad():
        expected = trees.tensors(trained(module)(*given))
        norms = sum(isinstance(child, _BatchNorm) for child in module.modules())
        fused, fusion = fuse(module, lambda device: Arguments(given, {}).converted(to(device)))
        actual = trees.tensors(fused(*given))
    remaining = sum(isinstance(child, _BatchNorm) for child in fused.modules())
    for out, before in zip(actual, expected, strict=True):
        assert (out - before).abs().max() <= 1e-9 * before.abs().max()
    assert fusion.left.keys() <= {"does not follow a convolution"}
    assert sum(fusion.left.values()) == remaining
    assert fusion.folded or fusion.methods or remaining == norms


def test_dense_blocks_normalise_before_their_convolutions() -> None:
    """Of two norms in a layer, the first reads a concat, the second a 1x1 convolution."""
    module = resolve(find("dense").build)(**find("dense").arguments())
    norms = sum(isinstance(child, _BatchNorm) for child in module.modules())
    fusion = check(module, 1, 64, 8, 8)[1]
    assert fusion.folded + fusion.left["does not follow a convolution"] == norms
    assert fusion.folded < norms


C3 = 128 * 64 + 128 * 64 + 128 * 128  # enter, bypass, fuse
MERGED: list[tuple[str, dict[str, Value], int, int]] = [
    # entry, arguments, weights, biases of the convolutions that remain and learned scales
    ("rep_c3", {}, 2 * 128 * 128 + 3 * 128 * 128 * 9, 2 * 128 + 3 * 128),
    (
        "rep_c3",
        {"e": 0.5, "n": 2},
        128 * 64 + 2 * 64 * 64 * 9 + 128 * 64 + 64 * 128,
        64 + 2 * 64 + 64 + 128,
    ),
    ("rep_ncsp", {}, C3 + 3 * 2 * 64 * 64 * 9, 64 + 64 + 128 + 3 * (64 + 64)),
    (
        "rep_ncsp",  # the groups are those of the second 3x3
        {"n": 1, "groups": 2},
        C3 + 64 * 64 * 9 + 64 * 32 * 9,
        64 + (64 + 64) + 64 + 128,
    ),
    (
        "csp_res_stage",
        {"c1": 96, "c2": 32, "n": 2, "attention": False},
        96 * 32 + 2 * 2 * 32 * 32 * 9 + 96 * 32 + 64 * 32,
        32 + 2 * (32 + 32) + 32 + 32,
    ),
    (
        "rep_ncsp_elan4",
        {"n": 3},
        128 * 128
        + 2 * (64 * 32 + 3 * 2 * 32 * 32 * 9 + 64 * 32 + 64 * 64 + 64 * 64 * 9)
        + 256 * 128,
        128 + 2 * (32 + 3 * (32 + 32) + 32 + 64 + 64) + 128,
    ),
    (
        "c2fcib",  # depthwise 3x3, 1x1, depthwise 7x7, 1x1, depthwise 3x3
        {"lk": True},
        128 * 128 + 3 * (64 * 9 + 64 * 128 + 128 * 49 + 128 * 64 + 64 * 9) + 5 * 64 * 128,
        128 + 3 * (64 + 128 + 128 + 64 + 64) + 128,
    ),
    (
        "bep_c3",  # two pairs of 3x3s, and the learned scale of each
        {"n": 4},
        C3 + 2 * 2 * 64 * 64 * 9,
        64 + 2 * (2 * 64 + 1) + 64 + 128,
    ),
    (
        "mbla",  # branches of one and two residuals of three 3x3s
        {"n": 4},
        128 * 3 * 64 + 3 * 3 * 64 * 64 * 9 + (3 + 3) * 64 * 128,
        3 * 64 + 3 * (3 * 64 + 1) + 128,
    ),
    (
        "damo_csp_stage",
        {"n": 2},
        2 * 128 * 64 + 2 * 2 * 64 * 64 * 9 + (1 + 2) * 64 * 128,
        2 * 64 + 2 * (64 + 64) + 128,
    ),
    (
        "dfine_rep_ncsp_elan4",  # twice: two 1x1 to 64, a merged RepConv, then 3x3
        {},
        128 * 128 + 2 * (2 * 64 * 64 + 64 * 64 * 9 + 64 * 64 * 9) + 256 * 128,
        128 + 2 * (2 * 64 + 64 + 64) + 128,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "weights", "biases"), MERGED)
def test_merged_branches_cost_what_one_convolution_does(
    name: str, arguments: dict[str, Value], weights: int, biases: int
) -> None:
    entry = find(name)
    full = entry.arguments(arguments)
    shape = (1, int(full["c1"]), 32, 32)

    def build(**keywords: Any) -> nn.Module:
        module, fusion = fuse(resolve(entry.build)(**keywords), inputs(*shape))
        assert fusion.methods == ("RepConv.reparameterize",)
        assert not fusion.left
        return module

    parameters, macs, _ = count(build, shape, **dict(entry.fixed), **full)
    assert parameters == weights + biases
    assert macs == weights * 32 * 32


# Kinds of convolutions


@pytest.mark.parametrize(
    ("conv", "norm", "shape"),
    [
        (nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), (2, 4, 8)),
        (nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), (1, 4, 8, 8)),
        (nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (1, 4, 8, 8)),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(4), (1, 4, 8, 8)),
        (nn.Conv3d(4, 6, 2), nn.BatchNorm3d(6), (1, 4, 4, 4, 4)),
        (nn.ConvTranspose1d(4, 6, 3), nn.BatchNorm1d(6), (1, 4, 8)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2), nn.BatchNorm2d(6), (1, 4, 8, 8)),
        (nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), (1, 4, 8, 8)),
        (nn.ConvTranspose3d(4, 6, 2), nn.BatchNorm3d(6), (1, 4, 4, 4, 4)),
        (nn.Linear(4, 6), nn.BatchNorm1d(6), (3, 4)),
        (nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6, affine=False), (3, 4)),
        (nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False), (1, 4, 8, 8)),
        (nn.Conv2d(4, 6, 3), nn.SyncBatchNorm(6), (1, 4, 8, 8)),
        (nn.Conv2d(4, 1, 3), nn.BatchNorm2d(1), (1, 4, 8, 8)),
    ],
    ids=str,
)
def test_a_norm_goes_into_a_convolution_of_any_kind(
    conv: nn.Module, norm: nn.Module, shape: tuple[int, ...]
) -> None:
    fused, fusion = check(nn.Sequential(conv, norm), *shape)
    assert fusion == Fusion(folded=1)
    assert type(fused[1]) is nn.Identity  # type: ignore[index]


def test_weights_keep_their_type_and_whether_they_are_trained() -> None:
    module = trained(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))).bfloat16()
    module[0].requires_grad_(False)  # type: ignore[index]
    x = torch.ones(1, 3, 5, 5, dtype=torch.bfloat16)
    conv: Any = fuse(module, lambda device: Arguments((x.to(device),), {}))[0]
    for parameter in (conv[0].weight, conv[0].bias):
        assert parameter.dtype == torch.bfloat16
        assert not parameter.requires_grad


def test_a_module_in_training_is_fused_for_inference() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    assert fuse(module, inputs(1, 3, 8, 8))[1].folded == 1
    assert not module.training


def test_a_module_without_norms_is_not_called() -> None:
    module = Called(lambda m, x: pytest.fail("called"))
    assert fuse(module, inputs(1)) == (module, Fusion())


# What reads what


def test_views_and_dropout_between_the_two_do_not_matter() -> None:
    """Tokens of a fully connected layer, normalised by channel."""
    module = Called(
        lambda m, x: m.norm(m.drop(m.fc(x)).transpose(1, 2)),
        fc=nn.Linear(5, 6),
        drop=nn.Dropout(),
        norm=nn.BatchNorm1d(6),
    )
    assert check(module, 2, 6, 5)[1].folded == 1


def test_a_norm_over_another_dimension_is_left() -> None:
    """As many tokens as channels, so that the norm takes them."""
    module = Called(lambda m, x: m.norm(m.fc(x)), fc=nn.Linear(5, 6), norm=nn.BatchNorm1d(6))
    assert left(module, 2, 6, 5) == {"does not follow a convolution": 1}


def test_a_forward_that_branches_is_followed_where_it_goes() -> None:
    """Which torch.fx cannot trace."""
    module = conv_and_norm(
        lambda m, x: m.norm(m.conv(x)) if x.shape[-1] > 4 and len(x) == 1 else m.norm(x)
    )
    assert check(module, 1, 3, 8, 8)[1] == Fusion(folded=1)


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: torch.equal(x, x),
        lambda x: x.device.type != "meta",
        lambda x: bool((x.abs().sum() > 0).numpy()),  # fake tensors have no values either
    ],
    ids=["values", "device", "NumPy"],
)
def test_a_forward_that_needs_values_is_observed_on_them(
    condition: Callable[[Tensor], bool],
) -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        if not condition(x):
            raise RuntimeError("no values")
        out: Tensor = m.norm(m.conv(x))
        return out

    module = trained(conv_and_norm(forward))
    x = torch.randn(1, 3, 8, 8)
    expected = module(x)
    assert fuse(module, inputs(1, 3, 8, 8))[1] == Fusion(folded=1)
    torch.testing.assert_close(module(x), expected)


def test_what_a_forward_raises_goes_through() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        fuse(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), inputs(1, 5, 8, 8))


READ_ELSEWHERE = "its convolution is read elsewhere, too"


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda m, x: m.norm(y := m.conv(x)) + y, READ_ELSEWHERE),
        (lambda m, x: functional.pad((y := m.conv(x)), [1] * 4).sum() + m.norm(y), READ_ELSEWHERE),
        (lambda m, x: torch.cat([m.norm(y := m.conv(x)), y[:, :2]], 1), READ_ELSEWHERE),
        (lambda m, x: m.norm(y := m.conv(x)) + y.relu_(), READ_ELSEWHERE),
        (lambda m, x: m.norm(m.conv(x).relu()), "does not follow a convolution"),
        (lambda m, x: m.norm(m.conv(x).relu_()), "does not follow a convolution"),
        (lambda m, x: m.norm(m.conv(x).add_(1)), "does not follow a convolution"),
        (lambda m, x: m.norm(m.conv(x)[:, :, 1:]), "does not follow a convolution"),
        (lambda m, x: m.norm(m.conv(x).flip(1)), "does not follow a convolution"),
        (lambda m, x: m.norm(m.conv(x)) + m.conv(x), "its convolution is shared"),
        (lambda m, x: m.norm(m.conv(x)) + m.conv.weight.sum(), "its convolution is shared"),
        (lambda m, x: m.norm(m.norm(m.conv(x))), "is shared"),
        (lambda m, x: m.norm(m.conv(x)) * m.norm.weight.view(-1, 1, 1), "is shared"),
        (lambda m, x: m.conv(x), "never runs"),
    ],
)
def test_a_norm_that_is_not_the_only_reader_is_left(
    forward: Callable[..., Any], reason: str
) -> None:
    assert left(conv_and_norm(forward), 1, 3, 8, 8) == {reason: 1}


def test_a_convolution_whose_output_is_returned_is_left() -> None:
    module = trained(conv_and_norm(lambda m, x: (m.norm(y := m.conv(x)), {"features": y[:1]})))
    assert fuse(module, inputs(1, 3, 8, 8))[1].left == {READ_ELSEWHERE: 1}


def test_weights_that_two_convolutions_hold_are_left() -> None:
    twin = nn.Conv2d(3, 4, 3)
    module = conv_and_norm(lambda m, x: m.norm(m.conv(x)) + m.twin(x), twin=twin)
    module.conv.weight = twin.weight  # type: ignore[union-attr]
    assert left(module, 1, 3, 8, 8) == {"its convolution is shared": 1}


def test_of_two_norms_one_after_another_the_first_is_folded() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    assert check(module, 1, 3, 8, 8)[1] == Fusion(
        folded=1, left={"does not follow a convolution": 1}
    )


def test_a_norm_under_two_names_is_replaced_under_both() -> None:
    module = conv_and_norm(IN_ORDER)
    module.add_module("alias", module.norm)  # type: ignore[arg-type]
    fused = check(module, 1, 3, 8, 8)[0]
    assert fused.norm is fused.alias
    assert type(fused.norm) is nn.Identity


# What is more than a convolution, or a norm


def hooked(name: str) -> nn.Module:
    module = conv_and_norm(IN_ORDER)
    getattr(module, name).register_forward_hook(lambda m, x, y: y * 2)
    return module


class Rectified(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x)
        return out.relu()


class Standardised(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        out: Tensor = super()._conv_forward(x, weight - weight.mean(), bias)
        return out


class WithoutBias(nn.Conv2d):
    """It runs without the bias that a fold would give it."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (hooked("conv"), "has a hook, or its convolution has one"),
        (hooked("norm"), "has a hook, or its convolution has one"),
        (
            conv_and_norm(IN_ORDER, conv=parametrizations.weight_norm(nn.Conv2d(3, 4, 3))),
            "its convolution computes its weight",
        ),
        (
            conv_and_norm(IN_ORDER, norm=nn.BatchNorm2d(4, track_running_stats=False)),
            "has no running statistics",
        ),
        (
            conv_and_norm(IN_ORDER, conv=Rectified(3, 4, 3)),
            "its convolution does more than convolve",
        ),
        (
            conv_and_norm(IN_ORDER, conv=Standardised(3, 4, 3)),
            "its convolution does more than convolve",
        ),
        (
            conv_and_norm(IN_ORDER, conv=WithoutBias(3, 4, 3, bias=False)),
            "its convolution does more than convolve",
        ),
    ],
)
def test_what_a_fold_would_change_is_left(module: nn.Module, reason: str) -> None:
    assert left(module, 1, 3, 8, 8) == {reason: 1}


class SamePadded(nn.Conv2d):
    """It pads what it convolves, as convolutions from TensorFlow do."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, [0, 1, 0, 1]), self.weight, self.bias)


class NormAct(nn.BatchNorm2d):
    def __init__(self, channels: int, *, factor: float = 1.0) -> None:
        super().__init__(channels)
        self.drop = nn.Identity()
        self.act = nn.PReLU()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.drop(super().forward(x))) * self.factor
        return out


class Renamed(nn.BatchNorm2d):
    """A norm by another name."""


def test_a_convolution_with_a_forward_of_its_own_is_folded_if_a_trial_agrees() -> None:
    module = conv_and_norm(IN_ORDER, conv=SamePadded(3, 4, 3, bias=False))
    assert check(module, 1, 3, 8, 8)[1] == Fusion(folded=1)


def test_what_a_norm_does_besides_stays() -> None:
    module = conv_and_norm(IN_ORDER, norm=NormAct(4))
    fused, fusion = check(module, 1, 3, 8, 8)
    assert fusion == Fusion(folded=1)
    assert type(fused.norm) is nn.PReLU


def test_a_norm_that_does_more_than_its_children_is_left() -> None:
    module = conv_and_norm(IN_ORDER, norm=NormAct(4, factor=2))
    assert left(module, 1, 3, 8, 8) == {"does more than normalise": 1}


def test_a_norm_by_another_name_is_folded() -> None:
    assert check(conv_and_norm(IN_ORDER, norm=Renamed(4)), 1, 3, 8, 8)[1] == Fusion(folded=1)


def test_other_norms_are_neither_folded_nor_left() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4))
    assert check(module, 1, 3, 8, 8)[1] == Fusion()


# The model's own methods


class Doubled(nn.Module):
    """Twice a convolution, which its own method makes one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.calls = 0
        self.deploy = False  # a setting, as RepVGG has it

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out if self.calls else 2 * out

    def switch_to_deploy(self) -> None:
        self.calls += 1
        with torch.no_grad():
            self.conv.weight *= 2
            assert self.conv.bias is not None
            self.conv.bias *= 2


class Returned(Doubled):
    def fuse(self, verbose: bool = True) -> nn.Module:
        self.switch_to_deploy()
        return self.conv


class NeedsArguments(nn.Module):
    """Its methods merge tensors, and what is called ``deploy`` is a child."""

    def __init__(self) -> None:
        super().__init__()
        self.deploy = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), Doubled())

    def fuse(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(x, self.deploy(x))


class Raises(nn.Module):
    def reparameterize(self) -> None:
        raise ValueError("is merged already")


def test_a_method_that_changes_its_module_is_called_once() -> None:
    """Also where the module has two parents; the setting of that name is none."""
    shared = Doubled()
    module = nn.Sequential(nn.Sequential(shared), shared)
    fusion = check(module, 1, 3, 4, 4)[1]
    assert fusion == Fusion(methods=("Doubled.switch_to_deploy",))
    assert shared.calls == 1


def test_what_a_method_returns_takes_the_place_of_its_module() -> None:
    shared = Returned()
    fused, fusion = check(nn.Sequential(shared, nn.Sequential(shared)), 1, 3, 4, 4)
    assert fusion == Fusion(methods=("Returned.fuse",))
    assert fused[0] is fused[1][0] is shared.conv  # type: ignore[index]


def test_the_root_may_be_replaced() -> None:
    fused = check(Returned(), 1, 3, 4, 4)[0]
    assert type(fused) is nn.Conv2d
    assert not fused.training


class InTraining(nn.Module):
    """Its method leaves it in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out

    def fuse(self) -> "InTraining":
        return self.train()


def test_a_method_that_leaves_train_mode_on_changes_nothing() -> None:
    fused, fusion = check(InTraining(), 1, 3, 4, 4)
    assert (fusion.folded, fusion.left) == (1, {})
    assert not fused.training


class Outer(Doubled):
    """Its method merges ``first``, and leaves ``second``, as GhostNetV3 does its modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Doubled(), Doubled()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(super().forward(x)))
        return out

    def switch_to_deploy(self) -> None:
        super().switch_to_deploy()
        self.first.switch_to_deploy()


def test_methods_inside_are_called_unless_the_outer_one_did() -> None:
    module = Outer()
    fusion = check(module, 1, 3, 4, 4)[1]
    assert fusion.methods == ("Outer.switch_to_deploy", "Doubled.switch_to_deploy")
    assert (module.calls, module.first.calls, module.second.calls) == (1, 1, 1)


def test_a_method_that_needs_arguments_is_none() -> None:
    fusion = check(NeedsArguments(), 1, 3, 4, 4)[1]
    assert fusion == Fusion(methods=("Doubled.switch_to_deploy",), folded=1)


class Remade(nn.Module):
    """It makes a new convolution and gives it a weight, as models of timm do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out

    def reparameterize(self) -> None:
        weight = self.conv.weight.data
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        self.conv.weight.data = weight


def test_what_a_method_makes_is_on_the_device_of_the_module() -> None:
    assert check(Remade(), 1, 3, 4, 4)[1].methods == ("Remade.reparameterize",)


def test_what_a_method_raises_is_noted() -> None:
    with pytest.raises(ValueError, match="merged already") as raised:
        fuse(nn.Sequential(Raises()), inputs(1))
    assert raised.value.__notes__ == [
        "raised by Raises.reparameterize, which merges the module's branches"
    ]
