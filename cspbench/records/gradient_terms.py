"""Gradient terms, and the updates of weights in which they take part.

A *source* is a feature map whose gradient is a term of its own: the input, g_0, and the output of
every convolution and linear layer. A *term* is one channel of a source.
"""

from collections.abc import Iterator

from .base import Frozen, Name, Whole

INPUT = "input"


class Span(Frozen, frozen=True, kw_only=True):
    """The terms ``start`` to ``stop`` (exclusive) of the source with the number ``source``."""

    source: Whole
    start: Whole
    stop: Whole


class Used(Frozen, frozen=True, kw_only=True):
    """The channels ``start`` to ``stop`` (exclusive), each in ``weights`` weights' updates."""

    start: Whole
    stop: Whole
    weights: Whole


class Source(Frozen, frozen=True, kw_only=True):
    """A feature map whose channels are terms, and how often each of them is used.

    ``name`` is ``input``, the dotted name of the weight's module, or ``module:operator`` for an
    operator that cannot be followed. A layer that is called twice has two sources of one name.
    """

    name: Name
    channels: Whole
    uses: tuple[Used, ...]


class WeightTerms(Frozen, frozen=True, kw_only=True):
    """The terms in the update of one weight, from one call of it.

    The update is the product of the weight's input, whose terms are ``reads``, and the gradient of
    its output, which is the source with the number ``source``. ``read`` and ``own`` count the terms
    of the two. CSPNet (arXiv 1911.11929, section 3.1) writes ``reads`` as {g_0, ..., g_{k-1}} for
    w_k.
    """

    name: Name
    source: Whole
    read: Whole
    own: Whole
    reads: tuple[Span, ...]


class Part(Frozen, frozen=True, kw_only=True):
    """One part of a tensor that is cut, and the weights that read its terms directly.

    ``terms`` are those of the part. ``weights`` are indices into `Structure.weights`, of calls made
    after the cut; ``reads`` are all terms that these weights read.
    """

    channels: Whole
    terms: tuple[Span, ...]
    weights: tuple[Whole, ...]
    reads: tuple[Span, ...]


class Split(Frozen, frozen=True, kw_only=True):
    """A tensor that the module named ``module`` cuts by channel into two or more parts.

    ``shared`` are the terms that weights of at least two parts read.
    """

    module: Name
    parts: tuple[Part, ...]
    shared: tuple[Span, ...]

    @property
    def truncated(self) -> bool:
        """Whether no term takes part in the updates of more than one part's weights."""
        return not self.shared


class Unfollowed(Frozen, frozen=True, kw_only=True):
    """An operator whose channels cannot be followed, so that its output is a new source."""

    module: Name
    operator: Name
    calls: Whole


class Structure(Frozen, frozen=True, kw_only=True):
    """The gradient terms of a module: all sources and weights in the order of their calls."""

    sources: tuple[Source, ...]
    weights: tuple[WeightTerms, ...]
    splits: tuple[Split, ...]
    output: tuple[Span, ...]
    unfollowed: tuple[Unfollowed, ...]

    def __post_init__(self) -> None:
        """Raise ValueError for terms that no source has."""
        for span in self._spans():
            known = span.source < len(self.sources)
            if not known or not span.start < span.stop <= self.sources[span.source].channels:
                raise ValueError(f"no terms {span.start}:{span.stop} of source {span.source}")

    @property
    def used_terms(self) -> int:
        """The number of terms over all weights: those that each reads, and its own outputs.

        For a dense block of m single-convolution layers of growth d on c channels it is
        c * m + (m * m + m) * d / 2, as in section 3.1 of CSPNet (arXiv 1911.11929).
        """
        return sum(weight.read + weight.own for weight in self.weights)

    @property
    def unique_terms(self) -> int:
        """The number of terms that take part in at least one update."""
        return sum(
            used.stop - used.start
            for source in self.sources
            for used in source.uses
            if used.weights
        )

    @property
    def reuse(self) -> float:
        """The mean number of updates that a term takes part in; 0 without weights."""
        return self.used_terms / self.unique_terms if self.weights else 0.0

    @property
    def shared_terms(self) -> int:
        """The number of terms that weights of more than one part read, over all splits."""
        return sum(span.stop - span.start for split in self.splits for span in split.shared)

    def _spans(self) -> Iterator[Span]:
        yield from self.output
        for weight in self.weights:
            yield from weight.reads
        for split in self.splits:
            yield from split.shared
            for part in split.parts:
                yield from (*part.terms, *part.reads)

    def span_names(self, terms: tuple[Span, ...]) -> tuple[str, ...]:
        """``terms`` as text: ``name`` for a whole source, ``name[start:stop]`` for a part."""
        texts = []
        for span in terms:
            source = self.sources[span.source]
            is_whole = (span.start, span.stop) == (0, source.channels)
            texts.append(source.name + ("" if is_whole else f"[{span.start}:{span.stop}]"))
        return tuple(texts)
