"""What a command meets on other machines: words that are no names, narrow encodings, other settings of matplotlib."""

import io
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from synthetic import synthetic

from runners.cli.main import COMMANDS, main
from runners.cli.plain_text import say_everything
from runners.figures import FIGURES, save

ROOT = Path(__file__).parent.parent
ODD = [
    *("", " ", "\n", "\0", "a\0b", "~nobody", "~", "-", "--", "=", "%s", "{}", "[/red]", "*", "'", '"', "select 1"),
    *("\udcff", "\ud800", "x" * 300, "é" * 200, "x" * 5000, "a/" * 3000, "x y" * 200, "nowhere/x/y", ":0"),
    *("file", "file/inside", "empty", "locked", "fifo", "socket", "dangling", "circle", "/dev/null", "file.py:Mine"),
    *("broken.py:Mine", "empty.py:Mine", "fifo.py:Mine", "broken.json", "\n.py:\n", "\0.py:A", "mqar", "grm", "smoke"),
]
"""Words that a shell may hand over, and what lies in the folder: no run is among them."""
FLAGS = {
    "export": ("--out", "--format"), "show": ("--preset", "--length"), "ls": ("--length",), "query": ("--out",),
    "train": ("--out", "--updates"), "compare": ("--preset", "--memories", "--tasks"), "sweep": ("--out", "--engine"),
    "report": ("--out",), "extrapolate": ("--lengths", "--mode"),
}  # fmt: skip


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in {"file": "", "broken.py": "class", "empty.py": "", "broken.json": "{"}.items():
        Path(name).write_text(content)
    for name in ("empty", "locked"):
        Path(name).mkdir(mode=0o777 if name == "empty" else 0)
    for name in ("fifo", "fifo.py"):
        os.mkfifo(name)
    for name, target in {"dangling": "nothing", "circle": "circle"}.items():
        os.symlink(target, name)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield


def test_no_word_is_a_traceback(surroundings, capsys):
    dice = random.Random(14)
    for number in range(300):
        command = list(COMMANDS)[number % len(COMMANDS)]
        words = dice.sample(ODD, dice.randint(1, 3))
        if command in FLAGS and dice.random() < 0.5:
            words += [dice.choice(FLAGS[command]), dice.choice(ODD)]
        if command in ("compare", "train", "sweep", "swap"):
            words.insert(0, "--nothing-of-that-name" if command == "compare" else "nothing")  # trains nothing
        assert main([command, *words]) in (0, 1, 2), words
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("word", ["x" * 5000, "x" * 300, "\n", "", "\0", "file", "fifo", "socket", "circle"])
def test_a_word_that_is_no_folder_is_refused_in_a_line(word, surroundings, capsys):
    for words in (["diff", word, "empty"], ["verify", word], ["query", word], ["report", word], ["probe", word]):
        assert main(words) == 2
        assert capsys.readouterr().err.count("\n") == 1
    for words in (["sweep", word, "--dry-run"], ["sweep", "smoke", word], ["train", "mqar", word]):
        assert main(words) == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp932", "utf-8"])
def test_what_an_encoding_lacks_is_said_in_ascii(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    say_everything()
    print("[.964–.981] −.5 ▁█ é 名 \udcff")
    sys.stdout.flush()
    said = raw.getvalue().decode(encoding)
    assert encoding != "ascii" or said == "[.964-.981] -.5 _# e ? ?\n"
    assert said.startswith("[.964")


def test_figures_are_the_same_whatever_the_settings_of_the_session(tmp_path):
    figure = FIGURES["length"]
    table = figure.table(synthetic(seeds=2, tasks=("mqar",)))
    pictures = []
    for settings in ({}, {"text.usetex": True, "axes.grid": True, "lines.linewidth": 9, "savefig.dpi": 20}):
        with matplotlib.rc_context(settings):
            pictures.append([path.read_bytes() for path in save(figure.plot(table), tmp_path, "length", table)])
    assert pictures[0] == pictures[1]


@pytest.mark.slow
def test_figures_need_no_screen_and_no_backend_of_a_notebook():
    code = "import os, runners.figures; assert os.environ['MPLBACKEND'] == 'module://not_installed'"
    environment = os.environ | {"MPLBACKEND": "module://not_installed"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
