"""Detection heads, and the layers between modules of a detector, beside plain torch."""

import pytest
import torch
from independent_counts import count
from torch import Tensor, nn
from torch.nn import functional
from trained_norms import with_trained_norms

from cspbench.blocks.layers import Conv
from cspbench.blocks.yolo.detection import Branches, Detect, Distances
from cspbench.blocks.yolo.sampling import ADown, Concat, SCDown, conv, upsample

MAPS = [(8, 4, 6), (8, 2, 3)]
"""Channels, height and width of two maps."""


def features(*, is_leaf: bool = False) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, *size, requires_grad=is_leaf) for size in MAPS]


def head(*, one_to_one: bool = False, one_to_many: bool = True, bins: int = 4) -> Detect:
    torch.manual_seed(0)
    return Detect(
        channels=[8, 8],
        strides=[8, 16],
        classes=3,
        bins=bins,
        one_to_one=one_to_one,
        one_to_many=one_to_many,
    )


def test_a_distance_is_the_mean_of_its_bins() -> None:
    logits = torch.full((1, 4, 5, 2), -100.0)
    for edge, chosen in enumerate([(0,), (3,), (4,), (1, 2)]):
        logits[:, edge, chosen] = 100.0
    distances = Distances(5)(logits.view(1, 20, 2))
    torch.testing.assert_close(
        distances, torch.tensor([0, 3, 4, 1.5]).view(1, 4, 1).expand(1, 4, 2)
    )


def test_the_bins_are_frozen_and_counted_among_the_parameters() -> None:
    (weight,) = Distances(16).parameters()
    assert weight.numel() == 16
    assert not weight.requires_grad


def test_boxes_are_cells_and_distances_times_the_stride() -> None:
    """Of zeros: every distance is the mean of 0 to 3, every score one half."""
    zeros = [torch.zeros(1, 4 * 4 + 3, height, width) for _, height, width in MAPS]
    predictions = head().predictions(zeros)
    assert predictions.shape == (1, 4 + 3, 4 * 6 + 2 * 3)
    first, last = predictions[0, :, 0], predictions[0, :, -1]
    torch.testing.assert_close(first, torch.tensor([4.0, 4, 24, 24, 0.5, 0.5, 0.5]))
    torch.testing.assert_close(last, torch.tensor([40.0, 24, 48, 48, 0.5, 0.5, 0.5]))
    torch.testing.assert_close(predictions[0, :2, 1], torch.tensor([12.0, 4]))  # x runs first


def test_edges_are_left_top_right_bottom() -> None:
    """Cells of 8 pixels: 1, 2, 3 and 4 cells from the center of the first."""
    maps = [torch.zeros(1, 4 + 3, height, width) for _, height, width in MAPS]
    maps[0][0, :4, 0, 0] = torch.tensor([1.0, 2, 3, 4])
    box = head(bins=1).predictions(maps)[0, :4, 0]
    left, top, right, bottom = 4 - 8, 4 - 16, 4 + 24, 4 + 32
    expected = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    torch.testing.assert_close(box, torch.tensor(expected))


def test_training_returns_the_maps_and_evaluation_their_predictions() -> None:
    module = with_trained_norms(head())
    maps = module.train()(*features())
    assert [tuple(item.shape) for item in maps] == [(2, 19, 4, 6), (2, 19, 2, 3)]
    assert module.one_to_many is not None
    module.eval()
    expected = module.predictions(module.one_to_many(*features()))
    torch.testing.assert_close(module(*features()), expected)


def test_two_heads_return_both_with_the_deployed_one_first() -> None:
    module = with_trained_norms(head(one_to_one=True)).eval()
    assert module.one_to_one is not None
    assert module.one_to_many is not None
    first, second = module(*features())
    torch.testing.assert_close(first, module.predictions(module.one_to_one(*features())))
    torch.testing.assert_close(second, module.predictions(module.one_to_many(*features())))
    assert not torch.allclose(first, second)
    deployed = head(one_to_one=True, one_to_many=False).eval()
    deployed.load_state_dict(module.state_dict(), strict=False)
    torch.testing.assert_close(deployed(*features()), first)


def test_the_backbone_learns_from_one_to_many_alone_where_it_is_there() -> None:
    inputs = features(is_leaf=True)
    one, many = head(one_to_one=True).train()(*inputs)
    assert all(
        torch.autograd.grad(one[0].sum(), inputs, allow_unused=True)[i] is None for i in (0, 1)
    )
    gradients = torch.autograd.grad(sum(item.sum() for item in many), inputs)
    assert all(gradient.any() for gradient in gradients)
    alone = head(one_to_one=True, one_to_many=False).train()(*inputs)
    gradients = torch.autograd.grad(sum(item.sum() for item in alone), inputs)
    assert all(gradient.any() for gradient in gradients)


def test_a_head_without_branches_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a head needs one_to_one, one_to_many or both$"):
        head(one_to_many=False)


def test_the_widths_of_branches_are_those_of_the_first_map() -> None:
    """Boxes: max(16, 128 / 4, 4 bins); classes: max(128, min(80, 100)); both for every map."""
    module = Branches([128, 256], 80, bins=16, separable=True, activation="silu")
    assert [branch[-1].in_channels for branch in module.boxes] == [64, 64]  # type: ignore[index]
    assert [branch[-1].in_channels for branch in module.scores] == [128, 128]  # type: ignore[index]
    narrow = Branches([32], 200, bins=1, separable=True, activation="silu")
    assert narrow.boxes[0][-1].in_channels == 16  # type: ignore[index]
    assert narrow.scores[0][-1].in_channels == 100  # type: ignore[index]


@pytest.mark.parametrize(
    ("separable", "weights", "normed"),
    [
        (False, 32 * 40 * 9 + 40 * 40 * 9, 40 + 40),
        (True, 32 * 9 + 32 * 40 + 40 * 9 + 40 * 40, 32 + 40 + 40 + 40),
    ],
)
def test_separable_class_branches_cost_what_their_channels_say(
    separable: bool, weights: int, normed: int
) -> None:
    module = Branches([32], 40, bins=1, separable=separable, activation="silu")
    boxes = 32 * 16 * 9 + 16 * 16 * 9 + 2 * (16 + 16) + 16 * 4 + 4
    scores = weights + 2 * normed + 40 * 40 + 40
    assert sum(parameter.numel() for parameter in module.parameters()) == boxes + scores


def test_adown_halves_by_a_convolution_and_by_a_pool() -> None:
    module = with_trained_norms(ADown(c1=6, c2=8)).eval()
    x = torch.randn(1, 6, 8, 10)
    first, second = functional.avg_pool2d(x, 2, 1).chunk(2, dim=1)
    pooled = functional.max_pool2d(second, 3, 2, 1)
    expected = torch.cat([module.conv(first), module.point(pooled)], dim=1)
    assert expected.shape == (1, 8, 4, 5)
    torch.testing.assert_close(module(x), expected)
    assert count(ADown, (1, 6, 8, 10), c1=6, c2=8)[0] == 3 * 4 * 9 + 3 * 4 + 2 * 8


@pytest.mark.parametrize(("c1", "c2"), [(7, 9), (2, 2)])
def test_adown_takes_odd_channels(c1: int, c2: int) -> None:
    assert ADown(c1=c1, c2=c2).eval()(torch.randn(1, c1, 4, 4)).shape == (1, c2, 2, 2)


@pytest.mark.parametrize(("c1", "c2"), [(1, 4), (4, 1)])
def test_adown_needs_two_channels_on_both_sides(c1: int, c2: int) -> None:
    with pytest.raises(ValueError, match="must be at least 2, got 1"):
        ADown(c1=c1, c2=c2)


def test_scdown_ends_in_a_linear_depthwise_convolution() -> None:
    module = SCDown(c1=6, c2=8).eval()
    point, depthwise = module
    assert isinstance(depthwise, Conv)
    assert depthwise.conv.groups == 8
    assert isinstance(depthwise.act, nn.Identity)
    x = torch.randn(1, 6, 4, 6)
    assert module(x).shape == (1, 8, 2, 3)
    torch.testing.assert_close(module(x), depthwise.norm(depthwise.conv(point(x))))


def test_concat_and_upsample_do_what_they_say() -> None:
    x = torch.arange(4.0).view(1, 1, 2, 2)
    larger = upsample()(x)
    assert larger[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert Concat()(larger, larger, larger).shape == (1, 3, 4, 4)


def test_the_stem_of_yolov5_halves_an_image() -> None:
    assert conv(c1=3, c2=4, k=6, stride=2)(torch.randn(2, 3, 8, 12)).shape == (2, 4, 4, 6)
