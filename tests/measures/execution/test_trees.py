"""Leaves of trees and objects, by path."""

from collections import deque, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from cspbench.measures.execution.trees import named_leaves, tensors

A, B = torch.zeros(1), torch.ones(2)
Pair = namedtuple("Pair", "first second")  # noqa: PYI024 -- as models return it


@dataclass
class Boxes:
    """A result of a detector."""

    xyxy: Any
    labels: Any = None


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("hidden", "value")

    def __init__(self, value: object) -> None:
        self.value = value


class Lazy(Mapping[str, object]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> object:
        return {"a": A, "b": [B]}[key]

    def __iter__(self) -> Any:
        return iter("ab")

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (A, [""]),
        ([A, (B, None)], ["[0]", "[1][0]"]),
        ({"x": A, 3: [B]}, ["['x']", "[3][0]"]),
        (Lazy(), ["['a']", "['b'][0]"]),
        (Pair(A, {"b": B}), ["[0]", "[1]['b']"]),
        (Boxes(A, Boxes(B)), [".xyxy", ".labels.xyxy"]),
        (SimpleNamespace(maps=[A], more=Slotted(B)), [".maps[0]", ".more.value"]),
        (torch.distributions.Normal(A, A + 1).expand((3,)), [".loc", ".scale"]),
        (deque([A, {"b": B}]), ["[0]", "[1]['b']"]),
        ([3, "text", nn.Linear(2, 2), torch.relu, Boxes], []),
    ],
)
def test_tensors_are_found_by_path(value: object, paths: list[str]) -> None:
    """In sequences, mappings and attributes, nested; not in modules, functions and classes."""
    found = [path for path, leaf in named_leaves(value) if isinstance(leaf, torch.Tensor)]
    assert found == paths


def test_a_tensor_counts_once_and_circles_end() -> None:
    """However often it is held."""
    node = SimpleNamespace(a=A, again=[A, B])
    node.own = node
    assert [id(tensor) for tensor in tensors(node)] == [id(A), id(B)]


def test_deep_trees_are_no_recursion() -> None:
    """Ten thousand levels."""
    tree: object = A
    for _ in range(10_000):
        tree = [tree]
    assert len(tensors(tree)) == 1
