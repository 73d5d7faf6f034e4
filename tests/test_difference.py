"""What differs between two runs is shown, and what does not is not."""

import json
import shutil
from dataclasses import replace

import pytest
from untrained import ROWS, a_run, keep

from runners import storage
from runners.cli import diff, main
from runners.config.run import Run
from runners.results.diff import compare_runs, load, match


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diff")
    for run in (a_run(), a_run(seed=1), a_run("window", window=3), a_run(pairs=3)):
        keep(folder, run, ladder=(1, 2))
    return folder


def place(folder, *args, **options):
    return folder / a_run(*args, **options).name


def compared(folder, one, other):
    return compare_runs(load(folder / one.name), load(folder / other.name))


def asked(found):
    facts = found.facts[found.facts["part"] == "asked for"]
    return {row["what"]: (row["first"], row["second"]) for _, row in facts.iterrows()}


def recall(capsys, *words):
    try:
        status = diff.run([str(word) for word in words])
    except main.Mistake as mistake:
        return 2, " ".join(str(mistake).split())
    return status, capsys.readouterr().out


def test_a_run_does_not_differ_from_itself_nor_from_its_copy(folder, tmp_path, capsys):
    copy = tmp_path / a_run().name
    shutil.copytree(folder / a_run().name, copy)
    assert compare_runs(load(copy), load(folder / a_run().name)).nothing
    assert recall(capsys, copy, folder / a_run().name) == (0, "no difference\n")
    status, out = recall(capsys, folder, folder)
    assert (status, out) == (0, "4 runs in both, 4 of them without a difference\n")


def test_only_what_differs_is_shown_and_a_default_is_no_difference(folder, tmp_path):
    assert asked(compared(folder, a_run(), a_run(seed=1))) == {"seed": (0, 1)}
    found = asked(compared(folder, a_run(), a_run("window", window=3)))
    assert found["memory"] == found["model_memory"] == ("linear", "window")
    assert found["option_window"] == (None, 3)
    written_out = a_run(size=load(folder / a_run().name).columns["option_size"])
    assert written_out.identity == a_run().identity
    keep(tmp_path, written_out, ladder=(1, 2))
    assert compare_runs(load(tmp_path / written_out.name), load(folder / a_run().name)).nothing


def test_accuracies_are_paired_by_hand(folder):
    one, other = load(folder / a_run().name), load(folder / a_run(seed=1).name)
    found = compare_runs(one, other)
    assert found.same_sequences
    assert list(found.scores["kind"]) == ["test", "extrapolation", "extrapolation"]
    for _, score in found.scores.iterrows():
        tables = [r.sequences[(r.sequences["kind"] == score["kind"]) & (r.sequences["length"] == score["length"])]
                  for r in (one, other)]  # fmt: skip
        right = [list(table.sort_values("sequence")["num_correct"]) for table in tables]
        assert score["sequences"] == ROWS
        assert score["differing"] == sum(a != b for a, b in zip(*right, strict=True))
        assert score["difference"] == pytest.approx((sum(right[1]) - sum(right[0])) / tables[0]["num_questions"].sum())
        assert score["difference"] == pytest.approx(score["second"] - score["first"])
        assert score["low"] < score["difference"] < score["high"]


def test_runs_on_other_rows_are_not_paired(folder, capsys):
    found = compared(folder, a_run(), a_run(pairs=3))
    assert not found.same_sequences
    assert found.scores["difference"].isna().all()
    assert not found.nothing
    assert asked(found) == {"task_num_pairs": (2, 3)}
    _, out = recall(capsys, folder / a_run().name, folder / a_run(pairs=3).name)
    assert "tested on different sequences" in out


def test_rows_of_another_training_length_are_the_same_at_a_shared_length(folder, tmp_path):
    task = replace(a_run().task, length=32)
    keep(tmp_path, Run(task, a_run().model), ladder=(1,))
    (longer,) = storage.find_runs([tmp_path])
    found = compare_runs(load(folder / a_run().name), load(longer))
    assert found.same_sequences
    assert found.scores[["kind", "length", "sequences"]].values.tolist() == [["extrapolation", 32, ROWS]]
    assert any(line == "only the second was tested at 32 tokens (test)" for line in found.alone)


def test_what_it_ran_with_is_told_apart_from_what_came_out(folder, tmp_path):
    copy = tmp_path / a_run().name
    shutil.copytree(folder / a_run().name, copy)
    record = json.loads((copy / "result.json").read_text())["content"]
    record["environment"]["versions"]["torch"] = "1.0"
    record["environment"]["machine"]["cores"] = 999
    record["outcome"]["seconds"] = 99.0
    (copy / "result.json").write_bytes(storage.record_bytes(record))
    facts = compare_runs(load(folder / a_run().name), load(copy)).facts
    assert facts[["part", "what"]].values.tolist() == [
        ["ran with", "version_torch"], ["ran with", "machine_cores"], ["came out", "seconds"],
    ]  # fmt: skip


def test_folders_are_matched_by_name_then_by_what_was_asked(folder, tmp_path, capsys):
    shutil.copytree(folder / a_run().name, tmp_path / a_run().name)
    other_rate = replace(a_run(seed=1), training=replace(a_run().training, learning_rate=0.5))
    keep(tmp_path, other_rate)
    keep(tmp_path, a_run(seed=7))
    here, there = ([load(p) for p in storage.find_runs([f])] for f in (folder, tmp_path))
    pairs, left, right = match(here, there)
    assert {(one.place.name, other.place.name) for one, other in pairs} == {
        (a_run().name, a_run().name), (a_run(seed=1).name, other_rate.name),
    }  # fmt: skip
    assert {run.place.name for run in left} == {a_run("window", window=3).name, a_run(pairs=3).name}
    assert [run.place.name for run in right] == [a_run(seed=7).name]
    status, out = recall(capsys, folder, tmp_path)
    assert status == 0
    assert "training_learning_rate" in out
    assert f"only in the second: {a_run(seed=7).name}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{folder}", "{run}"], "name two of a kind"),
        (["{run}", "nowhere"], "no directory nowhere"),
        (["{run}"], "required"),
    ],
)
def test_wrong_words_are_refused_in_a_line(folder, capsys, words, said):
    named = [word.format(folder=folder, run=folder / a_run().name) for word in words]
    status, line = recall(capsys, *named)
    assert status == 2
    assert said in line


def test_a_damaged_run_is_refused(folder, tmp_path, capsys):
    copy = tmp_path / a_run().name
    shutil.copytree(folder / a_run().name, copy)
    (copy / "weights.safetensors").write_bytes(b"")
    status, line = recall(capsys, copy, folder / a_run().name)
    assert status == 2
    assert "damaged" in line
