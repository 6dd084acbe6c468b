"""The channel arithmetic of all blocks, so that odd counts are rounded in the same way."""


def split_channels(channels: int, gamma: float) -> tuple[int, int]:
    """Channels that bypass the block, and channels that go through it: together, all of them.

    ``gamma`` is the share that *bypasses*; rounded down, with at least one channel on each side.
    Raises ValueError for fewer than two channels and for ``gamma`` outside (0, 1).

    >>> split_channels(64, 0.5), split_channels(33, 0.5), split_channels(7, 0.05)
    ((32, 32), (16, 17), (1, 6))
    """
    if channels < 2:
        raise ValueError(f"a split needs at least 2 channels, got {channels}")
    if not 0 < gamma < 1:
        raise ValueError(f"gamma must be in (0, 1), got {gamma!r}")
    bypass = max(1, min(channels - 1, int(gamma * channels)))
    return bypass, channels - bypass


def scaled(channels: int, ratio: float) -> int:
    """``channels`` times ``ratio``, rounded down, but at least one.

    Raises ValueError where either is not above 0.

    >>> scaled(256, 0.5), scaled(33, 0.5), scaled(1, 0.25)
    (128, 16, 1)
    """
    require_positive(channels=channels, ratio=ratio)
    return max(1, int(ratio * channels))


def squeezed(channels: int, ratio: float) -> int:
    """``channels`` times ``ratio``, rounded to the nearest multiple of 8, but at least 8.

    Halfway is rounded up. Raises ValueError where either is not above 0.

    >>> squeezed(256, 0.25), squeezed(320, 1 / 16), squeezed(64, 1 / 16)
    (64, 24, 8)
    """
    require_positive(channels=channels, ratio=ratio)
    return max(8, int(channels * ratio + 4) // 8 * 8)


def dense_inputs(channels: int, layers: int, growth: int) -> tuple[int, ...]:
    """Input channels of each layer of a dense block: its base and all features made before.

    >>> dense_inputs(64, layers=3, growth=32)
    (64, 96, 128)
    """
    require_positive(channels=channels, layers=layers, growth=growth)
    return tuple(channels + layer * growth for layer in range(layers))


def dense_output(channels: int, layers: int, growth: int) -> int:
    """Output channels of a dense block: its base, which is kept, and every layer's features.

    >>> dense_output(64, layers=6, growth=32)
    256
    """
    require_positive(channels=channels, layers=layers, growth=growth)
    return channels + layers * growth


def path_channels(c1: int, c2: int, e: float) -> int:
    """Channels of each path of a YOLO module: ``c2`` times ``e``, rounded as `scaled` does.

    Raises ValueError where any of the three is not above 0.

    >>> path_channels(128, 128, e=0.5)
    64
    """
    require_positive(c1=c1, c2=c2, e=e)
    return scaled(c2, e)


def attention_heads(channels: int, most: int) -> int:
    """The largest number of attention heads, at most ``most``, that divides ``channels``.

    At least one head, so that ``most`` may be 0.

    >>> attention_heads(128, 2), attention_heads(97, 3), attention_heads(32, 0)
    (2, 1, 1)
    """
    require_positive(channels=channels)
    return next(heads for heads in range(max(1, most), 0, -1) if channels % heads == 0)


def halved(name: str, channels: int) -> int:
    """Half of ``channels``; raises ValueError, naming them ``name``, where they are odd.

    >>> halved("c3", 128)
    64
    """
    if channels % 2:
        raise ValueError(f"{name} must be even, because it is split into halves, got {channels}")
    return channels // 2


def two_way_channels(inputs: int, growth: int, bn_size: int) -> tuple[int, int]:
    """Outputs of the 1x1 and of the 3x3 convolutions of a two-way dense layer (PeleeNet).

    Each way makes half of ``growth`` and its 1x1 has ``bn_size`` times as many outputs; where that
    is more than half of ``inputs``, four for every eight of them, but at least one. Raises
    ValueError for an odd ``growth`` and a count that is not above 0.

    >>> two_way_channels(128, growth=32, bn_size=4), two_way_channels(60, growth=32, bn_size=4)
    ((64, 16), (28, 16))
    """
    require_positive(inputs=inputs, growth=growth, bn_size=bn_size)
    if growth % 2:
        raise ValueError(
            f"growth must be even, because each of two ways makes half of it, got {growth}"
        )
    half = growth // 2
    inner = bn_size * half
    return (inner if 2 * inner <= inputs else max(1, inputs // 8 * 4)), half


def require_groups(groups: int, channels: int, *, kernel: str = "3x3") -> None:
    """Raise ValueError unless ``groups`` divides ``channels``."""
    require_positive(groups=groups)
    if channels % groups:
        raise ValueError(f"groups={groups} does not divide the {channels} channels of the {kernel}")


def require_odd(k: int) -> None:
    """Raise ValueError unless ``k``, the size of a kernel, is above 0 and odd."""
    require_positive(k=k)
    if k % 2 == 0:
        raise ValueError(f"k must be odd, because an even kernel changes H and W, got {k}")


def require_residual(c1: int, c2: int) -> None:
    """Raise ValueError unless an input of ``c1`` channels can be added to an output of ``c2``."""
    if c1 != c2:
        raise ValueError(f"a residual needs c1 = c2, got {c1} and {c2}")


def require_channels(channels: int, *, expected: int) -> None:
    """Raise ValueError unless ``channels`` is ``expected``, which slices do not check."""
    if channels != expected:
        raise ValueError(f"expected {expected} channels, got {channels}")


def require_positive(**numbers: float) -> None:
    """Raise ValueError, naming the first of ``numbers`` that is not above 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, got {number!r}")
