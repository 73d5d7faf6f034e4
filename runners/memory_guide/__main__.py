"""python -m runners.memory_guide [runs]: tables and figures of the three studies into docs/memories, then the page."""

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
    tables.write(pd.DataFrame(about), "studies", folder)
    tables.write(pd.DataFrame(tasks), "tasks", folder)
    tables.write(pd.concat([table for table in contrasts if len(table)]), "contrasts", folder)
    print("probe of LegS ...", flush=True)
    recovered = experiments.legs_probe(num_sequences=probed)
    tables.write(recovered, "legs", folder)
    figures.save(figures.over_age(recovered), folder / "legs.png")
    tables.write(experiments.inner_losses(), "inner", folder)


if __name__ == "__main__":
    try:
        write([PRESETS[name]() for name in STUDIES], Path((sys.argv[1:] or ["runs"])[0]), tables.FOLDER)
    except ValueError as error:
        sys.exit(f"runners.memory_guide: {error}")
    page.PAGE.write_text(page.page(), encoding="utf-8")
