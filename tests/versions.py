"""The fast suite with the lowest and the newest versions of all dependencies: `python tests/versions.py`.

Each pair of a Python and a choice of versions has an environment of its own in `.versions/`, and there a log and the
outcome: a second call goes on with those that have not passed with this code.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".versions"
PYTHONS, CHOICES = ("3.11", "3.12", "3.13"), ("lowest", "newest")
NAMED = ("numpy", "torch", "pandas", "scipy", "scikit-learn", "gymnasium")
LOWER = re.compile(r"([a-z][a-z0-9-]*)>=([0-9.]+)")
TRIED = ("recall_tasks", "models", "runners", "benchmarks", "tests", "pyproject.toml")
MARKS = "<!-- make versions -->\n", "<!-- end of versions -->\n"
Outcome = dict[str, str]
"""The columns of the table; passed is empty where the suite did not run."""


def lowest() -> dict[str, str]:
    """Lower bounds of pyproject.toml, by name of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(w for words in project["optional-dependencies"].values() for w in words)]
    return {m[1]: m[2] for word in wanted if (m := LOWER.match(word))}


def interpreter(version: str) -> str | None:
    """A Python of this version on the path or among pyenv's, None where there is none."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for path in (sys.executable, f"python{version}", *map(str, pyenv)):
        words = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if shutil.which(path) and subprocess.run(words, capture_output=True, text=True).stdout.strip() == version:
            return path
    return None


def code() -> str:
    """Digest of the files that are tried, as they are now."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TRIED]
    names = sorted(set(subprocess.check_output(words, cwd=ROOT, text=True).split("\0")) - {""})
    digests = [(n, hashlib.sha256((ROOT / n).read_bytes()).hexdigest()) for n in names if (ROOT / n).exists()]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def passed(outcome: Outcome) -> bool:
    return bool(outcome["passed"]) and outcome["failed"] == "0"


def recorded(version: str, choice: str) -> tuple[str, Outcome]:
    """The code that was last tried in an environment and what became of it."""
    if (done := FOLDER / f"{version}-{choice}" / "outcome.json").exists():
        before = json.loads(done.read_text())
        return before["code"], before["line"]
    columns = dict.fromkeys(("Python", "versions", "passed", "failed", "skipped", "installed", "on"), "")
    return "", columns | {"Python": version, "versions": choice, "installed": "not run"}


def outcome(version: str, choice: str, workers: str) -> Outcome:
    """What became of the suite in one environment, which is made where it is missing."""
    name, place = f"{version} {choice}", FOLDER / f"{version}-{choice}"
    log, python = place / "log", place / "bin" / "python"
    tried, (before, line) = code(), recorded(version, choice)
    if before == tried and passed(line):
        return line
    line = dict.fromkeys(line, "") | {"Python": version, "versions": choice}
    if (base := interpreter(version)) is None:
        return line | {"installed": f"no Python {version} was found"}
    place.mkdir(parents=True, exist_ok=True)
    constraints = place / "constraints.txt"
    bounds = [f"{package}=={bound}" for package, bound in lowest().items()] if choice == "lowest" else []
    constraints.write_text("\n".join(bounds) + "\n")
    install = [python, "-m", "pip", "install", "--upgrade", "--quiet", "-c", constraints, "-e", ".[dev]"]
    test = [python, "-m", "pytest", "-m", "not slow and not wheel and not sb3", "-n", workers, "-p", "no:cacheprovider"]
    with log.open("w") as file:
        for words in ([base, "-m", "venv", place], install, [python, "-m", "pip", "freeze"]):
            show(f"{name}: {'installing' if words is install else 'preparing'}")
            if subprocess.run(words, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT).returncode:
                return line | {"installed": f"not installed: see {log}"}
        with subprocess.Popen(test, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as suite:
            for words in suite.stdout:
                file.write(words)
                file.flush()
                if percent := re.search(r"\[ *(\d+%)\]$", words):
                    show(f"{name}: {percent[1]}")
    show("")
    installed = dict(re.findall(r"^([a-z-]+)==(\S+)$", text := log.read_text(), re.M))
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", text.splitlines()[-1])}
    line |= {word: str(counts.get(word, 0)) for word in ("passed", "skipped")}
    line["failed"] = str(counts.get("failed", 0) + counts.get("error", 0) or ("1" if suite.returncode else "0"))
    line["installed"] = ", ".join(f"{package} {installed.get(package)}" for package in NAMED)
    line["on"] = str(date.today())
    (place / "outcome.json").write_text(json.dumps({"code": tried, "line": line}, indent=2) + "\n")
    return line


def show(words: str) -> None:
    """How far it is, in one line of a terminal; a line each elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)
    elif words:
        print(words, file=sys.stderr, flush=True)


def table(lines: list[Outcome]) -> Iterator[str]:
    """The outcomes as a table of Markdown, readable in a terminal as well."""
    rows = [list(lines[0]), *(list(line.values()) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    for row in rows:
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def write(page: Path, lines: list[Outcome]) -> None:
    """Put the table between its marks in a page; ValueError where the page has none."""
    head, start, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, tail = rest.partition(MARKS[1])
    if not end:
        raise ValueError(f"{page} has no place for the table: write {' '.join(MARKS)} where it belongs")
    page.write_text("\n".join([head + start, *table(lines), "", end + tail]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("choices", nargs="*", default=CHOICES, help="lowest, newest (default: both)")
    parser.add_argument("--python", nargs="+", default=PYTHONS, help="versions of Python")
    parser.add_argument("--workers", default="2", help="tests at a time")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="a page that takes the table of all, between its marks"
    )
    asked = parser.parse_args()
    lines = [outcome(version, choice, asked.workers) for version in asked.python for choice in asked.choices]
    print("\n".join(table(lines)))
    for line in lines:
        if line["failed"] not in ("", "0"):
            print(f"{line['Python']} {line['versions']}: see .versions/{line['Python']}-{line['versions']}/log")
    if asked.write:
        write(asked.write, [recorded(version, choice)[1] for version in PYTHONS for choice in CHOICES])
    sys.exit(not all(map(passed, lines)))


if __name__ == "__main__":
    main()
