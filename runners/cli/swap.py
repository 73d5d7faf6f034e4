"""recall swap: finished runs with another memory in place of their own, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..measures.extrapolation import LADDER, ROWS, check, measure
from ..storage import find_runs, load_model, load_run, write_record
from ..training.swap import swapped, with_trained_gates
from .console import frame_table, plain_console
from .flags import Mistake, Parser, add_option, explicit_values, integer, integers, split_words


def run(words: Sequence[str]) -> int:
    from models import MEMORIES, memory_options
    from models.post_training import only_gates

    from ..config.custom_code import load_memory

    parser = Parser(
        prog="recall swap",
        description="Test finished runs with another memory in place of their own, their weights as they are:\n"
        "a recurrent memory with caches (average, grm, ssc, ...), Elastic Memory with another sampling, an oracle.\n"
        "`recall swap MEMORY --help` lists the memory's options.",
    )
    plain, flags = split_words(words)
    parser.add_argument("memory", metavar="MEMORY", help=f"one of {', '.join(MEMORIES)}, or FILE.py:CLASS")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders of them")
    parser.add_argument("--ladder", type=integers, default=list(LADDER), metavar="N,N", help="multiples of the length")
    parser.add_argument("--rows", type=integer, default=ROWS, metavar="N", help="test rows at each length")
    parser.add_argument("--gate-updates", type=integer, default=0, metavar="N", help="updates that train gates alone")
    options: list[str] = []
    try:
        memory = load_memory(plain[0]) if plain else None
    except ValueError as error:
        raise Mistake(str(error)) from None
    if memory:
        group = parser.add_argument_group(f"options of {plain[0]} (default: as in training, else as here)")
        for name, default in memory_options(memory).items():
            add_option(group, name, type(default), default, memory.options.get(name, ""))
            options.append(name)
    arguments = parser.parse_args([*plain, *flags])
    ladder = tuple(sorted(set(arguments.ladder)))
    if min(ladder) < 1 or arguments.rows < 1 or arguments.gate_updates < 0:
        parser.error("--ladder and --rows take whole numbers of at least 1, --gate-updates of at least 0")
    console, table, given = plain_console(), [], explicit_values(arguments, options)
    wanted = {"ladder": list(ladder), "rows": arguments.rows}
    asked = [f"{name} {value}" for name, value in given.items()]
    asked += [f"gates trained for {arguments.gate_updates} updates"] if arguments.gate_updates else []
    try:
        fit: list[Path] = []
        unfit: dict[str, list[str]] = {}
        for place in find_runs(arguments.runs):  # what cannot be swapped is told before any work
            trained, model = load_run(place), load_model(place)
            try:
                _, other = swapped(trained, model, arguments.memory, given)
                if arguments.gate_updates:
                    only_gates(other)
                check(trained, wanted)
            except ValueError as error:
                unfit.setdefault(str(error), []).append(place.name)
                continue
            fit.append(place)
        if not fit:
            raise Mistake(f"no run here can hold {arguments.memory}: {'; '.join(unfit)}")
        for why, names in unfit.items():
            console.print(f"left out: {', '.join(names)}: {why}")
        for place in fit:
            trained, model = load_run(place), load_model(place)
            new, other = swapped(trained, model, arguments.memory, given)
            if arguments.gate_updates:
                other = with_trained_gates(new, other, arguments.gate_updates)
            before, after = (measure(r, m, wanted)[0] for r, m in ((trained, model), (new, other)))
            content = {"run": new.to_json(), "gate_updates": arguments.gate_updates, "scores": after["scores"]}
            kept = place / f"swap-{new.identity}-{arguments.gate_updates}.json"
            write_record(kept, content)
            for label, record in ((f"{trained.label}, as trained", before), (", ".join([new.label, *asked]), after)):
                lengths = {f"{row['length']} tokens": f"{row['accuracy']:.3f}" for row in record["scores"]}
                table.append({"run": place.name, "memory": label, **lengths})
            console.print(f"{place.name}: kept in {kept.name}")
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept.")
        return 130
    except ValueError as error:
        raise Mistake(str(error)) from None
    console.print(frame_table(pd.DataFrame(table).fillna("")))
    return 0
