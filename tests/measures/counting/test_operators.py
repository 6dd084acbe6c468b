"""Which products are layers', and which attention's: by where their factors come from."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from function_modules import FunctionModule
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional
from torch.nn.utils import parametrizations

import cspbench
from cspbench.catalogue import find
from cspbench.measures.counting.formulas import _checked
from cspbench.measures.counts import counts_of
from cspbench.measures.execution.call import Call
from cspbench.measures.execution.inputs import Arguments
from cspbench.measures.execution.subject import ModuleSubject
from cspbench.plan.case import make_case
from cspbench.records.measurements import Counts

MACS = 640
"""Of 4 rows of 16 by a layer of 10 outputs: 4 · 16 · 10."""


def profiled(
    module: nn.Module, shape: tuple[int, ...] = (4, 16), *, training: bool = False
) -> Counts:
    case = make_case(
        find("torch.nn:Identity"), {}, shape=(1, 1, 1, 1), mode="train" if training else "infer"
    )
    arguments = Arguments((torch.empty(shape, device="meta"),), {})
    return counts_of(Call(case, ModuleSubject(case, module).meta(), arguments, "meta"))


class Holds(nn.Module):
    """Holds a layer, or tensors, and calls a function of itself and its input."""

    def __init__(
        self, forward: Callable[[Any, Tensor], object], **parts: nn.Module | Tensor
    ) -> None:
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            if isinstance(part, nn.Module | nn.Parameter):
                setattr(self, name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*shape))


def quantised(m: Any, x: Tensor) -> Any:
    return functional.linear(x, m.packed.float() * m.scale)


LAYERS = {
    "weight norm": Holds(lambda m, x: m.fc(x), fc=parametrizations.weight_norm(nn.Linear(16, 10))),
    "spectral norm": Holds(
        lambda m, x: m.fc(x), fc=parametrizations.spectral_norm(nn.Linear(16, 10))
    ),
    "cast": Holds(lambda m, x: functional.linear(x.half(), m.w.half()), w=weight(10, 16)),
    "dequantised": Holds(quantised, packed=torch.zeros(10, 16).char(), scale=torch.ones(10, 1)),
    "merged": Holds(
        lambda m, x: functional.linear(x, m.w + m.b @ m.a),
        w=weight(10, 16),
        b=weight(10, 2),
        a=weight(2, 16),
    ),
    "functional call": Holds(
        lambda m, x: functional_call(
            m.fc, {name: p * 2 for name, p in m.fc.named_parameters()}, (x,)
        ),
        fc=nn.Linear(16, 10),
    ),
    "buffer": Holds(lambda m, x: x @ m.w, w=torch.zeros(16, 10)),
    "einsum": Holds(lambda m, x: torch.einsum("nc,dc->nd", x, m.w), w=weight(10, 16)),
    "einsum, transposed": Holds(lambda m, x: torch.einsum("nc,dc->dn", x, m.w), w=weight(10, 16)),
    "einsum, weight first": Holds(lambda m, x: torch.einsum("cd,nc->dn", m.w, x), w=weight(16, 10)),
    "einsum, split outputs": Holds(
        lambda m, x: torch.einsum("nc,cef->enf", x, m.w), w=weight(16, 2, 5)
    ),
    "tensordot": Holds(lambda m, x: torch.tensordot(x, m.w, dims=([1], [0])), w=weight(16, 10)),
    "weight on the left": Holds(lambda m, x: m.w @ x.t(), w=weight(10, 16)),
    "row by row": Holds(
        lambda m, x: torch.stack([torch.mv(m.w, row) for row in x]), w=weight(10, 16)
    ),
    "groups": Holds(
        lambda m, x: torch.bmm(x.view(4, 2, 8).transpose(0, 1), m.w), w=weight(2, 8, 10)
    ),
    "added to a bias": Holds(
        lambda m, x: torch.baddbmm(m.bias, x[None], m.w[None]), bias=weight(10), w=weight(16, 10)
    ),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_fully_connected_layer_stays_one_wherever_its_weight_comes_from(
    name: str, training: bool
) -> None:
    """4 · 16 · 10 MACs; what makes the weight, as merging two matrices does, is beside them."""
    if training and name == "dequantised":
        pytest.skip("nothing to train")
    counts = profiled(LAYERS[name], training=training)
    assert counts.macs == MACS
    assert counts.activations == (80 if name == "groups" else 40)
    beside = {"merged": 10 * 2 * 16, "spectral norm": 160 + 10}
    if training:
        beside["spectral norm"] += 160 + 160  # one power iteration
    assert counts.matmul_macs == beside.get(name, 0)
    assert not any("plain list" in item.reason for item in counts.uncounted)
    assert not any("unexplained" in item.explanation for item in counts.disagreements)


def test_weights_are_those_of_the_layer_whatever_they_are_made_from() -> None:
    """Normalised, merged or cast, the matrix has 10 x 16 elements."""
    sizes = {name: profiled(module).weights for name, module in LAYERS.items()}
    assert sizes == dict.fromkeys(LAYERS, 160)


def test_an_ensemble_in_one_batch_counts_every_member() -> None:
    """Five layers of 160 MACs on 4 rows, by `vmap`; thop sees one call, and that is said."""
    members = nn.ModuleList(nn.Linear(16, 10) for _ in range(5))

    def forward(m: Any, x: Tensor) -> Any:
        parameters, _ = stack_module_state(list(m.members))
        call = lambda p, v: functional_call(m.members[0], p, (v,))  # noqa: E731
        return vmap(call, in_dims=(0, None))(parameters, x)

    counts = profiled(Holds(forward, members=members))
    assert (counts.macs, counts.matmul_macs, counts.weights) == (5 * MACS, 0, 5 * 160)
    assert not any("unexplained" in item.explanation for item in counts.disagreements)


@pytest.mark.parametrize("partly", [False, True])
def test_operators_that_arrive_whole_in_inference_mode_are_taken_apart(partly: bool) -> None:
    """A convolution, a linear layer, attention: 3·8·8·27, 64·8·8 twice, 2·64·64·8 MACs."""

    def forward(m: Any, x: Tensor) -> Any:
        x = m.conv(x) if partly else x
        with torch.inference_mode():
            x = x if partly else m.conv(x)
            tokens = x.flatten(2).transpose(1, 2)
            q, k = m.fc(tokens), torch.einsum("bnc,cd->bnd", tokens, m.w)
            return functional.scaled_dot_product_attention(q, k, tokens)

    module = Holds(forward, conv=nn.Conv2d(3, 8, 3, padding=1), fc=nn.Linear(8, 8), w=weight(8, 8))
    counts = profiled(module, (1, 3, 8, 8))
    assert counts.macs == 8 * 64 * 27 + 2 * 64 * 64
    assert counts.matmul_macs == 2 * 64 * 64 * 8
    assert counts.flops == 2 * (counts.macs + counts.matmul_macs)
    assert counts.activations == 8 * 64 + 2 * 64 * 8


def dot_product_attention(m: Any, x: Tensor) -> Any:
    q, k, v = m.qkv(x).chunk(3, -1)
    return (q @ k.transpose(1, 2)).softmax(-1) @ v


def biased_by_baddbmm(m: Any, x: Tensor) -> Any:
    q, k, v = m.qkv(x).chunk(3, -1)
    return torch.bmm(torch.baddbmm(m.bias, q, k.transpose(1, 2)).softmax(-1), v)


def fused_attention(m: Any, x: Tensor) -> Any:
    return functional.scaled_dot_product_attention(*m.qkv(x).chunk(3, -1))


@pytest.mark.parametrize(
    "forward", [dot_product_attention, biased_by_baddbmm, fused_attention], ids=lambda f: f.__name__
)
def test_products_of_two_activations_are_attentions(forward: Callable[..., Tensor]) -> None:
    """2 sequences of 9 positions, 16 channels: 2·9·9·16 for the scores and again for the values."""
    module = Holds(forward, qkv=nn.Linear(16, 48), bias=torch.zeros(9, 9))
    counts = profiled(module, (2, 9, 16))
    assert counts.macs == 2 * 9 * 16 * 48
    assert counts.matmul_macs == 2 * (2 * 9 * 9 * 16)
    assert counts.activations == 2 * 9 * 48
    (layer,) = [layer for layer in counts.layers if layer.path == ""]
    assert layer.matmul_macs == counts.matmul_macs


def by_matmul(m: Any, q: Tensor) -> Any:
    return q @ m.table.t()


def by_einsum(m: Any, q: Tensor) -> Any:
    return torch.einsum("bnd,rd->bnr", q, m.table)


@pytest.mark.parametrize("position", [by_matmul, by_einsum], ids=lambda f: f.__name__)
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_queries_by_a_table_of_positions_are_attentions(
    position: Callable[[Any, Tensor], Tensor], first: bool, fused: bool
) -> None:
    """The queries are multiplied with keys as well, before or after: 2·9·9·16 MACs more."""

    def forward(m: Any, x: Tensor) -> Any:
        q, k, v = m.q(x), m.k(x), m.v(x)
        bias = position(m, q) if first or fused else None
        if fused:
            return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        scores = (q * 0.25) @ k.transpose(1, 2)
        return (scores + (position(m, q) if bias is None else bias)).softmax(-1) @ v

    layers = {name: nn.Linear(16, 16, bias=False) for name in "qkv"}
    counts = profiled(Holds(forward, table=weight(9, 16), **layers), (2, 9, 16))
    assert counts.macs == 3 * 2 * 9 * 16 * 16
    assert counts.matmul_macs == 3 * (2 * 9 * 9 * 16)
    assert counts.weights == 3 * 256


def test_learned_queries_are_activations_once_a_layer_has_projected_them() -> None:
    """5 learned queries, projected (5·16·16), meet 2 · 9 keys: attention on both sides."""

    def forward(m: Any, x: Tensor) -> Any:
        q = m.q(m.learned).expand(2, 5, 16)
        return (q @ m.k(x).transpose(1, 2)).softmax(-1) @ m.v(x)

    layers = {name: nn.Linear(16, 16) for name in "qkv"}
    counts = profiled(Holds(forward, learned=weight(1, 5, 16), **layers), (2, 9, 16))
    assert counts.macs == 5 * 256 + 2 * (2 * 9 * 256)
    assert counts.matmul_macs == 2 * (2 * 5 * 9 * 16)


def test_a_layer_over_constants_is_a_layer() -> None:
    """A network of coordinates for a bias of positions: 49 · 2 · 8 MACs."""
    module = Holds(lambda m, x: x + m.fc(m.grid).sum(), fc=nn.Linear(2, 8), grid=torch.ones(49, 2))
    counts = profiled(module)
    assert (counts.macs, counts.matmul_macs) == (49 * 2 * 8, 0)


def test_a_tensor_made_by_shape_alone_is_no_activation() -> None:
    """`zeros_like` of the input times a weight: of constants; filled with the input, a layer."""

    def unfilled(m: Any, x: Tensor) -> Any:
        return x + torch.zeros_like(x) @ m.w

    def filled(m: Any, x: Tensor) -> Any:
        copy = torch.zeros_like(x)
        copy[:, 8:] = x[:, :8]
        return copy @ m.w

    assert profiled(Holds(unfilled, w=weight(16, 16))).matmul_macs == 4 * 256
    counts = profiled(Holds(filled, w=weight(16, 16)))
    assert (counts.macs, counts.matmul_macs) == (4 * 256, 0)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("training", [False, True])
def test_recurrent_layers_are_fully_connected_ones(kind: type[nn.Module], training: bool) -> None:
    """6 steps of 2 sequences, 8 to 12 and 12 to 12 in each gate; thop's gates are explained."""
    gates = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}[kind]
    module = Holds(lambda m, x: m.rnn(x)[0], rnn=kind(8, 12))
    counts = profiled(module, (6, 2, 8), training=training)
    assert counts.macs == 12 * gates * 12 * (8 + 12)
    assert (counts.matmul_macs, counts.weights) == (0, gates * 12 * (8 + 12))
    assert [item.explanation for item in counts.disagreements] == [
        f"{kind.__name__}: thop adds biases and the elementwise operations of its gates to MACs"
    ]


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_recurrent_cells_are_explained_too(kind: type[nn.Module]) -> None:
    """One step of 4 rows."""
    gates = {nn.RNNCell: 1, nn.GRUCell: 3, nn.LSTMCell: 4}[kind]
    counts = profiled(Holds(lambda m, x: m.cell(x), cell=kind(16, 12)))
    assert counts.macs == 4 * gates * 12 * (16 + 12)
    assert [item.explanation.partition(":")[0] for item in counts.disagreements] == [kind.__name__]


@pytest.mark.parametrize("training", [False, True])
def test_a_complex_convolution_counts_each_element_once(training: bool) -> None:
    """5 filters of 2·3·3 on 6x6 positions, as a complex linear layer counts; beside a real one."""
    complex_conv = nn.Conv2d(2, 5, 3, dtype=torch.complex64)
    module = Holds(lambda m, x: m.b(m.a(x + 0j).abs()), a=complex_conv, b=nn.Conv2d(5, 1, 1))
    counts = profiled(module, (1, 2, 8, 8), training=training)
    assert counts.macs == 5 * 36 * 18 + 36 * 5
    assert counts.activations == 5 * 36 + 36
    assert counts.cio == 2 * 64 + 5 * 36 + 5 * 36 + 36
    assert counts.weights == 5 * 18 + 5
    assert not any("unexplained" in item.explanation for item in counts.disagreements)


def test_real_convolutions_by_the_parts_of_a_complex_weight_count_as_they_run() -> None:
    """Four of them, written out by hand: each is a product that runs."""

    def forward(m: Any, x: Tensor) -> Any:
        real, imaginary = m.w.real, m.w.imag
        a, b = functional.conv2d(x, real), functional.conv2d(x, imaginary)
        return a + b + functional.conv2d(2 * x, imaginary) - functional.conv2d(2 * x, real)

    module = Holds(forward, w=nn.Parameter(torch.zeros(5, 2, 3, 3, dtype=torch.complex64)))
    assert profiled(module, (1, 2, 8, 8)).macs == 4 * 5 * 36 * 18


@pytest.mark.parametrize(
    ("forward", "macs"),
    [
        pytest.param(lambda x: torch.addbmm(x[0], x, x), 3 * 16**3, id="addbmm"),
        pytest.param(lambda x: torch.baddbmm(x, x, x), 3 * 16**3, id="baddbmm"),
        pytest.param(lambda x: torch.addmv(x[0, 0], x[0], x[0, 0]), 256, id="addmv"),
        pytest.param(lambda x: torch.dot(x[0, 0], x[0, 1]), 16, id="dot"),
        pytest.param(lambda x: torch.addr(x[0], x[0, 0], x[0, 1]), 256, id="addr"),
        pytest.param(lambda x: torch.linalg.multi_dot([x[0], x[1], x[2]]), 2 * 16**3, id="three"),
        pytest.param(
            lambda x: torch.einsum("bij,bjk,bkl->bil", x, x, x), 2 * 3 * 16**3, id="einsum of three"
        ),
        pytest.param(
            lambda x: functional.bilinear(x[0], x[0], x[:, :, :].new_ones(5, 16, 16)),
            16 * 5 * 256 + 16 * 5 * 16,
            id="bilinear",
        ),
    ],
)
def test_other_products_are_counted_by_hand_written_arithmetic(
    forward: Callable[[Tensor], Tensor], macs: int
) -> None:
    """Three 16 x 16 matrices as input."""
    counts = profiled(FunctionModule(forward), (3, 16, 16))
    assert (counts.macs, counts.matmul_macs, counts.flops) == (0, macs, 2 * macs)
    assert not any(item.counter == "cspbench" for item in counts.uncounted)


def test_tied_weights_add_up_and_parts_of_one_storage_are_told_apart() -> None:
    """Rows sum to the total; two parameters side by side in one tensor keep their own sizes."""
    first, second = torch.zeros(6, 30).split([10, 20], 1)
    module = Holds(
        lambda m, x: (
            functional.linear(x[:, :10], m.a),
            functional.linear(x[:, 4:14], m.a),
            functional.linear(torch.cat([x, x[:, :4]], 1), m.b),
        ),
        a=nn.Parameter(first),
        b=nn.Parameter(second),
    )
    counts = profiled(module)
    assert (counts.params, counts.weights, counts.macs) == (180, 180, 2 * 240 + 480)
    tied = nn.Sequential(nn.Linear(16, 16, bias=False), nn.ReLU(), nn.Linear(16, 16, bias=False))
    tied[2].weight = tied[0].weight
    assert [layer.params for layer in profiled(tied).layers] == [0, 256, 0, 0]


def test_what_a_first_call_keeps_is_not_counted_in_later_ones() -> None:
    """A convolution of a constant, kept: a call after it computes the other layer only."""

    def forward(m: Any, x: Tensor) -> Any:
        if not hasattr(m, "kept"):
            m.kept = [m.once(torch.ones(1, 2, 8, 8, device=x.device)).detach()]
        return m.each(x) + m.kept[0]

    module = Holds(forward, once=nn.Conv2d(2, 2, 3, padding=1), each=nn.Conv2d(2, 2, 1))
    for training in (False, True):
        assert profiled(module, (1, 2, 8, 8), training=training).macs == 64 * 4


def test_a_kernel_that_is_no_parameter_has_no_note_and_a_layer_in_a_plain_list_has() -> None:
    """A fixed filter in an attribute is a constant; an unregistered, normalised layer is not."""
    blur = Holds(lambda m, x: functional.conv2d(x, m.kernels[0]))
    object.__setattr__(blur, "kernels", [torch.ones(3, 2, 1, 1)])
    layers = Holds(lambda m, x: functional.conv2d(x, m.layers[0].weight * 2))
    object.__setattr__(layers, "layers", [nn.Conv2d(2, 3, 1)])
    notes = [
        [item.calls for item in profiled(module, (1, 2, 8, 8)).uncounted if "list" in item.reason]
        for module in (blur, layers)
    ]
    assert notes == [[], [1]]


def test_an_operator_that_may_compute_products_is_named() -> None:
    """One of a library of its own, and one of torch's of which no formula is known."""
    with torch.library._scoped_library("cspbench_tests", "DEF") as library:
        library.define("doubled(Tensor x) -> Tensor")
        library.impl("doubled", lambda x: x * 2, "CompositeExplicitAutograd")
        counts = profiled(FunctionModule(torch.ops.cspbench_tests.doubled.default))
        named = {item.name: item.reason for item in counts.uncounted if item.counter == "cspbench"}
    reason = "unknown operator: if it computes products, they are in no figure"
    assert named == {"cspbench_tests::doubled": reason}


def test_the_work_of_a_transformer_is_the_same_fused_and_in_parts() -> None:
    """Weights 4·d² and 2·d·f a token, scores and values 2·n·d: in training and at inference."""
    d, f, n = 16, 24, 9
    module = nn.TransformerEncoderLayer(d, 2, f, batch_first=True)
    for training in (False, True):
        counts = profiled(module, (2, n, d), training=training)
        assert counts.macs == 2 * n * (4 * d * d + 2 * d * f)
        assert counts.matmul_macs == 2 * n * 2 * n * d
        assert counts.weights == 4 * d * d + 2 * d * f
        assert counts.flops == 2 * (counts.macs + counts.matmul_macs)


class PaddedEncoder(nn.Module):
    """Sequences of 9 and 4 tokens, of which torch computes nothing beyond their ends."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.register_buffer("padding", torch.arange(9) >= torch.tensor([[9], [4]]))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x, src_key_padding_mask=self.padding)
        return result


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_an_encoder_computes_the_tokens_that_are_no_padding() -> None:
    """13 of 18 tokens in each of 2 layers, as nested tensors, which have no one shape."""
    counts = cspbench.profile(PaddedEncoder(), (2, 9, 16)).counts
    assert counts is not None
    assert counts.macs == 2 * 13 * (4 * 16 * 16 + 2 * 16 * 24)
    assert counts.matmul_macs == 2 * 2 * (9 * 9 + 4 * 4) * 16


def test_arithmetic_of_integers_needs_no_flop_formula() -> None:
    """BatchNorm counts its batches in training; that is no floating-point operation."""
    counts = profiled(nn.Sequential(nn.BatchNorm1d(16), nn.ReLU()), training=True)
    assert "add_" not in {gap.name for gap in counts.uncounted}
    assert "relu" in {gap.name for gap in counts.uncounted}


def test_a_formula_that_gives_less_than_nothing_is_refused_by_name() -> None:
    """A model may register one; the figure would be no count."""
    formula = _checked("mine::product", lambda: -3)
    with pytest.raises(ValueError, match=r"^the formula of mine::product gives -3 FLOPs$"):
        formula()
