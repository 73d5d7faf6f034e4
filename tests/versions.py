"""The fast suite with the lowest and the newest versions of all dependencies: `python tests/versions.py`.

Each pair of a Python and a choice of versions has an environment of its own in `.versions/`, and there a log and the
outcome: a second call goes on with those that have not passed with this code.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".versions"
PYTHONS, CHOICES = ("3.11", "3.12", "3.13"), ("lowest", "newest")
NAMED = ("numpy", "torch", "pandas", "scipy", "scikit-learn", "gymnasium")
LOWER = re.compile(r"([a-z][a-z0-9-]*)>=([0-9.]+)")


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
    """Digest of the tracked files as they are."""
    words = (["git", "rev-parse", "HEAD"], ["git", "diff", "HEAD"])
    return hashlib.sha256(b"".join(subprocess.check_output(w, cwd=ROOT) for w in words)).hexdigest()


def outcome(version: str, choice: str, workers: str) -> str:
    """One line on the suite in one environment, which is made where it is missing."""
    place = FOLDER / f"{version}-{choice}"
    done, log, python = place / "outcome", place / "log", place / "bin" / "python"
    if done.exists() and (before := done.read_text().split("\n"))[0] == code() and " passed" in before[1]:
        return before[1]
    if (base := interpreter(version)) is None:
        return f"no Python {version} was found"
    place.mkdir(parents=True, exist_ok=True)
    constraints = place / "constraints.txt"
    bounds = [f"{name}=={bound}" for name, bound in lowest().items()] if choice == "lowest" else []
    constraints.write_text("\n".join(bounds) + "\n")
    install = [python, "-m", "pip", "install", "--upgrade", "--quiet", "-c", constraints, "-e", ".[dev]"]
    test = [python, "-m", "pytest", "-m", "not slow and not wheel and not sb3", "-n", workers, "-p", "no:cacheprovider"]
    with log.open("w") as file:
        for words in ([base, "-m", "venv", place], install, [python, "-m", "pip", "freeze"], test):
            status = subprocess.run(words, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT).returncode
            if status and words is not test:
                return f"not installed: {log}"
    installed = dict(re.findall(r"^([a-z-]+)==(\S+)$", text := log.read_text(), re.M))
    versions = ", ".join(f"{name} {installed.get(name)}" for name in NAMED)
    line = f"{text.strip().splitlines()[-1].strip('= ')} ({versions})"
    if " failed" in line or " error" in line or status:
        return f"{line}: {log}"
    done.write_text(f"{code()}\n{line}\n")
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("choices", nargs="*", default=CHOICES, help="lowest, newest (default: both)")
    parser.add_argument("--python", nargs="+", default=PYTHONS, help="versions of Python")
    parser.add_argument("--workers", default="2", help="tests at a time")
    asked = parser.parse_args()
    lines = {}
    for version in asked.python:
        for choice in asked.choices:
            lines[version, choice] = line = outcome(version, choice, asked.workers)
            print(f"{version:<6}{choice:<8}{line}", flush=True)
    sys.exit(not all(" passed" in line and "failed" not in line and "error" not in line for line in lines.values()))


if __name__ == "__main__":
    main()
