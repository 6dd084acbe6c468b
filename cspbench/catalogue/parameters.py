"""Parameters that several families share, and the names of activations and pools."""

from .entry import Parameter

ACTIVATIONS = (
    "none",
    "relu",
    "relu6",
    "leaky_relu",
    "leaky_relu_0.01",
    "silu",
    "hardswish",
    "mish",
    "gelu",
)
POOLS = ("none", "avg", "max")

GAMMA = Parameter(
    name="gamma",
    default=0.5,
    help="share of the channels that bypass the block",
    above=0,
    below=1,
)


def count(
    name: str, default: int, text: str, *, minimum: int = 1, maximum: int = 65_536
) -> Parameter:
    """A parameter that takes whole numbers from ``minimum`` to ``maximum``."""
    return Parameter(name=name, default=default, help=text, minimum=minimum, maximum=maximum)


def ratio(name: str, default: float, text: str) -> Parameter:
    """A parameter that takes numbers above 0."""
    return Parameter(name=name, default=default, help=text, above=0)


def flag(name: str, text: str, *, default: bool) -> Parameter:
    """A parameter that is true or false."""
    return Parameter(name=name, default=default, help=text)


def activation(default: str) -> Parameter:
    """The parameter that names the activation after each batch normalisation."""
    return Parameter(
        name="activation",
        default=default,
        help="activation after each batch normalisation",
        choices=ACTIVATIONS,
    )
