"""Short trainings on random images: that they repeat, what they measure, and what is refused."""

import one_conv_blocks
import pytest
import torch
from short_trainings import design, make_images, trained
from torch import nn

from cspbench.blocks.csp import CSP
from cspbench.choices import Head
from cspbench.errors import CspbenchError
from cspbench.measures.gradients.data import Images
from cspbench.measures.gradients.training import train


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


def test_columns_and_parameters_are_those_of_the_block() -> None:
    training = trained(design(one_conv_blocks.Dense), steps=0, at=(0,))
    # 3x3 of 8, 12 and 16 inputs to 4; 1x1 of 20 to 10; two numbers a normalised channel.
    assert training.parameters == 36 * (8 + 12 + 16) + 200 + 2 * (8 + 12 + 16 + 20)
    assert training.readings[0].columns == 8 + 3 * 4
    assert 0 < training.readings[0].relative_rank <= 1


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
    with pytest.raises(CspbenchError, match="readings must be at steps from 0 to 2, got"):
        trained(design(one_conv_blocks.Dense), at=at)


def test_a_block_that_returns_no_image_is_refused() -> None:
    with pytest.raises(CspbenchError, match=r"must return \(N, C, H, W\), got \(1, 128\)"):
        trained(nn.Flatten)


def test_a_training_that_diverged_is_refused() -> None:
    data = Images(pixels=torch.full((40, 1, 4, 4), torch.inf), labels=torch.arange(40) % 4)
    with pytest.raises(CspbenchError, match="the loss at step 0 is nan: the training diverged"):
        train(nn.Identity, data, channels=8, seed=0, steps=0, at=(0,))


class Scaled(nn.Module):
    """Multiplies by ``factor``, and the gradient by ``backward`` times that."""

    def __init__(self, factor: float, backward: float = 1.0) -> None:
        super().__init__()
        self.factor, self.backward_factor = factor, backward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output = x * self.factor
        if output.requires_grad and self.backward_factor != 1:
            output.register_hook(lambda gradient: gradient * self.backward_factor)
        return output


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Scaled(1e20), r"the loss at step 0 is \d\.\d+e\+\d\d: the training diverged"),
        (Scaled(1.0, torch.inf), "gradients at step 0 are not finite: the training diverged"),
    ],
)
def test_figures_of_a_training_that_no_record_could_hold_are_refused(
    block: nn.Module, message: str
) -> None:
    with pytest.raises(CspbenchError, match=message):
        train(lambda: block, make_images(), channels=8, seed=0, steps=0, at=(0,))


def test_a_convolution_may_stand_before_the_pool() -> None:
    # A bypass that leads into the pool has one gradient an image, of 4 classes: 3 directions.
    def rank(head: Head) -> float:
        training = train(
            nn.Identity, make_images(), channels=8, seed=0, steps=0, at=(0,), head=head
        )
        return training.readings[0].effective_rank

    assert rank("pool") < 3.001 < rank("conv")
