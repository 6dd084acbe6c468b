"""The Python API: one call, one record, a table as its text."""

import pytest
import torch
from torch import nn

import cspbench


def test_an_entry_by_name_is_profiled_at_its_default_input() -> None:
    """Counts and the tensor peak by default; what was not asked for is absent."""
    profile = cspbench.profile("csp_fusion_first")
    assert profile.counts is not None
    assert (profile.counts.params, profile.counts.macs) == (343_360, 1_066_139_648)
    assert profile.tensor_peak is not None
    assert (profile.allocated, profile.resident, profile.latencies) == (None, None, ())


def test_the_text_is_a_table_and_to_dict_is_plain() -> None:
    """A summary for people, dictionaries for programs."""
    profile = cspbench.profile(nn.Sequential(nn.Conv2d(3, 8, 3)), (1, 3, 10, 10))
    assert "Conv2d" in str(profile)
    assert "8x8" in str(profile).replace(" ", "").replace("[", "").replace(",", "x")
    assert profile.to_dict()["counts"]["macs"] == 8 * 64 * 27


def test_latency_is_one_launch_in_this_process() -> None:
    """As many samples as turns, seconds per iteration."""
    profile = cspbench.profile(nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=["latency"], turns=4)
    (latency,) = profile.latencies
    assert len(latency.samples_s) == 4
    assert all(0 < seconds < 10 for seconds in latency.samples_s)


@pytest.mark.parametrize("mode", ["infer", "train"])
def test_any_output_structure_is_followed(mode: str) -> None:
    """A module may return a dictionary of tensors."""

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1, bias=False)

        def forward(self, x: torch.Tensor) -> dict[str, object]:
            y = self.conv(x)
            return {"a": y, "b": [y + 1, "text"]}

    profile = cspbench.profile(Heads(), (1, 3, 4, 4), mode="train" if mode == "train" else "infer")
    assert profile.counts is not None
    assert profile.counts.macs == 4 * 16 * 3


def test_global_state_is_restored() -> None:
    """Threads, the random state and backend flags are the caller's."""
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads, flags = torch.get_num_threads(), torch.backends.cudnn.benchmark
    cspbench.profile("dense", (1, 64, 8, 8), measures=["latency"], turns=1)
    assert torch.equal(torch.rand(1), expected)
    assert (torch.get_num_threads(), torch.backends.cudnn.benchmark) == (threads, flags)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"module_or_entry": "dens"}, "no catalogue entry 'dens'; nearest: 'dense'"),
        ({"module_or_entry": "dense", "measures": ["speed"]}, "no measure 'speed'; allowed: "),
        ({"module_or_entry": "dense", "measures": ["graph"]}, "no measure 'graph'; allowed: "),
        ({"module_or_entry": "dense", "input_shape": (1, 3, 4, 4)}, "takes an input N,64,H,W"),
        ({"module_or_entry": nn.ReLU()}, "profile needs the input_shape N,C,H,W of a module"),
        ({"module_or_entry": nn.ReLU(), "input_shape": (1, 3, 4)}, "four positive numbers"),
        ({"module_or_entry": "csp", "arguments": {"gamma": 2.0}}, r"a number in \(0, 1\), got 2.0"),
    ],
)
def test_bad_arguments_are_one_clear_error(arguments: dict[str, object], message: str) -> None:
    """The same errors as the command line's."""
    with pytest.raises(cspbench.CspbenchError, match=message):
        cspbench.profile(**arguments)  # type: ignore[arg-type]


def test_the_package_names_what_it_lacks() -> None:
    """Lazy loading does not swallow typing errors."""
    with pytest.raises(AttributeError, match="has no attribute 'profil'"):
        _ = cspbench.profil
