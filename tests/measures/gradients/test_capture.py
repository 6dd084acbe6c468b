"""Gradients by feature maps, against autograd's own."""

import torch
from torch import nn
from torch.nn import functional

from cspbench.measures.gradients.capture import captured_gradients


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
