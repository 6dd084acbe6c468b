"""The small classifier in which a block is trained."""

import torch

from cspbench.blocks.layers import plain_conv
from cspbench.measures.gradients.classifier import Classifier


def test_the_classifier_returns_logits() -> None:
    model = Classifier(plain_conv(8, 6), inputs=1, channels=8, outputs=6, classes=4)
    assert model(torch.zeros(2, 1, 4, 4)).shape == (2, 4)
