"""Modules whose norms are as after some training, so that a norm left out changes an output."""

from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def with_trained_norms(module: M) -> M:
    """``module`` in eval mode, with norms of random weights, biases and means."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            norm.running_mean = torch.randn(norm.num_features)
    return module.eval()
