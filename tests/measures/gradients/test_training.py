"""Short trainings on made images: what is measured, that it repeats, and what is refused."""

import sys
from collections.abc import Callable, Iterator

import one_conv_blocks
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cspbench.blocks.csp import CSP
from cspbench.blocks.layers import plain_conv
from cspbench.blocks.residual import dark_block
from cspbench.blocks.yolo.chunked import C2f
from cspbench.errors import CspbenchError
from cspbench.measures.gradients.capture import captured_gradients
from cspbench.measures.gradients.classifier import Classifier
from cspbench.measures.gradients.data import MOST_IMAGES, Images, digits, yielded
from cspbench.measures.gradients.maps import feature_maps
from cspbench.measures.gradients.structure import trace
from cspbench.measures.gradients.training import train
from cspbench.records.trainings import Head, Training
from cspbench.verdicts.over_seeds import over_seeds

X1, X2, X3 = (f"block.layers.{number}.conv" for number in range(3))


def make_images(images: int = 40) -> Images:
    generator = torch.Generator().manual_seed(0)
    return Images(
        pixels=torch.randn(images, 1, 4, 4, generator=generator),
        labels=torch.arange(images) % 4,
    )


def design(build: Callable[..., nn.Module], **arguments: float) -> Callable[[], nn.Module]:
    return lambda: build(channels=8, layers=3, growth=4, **arguments)


def trained(
    build: Callable[[], nn.Module], *, seed: int = 0, steps: int = 2, at: tuple[int, ...] = (0, 2)
) -> Training:
    return train(build, make_images(), channels=8, seed=seed, steps=steps, at=at)


def test_a_seed_sets_the_whole_training() -> None:
    training = trained(design(one_conv_blocks.CSP))
    torch.manual_seed(7)
    assert trained(design(one_conv_blocks.CSP)) == training
    assert trained(design(one_conv_blocks.CSP), seed=1).readings != training.readings


def test_measuring_changes_nothing_of_the_training() -> None:
    often, rarely = trained(design(CSP), at=(0, 1, 2)), trained(design(CSP), at=(2,))
    assert [reading.step for reading in often.readings] == [0, 1, 2]
    assert often.readings[-1:] == rarely.readings


def test_torchs_own_seed_and_threads_are_as_before() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    trained(design(one_conv_blocks.Dense), steps=1, at=(1,))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (one_conv_blocks.Dense, ("input", X1, X2, X3)),
        (one_conv_blocks.CSP, ("input", X1, X2, X3, "transition_t.conv.conv")),
        (one_conv_blocks.FusionFirst, ("input", X1, X2, X3)),
        (one_conv_blocks.FusionLast, ("input", X1, X2, X3, "transition.conv.conv")),
    ],
)
def test_the_maps_are_those_that_a_design_concatenates(
    build: type[nn.Module], expected: tuple[str, ...]
) -> None:
    training = trained(design(build), steps=0, at=(0,))
    (reading,) = training.readings
    assert training.maps == expected
    assert len(reading.cka) == len(reading.directions) == len(expected)
    assert [reading.cka[place][place] for place in range(len(expected))] == pytest.approx(
        [1.0] * len(expected)
    )
    assert reading.cka == tuple(zip(*reading.cka, strict=True))


def test_the_maps_of_a_residual_block_are_those_that_it_adds() -> None:
    structure = trace(dark_block(8, inner=4, activation="relu"), torch.empty(1, 8, 4, 4))
    names = [structure.sources[number].name for number in feature_maps(structure)]
    assert names == ["input", "body.1.conv"]


def test_the_maps_inside_a_dense_layer_are_not_among_them() -> None:
    structure = trace(CSP(channels=8, layers=1, growth=4), torch.empty(1, 8, 4, 4))
    names = [structure.sources[number].name for number in feature_maps(structure)]
    assert names == ["input", "block.layers.0.conv.conv", "transition_t.conv.conv"]


def test_a_map_of_another_size_than_the_base_is_left_out() -> None:
    training = trained(lambda: CSP(channels=8, layers=1, growth=4, pool="avg"), steps=0, at=(0,))
    assert "transition_t.conv.conv" in training.maps
    pooled = nn.Sequential(plain_conv(8, 8, 3, stride=2), dark_block(8, inner=4, activation="relu"))
    assert trained(lambda: pooled, steps=0, at=(0,)).maps == ("input",)


@pytest.mark.parametrize(
    ("build", "gamma", "parts", "is_own"),
    [
        (one_conv_blocks.CSP, 0.25, (2, 6), True),
        (one_conv_blocks.FusionLast, 0.75, (6, 2), True),
        (one_conv_blocks.Dense, None, (4, 4), False),
    ],
)
def test_the_bases_parts_are_the_blocks_own_or_else_halves(
    build: type[nn.Module], gamma: float | None, parts: tuple[int, int], is_own: bool
) -> None:
    arguments = {} if gamma is None else {"gamma": gamma}
    training = trained(design(build, **arguments), steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("input", parts, is_own)


def test_the_parts_are_those_of_the_map_that_the_block_cuts() -> None:
    training = trained(lambda: C2f(c1=8, c2=8, n=1, e=0.75), steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("enter.conv.conv", (6, 6), True)


def test_parts_that_overlap_are_compared_without_what_both_hold() -> None:
    class Overlapping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x[:, :5], x[:, 3:]], dim=1)

    training = trained(Overlapping, steps=0, at=(0,))
    assert (training.cut, training.parts, training.own) == ("input", (5, 3), True)


def test_a_part_beside_the_whole_leaves_halves_to_compare() -> None:
    class PartOfAll(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x[:, :7], x[:, :5]], dim=1)

    training = trained(PartOfAll, steps=0, at=(0,))
    assert (training.parts, training.own) == ((4, 4), False)


def test_a_layer_that_is_called_twice_has_two_maps() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = plain_conv(8, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            features = self.conv(x)
            return torch.cat([features, self.conv(features)], dim=1)

    assert trained(Twice, steps=0, at=(0,)).maps == ("input", "conv", "conv (2)")


def test_columns_and_parameters_are_those_of_the_block() -> None:
    training = trained(design(one_conv_blocks.Dense), steps=0, at=(0,))
    # 3x3 of 8, 12 and 16 inputs to 4; 1x1 of 20 to 10; two numbers a normalised channel.
    assert training.parameters == 36 * (8 + 12 + 16) + 200 + 2 * (8 + 12 + 16 + 20)
    assert training.readings[0].columns == 8 + 3 * 4
    assert 0 < training.readings[0].relative_rank <= 1


def test_the_gradients_are_those_of_autograd_where_an_activation_works_in_place() -> None:
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    with captured_gradients(block, {"0"}) as gradients:
        block(x).square().sum().backward()
    between = block[0](x)
    loss = block[2](functional.relu(between)).square().sum()
    expected = torch.autograd.grad(loss, [x, between])
    torch.testing.assert_close([gradients["input", 0], gradients["0", 0]], list(expected))
    assert not block[0]._forward_hooks


def test_the_gradient_by_a_map_that_the_loss_does_not_need_is_0() -> None:
    block = nn.ModuleDict({"used": nn.Conv2d(3, 4, 1), "idle": nn.Conv2d(3, 4, 1)})
    with captured_gradients(block, {"used", "idle"}) as gradients:
        x = torch.randn(2, 3, 4, 4)
        block["idle"](x)
        block["used"](x).sum().backward()
    assert torch.equal(gradients["idle", 0], torch.zeros(2, 4, 4, 4))
    assert torch.equal(gradients["used", 0], torch.ones(2, 4, 4, 4))


def test_a_gradient_that_the_pool_spreads_has_few_directions() -> None:
    # Each position of an image has the same gradient: of 4 classes, 3 directions are left.
    training = trained(nn.Identity, steps=0, at=(0,))
    assert training.maps == ("input",)
    assert training.readings[0].effective_rank < 3.001
    assert training.readings[0].mean_cka is None


def test_training_tells_images_apart_that_can_be_told_apart() -> None:
    labels = torch.arange(64) % 4
    data = Images(pixels=labels[:, None, None, None].expand(64, 1, 4, 4) - 1.5, labels=labels)
    first, last = train(
        design(one_conv_blocks.Dense), data, channels=8, seed=0, steps=30, at=(0, 30)
    ).readings
    assert last.loss < first.loss
    assert last.accuracy == 1


@pytest.mark.parametrize("at", [(), (-1,), (3,)])
def test_steps_that_are_never_reached_are_refused(at: tuple[int, ...]) -> None:
    with pytest.raises(CspbenchError, match="readings are at steps from 0 to 2, got"):
        trained(design(one_conv_blocks.Dense), at=at)


def test_a_block_that_returns_no_image_is_refused() -> None:
    with pytest.raises(CspbenchError, match=r"must return \(N, C, H, W\), got \(1, 128\)"):
        trained(nn.Flatten)


def test_a_training_that_diverged_is_refused() -> None:
    data = Images(pixels=torch.full((40, 1, 4, 4), torch.inf), labels=torch.arange(40) % 4)
    with pytest.raises(CspbenchError, match="the loss at step 0 is nan: the training diverged"):
        train(nn.Identity, data, channels=8, seed=0, steps=0, at=(0,))


def test_an_interval_over_seeds_is_students() -> None:
    interval = over_seeds([0.4, 0.5, 0.6])
    half = 0.1 * 4.302653 / 3**0.5  # t of 2 degrees, 97.5 %
    assert (interval.value, interval.launches) == (0.5, 3)
    assert interval.low == pytest.approx(0.5 - half)
    assert interval.high == pytest.approx(0.5 + half)
    assert over_seeds([0.4]).low is None


def test_an_interval_ends_where_shares_do() -> None:
    wide = over_seeds([0.0, 1.0])
    assert (wide.low, wide.high) == (0, 1)


def test_the_classifier_returns_logits() -> None:
    model = Classifier(plain_conv(8, 6), inputs=1, channels=8, outputs=6, classes=4)
    assert model(torch.zeros(2, 1, 4, 4)).shape == (2, 4)


def test_a_convolution_may_stand_before_the_pool() -> None:
    # A bypass that leads into the pool has one gradient an image, of 4 classes: 3 directions.
    def rank(head: Head) -> float:
        training = train(
            nn.Identity, make_images(), channels=8, seed=0, steps=0, at=(0,), head=head
        )
        return training.readings[0].effective_rank

    assert rank("pool") < 3.001 < rank("conv")


@pytest.mark.parametrize("size", [8, 16])
def test_the_digits_are_standardised(size: int) -> None:
    pytest.importorskip("sklearn")
    data = digits(size)
    assert data.pixels.shape == (1797, 1, size, size)
    assert data.classes == 10
    assert data.pixels.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.pixels.std().item() == pytest.approx(1, abs=1e-5)


def test_the_digits_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(CspbenchError, match=r"^the digits need scikit-learn: pip"):
        digits()


Batch = tuple[Tensor, Tensor]


def two_batches() -> list[Batch]:
    return [(torch.ones(5, 3, 4, 4, dtype=torch.float64), torch.arange(5)) for _ in range(2)]


def endless() -> Iterator[Batch]:
    while True:
        yield torch.zeros(3000, 1, 1, 1), torch.zeros(3000, dtype=torch.int32)


def test_batches_of_a_callable_are_joined() -> None:
    data = yielded(f"{__name__}:two_batches")
    assert data.pixels.shape == (10, 3, 4, 4)
    assert data.pixels.dtype == torch.float32
    assert data.labels.tolist() == [0, 1, 2, 3, 4] * 2


def test_endless_batches_come_to_an_end() -> None:
    data = yielded(f"{__name__}:endless")
    assert len(data.pixels) == len(data.labels) == MOST_IMAGES
    assert data.labels.dtype == torch.long


def flat() -> list[Batch]:
    return [(torch.zeros(9, 16), torch.arange(9))]


def soft() -> list[Batch]:
    return [(torch.zeros(9, 1, 4, 4), torch.zeros(9))]


def not_in_pairs() -> list[Tensor]:
    return [torch.zeros(9, 1, 4, 4)]


def too_few_images() -> list[Batch]:
    return [(torch.zeros(2, 1, 4, 4), torch.arange(2))]


def negative() -> list[Batch]:
    return [(torch.zeros(9, 1, 4, 4), torch.arange(9) - 1)]


def uneven() -> list[Batch]:
    return [(torch.zeros(9, 1, size, size), torch.arange(9)) for size in (4, 5)]


def raising() -> Iterator[Batch]:
    yield torch.zeros(9, 1, 4, 4), torch.arange(9)
    raise OSError("disk gone")


def nothing() -> None:
    """Yields no batches."""


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("flat", "got tuple of a tensor (9, 16) of torch.float32, a tensor (9,) of torch.int64"),
        ("soft", "got tuple of a tensor (9, 1, 4, 4) of torch.float32, a tensor (9,) of torch.flo"),
        ("not_in_pairs", "got a tensor (9, 1, 4, 4) of torch.float32"),
        ("too_few_images", "yields 2 images; at least 8 are needed"),
        ("negative", "labels (N,), whole numbers from 0, got tuple of a tensor (9, 1, 4, 4)"),
        ("uneven", "must yield images of one shape, got (1, 5, 5) after (1, 4, 4)"),
        ("raising", "cannot yield batches: OSError: disk gone"),
        ("nothing", "cannot yield batches: TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_other_batches_are_refused(name: str, description: str) -> None:
    with pytest.raises(CspbenchError) as raised:
        yielded(f"{__name__}:{name}")
    assert description in str(raised.value)
