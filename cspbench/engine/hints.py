"""Remedies for errors of models whose own message names none."""

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from ..errors import CspbenchError, message_of

_Remedy = str | Callable[[re.Match[str]], str]

_TORCHVISION_OFFSET = 15  # torchvision 0.(N + 15) is the release for torch 2.N


def reason(error: BaseException) -> str:
    """An error in one line: its type, unless it is ours, the message's first line, and a hint."""
    message = message_of(error)
    first_line = next(iter(message.strip().splitlines()), "")
    parts = [] if isinstance(error, CspbenchError) else [type(error).__name__]
    parts += [first_line] if first_line else []
    text, remedy = ": ".join(parts), hint(message)
    return f"{text} ({remedy})" if remedy and remedy not in text else text


def hint(message: str) -> str:
    """What to do about an error with this message; '' if there is no remedy for it here."""
    for pattern, remedy in _REMEDIES:
        if match := pattern.search(message):
            return remedy if isinstance(remedy, str) else remedy(match)
    return ""


def _missing_package(match: re.Match[str]) -> str:
    package = match[1]
    if package == "timm":
        return (
            "install it beside this torch with: pip install --no-deps timm; "
            f"pip install huggingface_hub safetensors pyyaml; {_torchvision()}"
        )
    if package == "torchvision":
        return f"install the build for this torch: {_torchvision()}"
    return f"the model's code imports it: install the package that provides {package}"


def _unfit_torchvision(_: re.Match[str]) -> str:
    return (
        f"torchvision was built for another torch than {_version('torch')}: install the build for "
        f"this one: {_torchvision()}"
    )


def _torchvision() -> str:
    """The command that installs the torchvision for the installed torch, and leaves torch alone."""
    installed = re.match(r"2\.(\d+)[^+]*(\+\w+)?", _version("torch"))
    if installed is None:
        return "pip install --no-deps torchvision"
    release = f"0.{int(installed[1]) + _TORCHVISION_OFFSET}"
    build = f" from the index of the {installed[2]} builds" if installed[2] else ""
    return f"pip install --no-deps 'torchvision=={release}.*'{build}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _image_size(match: re.Match[str]) -> str:
    height = match["height"]
    width = match.groupdict().get("width") or height
    return f"the model takes images of {height}x{width}: --input N,C,{height},{width}"


def _channels(match: re.Match[str]) -> str:
    return f"the layer takes {match[1]} channels: --input N,{match[1]},H,W"


_OTHER_SIZE = (
    "check the size of the input: many models take only one size, or multiples of 32: "
    "--input N,C,H,W"
)
_REMEDIES: tuple[tuple[re.Pattern[str], _Remedy], ...] = tuple(
    (re.compile(pattern), remedy)
    for pattern, remedy in (
        (
            r"Expected more than 1 value per channel when training",
            (
                "BatchNorm needs more than one value per channel: train on more images with "
                "--batch-size 2 (show: --input 2,C,H,W), or on larger ones"
            ),
        ),
        (r"(?:No module named '|needs the package )(\w+)", _missing_package),
        (r"operator torchvision::\w+ does not exist", _unfit_torchvision),
        (r"Couldn't load custom C\+\+ ops", _unfit_torchvision),
        (
            (
                r"Input (?:image )?(?:height|width|size) \(.*?\) doesn't match model "
                r"\((?P<height>\d+)(?:[*x, ]+(?P<width>\d+))?\)"
            ),
            _image_size,
        ),
        (r"Wrong image (?:height|width)! Expected (?P<height>\d+) but got", _image_size),
        (
            r"GuardOnDataDependentSymNode|Could not guard on data-dependent expression",
            (
                "the model's forward reads values of a tensor, as `if x.sum() > 0` does: it can be "
                "measured eager, fused or compiled, and in no form that is a file"
            ),
        ),
        (r"expected input\[.*\] to have (\d+) channels, but got", _channels),
        (
            r"Invalid channel dimensions",
            "check the number of channels of the input: --input N,C,H,W",
        ),
        (r"mat1 and mat2 shapes cannot be multiplied", _OTHER_SIZE),
        (r"shapes cannot be multiplied \(\d+x\d+ and \d+x\d+\)", _OTHER_SIZE),
        (r"must have same reduction dim, but got", _OTHER_SIZE),
        (r"The size of tensor a \(\d+\) must match the size of tensor b", _OTHER_SIZE),
        (r"Sizes of tensors must match except in dimension", _OTHER_SIZE),
        (r"Attempting to broadcast a dimension of length", _OTHER_SIZE),
        (r"is not a multiple of patch|should be divisible by patch size", _OTHER_SIZE),
        (
            r"Kernel size can't be greater than actual input size|Output size is too small",
            "the image is too small for the strides: give a larger --input N,C,H,W",
        ),
        (
            r"forward\(\) missing \d+ required positional argument",
            "it takes several inputs: repeat --input, or name them: --input NAME=1,77",
        ),
        (
            r"forward\(\) got an unexpected keyword argument '.*'",
            "name inputs as the arguments of the model's forward: --input NAME=N,C,H,W",
        ),
        (
            r"index out of range in self",
            "integers exceed the table they index; lower the end of --input ids=1,77:int64:END",
        ),
        (
            r"Expected tensor for argument #1 'indices' to have one of the following scalar types",
            "it takes integers: --input 1,77:int64:49408, with the number of tokens last",
        ),
    )
)
