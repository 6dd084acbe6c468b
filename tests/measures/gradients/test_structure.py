"""The terms in each weight's update: the paper's equations by hand, and each kind of operator."""

import time
from collections.abc import Callable
from functools import partial

import one_conv_blocks
import pytest
import torch
from factories import WITH_ATTENTION
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from cspbench.blocks.yolo.chunked import C2
from cspbench.catalogue import figure3, find, necks, networks, yolo
from cspbench.catalogue.entry import Entry
from cspbench.machine.device import backend
from cspbench.measures.execution.subject import BuiltSubject
from cspbench.measures.gradients.structure import trace
from cspbench.plan.case import inputs_of, make_case
from cspbench.records.gradient_terms import Structure, Unfollowed, Used

X1, X2, X3 = (f"block.layers.{number}.conv" for number in range(3))
T, CSP_T, CSP_U = "transition.conv.conv", "transition_t.conv.conv", "transition_u.conv.conv"
BASE, PART_1, PART_2 = "input", "input[0:4]", "input[4:8]"


def traced(build: Callable[..., nn.Module]) -> Structure:
    """A design of three layers of growth 4 on a base of 8 channels."""
    return trace(build(channels=8, layers=3, growth=4), torch.empty(1, 8, 6, 6))


def reads(structure: Structure) -> dict[str, tuple[str, ...]]:
    return {weight.name: structure.span_names(weight.reads) for weight in structure.weights}


def of(module: nn.Module, *shape: int) -> dict[str, tuple[str, ...]]:
    return reads(trace(module, torch.empty(shape)))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            one_conv_blocks.Dense,
            {X1: (BASE,), X2: (BASE, X1), X3: (BASE, X1, X2), T: (BASE, X1, X2, X3)},
        ),
        (
            one_conv_blocks.CSP,
            {
                X1: (PART_2,),
                X2: (PART_2, X1),
                X3: (PART_2, X1, X2),
                CSP_T: (PART_2, X1, X2, X3),
                CSP_U: (PART_1, CSP_T),
            },
        ),
        (
            one_conv_blocks.FusionFirst,
            {
                X1: (PART_2,),
                X2: (PART_2, X1),
                X3: (PART_2, X1, X2),
                T: (BASE, X1, X2, X3),
            },
        ),
        (
            one_conv_blocks.FusionLast,
            {
                X1: (PART_2,),
                X2: (PART_2, X1),
                X3: (PART_2, X1, X2),
                T: (PART_2, X1, X2, X3),
            },
        ),
    ],
)
def test_each_weight_reads_the_terms_of_the_papers_equations(
    build: type[nn.Module], expected: dict[str, tuple[str, ...]]
) -> None:
    assert reads(traced(build)) == expected


@pytest.mark.parametrize(
    ("build", "sides", "shared"),
    [
        (one_conv_blocks.CSP, ((CSP_U,), (X1, X2, X3, CSP_T)), ()),
        (one_conv_blocks.FusionFirst, ((T,), (X1, X2, X3, T)), (PART_2, X1, X2, X3, PART_1)),
        (one_conv_blocks.FusionLast, ((), (X1, X2, X3, T)), ()),
    ],
)
def test_only_fusion_first_lets_the_two_sides_share_terms(
    build: type[nn.Module], sides: tuple[tuple[str, ...], ...], shared: tuple[str, ...]
) -> None:
    structure = traced(build)
    (split,) = structure.splits
    assert [part.channels for part in split.parts] == [4, 4]
    assert [structure.span_names(part.terms) for part in split.parts] == [(PART_1,), (PART_2,)]
    names = tuple(
        tuple(structure.weights[number].name for number in part.weights) for part in split.parts
    )
    assert names == sides
    # Both parts of the base are shared, so that they are written as one.
    shared_names = {BASE if name in {PART_1, PART_2} else name for name in shared}
    assert set(structure.span_names(split.shared)) == shared_names
    assert split.truncated is (not shared)
    assert split.module == build.__name__


def test_the_dense_block_splits_nothing() -> None:
    assert traced(one_conv_blocks.Dense).splits == ()


@pytest.mark.parametrize(
    ("channels", "layers", "growth", "expected"),
    [
        (64, 6, 32, 1056),  # CSPNet, section 3.1: the dense block
        (8, 3, 4, 48),  # reads 8 + 12 + 16, own 3 * 4
        (1, 1, 1, 2),
        (5, 2, 7, 31),  # reads 5 + 12, own 14
    ],
)
def test_a_dense_block_uses_as_many_terms_as_the_papers_sum(
    channels: int, layers: int, growth: int, expected: int
) -> None:
    block = one_conv_blocks.PlainBlock(channels, layers=layers, growth=growth)
    structure = trace(block, torch.empty(1, channels, 4, 4))
    assert structure.used_terms == expected
    assert structure.unique_terms == channels + layers * growth


def test_half_of_the_base_leaves_864_of_1056_terms_to_the_block() -> None:
    structure = trace(one_conv_blocks.SplitOnly(), torch.empty(1, 64, 4, 4))
    assert structure.used_terms == 864
    assert structure.unique_terms == 32 + 6 * 32


def test_a_term_is_used_by_its_own_weight_and_by_all_that_read_it() -> None:
    structure = traced(one_conv_blocks.Dense)
    assert {source.name: source.uses for source in structure.sources} == {
        BASE: (Used(start=0, stop=8, weights=4),),
        X1: (Used(start=0, stop=4, weights=4),),
        X2: (Used(start=0, stop=4, weights=3),),
        X3: (Used(start=0, stop=4, weights=2),),
        T: (Used(start=0, stop=10, weights=1),),
    }
    assert structure.reuse == (8 * 4 + 4 * 4 + 4 * 3 + 4 * 2 + 10) / 30


def test_channels_that_bypass_every_weight_are_used_by_none() -> None:
    structure = traced(one_conv_blocks.FusionLast)
    assert structure.sources[0].uses == (
        Used(start=0, stop=4, weights=0),
        Used(start=4, stop=8, weights=4),
    )
    assert structure.span_names(structure.output) == (PART_1, T)


@pytest.mark.parametrize(("shortcut", "truncated"), [(True, False), (False, True)])
def test_a_shortcut_carries_a_parts_terms_past_its_blocks(shortcut: bool, truncated: bool) -> None:
    structure = trace(C2(c1=8, c2=8, n=1, shortcut=shortcut), torch.empty(1, 8, 6, 6))
    assert [split.truncated for split in structure.splits] == [truncated]


class Wrapped(nn.Module):
    """Two convolutions of 4 channels, ``a`` and ``b``, and what a function makes of them."""

    def __init__(self, function: Callable[["Wrapped", Tensor], Tensor], inputs: int = 4) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 4, 3, padding=1)
        self.b = nn.Conv2d(inputs, 4, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def overwrites_half(m: Wrapped, x: Tensor) -> Tensor:
    filled = x.new_zeros(1, 6, 6, 6)
    filled[:, 1:5] = m.a(x)
    filled[:, :2].add_(x[:, 2:])
    out: Tensor = m.b(filled)
    return out


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (lambda m, x: m.b(m.a(x) + x), 4, ("input", "a")),
        (lambda m, x: m.b(m.a(x)[:, 1:3] * x[:, :2]), 2, ("input[0:2]", "a[1:3]")),
        (lambda m, x: m.b(x * m.a(x).mean((2, 3), keepdim=True).sigmoid()), 4, ("input", "a")),
        (lambda m, x: m.b(functional.pad(m.a(x), (1, 1, 0, 0, 0, 2))[:, 3:]), 3, ("a[3:4]",)),
        (lambda m, x: m.b(functional.pad(x, (1, 1))), 4, ("input",)),
        (lambda m, x: m.b(m.a(x)[:, ::2]), 2, ("a[0:1]", "a[2:3]")),
        (lambda m, x: m.b(functional.pixel_shuffle(m.a(x), 2)), 1, ("a",)),
        (lambda m, x: m.b(functional.pixel_unshuffle(x[:, 1:2], 2)), 4, ("input[1:2]",)),
        (
            lambda m, x: m.b(functional.channel_shuffle(x, 2)[:, :2]),
            2,
            ("input[0:1]", "input[2:3]"),
        ),
        (
            lambda m, x: m.b(x.view(1, 2, 2, 6, 6).transpose(1, 2).reshape(1, 4, 6, 6)[:, 2:]),
            2,
            ("input[1:2]", "input[3:4]"),
        ),
        (lambda m, x: m.b(torch.stack([x, m.a(x)], 1).sum(1)), 4, ("input", "a")),
        (lambda m, x: m.b(x.amax(1, keepdim=True)), 1, ("input",)),
        (lambda m, x: m.b(x.roll(1, 1)[:, :1]), 1, ("input[3:4]",)),
        (lambda m, x: m.b(functional.interpolate(x, scale_factor=2)[:, 1:]), 3, ("input[1:4]",)),
        (lambda m, x: m.b(functional.max_pool2d(x, 2).relu_()[:, :3]), 3, ("input[0:3]",)),
        (lambda m, x: m.b(functional.group_norm(x, 2)), 4, ("input",)),
        (lambda m, x: m.b(x.softmax(3)), 4, ("input",)),
        (lambda m, x: m.b(m.a(x) + x.zero_()), 4, ("a",)),
        (lambda m, x: m.b(torch.ones_like(x)), 4, ()),
        (
            lambda m, x: m.b(functional.glu(x, 1)[:, 1:]),
            1,
            ("input[1:2]", "input[3:4]"),
        ),
        (lambda m, x: m.b(x.unsqueeze(0).transpose_(0, 2)[3]), 1, ("input[3:4]",)),
        (lambda m, x: m.b(m.a(x).contiguous(memory_format=torch.channels_last)), 4, ("a",)),
        (overwrites_half, 6, ("input[2:4]", "a")),
        (
            lambda m, x: m.b(functional.conv2d(x, torch.ones(4, 1, 3, 3).to(x), groups=4)[:, :1]),
            1,
            ("input[0:1]",),
        ),
        (
            lambda m, x: m.b(functional.conv2d(x, torch.ones(2, 2, 1, 1).to(x), groups=2)[:, 1:]),
            1,
            ("input[2:4]",),
        ),
    ],
)
def test_terms_are_followed_per_channel_through(
    function: Callable[[Wrapped, Tensor], Tensor], inputs: int, expected: tuple[str, ...]
) -> None:
    structure = trace(Wrapped(function, inputs), torch.empty(1, 4, 6, 6))
    assert structure.unfollowed == ()
    assert reads(structure)["b"] == expected


def test_a_flattened_image_keeps_each_elements_channel() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 4 * 4, 5))
    structure = trace(module, torch.empty(2, 3, 6, 6))
    assert [(weight.name, weight.read, weight.own) for weight in structure.weights] == [
        ("0", 3, 2),
        ("2", 2, 5),
    ]


def test_tokens_have_their_channels_on_the_last_axis() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Conv2d(3, 8, 2, stride=2)
            self.norm = nn.LayerNorm(8)
            self.fc = nn.Linear(4, 6)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.norm(self.embed(x).flatten(2).transpose(1, 2))
            out: Tensor = self.fc(tokens[..., 4:])
            return out

    assert of(Tokens(), 2, 3, 8, 8) == {"embed": ("input",), "fc": ("embed[4:8]",)}


def test_a_layer_that_is_called_twice_has_two_sources() -> None:
    structure = trace(Wrapped(lambda m, x: m.a(m.a(x))), torch.empty(1, 4, 6, 6))
    assert [source.name for source in structure.sources] == ["input", "a", "a"]
    assert [structure.span_names(weight.reads) for weight in structure.weights] == [
        ("input",),
        ("a",),
    ]


def test_a_computed_weight_is_its_modules() -> None:
    module = nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 1)), nn.Conv2d(4, 2, 1))
    assert of(module, 1, 3, 4, 4) == {"0": ("input",), "1": ("0",)}


def test_a_layer_in_a_plain_list_is_named_by_the_module_that_calls_it() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Conv2d(3, 4, 1)]

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layers[0](x)
            return out

    assert of(nn.Sequential(Hidden()), 1, 3, 4, 4) == {"0": ("input",)}


def test_a_transposed_convolution_starts_a_source_of_its_outputs() -> None:
    structure = trace(nn.ConvTranspose2d(3, 5, 2, stride=2), torch.empty(1, 3, 4, 4))
    assert [(w.name, w.read, w.own) for w in structure.weights] == [("ConvTranspose2d", 3, 5)]


def test_attention_is_named_and_starts_a_new_source() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(8, 24)
            self.out = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.qkv(x).chunk(3, dim=-1)
            out: Tensor = self.out((q @ k.mT).softmax(-1) @ v)
            return out

    structure = trace(nn.Sequential(Attention()), torch.empty(2, 5, 8))
    assert structure.unfollowed == (
        Unfollowed(module="0", operator="bmm", calls=2),
        Unfollowed(module="0", operator="_softmax", calls=1),
    )
    assert reads(structure) == {"0.qkv": ("input",), "0.out": ("0:bmm",)}
    assert [part.channels for part in structure.splits[0].parts] == [8, 8, 8]


def test_weights_before_a_cut_are_on_no_side_of_it() -> None:
    def split_and_join(m: Wrapped, x: Tensor) -> Tensor:
        y = m.a(x) + x
        return torch.cat([y[:, :2], m.b(y[:, 2:])], 1)

    (split,) = trace(Wrapped(split_and_join, 2), torch.empty(1, 4, 6, 6)).splits
    assert [part.weights for part in split.parts] == [(), (1,)]


def test_a_crop_of_the_image_is_no_split() -> None:
    module = Wrapped(lambda m, x: m.b(x[:, :, 1:] + x[:, :, :-1]))
    assert trace(module, torch.empty(1, 4, 6, 6)).splits == ()


def test_the_users_module_stays_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trace(module, torch.randn(1, 3, 4, 4))
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not module[0]._forward_hooks


@pytest.mark.parametrize(
    "entry",
    [
        *figure3.ENTRIES,
        *yolo.ENTRIES,
        *necks.ENTRIES,
        *(pytest.param(entry, marks=pytest.mark.slow) for entry in networks.ENTRIES),
    ],
    ids=lambda entry: entry.name,
)
def test_every_entry_of_the_catalogue_is_followed_throughout(entry: Entry) -> None:
    """But for attention's own products, from which new sources start."""
    case = make_case(entry, {})
    shapes = inputs_of(case).only_shapes
    inputs = [torch.empty(shape, device="meta") for shape in shapes]
    structure = trace(BuiltSubject(case).meta(), *inputs)
    unfollowed = {step.operator for step in structure.unfollowed}
    assert unfollowed <= {"bmm", "_softmax", "_safe_softmax"}
    assert bool(unfollowed) == (entry.name in WITH_ATTENTION)
    read = [source.channels for source in structure.sources[: len(shapes)]]
    assert read == [shape[1] for shape in shapes]
    assert structure.used_terms == sum(
        (run.stop - run.start) * run.weights for source in structure.sources for run in source.uses
    )


@pytest.mark.parametrize(
    "entry",
    [
        entry
        for entry in (*figure3.ENTRIES, *yolo.ENTRIES)
        if entry.name not in WITH_ATTENTION  # where a term is read through what is not followed
    ],
    ids=lambda entry: entry.name,
)
def test_autograd_finds_the_same_terms_in_what_each_weight_reads(entry: Entry) -> None:
    """With every source cut off as a leaf, a term is read where its gradient is not zero."""
    case = make_case(entry, {"activation": "silu"}, img_size=8)  # which, unlike ReLU, is never 0
    leaves: list[Tensor] = []
    reads: list[tuple[str, set[tuple[int, int]]]] = []

    def look(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        (x,) = inputs
        gradients = torch.autograd.grad(
            x, leaves, torch.randn_like(x), retain_graph=True, allow_unused=True
        )
        read_sources = {
            (source, channel)
            for source, gradient in enumerate(gradients)
            if gradient is not None
            for channel in gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()
        }
        reads.append((name, read_sources))

    def restart(_: nn.Module, __: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1].clone()  # a leaf must not be changed in place

    with backend(device="cpu", threads=1, seed=0, precision="fp32"):
        module = BuiltSubject(case).real().eval()
        for name, child in module.named_modules():
            if isinstance(child, nn.Conv2d):
                child.register_forward_pre_hook(partial(look, name))
                child.register_forward_hook(restart)
        leaves.append(torch.randn(case.input_shape, requires_grad=True))
        module(leaves[0].clone())
    structure = trace(BuiltSubject(case).meta(), leaves[0])
    assert reads == [
        (
            weight.name,
            {(span.source, c) for span in weight.reads for c in range(span.start, span.stop)},
        )
        for weight in structure.weights
    ]


@pytest.mark.slow
def test_densenet201_takes_a_few_seconds() -> None:
    case = make_case(find("densenet201"), {})
    module = BuiltSubject(case).meta()
    began = time.process_time()
    structure = trace(module, torch.empty(case.input_shape, device="meta"))
    assert time.process_time() - began < 10
    assert len(structure.weights) == 201
