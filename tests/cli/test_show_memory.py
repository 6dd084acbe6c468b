"""`show --memory`: tables of both modes, and the series as JSON."""

import json

import pytest

from cspbench import cli

WORDS = ["show", "csp", "--input", "1,64,8,8", "--memory"]


@pytest.mark.slow
def test_show_prints_memory_by_module_and_what_to_checkpoint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside the counts, down to the depth that was asked for."""
    assert cli.main([*WORDS, "--depth", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == "csp 1x64x8x8, infer: memory series\ncsp 1x64x8x8, train: memory series\n"
    assert "Inference: memory over " in out
    assert "Training: memory over " in out
    assert "Checkpointing the 6 modules block.layers.0 … 5 (DenseLayer) frees " in out
    assert "squeeze |" not in out


@pytest.mark.slow
def test_json_has_the_series_of_both_modes(capsys: pytest.CaptureFixture[str]) -> None:
    """Whose highest point is the tensor peak; only if it was asked for."""
    assert cli.main([*WORDS, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    for mode, series in shown["memory_series"].items():
        live = sum(
            sum(changes["bytes"][: changes["steps"].index(0) + 1])
            for changes in series["changes"].values()
            if 0 in changes["steps"]
        )
        assert live == shown["tensor_peak"][mode]["baseline_bytes"]
    assert set(shown["memory_series"]) == {"infer", "train"}
    assert cli.main([*WORDS[:-1], "--json"]) == 0
    assert "memory_series" not in json.loads(capsys.readouterr().out)
