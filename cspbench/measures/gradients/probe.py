"""Readings of a block's gradients on held-out images, comparing its feature maps."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...errors import CspbenchError
from ...records.base import MAX_AMOUNT
from ...records.trainings import Reading, Square
from .capture import captured_gradients
from .classifier import Classifier
from .data import Images
from .maps import BASE, MapKey, feature_maps, hooked_maps, name_of, parts_of
from .similarity import Matrix, effective_rank, linear_cka, shared_directions
from .structure import trace

ROWS = 4096
"""The number of positions of held-out images compared; the same at every step and seed."""


class Probe:
    """Compares the gradients with respect to a block's feature maps, on held-out images."""

    def __init__(self, model: Classifier, held_out: Images, channels: int) -> None:
        self._model = model
        self._held_out = held_out
        structure = trace(model.block, torch.empty(1, channels, *held_out.pixels.shape[2:]))
        keys = dict(hooked_maps(structure, model.block))
        self._maps = [keys[number] for number in feature_maps(structure) if number in keys]
        self._parts = parts_of(structure, keys, channels)
        self._names = {name for name, _ in (*self._maps, self._parts.map)}
        self.maps: tuple[str, ...] = ()  # known after the first reading

    @property
    def cut(self) -> str:
        """The name of the map whose two parts are compared."""
        return name_of(self._parts.map)

    @property
    def parts(self) -> tuple[int, int]:
        """The numbers of channels of the two parts."""
        return len(self._parts.first), len(self._parts.second)

    @property
    def own(self) -> bool:
        """Whether the block itself splits the map into these parts."""
        return self._parts.own

    def read(self, step: int) -> Reading:
        """The reading of the model in its current state, which is not changed.

        Raises `CspbenchError` if the training diverged: for a loss that is not from 0 to 1e12, and
        gradients that are not finite.
        """
        loss, gradients = self._gradients()
        if not 0 <= loss <= MAX_AMOUNT:
            raise CspbenchError(f"the loss at step {step} is {loss:g}: the training diverged")
        if not all(gradient.isfinite().all() for gradient in gradients.values()):
            raise CspbenchError(f"gradients at step {step} are not finite: the training diverged")
        size = gradients[BASE].shape[2:]
        keys = [key for key in self._maps if gradients[key].shape[2:] == size]
        self.maps = tuple(map(name_of, keys))
        matrices = [_rows(gradients[key]) for key in keys]
        stacked = np.hstack(matrices)
        split = _rows(gradients[self._parts.map])
        parts = split[:, self._parts.first], split[:, self._parts.second]
        return Reading(
            step=step,
            loss=loss,
            accuracy=self._accuracy(),
            cka=_pairwise(linear_cka, matrices),
            directions=_pairwise(shared_directions, matrices),
            parts_cka=linear_cka(*parts),
            parts_directions=shared_directions(*parts),
            control_cka=linear_cka(split[:, ::2], split[:, 1::2]),
            effective_rank=effective_rank(stacked),
            columns=stacked.shape[1],
        )

    def _gradients(self) -> tuple[float, dict[MapKey, Tensor]]:
        model, held_out = self._model, self._held_out
        buffers = [buffer.clone() for buffer in model.buffers()]
        with captured_gradients(model.block, self._names) as gradients:
            loss = functional.cross_entropy(model(held_out.pixels), held_out.labels)
            loss.backward()
        model.zero_grad()
        with torch.no_grad():
            for buffer, saved in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(saved)
        return loss.item(), gradients

    @torch.no_grad()
    def _accuracy(self) -> float:
        self._model.eval()
        is_correct = self._model(self._held_out.pixels).argmax(1) == self._held_out.labels
        self._model.train()
        return float(is_correct.double().mean())


def _rows(gradient: Tensor) -> Matrix:
    """A gradient (N, C, H, W) as a matrix (positions, channels), at `ROWS` random positions."""
    positions = gradient.movedim(1, -1).flatten(0, -2)
    rows = torch.randperm(len(positions), generator=torch.Generator().manual_seed(0))[:ROWS]
    matrix: Matrix = positions[rows].double().numpy()
    return matrix


def _pairwise(similarity: Callable[[Matrix, Matrix], float], matrices: Sequence[Matrix]) -> Square:
    square = np.eye(len(matrices))
    for row, column in itertools.combinations_with_replacement(range(len(matrices)), 2):
        square[row, column] = square[column, row] = similarity(matrices[row], matrices[column])
    return tuple(tuple(map(float, row)) for row in square)
