"""python -m runners.memory_guide [RUNS [STUDY ...]]: tables and figures of studies into docs/memories, then the page.

Without STUDY, of all three; of those that are not named the tables stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from ..studies.presets import PRESETS
from ..studies.study import Study
from . import experiments, figures, page, tables

STUDIES = ("memories", "caching", "elastic")


def write(
    studies: list[Study],
    runs: Path,
    folder: Path,
    swapped: int = experiments.SEQUENCES,
    probed: tuple[int, int] = experiments.PROBED,
) -> None:
    """Everything under docs/memories, from studies finished in `runs`, each in the folder of its name.

    `swapped` sequences test each swapped memory, `probed` fit and test the probe of LegS.
    Raises ValueError where a study is not finished.
    """
    about, tasks, contrasts = [], [], []
    for study in studies:
        print(f"{study.name} ...", flush=True)
        place = runs / study.name
        results = tables.finished_results(study, place)
        measured = tables.measurements(results)
        tables.write(measured, study.name, folder)
        about.append(tables.about(study, results))
        tasks += tables.tasks(study)
        contrasts.append(tables.contrasts(results, tables.CONTRASTS.get(study.name, ())).assign(study=study.name))
        if study.name == "elastic":
            tables.write(experiments.swaps(study, place, swapped), "swapped", folder)
            figures.save(figures.over_coefficients(measured), folder / "elastic.png")
        if study.name == "caching":
            figures.save(figures.over_length(measured), folder / "caching.png")
    written = [study.name for study in studies]
    order = {name: place for place, name in enumerate(dict.fromkeys([*STUDIES, *written]))}
    for name, found in (("studies", [pd.DataFrame(about)]), ("tasks", [pd.DataFrame(tasks)]), ("contrasts", contrasts)):
        before = tables.read(name, folder)
        others = before[~before["study"].isin(written)] if len(before) else before
        whole = pd.concat([table for table in (others, *found) if len(table)])
        tables.write(whole.sort_values("study", key=lambda names: names.map(order), kind="stable"), name, folder)
    print("probe of LegS ...", flush=True)
    recovered = experiments.legs_probe(num_sequences=probed)
    tables.write(recovered, "legs", folder)
    figures.save(figures.over_age(recovered), folder / "legs.png")
    tables.write(experiments.inner_losses(), "inner", folder)


if __name__ == "__main__":
    try:
        runs, *names = sys.argv[1:] or ["runs"]
        write([PRESETS[name]() for name in names or STUDIES], Path(runs), tables.FOLDER)
    except ValueError as error:
        sys.exit(f"runners.memory_guide: {error}")
    page.PAGE.write_text(page.page(), encoding="utf-8")
