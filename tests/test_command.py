"""The command line: help that reads, one line for a mistake, nothing lost."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from untrained import a_run, keep

from models import MEMORIES
from recall_tasks import MQAR, TASKS, Preset
from recall_tasks.markdown import first_sentence
from runners.analysis.comparison import missing_runs
from runners.cli.flags import Mistake, Parser, add_list, integer, integers
from runners.cli.main import COMMANDS, main
from runners.execution.engines import execute
from runners.figures import FIGURES
from runners.probe.passes import PASSES
from runners.results.tables import FLOORS, collect
from runners.storage import read_record, record_bytes
from runners.studies.presets import PRESETS

ROOT = Path(__file__).parent.parent
TINY = ["--length", "12", "--num-pairs", "2", "--num-keys", "4", "--num-values", "4", "--width", "8"]
QUICK = ["--updates", "5", "--tokens", "256"]


@pytest.fixture(scope="module", autouse=True)
def in_this_process():
    """Jobs of a command are done here: a worker takes two seconds to import torch. Slow tests have workers."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("compare", "measure"):
            patch.setattr(f"runners.cli.{module}.execute", lambda jobs, workers=None: execute(jobs, workers=0))
        yield


def run(*words):
    return main([str(word) for word in words])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as left:
        run(command, "--help")
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert f"recall {command}" in shown
    assert "None" not in shown


def test_help_names_the_fields_of_the_task_and_the_memory(capsys):
    with pytest.raises(SystemExit):
        run("train", "needle", "ssc", "--help")
    shown = capsys.readouterr().out
    for flag in ("--depth", "--num-needles", "--segment", "--chosen", "--learning-rate", "--layers"):
        assert flag in shown


MISTAKES = {
    "no such command": ["cmopare"],
    "no such task": ["show", "mqr"],
    "no such task to train on": ["train", "mqra", "gru"],
    "nothing like any task": ["show", "zzz"],
    "no such list": ["ls", "taks"],
    "no such task to list": ["ls", "settings", "mqra"],
    "memories of a task": ["ls", "memories", "mqar"],
    "no such published setting": ["show", "mqar", "--preset", "zologi"],
    "a published setting of nobody": ["train", "mixture", "gru", "--preset", "zoology"],
    "a field before a task": ["show", "--num-pears", "3", "mqar"],
    "a word too many": ["show", "mqar", "needle"],
    "no such choice": ["show", "needle", "--haystack", "unifrm"],
    "no such field": ["show", "mqar", "--num-pears", "3"],
    "no such memory": ["train", "mqar", "gmr"],
    "no such option": ["train", "mqar", "linear", "--segment", "3"],
    "pairs that do not fit": ["show", "mqar", "--length", "64", "--num-pairs", "30"],
    "pairs that do not fit a run": ["train", "mqar", "linear", "--length", "8", "--num-pairs", "8"],
    "not a number": ["show", "mqar", "--length", "long"],
    "a negative rate": ["train", "mqar", "linear", "--learning-rate", "-1"],
    "no updates": ["train", "mqar", "linear", "--updates", "0"],
    "heads that do not divide": ["train", "mqar", "linear", "--heads", "5"],
    "a negative row": ["show", "mqar", "--sequence", "-1"],
    "a negative seed": ["show", "mqar", "--seed", "-1"],
    "no such preset": ["compare", "--preset", "dmeo"],
    "a task not in the preset": ["compare", "--preset", "smoke", "--tasks", "copy"],
    "a memory nobody has": ["compare", "--preset", "smoke", "--memories", "nothing.py:Nothing"],
    "an option that no memory of a stack has": ["compare", "--preset", "smoke", "--memories", "linear+grm:foo=1"],
    "layers that a stack does not divide": ["train", "mqar", "linear+attention", "--layers", "3"],
    "no seeds": ["compare", "--preset", "smoke", "--seeds", "0"],
    "no workers": ["compare", "--preset", "smoke", "--workers", "0"],
    "an endless budget": ["train", "mqar", "linear", "--seconds", "inf"],
    "an infinite rate": ["train", "mqar", "linear", "--learning-rate", "inf"],
    "an endless curriculum": ["train", "mqar", "linear", "--curriculum", "1000000000"],
    "a seed beyond the generator": ["train", "mqar", "linear", "--seed", "99999999999999999999"],
    "a row beyond the stream": ["show", "mqar", "--row", "99999999999999999999999"],
    "a row nobody reads": ["show", "mqar", "--length", "4194304"],
    "a length of nothing": ["ls", "--length", "0"],
    "the same memory twice": ["compare", "--preset", "smoke", "--memories", "gru", "gru"],
    "coefficients without end": ["train", "mqar", "elastic", "--num-coefficients", "100000"],
    "a file without its class": ["train", "mqar", "mine.py"],
    "a missing run": ["extrapolate", "nowhere"],
    "a ladder of nothing": ["extrapolate", "nowhere", "--ladder", "0"],
    "a missing run to probe": ["probe", "nowhere"],
    "a missing run to report": ["report", "nowhere"],
}


@pytest.mark.parametrize("words", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_on_stderr_and_status_2(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("recall: ")
    assert shown.err.count("\n") == 1
    assert len(shown.err) > 40
    assert list(tmp_path.iterdir()) == []


MEANT = {
    "cmopare": "did you mean compare?",
    "ls taks": "did you mean tasks?",
    "show mqra": "did you mean mqar?",
    "train mqra gru": "did you mean mqar?",
    "train mqar gur": "did you mean 'gru'?",
    "ls settings nedle": "did you mean needle?",
    "show mqar --preset zologi": "did you mean zoology?",
    "show mixture --preset zoology": "unknown preset of mixture 'zoology': it has none",
    "show mqar --num-pears 3": "unknown option --num-pears: did you mean --num-pairs?",
    "show --num-pears=3 mqar": "unknown option --num-pears: did you mean --num-pairs?",
    "train mqar linear --segment 3": "unknown option --segment (see recall train --help)",
    "compare --sedes 3": "did you mean --seeds?",
    "show mqar needle": "unknown word needle",
    "show zzz": "those that `recall ls tasks` lists",
    "show needle --haystack unifrm": "choose one of constant, ",
}


@pytest.mark.parametrize("words", MEANT)
def test_a_mistake_says_what_was_meant(words, capsys):
    assert run(*words.split()) == 2
    assert MEANT[words] in capsys.readouterr().err


def test_show_prints_the_same_row_in_a_pipe_twice(capsys):
    assert run("show", "mqar", "--length", 24, "--num-pairs", 3, "--seed", 1) == 0
    first = capsys.readouterr().out
    assert run("show", "mqar", "--length", 24, "--num-pairs", 3, "--seed", 1) == 0
    assert capsys.readouterr().out == first
    assert "payload 15.0 bits" in first
    assert "\x1b" not in first


def test_ls_lists_everything(capsys):
    assert run("ls") == 0
    shown = capsys.readouterr().out
    for registry in (TASKS, MEMORIES, PRESETS, PASSES, FIGURES):
        for name in registry:
            assert re.search(rf"^{name} ", shown, re.MULTILINE), name


def test_a_pipe_gets_a_line_for_each_task(capsys):
    assert run("ls", "tasks", "--length", 100) == 0
    title, heads, *lines = capsys.readouterr().out.splitlines()
    assert "length 100" in title
    assert heads.split() == ["name", "asks", "vocabulary", "payload", "chance"]
    assert [line.split()[0] for line in lines] == list(TASKS)
    assert all(first_sentence(kind) in line for kind, line in zip(TASKS.values(), lines, strict=True))


def test_a_task_that_does_not_fit_says_what_it_needs(capsys):
    assert run("ls", "tasks", "mqar", "--length", 23) == 0
    assert "needs 24" in capsys.readouterr().out
    assert run("ls", "tasks", "mqar", "--length", 24) == 0
    shown = capsys.readouterr().out
    assert "40.0 bits" in shown
    assert "needle" not in shown


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("kind", ["tasks", "settings"])
def test_a_narrow_terminal_breaks_no_name_and_no_number(kind, width):
    from runners.cli.ls import TABLES

    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(TABLES[kind](64, list(TASKS)))
    lines = captured.get().splitlines()[2:]
    assert all(len(line) <= width for line in lines)
    first = [line.split() for line in lines if line[0] != " "]
    if kind == "tasks":
        assert [words[0] for words in first] == list(TASKS)
        assert all(words[-1] == "%" for words in first)
    else:
        published = [(t, p, f"{s.length:,}") for t, kind in TASKS.items() for p, s in kind.presets.items()]
        assert [tuple(words[:3]) for words in first] == published


def test_published_settings_are_listed_by_task(capsys):
    assert run("ls", "settings", "copy", "associative") == 0
    _, heads, *lines = capsys.readouterr().out.splitlines()
    assert heads.split() == ["task", "preset", "length", "fields", "note"]
    asked = [(name, preset) for name in ("copy", "associative") for preset in TASKS[name].presets]
    assert [tuple(line.split()[:2]) for line in lines] == asked
    setting = TASKS["associative"].presets["fast_weights"]
    (line,) = (line for line in lines if "fast_weights" in line)
    assert line.split()[2] == str(setting.length)
    assert ", ".join(f"{name}={value}" for name, value in setting.fields.items()) in line
    assert line.rstrip().endswith(setting.note)


def published(monkeypatch, **fields):
    monkeypatch.setattr(MQAR, "presets", {"mine": Preset(fields, fields.pop("length"), "as published")})


def test_a_published_setting_is_shown_at_its_own_length_unless_another_is_given(capsys, monkeypatch):
    published(monkeypatch, length=30, num_pairs=5)
    for given, said in (
        ([], "5 pairs, 30 tokens"),
        (["--length", 21], "5 pairs, 21 tokens"),
        (["--num-pairs", 2], "2 pairs, 30 tokens"),
    ):
        assert run("show", "mqar", "--preset", "mine", *given) == 0
        assert capsys.readouterr().out.startswith(f"mqar  {said}, ")


@pytest.mark.parametrize("pairs", [4, 800])
def test_a_published_row_too_long_to_read_says_what_can_be(pairs, capsys, monkeypatch):
    monkeypatch.setattr("runners.cli.show.MOST_SHOWN", 1024)
    published(monkeypatch, length=2**20, num_pairs=pairs, num_keys=800)
    assert run("show", "mqar", "--preset", "mine") == 2
    said = capsys.readouterr().err
    assert "1,048,576 tokens is too long to read, 1,024 at most" in said
    mend = said[said.index("(try ") + 5 : said.rindex(")")].split()
    assert run("show", "mqar", "--preset", "mine", *mend) == 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert run("train", "mqar", "linear", *TINY, *QUICK, "--out", folder) == 0
    (place,) = (p for p in folder.iterdir() if p.is_dir())
    return place


def test_train_keeps_a_run_and_does_not_repeat_it(trained, capsys):
    before = (trained / "result.json").stat().st_mtime_ns
    assert run("train", "mqar", "linear", *TINY, *QUICK, "--out", trained.parent) == 0
    assert "finished already" in capsys.readouterr().out
    assert (trained / "result.json").stat().st_mtime_ns == before


def test_a_published_setting_is_trained_on_as_if_its_fields_were_given(trained, capsys, monkeypatch):
    published(monkeypatch, length=12, num_pairs=2, num_keys=4, num_values=4)
    words = ["train", "mqar", "linear", "--preset", "mine", "--width", 8, *QUICK, "--out", trained.parent]
    assert run(*words) == 0
    assert "finished already" in capsys.readouterr().out
    assert run(*words, "--length", 5) == 2
    assert "2 pairs need at least 6 tokens, not 5" in capsys.readouterr().err


def test_runs_from_before_two_floors_were_measured_are_read_and_reported(trained, tmp_path, capsys):
    old = tmp_path / trained.name
    old.mkdir()
    for path in trained.iterdir():
        (old / path.name).write_bytes(path.read_bytes())
    assert run("extrapolate", old, "--ladder", 1, 2, "--rows", 16) == 0
    for name in ("result.json", "extrapolation.json"):
        record = read_record(old / name)
        for row in record["scores"]:
            del row["memoryless"], row["recency"]
        (old / name).write_bytes(record_bytes(record))
    scores = collect([tmp_path]).scores
    assert scores[["memoryless", "recency"]].isna().all(axis=None)
    assert scores[["chance", "bag", "position"]].notna().all(axis=None)
    assert set(FLOORS) <= set(scores.columns)
    assert run("report", tmp_path) == 0
    assert (tmp_path / "report.html").read_text().count("not measured") == 2
    assert run("train", "mqar", "linear", *TINY, *QUICK, "--out", tmp_path) == 0
    said = capsys.readouterr().out
    assert "finished already" in said
    assert "floors chance .250, bag " in said


def test_a_finished_run_is_tested_on_longer_rows_probed_and_reported(trained, capsys):
    assert run("extrapolate", trained, "--ladder", 1, 3, "--rows", 16) == 0
    assert run("probe", trained, "--readers", "ridge", "--also") == 0
    assert run("report", trained.parent) == 0
    shown = capsys.readouterr().out
    assert "12" in shown
    assert "36" in shown
    assert "bits kept, at least" in shown
    assert (trained.parent / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    "words", [["capacity"], ["extrapolate", "--ladder", "1"], ["states"]], ids=lambda words: words[0]
)
def test_measurements_that_all_fail_are_lines_and_status_1(words, trained, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / trained.name)
    for record in (tmp_path / trained.name).glob("[ces]*"):  # of measures
        record.unlink()
    for name in ("capacity", "extrapolation", "states"):  # nothing can be saved there
        outputs = tmp_path / trained.name / f"outputs-{name}-0.safetensors"
        outputs.unlink(missing_ok=True)
        outputs.mkdir()
    assert run(words[0], tmp_path, "--sequences", 4, *words[1:]) == 1
    assert "failed: " in capsys.readouterr().out


def test_what_was_tested_is_kept_when_more_is_asked(trained):
    assert run("extrapolate", trained, "--ladder", 1, 3, "--rows", 16) == 0
    assert run("extrapolate", trained, "--ladder", 3, 5, "--rows", 8) == 0
    record = read_record(trained / "extrapolation.json")
    assert [(done["length"], done["rows"]) for done in record["done"]] == [(12, 16), (36, 16), (60, 8)]
    assert [(row["length"], row["num_sequences"]) for row in record["scores"]] == [(12, 16), (36, 16), (60, 8)]
    assert run("extrapolate", trained, "--ladder", 3, "--rows", 32) == 0
    record = read_record(trained / "extrapolation.json")
    assert [(done["length"], done["rows"]) for done in record["done"]] == [(12, 16), (36, 32), (60, 8)]


@pytest.mark.slow
def test_workers_measure_what_this_process_measures(trained, tmp_path):
    for place in ("here", "workers"):
        shutil.copytree(trained, tmp_path / place / trained.name)
        (tmp_path / place / trained.name / "extrapolation.json").unlink(missing_ok=True)
    words = ["--ladder", "1", "3", "--rows", "16"]
    assert run("extrapolate", tmp_path / "here", *words) == 0
    subprocess.run([sys.executable, "-m", "runners", "extrapolate", tmp_path / "workers", *words], cwd=ROOT, check=True)
    first, second = (
        read_record(tmp_path / place / trained.name / "extrapolation.json") for place in ("here", "workers")
    )
    assert first["scores"] == second["scores"]


def test_a_ladder_too_long_is_refused_before_any_work(trained, capsys):
    before = (trained / "extrapolation.json").read_bytes() if (trained / "extrapolation.json").exists() else b""
    assert run("extrapolate", trained, "--ladder", 1_000_000) == 2
    assert "over the limit" in capsys.readouterr().err
    after = (trained / "extrapolation.json").read_bytes() if (trained / "extrapolation.json").exists() else b""
    assert after == before


def test_a_memory_option_that_a_task_has_too_is_asked_for_by_its_full_name(capsys):
    with pytest.raises(SystemExit):
        main(["train", "copy", "hippo", "--help"])
    told = capsys.readouterr().out
    assert "--order forward|reverse" in told
    assert "--memory-order N" in told


@pytest.mark.parametrize(("text", "number"), [("1024", 1024), ("1_024", 1024), ("1_000_000", 10**6), ("-3", -3)])
def test_integers_may_stand_in_groups_of_three(text, number):
    assert integer(text) == number


@pytest.mark.parametrize("text", ["1,8", "1_0", "12_34", "1.5", "", "a"])
def test_what_is_no_integer_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="takes an integer"):
        integer(text)


def list_of(words, read=integer, **words_of_flag):
    parser = Parser(prog="some")
    add_list(parser, "--some", read=read, metavar="N", **words_of_flag)
    return parser.parse_args(["--some", *words]).some


@pytest.mark.parametrize("words", [["1,4,16"], ["1", "4", "16"], ["1,", "4,16"], ["1, 4", "16,"]])
def test_a_list_takes_commas_and_blanks(words):
    assert list_of(words) == [1, 4, 16]


def test_a_comma_separates_values_and_an_underscore_groups_digits():
    assert list_of(["64,128", "1_000_000"]) == [64, 128, 10**6]
    assert list_of(["mqar,needle", "copy"], str) == ["mqar", "needle", "copy"]
    for grouped in (["512", "1,000,000"], ["1,000"]):
        with pytest.raises(Mistake, match="group digits with underscores"):
            list_of(grouped)
    with pytest.raises(Mistake, match="takes an integer"):
        list_of(["1,,4"])


def test_a_list_without_blanks_leaves_the_next_word_alone():
    assert list_of(["0.01,0.1"], float, blanks=False) == [0.01, 0.1]
    with pytest.raises(Mistake, match="unknown word study"):
        list_of(["0.01,0.1", "study"], float, blanks=False)


def test_a_ladder_takes_blanks_and_commas():
    assert integers("1,4,16") == [1, 4, 16]
    with pytest.raises(argparse.ArgumentTypeError):
        integers("1,,4")


BAD_MEMORIES = {
    "Abstract": ("class Abstract(Memory): pass", "lacks contents, definition, forward, state_floats"),
    "NoWidth": ("class NoWidth(LinearAttention):\n    def __init__(self): pass", "width as its first"),
    "NoDefault": ("class NoDefault(LinearAttention):\n    def __init__(self, width, deep): pass", "needs a default"),
    "Leaves": ("import sys\nsys.exit(5)", "does not import: SystemExit"),
    "Breaks": ("1 / 0", "does not import: ZeroDivisionError"),
    "Prints": ("print('hello')", "has no memory 'Prints'"),
}


@pytest.mark.parametrize("name", BAD_MEMORIES)
def test_a_memory_of_ones_own_that_cannot_be_is_refused(name, tmp_path, capsys):
    body, words = BAD_MEMORIES[name]
    path = tmp_path / f"{name}.py"
    path.write_text(f"from models import Memory\nfrom models.memories.linear import LinearAttention\n{body}\n")
    for command in (
        ["train", "mqar", f"{path}:{name}"],
        ["compare", "--preset", "smoke", "--memories", f"{path}:{name}"],
    ):
        assert run(*command, "--out", tmp_path / "runs") == 2
        output = capsys.readouterr()
        assert words in output.err
        assert "hello" not in output.out


@pytest.mark.slow
def test_a_memory_that_raises_fails_alone_and_its_words_are_kept(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(
        "from models.memories.linear import LinearAttention\n"
        "class Raises(LinearAttention):\n"
        "    def forward(self, x, state=None): raise RuntimeError('boom [/red] [2, 3]')\n"
    )
    words = ["compare", "--preset", "smoke", "--memories", f"{path}:Raises", "linear", "--updates", 3]
    assert run(*words, "--out", tmp_path / "runs") == 1
    shown = capsys.readouterr().out
    assert "boom [/red] [2, 3]" in shown
    assert "report:" in shown
    assert "Traceback" in read_record(next((tmp_path / "runs").glob("*.failed.json")))["log"]


def test_a_memory_need_not_stand_second_on_the_line(capsys, tmp_path):
    assert run("train", "mqar", "--updates", 1, "linear", *TINY, "--tokens", 256, "--out", tmp_path) == 0


def test_a_damaged_run_is_named_and_left_as_it_is(trained, capsys, tmp_path):
    damaged = tmp_path / trained.name
    damaged.mkdir()
    for path in trained.iterdir():
        content = path.read_bytes()
        (damaged / path.name).write_bytes(content[:100] if path.name == "weights.safetensors" else content)
    before = {p.name: p.read_bytes() for p in damaged.iterdir()}
    for words in (
        ["train", "mqar", "linear", *TINY, *QUICK, "--out", tmp_path],
        ["extrapolate", damaged],
        ["probe", damaged],
        ["report", damaged],
    ):
        assert run(*words) == 2
        assert str(damaged) in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in damaged.iterdir()} == before


@pytest.mark.parametrize("missing", ["weights.safetensors", "run.json", "result.json"])
def test_a_damaged_run_is_left_out_and_the_others_are_told(missing, capsys, monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("runners.report.write_report", lambda results, folder: shown.append(results))
    damaged, whole = (keep(tmp_path, a_run("gru", seed)) for seed in (0, 1))
    (damaged / missing).unlink()
    for words in (["report"], ["states"]):
        assert run(*words, tmp_path) == 1
        (line,) = (line for line in capsys.readouterr().err.splitlines() if "left out" in line)
        assert str(damaged) in line
        assert missing in line
        assert "not used" not in line
    assert set(shown[0].scores["run"]) == {whole.name}
    assert any(damaged.name in line for line in missing_runs(shown[0]))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run("train", "mqar", "linear", *TINY, *QUICK, "--out", tmp_path / "file" / "runs") == 2
    assert "choose another with --out" in capsys.readouterr().err


def compare(folder):
    words = ["compare", "--preset", "smoke", "--updates", "60", "--seeds", "2", "--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "runners", *words], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def finished(folder):
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("[!.]*/result.json")}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_comparison_goes_on_and_repeats_nothing(tmp_path, how):
    folder = tmp_path / "study"
    first = compare(folder)
    while not finished(folder):
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.05)
    os.killpg(first.pid, how) if how == signal.SIGINT else first.send_signal(how)
    out, err = first.communicate(timeout=60)
    if how == signal.SIGINT:
        assert first.returncode == 130, err
        assert "goes on from there" in out
        assert "Traceback" not in err
    time.sleep(1)  # workers whose parent was killed notice at their next word to it
    kept = finished(folder)
    assert 0 < len(kept) < 6
    second = compare(folder)
    out, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert len(finished(folder)) == 6
    assert {name: finished(folder)[name] for name in kept} == kept
    assert "report:" in out
    assert not list(folder.glob(".*"))


def test_a_probe_adds_the_readers_that_are_missing(trained):
    from runners.execution.run_job import measure_run

    (trained / "probe.json").unlink(missing_ok=True)
    measure_run(str(trained), {"probe": {"readers": ["ridge"]}}, lambda words: None)
    first = read_record(trained / "probe.json")
    assert list(first["done"]) == ["ridge"]
    assert {row["control"] for row in first["probes"]} == {"none", "control", "shuffled", "untrained", "input"}
    measure_run(str(trained), {"probe": {"readers": ["ridge", "logistic"]}}, lambda words: None)
    both = read_record(trained / "probe.json")
    assert set(both["done"]) == {"ridge", "logistic"}
    assert both["probes"][: len(first["probes"])] == first["probes"]
    assert {row["control"] for row in both["probes"] if row["reader"] == "logistic"} == {"none"}


def test_none_is_a_value_of_an_optional_field(capsys):
    assert main(["show", "needle", "--depth", "none", "--length", "16"]) == 0
    assert main(["show", "needle", "--depth", "half", "--length", "16"]) == 2
    assert "takes a number, not 'half'" in capsys.readouterr().err
