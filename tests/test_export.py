"""A file of rows is the rows, says what they are, is the same to the byte, and is there whole or not at all."""

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from recall_tasks import IGNORE, MQAR, TASKS, Needle, Stream, __version__, make_task
from recall_tasks import export as module
from recall_tasks.export import export, load
from recall_tasks.formats import FORMATS
from runners.cli.main import main

ROOT = Path(__file__).parent.parent
STREAM = Stream(MQAR(num_pairs=2, num_keys=4, num_values=4), 8, "test", seed=1)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_TOKENS", 8 * 100)


@pytest.mark.parametrize(("i", "name"), list(enumerate(TASKS)))
def test_what_is_loaded_is_what_was_drawn(i, name, tmp_path):
    form = list(FORMATS)[i % len(FORMATS)]  # in turn: arrays of every task are the same kind of arrays
    stream = Stream(TASKS[name](), 64, "validation", 3)
    told = []
    written = export(stream, tmp_path / f"rows.{form}", 300, 200, progress=told.append)
    batch, spec = load(written.path)
    for array, want in stream.rows(200, 300).arrays().items():
        got = batch.arrays()[array]
        assert np.array_equal(got, want)
        assert (got.dtype, got.flags.writeable) == (np.int32, True)
    assert spec == {
        "form": 1, "recall_tasks": __version__, "task": stream.task.spec(), "length": 64, "split": "validation",
        "seed": 3, "start": 200, "rows": 300, "checksum": stream.checksum(),
    }  # fmt: skip
    task = dict(spec["task"])
    assert TASKS[task.pop("task")](**{k: v for k, v in task.items() if k != "version"}) == stream.task
    assert sum(told) == 300
    assert (written.rows, written.checksum) == (300, stream.checksum())
    content = written.path.read_bytes()
    assert (written.bytes, written.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    beside = ["rows.jsonl.meta.json"] if written.path.suffix == ".jsonl" else []
    assert sorted(path.name for path in tmp_path.iterdir()) == [written.path.name, *beside]


class Golden:
    """Two arrays in two chunks. Parquet writes the version of pyarrow into the file: its digest is of 26.0.1."""

    shapes = {"tokens": (3, 4), "asked": (3, 1)}  # noqa: RUF012
    header = '{"golden": true}'

    def __iter__(self):
        tokens, asked = np.arange(12, dtype=np.int32).reshape(3, 4), np.array([[2], [1], [-100]], np.int32)
        yield {"tokens": tokens[:2], "asked": asked[:2]}
        yield {"tokens": tokens[2:], "asked": asked[2:]}


SHA256 = {
    "npz": "4b8730d627cd9131cad5f5f3641f4b34f6797972e5d923898d91dff90779c77f",
    "parquet": "1b3d18969990108df946263e7ee0132949feeb3afbcc6e940b366404dc1e6e6b",
    "jsonl": "5315b0b55e32561ae014790401dec1baba824774afc3b3725535703086ad514a",
}


@pytest.mark.parametrize("form", FORMATS)
def test_golden_files(form, tmp_path):
    if form == "parquet" and pytest.importorskip("pyarrow").__version__ != "26.0.1":
        pytest.skip("another pyarrow")
    with (tmp_path / "golden").open("w+b") as file:
        FORMATS[form].write(file, Golden())
    content = (tmp_path / "golden").read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256[form], "files are written otherwise: raise FORM"


def test_the_file_is_the_same_to_the_byte(tmp_path, monkeypatch):
    first = {form: export(STREAM, tmp_path / f"first.{form}", 300, 100).sha256 for form in FORMATS}
    code = (
        "import sys; from recall_tasks import *; from recall_tasks.export import export\n"
        "import recall_tasks.export as module; module.CHUNK_TOKENS = 800\n"
        "stream = Stream(MQAR(num_pairs=2, num_keys=4, num_values=4), 8, 'test', seed=1)\n"
        "print(*(export(stream, f'{sys.argv[1]}.{form}', 300, 100).sha256 for form in sys.argv[2:]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "second", *FORMATS], env=environment, cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.split() == list(first.values())
    monkeypatch.setattr(module, "CHUNK_TOKENS", 8 * 7)
    for form in first.keys() - {"parquet"}:  # where row groups are as large as chunks
        assert export(STREAM, tmp_path / f"third.{form}", 300, 100).sha256 == first[form]


def test_npz_is_read_by_numpy_alone(tmp_path):
    export(STREAM, tmp_path / "rows.npz", 300)
    with np.load(tmp_path / "rows.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["tokens"], STREAM.rows(0, 300).tokens)
        assert np.array_equal(arrays["targets"], STREAM.rows(0, 300).targets)
        assert json.loads(str(arrays["header"]))["seed"] == 1
    for info in zipfile.ZipFile(tmp_path / "rows.npz").infolist():
        assert info.date_time == (1980, 1, 1, 0, 0, 0)


def test_jsonl_is_read_by_json_alone(tmp_path):
    export(STREAM, tmp_path / "rows.jsonl", 3)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    header = json.loads((tmp_path / "rows.jsonl.meta.json").read_text())
    assert header["task"]["num_pairs"] == 2
    assert list(rows[0]) == sorted(rows[0])
    assert [row["tokens"] for row in rows] == STREAM.rows(0, 3).tokens.tolist()
    assert [sum(target != IGNORE for target in row["targets"]) for row in rows] == [2, 2, 2]


def test_jsonl_has_a_line_for_each_row_and_one_with_its_header_is_still_read(tmp_path):
    path, beside = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.meta.json"
    export(STREAM, path, 100)
    assert len(path.read_text().splitlines()) == 100
    batch, spec = load(path)
    path.write_text(beside.read_text() + path.read_text())  # the form of earlier versions
    beside.unlink()
    old, told = load(path)
    assert np.array_equal(old.tokens, batch.tokens)
    assert told == spec
    path.unlink()
    beside.write_text("of somebody else")
    with pytest.raises(ValueError, match="is there already"):
        export(STREAM, path, 100)


def test_parquet_is_read_by_pandas_and_knows_what_it_is(tmp_path):
    pandas, parquet = pytest.importorskip("pandas"), pytest.importorskip("pyarrow.parquet")
    export(STREAM, tmp_path / "rows.parquet", 250)
    frame = pandas.read_parquet(tmp_path / "rows.parquet")
    assert np.array_equal(np.stack(frame["targets"]), STREAM.rows(0, 250).targets)
    told = parquet.read_metadata(tmp_path / "rows.parquet").metadata
    assert json.loads(told[b"recall_tasks"])["split"] == "test"
    assert parquet.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 3


@pytest.mark.parametrize("form", FORMATS)
def test_no_damage_goes_unseen(form, tmp_path):
    path = export(STREAM, tmp_path / f"rows.{form}", 12).path
    whole, chance = path.read_bytes(), np.random.default_rng(0)
    want = load(path)
    cuts = [whole[:cut] for cut in (0, 1, 4, 8, len(whole) // 2, len(whole) - 40, len(whole) - 2)]
    flips = []
    for place in chance.integers(0, len(whole), 120):
        content = bytearray(whole)
        content[place] ^= 1 << int(chance.integers(8))
        flips.append(bytes(content))
    seen, same = 0, 0
    for content in cuts + flips:
        path.write_bytes(content)
        try:
            batch, spec = load(path)
        except ValueError as error:
            words = str(error)
            seen += words.startswith(str(path)) and "\n" not in words
            continue
        assert spec == want[1]
        assert all(np.array_equal(a, want[0].arrays()[name]) for name, a in batch.arrays().items())
        same += 1  # it hit what says nothing of the rows, such as a date
    assert seen + same == len(cuts + flips)
    assert seen > 70


@pytest.mark.parametrize("form", FORMATS)
def test_a_cut_file_is_named_with_the_mend(form, tmp_path):
    path = export(STREAM, tmp_path / f"rows.{form}", 12).path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"rows.* is damaged or cut short \(.*\): export it again"):
        load(path)


def test_pickles_are_never_read(tmp_path):
    np.savez(tmp_path / "rows.npz", header=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        load(tmp_path / "rows.npz")


def test_what_is_no_file_of_rows_is_told(tmp_path):
    (tmp_path / "rows.csv").write_text("tokens,targets\n")
    with pytest.raises(ValueError, match="is not a file of recall export: it begins with b'tokens,t'"):
        load(tmp_path / "rows.csv")
    (tmp_path / "rows.jsonl").write_text('{"tokens": [1]}\n{"tokens": [1]}\n')
    with pytest.raises(ValueError, match="its header does not read"):
        load(tmp_path / "rows.jsonl")
    np.savez(tmp_path / "rows.npz", tokens=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="damaged or cut short"):
        load(tmp_path / "rows.npz")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere.npz")


def test_a_form_of_later_is_not_guessed_at(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FORM", 2)
    export(STREAM, tmp_path / "rows.npz", 3)
    monkeypatch.setattr(module, "FORM", 1)
    with pytest.raises(ValueError, match=f"a form of recall_tasks {__version__} unknown here"):
        load(tmp_path / "rows.npz")


def test_memory_does_not_grow_with_the_rows(tmp_path):
    stream = Stream(Needle(), 4096)
    peaks = []
    for rows in (512, 1536):
        tracemalloc.start()
        written = export(stream, tmp_path / "rows.npz", rows, force=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert written.bytes > 3 * peaks[1]
    assert peaks[1] < 1.1 * peaks[0]


def test_a_full_disk_leaves_nothing(tmp_path):
    code = (
        "import resource, sys; from runners.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "print(*(main(['export', 'mqar', '--sequences', '3000', '--out', path]) for path in sys.argv[1:]))"
    )
    paths = [tmp_path / f"rows.{form}" for form in FORMATS]
    ran = subprocess.run([sys.executable, "-c", code, *paths], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.split() == ["2"] * len(paths)
    assert ran.stderr.splitlines() == [
        f"recall: cannot write {path}: File too large (nothing of it is left)" for path in paths
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_what_is_stopped_leaves_the_file_that_was_there(form, stop, tmp_path):
    path = tmp_path / f"rows.{form}"
    path.write_text("mine")

    def interrupt(rows):
        raise stop

    with pytest.raises(stop):
        export(STREAM, path, 300, force=True, progress=interrupt)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_has_the_rights_that_the_umask_leaves(tmp_path):
    mask = os.umask(0o027)
    try:
        export(STREAM, tmp_path / "rows.npz", 3)
    finally:
        os.umask(mask)
    assert (tmp_path / "rows.npz").stat().st_mode & 0o777 == 0o640


WRONG = {
    "rows takes a whole number of at least 1, below 2^48, not 0 (int)": {"rows": 0},
    "rows takes a whole number of at least 1, below 2^48, not 2.5 (float)": {"rows": 2.5},
    "rows takes a whole number of at least 1, below 2^48, not np.int64(3) (int64; pass 3)": {"rows": np.int64(3)},
    "start takes a whole number of at least 0, below 2^48, not -1 (int)": {"start": -1},
    "rows are counted from 0 to 2^48": {"start": 2**48 - 2},
    "unknown format 'csv': choose one of npz, parquet, jsonl": {"format": "csv"},
    "export takes a Stream, not MQAR": {"stream": MQAR()},
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_is_refused_in_one_line_with_its_mend(words, tmp_path):
    given = {"stream": STREAM, "path": tmp_path / "rows.npz", "rows": 3, **WRONG[words]}
    with pytest.raises(ValueError, match=re.escape(words)):
        export(**given)
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_says_how_to_have_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'recall-tasks\[parquet\]'"):
        export(STREAM, tmp_path / "rows.parquet", 3)
    assert main(["export", "mqar", "--out", str(tmp_path / "rows.parquet")]) == 2
    assert capsys.readouterr().err == "recall: parquet needs pyarrow: pip install 'recall-tasks[parquet]'\n"
    assert list(tmp_path.iterdir()) == []


# The command.


def run(*words):
    return main(["export", *map(str, words)])


def test_the_command_writes_the_rows_of_its_words(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    words = ["mqar", "--preset", "zoology", "--num-pairs", 3, "--sequences", 7, "--start", 300, "--split", "test"]
    assert run(*words, "--seed", 5, "--out", path) == 0
    shown = capsys.readouterr()
    preset = MQAR.presets["zoology"]
    stream = Stream(make_task("mqar", **{**preset.fields, "num_pairs": 3}), preset.length, "test", 5)
    batch, spec = load(path)
    assert np.array_equal(batch.tokens, stream.rows(300, 7).tokens)
    assert spec["task"] == stream.task.spec()
    content = path.read_bytes()
    assert shown.out == (
        f"{path}  7 sequences, {len(content):,} bytes\n"
        f"checksum {stream.checksum()}  (first 256 sequences of split test, seed 5)\n"
        f"sha256   {hashlib.sha256(content).hexdigest()}\n"
    )
    assert shown.err == ""  # no bar where nobody looks


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path, capsys):
    path = tmp_path / "rows.npz"
    path.write_text("mine")
    assert run("mqar", "--out", path) == 2
    assert capsys.readouterr().err == f"recall: {path} is there already: --force (force=True) writes over it\n"
    assert path.read_text() == "mine"
    assert run("--force", "mqar", "--out", path, "--rows", 1) == 0
    assert len(load(path)[0]) == 1


MISTAKES = {
    "name the file to write: --out mqar.npz": ["mqar"],
    "name the file to write: --out mqar.jsonl": ["mqar", "--format", "jsonl"],
    "unknown format 'npy': did you mean npz?": ["mqar", "--out", "rows", "--format", "npy"],
    "unknown format 'csv': choose one of npz": ["mqar", "--out", "rows.csv"],
    "rows does not say its format": ["mqar", "--out", "rows"],
    ". is a folder: name a file in it": ["mqar", "--out", "."],
    "no folder nowhere: make it first": ["mqar", "--out", "nowhere/rows.npz"],
    "unknown task 'mqr': did you mean mqar": ["mqr", "--out", "rows.npz"],
    "rows takes a whole number of at least 1, below 2^48, not 0": [
        "mqar",
        "--out",
        "rows.npz",
        "--sequences",
        "0",
    ],
    "30 pairs need at least 90 tokens": ["mqar", "--out", "rows.npz", "--num-pairs", "30"],
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*MISTAKES[words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("recall: ")
    assert words in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_left_alone(tmp_path):
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match=r"pipe.npz is no plain file"):
        export(STREAM, pipe, 3, force=True)
    assert pipe.is_fifo()
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    export(STREAM, tmp_path / "link.npz", 3)
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "real.npz").is_file()
