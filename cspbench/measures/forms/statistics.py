"""Statistics for batch normalisations that have never run.

A fresh one neither shifts nor scales, so that a model from which it is left out by mistake would
compute the same.
"""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def give_statistics(module: nn.Module) -> None:
    """Give each fresh batch normalisation in ``module`` statistics and weights of a trained one.

    They are drawn from torch's current generator. One that has run keeps what it has.
    """
    with torch.no_grad():
        for child in module.modules():
            if isinstance(child, _BatchNorm) and _is_fresh(child):
                _give(child)


def _is_fresh(norm: _BatchNorm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return False
    return not mean.any() and bool((variance == 1).all())


def _give(norm: _BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_(0.0, 0.1)
    norm.running_var.uniform_(0.5, 1.5)
    if norm.affine:
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0.0, 0.1)
