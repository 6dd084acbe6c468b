"""A case's key is stable and says what was measured; its label says what is unusual."""

import msgspec
import pytest

from cspbench.catalogue import find
from cspbench.catalogue.input_text import parse_words
from cspbench.errors import CspbenchError
from cspbench.plan.case import Case, make_case, show_words


def test_a_key_names_arguments_shape_device_precision_layout_and_mode() -> None:
    """Two cases that differ in any of these never share a key."""
    case = make_case(
        find("csp"),
        {"gamma": 0.25},
        batch_size=8,
        img_size=28,
        precision="bf16",
        channels_last=True,
        mode="train",
    )
    assert case.key == "csp[gamma=0.25] 8x64x28x28 cpu bf16 channels_last train"
    assert case.label == "csp gamma=0.25 8x64x28x28 bf16 channels_last"


def test_a_default_is_not_named_even_when_it_is_given() -> None:
    """The key does not depend on how a suite spells a case."""
    default = make_case(find("csp"), {})
    assert make_case(find("csp"), {"gamma": 0.5}, shape=(1, 64, 56, 56)) == default
    assert default.label == "csp"


def test_the_default_shape_follows_the_channels() -> None:
    """Asking for 32 channels asks for an input of 32 channels."""
    assert make_case(find("csp"), {"channels": 33}).input_shape == (1, 33, 56, 56)


def test_a_size_that_pooling_cannot_halve_is_refused() -> None:
    """1x1 has no half."""
    with pytest.raises(CspbenchError, match="pool=avg halves H and W: each must be at least 2"):
        make_case(find("dense"), {"pool": "avg"}, img_size=1)


@pytest.mark.parametrize(
    ("entry", "overrides", "shape", "words"),
    [
        ("csp", {}, None, "show csp"),
        ("csp", {"channels": 8}, None, "show csp --set channels=8"),
        ("csp", {"gamma": 0.25}, (2, 64, 8, 8), "show csp --set gamma=0.25 --input 2,64,8,8"),
        ("fpn", {"c3": 8}, None, "show fpn --set c3=8"),
        ("torch.nn:ReLU", {"inplace": True}, (1, 3, 4, 4),
         "show torch.nn:ReLU --set inplace=True --input 1,3,4,4"),
    ],
)  # fmt: skip
def test_a_case_is_shown_by_the_words_that_make_it(
    entry: str, overrides: dict[str, bool | float], shape: tuple[int, ...] | None, words: str
) -> None:
    """Only what differs from the defaults is said."""
    case = make_case(find(entry), dict(overrides), shape=shape)
    assert " ".join(show_words(case, find(entry))) == words


@pytest.mark.parametrize(
    "words",
    [
        ["1,8"],
        ["scalar"],
        ["1,3,8,8", "ids=1,77:int64:49408", "mask=none"],
        ["[[1,2], [3,4]]"],
        ["net.py:inputs(batch_size=8)"],
    ],
)
def test_other_inputs_are_shown_by_their_words(words: list[str]) -> None:
    """Which make the same case again."""
    entry = find("torch.nn:ReLU")
    case = make_case(entry, {}, inputs=parse_words(words))
    shown = show_words(case, entry)
    assert shown[:2] == ["show", "torch.nn:ReLU"]
    assert shown[2::2] == ["--input"] * len(words)
    assert make_case(entry, {}, inputs=parse_words(shown[3::2])) == case


def test_one_tensor_of_numbers_is_a_shape() -> None:
    """However it is given, so that its key stays what it was."""
    entry = find("csp")
    case = make_case(entry, {}, shape=(2, 64, 8, 8))
    assert make_case(entry, {}, inputs=parse_words(["2,64,8,8"])) == case
    assert (case.key, case.inputs) == ("csp 2x64x8x8 cpu fp32 infer", None)


def test_a_neck_takes_a_pyramid_that_follows_its_channels_and_the_sizes_asked_for() -> None:
    """And is shown with an input for each level."""
    entry = find("fpn")
    case = make_case(entry, {"c4": 24}, batch_size=2, img_size=80)
    text = "2x256x80x80,2x24x40x40,2x1024x20x20"
    assert case.key == f"fpn[c4=24] {text} cpu fp32 infer"
    assert case.label == f"fpn c4=24 {text}"
    words = show_words(case, entry)
    assert words == [
        *("show", "fpn", "--set", "c4=24"),
        *("--input", "2,256,80,80", "--input", "2,24,40,40", "--input", "2,1024,20,20"),
    ]
    assert make_case(entry, {"c4": 24}, inputs=parse_words(words[5::2])) == case


def test_a_size_that_a_neck_cannot_halve_twice_is_refused() -> None:
    """Each level has half the height and width of the one before."""
    message = r"^fpn: an image size must be a multiple of 4 for inputs .*, got 30$"
    with pytest.raises(CspbenchError, match=message):
        make_case(find("fpn"), {}, img_size=30)


def test_sizes_that_a_case_cannot_have_are_said_of_its_entry() -> None:
    """In one line."""
    with pytest.raises(CspbenchError, match=r"torch\.nn:ReLU: an image size needs floating-point"):
        make_case(find("torch.nn:ReLU"), {}, shape=(1, 8), img_size=4)
    assert make_case(find("torch.nn:ReLU"), {}, shape=(1, 8), batch_size=4).input_shape == (4, 8)


@pytest.mark.parametrize("size", [-1, 2**63, 10**400], ids=["negative", "64 bits", "endless"])
def test_a_size_that_no_tensor_has_is_not_read(size: int) -> None:
    """A batch of 10^400 images is no number of images per second."""
    case = make_case(find("torch.nn:Identity"), {}, shape=(1, 3, 4, 4))
    content = msgspec.json.encode(case).replace(b"[1,3,4,4]", f"[{size},3,4,4]".encode())
    with pytest.raises(msgspec.ValidationError, match="input_shape"):
        msgspec.json.decode(content, type=Case)
