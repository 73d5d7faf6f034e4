"""The end of a report: what made it. Says what the study knows and leaves out what it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from ..formatting import duration
from ..results.tables import Results

KNOWN = ("name", "command", "runs", "versions", "machine", "seconds", "checksums", "written")


def provenance(results: Results) -> str:
    study = results.study
    seeds = sorted(results.scores["seed"].unique()) if len(results.scores) else []
    seconds = study.get("seconds")
    facts = {
        "command": f"<code>{escape(str(study['command']))}</code>" if study.get("command") else "",
        "seeds": ", ".join(str(s) for s in seeds),
        "wall time": duration(seconds) if isinstance(seconds, int | float) else "",
        "written": said(study.get("written")),
        "machine": said(study.get("machine")),
        "versions": said(study.get("versions")),
        "checksums of the rows": said(study.get("checksums")),
    } | {str(key): said(value) for key, value in study.items() if key not in KNOWN}
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts.items() if value)
    return (
        f'<section id="provenance"><h2>How it was made</h2><dl>{listed}</dl>'
        f"{configurations(study.get('runs') or [])}</section>"
    )


def said(value: Any) -> str:
    """A value as HTML: a mapping as `key value` in a list, anything else as text."""
    if isinstance(value, Mapping):
        pairs = (f"<li><span>{escape(str(k))}</span> {said(v)}</li>" for k, v in value.items())
        return f'<ul class="facts">{"".join(pairs)}</ul>' if value else ""
    if isinstance(value, list | tuple):
        return escape(", ".join(str(v) for v in value))
    return "" if value is None else escape(str(value))


def configurations(runs: list[Any]) -> str:
    """One line of JSON per run: each can be read back as it stands."""
    if not runs:
        return ""
    lines = "\n".join(escape(json.dumps(run, ensure_ascii=False, default=str)) for run in runs)
    return f"<details><summary>Exact configurations of {len(runs):,} runs</summary><pre>{lines}</pre></details>"
