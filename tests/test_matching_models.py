"""What a comparison calls equal is counted before it starts, as the presets of models count it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.presets import LAYERS, MATCHED_PARAMETERS, MATCHED_STATE, PARAMETERS_OFF, STATE_OFF
from runners.cli.main import main
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.execution.sweep import carry_out
from runners.studies.matching import TOLERANCE, amount, check_matched
from runners.studies.presets import PRESETS
from runners.studies.study import Study

TASK = TaskSetting("mqar", 64, {"num_pairs": 16, "num_keys": 64, "num_values": 64})


def study_of(*models: ModelSetting, matched: str, task: TaskSetting = TASK) -> Study:
    runs = tuple(Run(task, model, seed=seed) for seed in range(2) for model in models)
    return Study("matched", runs, matched=matched)


@pytest.mark.parametrize("name", ["parameters", "bytes"])
def test_presets_that_say_they_are_matched_are(name: str) -> None:
    study = PRESETS[name]()
    assert study.matched == name
    check_matched(study)


def test_models_are_counted_as_their_presets_count_them() -> None:
    for run in PRESETS["parameters"]().runs[: len(MATCHED_PARAMETERS)]:
        assert amount(run, "parameters") == MATCHED_PARAMETERS[run.label].parameters()
    for run in PRESETS["bytes"]().runs[: len(MATCHED_STATE)]:
        assert amount(run, "bytes") == 4 * LAYERS * MATCHED_STATE[run.label].state()
    assert {"parameters": PARAMETERS_OFF, "bytes": STATE_OFF} == TOLERANCE


def test_what_is_not_asked_for_is_not_refused() -> None:
    check_matched(study_of(ModelSetting("linear"), ModelSetting("linear", width=64, label="wide"), matched=""))


@pytest.mark.parametrize(
    ("matched", "odd", "said"),
    [
        (
            "parameters",
            ModelSetting("gru"),
            r"within 4%, but on mqar gru has 27,296 .* \(\+27\.9%\): change its width",
        ),
        ("bytes", ModelSetting("linear", {"size": 12}, label="small"), r"within 5%.* small has .* options \(.*size"),
        ("bytes", ModelSetting("gru"), r"gru has 1,024 .* change its width"),
    ],
)
def test_the_model_that_is_not_equal_is_named(matched: str, odd: ModelSetting, said: str) -> None:
    equal = [ModelSetting("linear"), ModelSetting("linear", label="twin")]
    check_matched(study_of(*equal, matched=matched))
    with pytest.raises(ValueError, match=said):
        check_matched(study_of(*equal, odd, matched=matched))


@pytest.mark.parametrize(("width", "fits"), [(31, False), (32, True), (33, False)])
def test_a_step_of_the_width_is_more_than_is_let_through(width: int, fits: bool) -> None:
    models = [ModelSetting("linear"), ModelSetting("delta"), ModelSetting("linear", {}, width, label="other")]
    study = study_of(*models, matched="parameters")
    if fits:
        check_matched(study)
    else:
        with pytest.raises(ValueError, match="other has"):
            check_matched(study)


def test_a_state_counts_where_it_is_fullest() -> None:
    run = Run(replace(TASK, length=64), ModelSetting("log_linear"))
    model = run.build()
    assert amount(run, "bytes") == 4 * model.fullest_floats(64) > 4 * model.state_floats(64)


def test_models_on_another_task_have_another_vocabulary() -> None:
    big = TaskSetting("copy", 64, {"num_tokens": 16, "feedback": True})
    models = [ModelSetting("linear"), ModelSetting("delta")]
    runs = [*study_of(*models, matched="").runs, *study_of(*models, matched="", task=big).runs]
    check_matched(Study("both", tuple(runs), matched="parameters"))


def test_nothing_is_written_before_the_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_of(ModelSetting("linear"), ModelSetting("gru"), ModelSetting("delta"), matched="parameters")
    with pytest.raises(ValueError, match="gru has"):
        next(carry_out(study, tmp_path / "runs"))
    assert main(["compare", "--preset", "smoke", "--match", "bytes", "--out", str(tmp_path / "runs")]) == 2
    assert "models are to be equal in bytes" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
