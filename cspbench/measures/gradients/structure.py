"""Tracing of the gradient terms in each weight's update, in one pass."""

import contextlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, pairwise

import torch
from torch import nn
from torch.utils import _pytree as pytree

from ...records.gradient_terms import (
    Part,
    Source,
    Span,
    Split,
    Structure,
    Unfollowed,
    Used,
    WeightTerms,
)
from ..execution.copying import copy_with
from ..execution.inputs import Arguments
from ..execution.module_stack import module_stack
from ..execution.placement import place_on_meta
from .follower import Follower, SplitTensor, is_differentiable
from .labels import Terms


def trace(module: nn.Module, *args: object, **kwargs: object) -> Structure:
    """The gradient terms of ``module``, from a copy on meta, run on arguments like these."""
    on_meta, (args, kwargs) = copy_with((module, (args, kwargs)), place_on_meta())
    return follow(on_meta, Arguments(args, kwargs))


def follow(module: nn.Module, arguments: Arguments) -> Structure:
    """The gradient terms of ``module``, run on ``arguments``, on meta or real tensors.

    It runs in evaluation mode. Channels are followed through views, cat, elementwise
    operators, normalisation, pooling, upsampling, padding, sums and other reductions. Convolutions
    and linear layers start new sources; so does an operator that cannot be followed, which is
    listed. A convolution with fixed weights joins the channels of each group. Biases and weights of
    normalisations are left out. Lets exceptions of the module's forward through.
    """
    module.eval()
    with module_stack(module) as stack, _unfused_attention(), torch.no_grad():
        follower = Follower(module, arguments.tensors, stack)
        with follower:
            output = module(*arguments.args, **arguments.kwargs)
    return _structure(follower, output)


@contextlib.contextmanager
def _unfused_attention() -> Iterator[None]:
    """Run attention as single operators, as in training; the fused operator hides its weights."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)


def _structure(follower: Follower, output: object) -> Structure:
    uses: Counter[int] = Counter()
    weights = []
    for call in follower.calls:
        source = follower.sources[call.source]
        outputs = range(source.start, source.stop)
        uses.update(call.reads)
        uses.update(outputs)
        weights.append(
            WeightTerms(
                name=call.weight,
                source=call.source,
                read=len(call.reads),
                own=len(outputs),
                reads=_spans(follower, call.reads),
            )
        )
    leaves = [leaf for leaf in pytree.tree_leaves(output) if is_differentiable(leaf)]
    carried = (follower.labels.terms(follower.labels.read(leaf)) for leaf in leaves)
    return Structure(
        sources=tuple(
            Source(
                name=source.name,
                channels=source.stop - source.start,
                uses=tuple(_runs([uses[term] for term in range(source.start, source.stop)])),
            )
            for source in follower.sources
        ),
        weights=tuple(weights),
        splits=tuple(
            _split(follower, split) for split in follower.splits.values() if len(split.parts) > 1
        ),
        output=_spans(follower, frozenset().union(*carried)),
        unfollowed=tuple(
            Unfollowed(module=module, operator=operator, calls=calls)
            for (module, operator), calls in follower.unfollowed.items()
        ),
    )


def _split(follower: Follower, split: SplitTensor) -> Split:
    parts = []
    uses: Counter[int] = Counter()
    for channels, terms in split.parts.values():
        readers = [
            number
            for number, call in enumerate(follower.calls)
            if number >= split.earlier_calls and not call.reads.isdisjoint(terms)
        ]
        reads = frozenset().union(*(follower.calls[number].reads for number in readers))
        uses.update(reads)
        parts.append(
            Part(
                channels=channels,
                terms=_spans(follower, terms),
                weights=tuple(readers),
                reads=_spans(follower, reads),
            )
        )
    shared = frozenset(term for term, number in uses.items() if number > 1)
    return Split(module=split.module, parts=tuple(parts), shared=_spans(follower, shared))


def _spans(follower: Follower, terms: Terms) -> tuple[Span, ...]:
    def source_of(term: int) -> int:
        return bisect_right(follower.sources, term, key=lambda source: source.start) - 1

    spans: list[Span] = []
    for source, group in groupby(sorted(terms), key=source_of):
        first = follower.sources[source].start
        channels = [term - first for term in group]
        cuts = [i for i in range(1, len(channels)) if channels[i] > channels[i - 1] + 1]
        for start, stop in pairwise([0, *cuts, len(channels)]):
            spans.append(Span(source=source, start=channels[start], stop=channels[stop - 1] + 1))
    return tuple(spans)


def _runs(uses: list[int]) -> Iterator[Used]:
    start = 0
    for weights, group in groupby(uses):
        stop = start + len(list(group))
        yield Used(start=start, stop=stop, weights=weights)
        start = stop
