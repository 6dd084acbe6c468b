"""The Python API: one call, one record, a table as its text."""

import subprocess
import sys
from pathlib import Path

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
        ({"module_or_entry": "dense", "measures": ["graph"]}, "'graph' needs processes of its own"),
        (
            {"module_or_entry": "dense", "measures": "counts"},
            r"list of names, got 'counts'; pass \['coun",
        ),
        ({"module_or_entry": "dense", "measures": []}, "measures must name at least one of "),
        ({"module_or_entry": "dense", "mode": "eval"}, "no mode 'eval'; allowed: 'infer', 'train'"),
        ({"module_or_entry": "dense", "precision": "fp31"}, "no precision 'fp31'; nearest: 'fp32'"),
        ({"module_or_entry": "dense", "precision": "tf32"}, "'tf32' needs a CUDA device"),
        ({"module_or_entry": "dense", "device": "gpu"}, "no device 'gpu'; allowed: 'cpu', 'cuda'"),
        ({"module_or_entry": "dense", "device": 0}, "no device '0'; allowed: 'cpu', 'cuda'"),
        ({"module_or_entry": "dense", "turns": 0}, "integer of at least 1, got 0"),
        ({"module_or_entry": "dense", "turns": True}, "integer of at least 1, got True"),
        ({"module_or_entry": "dense", "turns": 2.5}, "integer of at least 1, got 2.5"),
        ({"module_or_entry": nn.ReLU}, r"got the class ReLU; pass ReLU\(…\)"),
        ({"module_or_entry": lambda x: x}, "got function <lambda>; call it if it makes a model"),
        ({"module_or_entry": torch.zeros(2)}, "got Tensor; the model comes first: profile"),
        ({"module_or_entry": (torch.zeros(2),)}, r"got tuple; .* nn.Sequential\(…\)"),
        ({"module_or_entry": nn.ReLU().state_dict()}, "got OrderedDict; if these are weights"),
        ({"module_or_entry": None}, "got None; pass the model itself"),
        ({"module_or_entry": "dense", "input_shape": (1, 3, 4, 4)}, "takes an input N,64,H,W"),
        ({"module_or_entry": nn.ReLU()}, "profile of a module needs an input"),
        ({"module_or_entry": nn.ReLU(), "input_shape": (1, -3, 4)}, "must not be negative"),
        ({"module_or_entry": nn.ReLU(), "input_shape": 3}, "expected an input, got int"),
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


def test_dir_and_help_show_the_interface() -> None:
    """Although its names are loaded on first use; a fresh process has loaded none."""
    code = (
        "import cspbench, pydoc; print(dir(cspbench)); "
        "print(pydoc.render_doc(cspbench, renderer=pydoc.plaintext))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    listed, _, documented = process.stdout.partition("\n")
    for name in cspbench.__all__:
        assert repr(name) in listed
        assert name in documented
    assert "profile(" in documented
    assert "module_or_entry" in documented


def test_figures_of_a_profile_are_attributes() -> None:
    """With units in their documentation; latency is the median of the samples in seconds."""
    module = nn.Conv2d(3, 8, 3)
    profile = cspbench.profile(
        module, (1, 3, 10, 10), measures=["counts", "tensor_peak", "latency"], turns=3
    )
    assert (profile.params, profile.macs) == (8 * 27 + 8, 8 * 64 * 27)
    assert profile.matmul_macs == 0
    assert profile.tensor_peak is not None
    assert profile.peak_tensor_bytes == profile.tensor_peak.peak_tensor_bytes
    assert profile.latency == sorted(profile.latencies[0].samples_s)[1]
    assert "seconds" in str(type(profile).latency.__doc__)


@pytest.mark.parametrize(
    ("figure", "stage"),
    [
        ("params", "counts"),
        ("macs", "counts"),
        ("matmul_macs", "counts"),
        ("peak_tensor_bytes", "tensor_peak"),
        ("latency", "latency"),
    ],
)
def test_a_figure_that_was_not_asked_for_names_its_measure(figure: str, stage: str) -> None:
    """As an error of ours, and as an attribute that is not there."""
    profile = cspbench.profile(nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=["disk_size"])
    with pytest.raises(cspbench.CspbenchError, match=rf"{figure} was not measured; .*'{stage}'"):
        getattr(profile, figure)
    assert not hasattr(profile, figure)


def test_a_printed_profile_shows_every_measure_that_was_asked_for() -> None:
    """With its unit, or the reason why there is no figure."""
    measures = ["allocated", "latency", "disk_size", "gradient_terms"]
    profile = cspbench.profile(
        nn.Conv2d(3, 8, 3), (1, 3, 10, 10), measures=[*measures, "counts", "tensor_peak"], turns=2
    )
    text = str(profile)
    for words in (
        "weights on disk [bytes]",
        "peak alloc. [MiB]",
        "gradient terms used",
        "2 samples in 1 launch; the first call took",
        "peak tensor memory",
        "parameters",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100


def test_an_exception_of_the_model_keeps_its_type_and_gets_a_remedy(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As a note; torch does not log what it raises."""
    with pytest.raises(RuntimeError) as raised:
        cspbench.profile(nn.Linear(512, 10), (1, 3, 4, 2048), measures=["tensor_peak"])
    assert "--input" in "".join(raised.value.__notes__)
    assert "fake_tensor" not in capfd.readouterr().err


def test_a_plain_model_is_said_to_change_nothing(tmp_path: Path) -> None:
    """In a fresh process, where the first model's call is the first use of several libraries."""
    (tmp_path / "plain.py").write_text(
        "from torch import nn\n\n\ndef net():\n    return nn.Conv2d(3, 8, 3)\n"
    )
    code = "import cspbench; print(cspbench.profile('plain.py:net', (1, 3, 8, 8)).alters)"
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert completed.stdout == "()\n", completed.stderr
