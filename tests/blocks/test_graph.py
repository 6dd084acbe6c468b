"""Networks as graphs: what each layer takes, what parts hand on, what is kept."""

import gc
import re
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cspbench.blocks.graph import IMAGE, GraphNetwork, Node, Part


class Computes(nn.Module):
    """A layer that is a function."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def times(factor: int) -> nn.Module:
    return Computes(lambda x: factor * x)


def plus() -> nn.Module:
    return Computes(lambda *inputs: sum(inputs[1:], start=inputs[0]))


def three_parts() -> GraphNetwork:
    """Layers 0 to 4: 2x, 6x, their sum 8x; 40x; 8x + 40x + the image."""
    return GraphNetwork(
        {
            "backbone": [Node((IMAGE,), times(2)), Node((0,), times(3))],
            "neck": [Node((0, 1), plus()), Node((2,), times(5))],
            "head": [Node((2, 3, IMAGE), plus())],
        }
    )


def test_each_layer_takes_the_outputs_of_the_layers_that_it_names() -> None:
    image = torch.ones(1, 1, 2, 2)
    torch.testing.assert_close(three_parts()(image), 49 * image)


def test_a_part_takes_and_returns_what_others_need_and_no_more() -> None:
    parts = dict(three_parts().named_children())
    ends = {
        name: (part.takes, part.returns) for name, part in parts.items() if isinstance(part, Part)
    }
    assert ends == {
        "backbone": ((IMAGE,), (0, 1)),
        "neck": ((0, 1), (2, 3)),
        "head": ((IMAGE, 2, 3), (4,)),
    }


def test_layers_are_named_by_their_numbers_in_the_graph() -> None:
    names = [name for name, _ in three_parts().named_modules() if name.count(".") == 1]
    assert names == ["backbone.0", "backbone.1", "neck.2", "neck.3", "head.4"]


class Watched:
    """A first layer, and later ones that look whether its output is still there."""

    def __init__(self) -> None:
        self.output: weakref.ref[Tensor] | None = None
        self.is_alive: list[bool] = []

    def made(self, x: Tensor) -> Tensor:
        out = x + 1
        self.output = weakref.ref(out)
        return out

    def looked_for(self, x: Tensor) -> Tensor:
        gc.collect()
        assert self.output is not None
        self.is_alive.append(self.output() is not None)
        return x + 1


def test_an_output_is_dropped_after_the_last_layer_that_takes_it() -> None:
    watched = Watched()
    made, look = Computes(watched.made), Computes(watched.looked_for)
    nodes = [Node((IMAGE,), made), Node((0,), look), Node((0, 1), plus()), Node((2,), look)]
    GraphNetwork({"all": nodes})(torch.ones(1, 1, 1, 1))
    assert watched.is_alive == [True, False]


def test_a_part_drops_what_it_is_the_last_to_take() -> None:
    """The output of the first part, which the last one does not take."""
    watched = Watched()
    look = Computes(watched.looked_for)
    parts = {
        "backbone": [Node((IMAGE,), Computes(watched.made))],
        "neck": [Node((0,), look)],
        "head": [Node((1,), look)],
    }
    GraphNetwork(parts)(torch.ones(1, 1, 1, 1))
    assert watched.is_alive == [True, False]


def test_parts_are_named_so_that_none_hides_what_torch_has() -> None:
    image = torch.ones(1, 1, 2, 2)
    parts = {
        "forward_": [Node((IMAGE,), times(2))],
        "forward": [Node((0,), times(3))],
        "stride": [Node((1,), times(5))],
    }
    network = GraphNetwork(parts)
    assert [name for name, _ in network.named_children()] == ["forward_", "forward__", "stride_"]
    torch.testing.assert_close(network(image), 30 * image)


def test_a_layer_may_return_what_is_no_tensor_where_it_is_the_last() -> None:
    both = Computes(lambda x: (x, [2 * x]))  # type: ignore[arg-type, return-value]
    first, (second,) = GraphNetwork({"head": [Node((IMAGE,), both)]})(torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(second, 2 * first)


@pytest.mark.parametrize("sources", [(0,), (1,), (-2,)])
def test_a_layer_that_takes_itself_or_a_later_one_is_refused(sources: tuple[int, ...]) -> None:
    message = f"layer 0 takes the outputs of layers before it, got {sources}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        GraphNetwork({"all": [Node(sources, plus())]})


def test_a_graph_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a graph needs at least one layer$"):
        GraphNetwork({"backbone": []})


@pytest.mark.parametrize(("height", "width"), [(33, 32), (32, 48)])
def test_an_image_that_the_stride_does_not_divide_is_refused(height: int, width: int) -> None:
    network = GraphNetwork({"all": [Node((IMAGE,), times(1))]}, stride=32)
    message = f"image sizes must be multiples of 32, got {height} x {width}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        network(torch.empty(1, 3, height, width))
