"""What probes found, in numbers: by age, in all, and whether what is there is used.

Rows that are older than the columns these rest on (`NEEDED`) are left out. A seed is one training with rows of its
own, so an interval over seeds is for other trainings and other rows; one seed alone has the interval of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..probe.verdict import KINDS, MARGIN, Claim, comparable, cost, decided, readable_items, told
from ..results import Results
from ..statistics.crossed import NOTHING
from ..statistics.shares import effective, quantile

NEEDED = frozenset(("time", "end", "reduced", "written", "bits_low", "bits_high", "item_bits", "num_items"))
PLACE: Mapping[str, Any] = {"content": "state", "layer": 0, "reduced": 0}
"""What is compared between memories: all that all layers carry, as it is."""
READER = "ridge"
CONTROLS = ("control", "untrained", "input")
BINS = 8
"""Ages are shared out over at most so many bins of one width."""

SHARE = ("accuracy", "low", "high")
AGES = ("task", "memory", "reader", "age_low", "age_high")
VERDICT = (
    "task", "memory", "seeds", "verdict", "items", "readable", "rising", "chance", "probe", "probe_low", "probe_high",
    *CONTROLS,
    "behaviour", "behaviour_low", "behaviour_high", "erased", "random", "cost", "cost_low",
    "cost_high", "bits_before", "bits_after", "follows",
)  # fmt: skip


@lru_cache(maxsize=1)  # every figure and table of a report asks for the same
def probed(results: Results) -> pd.DataFrame:
    """Rows of `probes` that say all that is asked of them here: `bits` are usable bits, `end` is a truth value."""
    rows = results.probes
    if not set(rows) >= NEEDED:
        return pd.DataFrame()
    rows = rows[rows["time"].notna() & (rows["age"] >= 0)]
    return rows.assign(end=rows["end"].eq(True), time=rows["time"].astype(int), item=rows["item"].astype(int))


def where(rows: pd.DataFrame, said: Mapping[str, Any]) -> pd.DataFrame:
    """Rows whose columns are as said; the table itself where it is empty."""
    for column, value in said.items():
        rows = rows[rows[column] == value] if len(rows) else rows
    return rows


def at_end(results: Results) -> pd.DataFrame:
    """Rows of `PLACE` when items are asked for, with `age_low` and `age_high`, the bin of their age (inclusive)."""
    rows = where(probed(results), {**PLACE, "end": True})
    if not len(rows):
        return rows
    low, width = bins(rows["age"], rows["task"])
    return rows.assign(age_low=low, age_high=low + width - 1)


def bins(values: pd.Series[Any], within: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """The least whole number of the bin of each value, and the bins' width: at most `BINS` for each of `within`."""
    groups = values.groupby(within)
    first, width = groups.transform("min"), groups.transform(lambda v: -(-(v.max() + 1 - v.min()) // BINS))
    low = first + (values - first) // width * width
    return low.astype(int), width.astype(int)


def by_seed(rows: pd.DataFrame, keys: list[str], columns: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Of each group of `keys`, what names it with `seeds` and `items` (in all), and the means of each seed."""
    groups = rows.groupby([*keys, "seed"], sort=False)
    each = groups[columns].mean().assign(items=groups.size()).reset_index()
    found = []
    for values, part in each.groupby(keys, sort=False):
        named: dict[str, Any] = dict(zip(keys, values, strict=True))
        found.append((named | {"seeds": len(part), "items": int(part["items"].sum())}, part))
    return found


def over_seeds(seeds: ArrayLike, lows: ArrayLike, highs: ArrayLike) -> tuple[float, float, float]:
    """Mean over seeds, and its 95 % interval by Student's t; of a single seed, the bounds of its rows."""
    values = np.asarray(seeds, np.float64)
    mean = float(values.mean())
    if len(values) == 1:
        return mean, float(np.min(lows)), float(np.max(highs))
    reach = quantile(len(values) - 1) * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - reach, mean + reach


def share_over_seeds(seeds: ArrayLike, lows: ArrayLike, highs: ArrayLike) -> tuple[float, float, float]:
    """Mean over seeds of a share, and its 95 % interval, which stays between 0 and 1.

    For one seed, and where all agree, the bounds are the widest of a seed's own. Missing where nobody guessed, as of
    a reader that is judged by its description length alone.
    """
    values, low, high = (np.asarray(some, np.float64) for some in (seeds, lows, highs))
    there = ~np.isnan(values)
    values, low, high = values[there], low[there], high[there]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    variance = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    if variance < NOTHING or not 0 < mean < 1:
        widest = int((high - low).argmax())
        return mean, float(low[widest]), float(high[widest])
    return mean, *effective(mean, variance, len(values) - 1)


def by_age(results: Results) -> pd.DataFrame:
    """One row per task, memory, reader and bin of age, when items are asked for.

    seeds, items (in all), accuracy, low, high     over seeds; `PLACE`, no control
    chance
    control, selectivity     accuracy of the same reader on the control task, and what is above it (missing where
                             that reader was not asked)
    bits, bits_low, bits_high, item_bits           usable bits of an item, and all it has
    codelength, compression  bits a label, told one after the other, and item_bits over these; or missing
    error                    of a linear reconstruction of levels, squared, over their variance (signals alone)
    """
    rows = at_end(results)
    if not len(rows):
        return pd.DataFrame()
    keys, bits = list(AGES), ["bits", "bits_low", "bits_high"]
    rows = rows.assign(codelength=rows["codelength"].astype(float))
    control = where(rows, {"control": "control"}).groupby(keys)["accuracy"].mean()
    found = []
    for row, part in by_seed(
        where(rows, {"control": "none"}), keys, [*SHARE, "chance", *bits, "item_bits", "codelength"]
    ):
        row |= dict(zip(SHARE, share_over_seeds(*(part[name] for name in SHARE)), strict=True))
        row |= {"chance": part["chance"].mean(), "control": control.get(tuple(row[key] for key in keys), np.nan)}
        row["selectivity"] = row["accuracy"] - row["control"]
        row |= dict(zip(bits, over_seeds(*(part[name] for name in bits)), strict=True))
        row |= {"item_bits": part["item_bits"].mean(), "codelength": part["codelength"].mean()}
        row["error"] = part["error"].astype(float).mean() if "error" in part else np.nan
        found.append(row | {"compression": row["item_bits"] / row["codelength"]})
    return pd.DataFrame(found)


def totals(results: Results) -> pd.DataFrame:
    """One row per task, memory and seed: what a linear reader recovers of a whole sequence.

    bits                mean usable bits of the items read, times items of a sequence; not less than 0
    rising              of these, found by the second half of the rows fitted on: more rows would find more
    payload, ceiling    bits stored in a sequence; the smaller of that and the bits of the state
    state_bytes, bits_per_state_bit

    Tasks whose items tell of one another, as those of a signal, have no total: bits they share would count twice.
    """
    rows = where(at_end(results), {"control": "none", "reader": READER})
    if not len(rows) or not len(results.scores):
        return pd.DataFrame()
    tests = results.scores[results.scores["kind"] == "test"]
    once = tests.drop_duplicates("run").set_index("run")
    state, stored = once["state_bytes"], once["payload_bits"]
    rows = rows.assign(half=rows["bits_half"].astype(float) if "bits_half" in rows else np.nan)
    groups = rows.groupby(["run", "task", "memory", "seed"], sort=False)
    each = groups[["bits", "half", "item_bits", "num_items"]].mean().reset_index()
    apart = each["item_bits"] * each["num_items"] <= 1.001 * each["run"].map(stored)
    found = each[["task", "memory", "seed"]].assign(
        items=groups.size().to_numpy(),
        bits=(each["bits"] * each["num_items"]).clip(lower=0),
        rising=(each["bits"] - each["half"]) * each["num_items"],
        payload=each["item_bits"] * each["num_items"],
        state_bytes=each["run"].map(state),
    )
    found = found[found["state_bytes"].notna() & apart]
    found["ceiling"] = np.minimum(found["payload"], 8 * found["state_bytes"])
    found["bits_per_state_bit"] = found["bits"] / (8 * found["state_bytes"]).where(found["state_bytes"] > 0)
    return found.reset_index(drop=True)


def verdicts(results: Results) -> pd.DataFrame:
    """One row per task and memory: `VERDICT`, the word of `probe.verdict` and its evidence, means over seeds.

    probe              accuracy of the linear reader on the state; control: on labels drawn at random;
                       untrained: on the state of an untrained model; input: on the last tokens instead of the state
    behaviour          what the model itself answers when asked the same
    erased, random     its accuracy once what the reader reads was erased from the state, or as many directions
                       drawn at random; cost: what the former costs, beyond the latter if that is less
    follows            answers that are the donor's when the state is transplanted

    The word rests on intervals over seeds. Where the model cannot be asked it says what is read alone.
    """
    rows, done = at_end(results), interventions(results)
    found = []
    for (task, memory), mine in rows.groupby(["task", "memory"], sort=False) if len(rows) else ():
        read = where(mine, {"reader": READER})
        trained, asked = where(read, {"control": "none"}), where(mine, {"control": "none", "reader": "model"})
        if not len(trained):
            continue
        row = dict.fromkeys(VERDICT, np.nan) | {"task": task, "memory": memory, "seeds": trained["seed"].nunique()}
        here, dealt = where(done, {"task": task, "memory": memory}), where(read, {"control": "control"})
        items = readable_items(of(trained), of(dealt))
        row |= {"items": trained["item"].nunique(), "readable": len(items), "rising": rising(trained)}
        if items:  # what is asked of items that are there, is asked of these alone
            both = items & set(here["item"]) if len(here) else items
            read, trained, asked, here, dealt = (
                part[part["item"].isin(both or items)] if len(part) else part
                for part in (read, trained, asked, here, dealt)
            )
        row |= {"chance": float(trained["chance"].mean())}
        row |= bounded("probe", SHARE, trained, share_over_seeds)
        row |= {name: where(read, {"control": name})["accuracy"].mean() for name in CONTROLS}
        of_kind = {kind: where(here, {"kind": kind}) for kind in ("intact", "erased", "random", "transplanted")}
        if len(answers := asked if len(asked) else of_kind["intact"]):
            row |= bounded("behaviour", SHARE, answers, share_over_seeds)
        row |= {kind: part["accuracy"].mean() for kind in ("erased", "random") if len(part := of_kind[kind])}
        if len(of_kind["erased"]) and comparable(*(of_kind[kind]["changed"].mean() for kind in KINDS)):
            erased = of_kind["erased"]
            row |= bounded("cost", cost(erased["drop"].mean(), erased["excess"].mean()), erased, over_seeds)
        for name in ("bits_before", "bits_after") if len(of_kind["erased"]) else ():
            row[name] = of_kind["erased"][name].astype(float).mean()
        if len(moved := of_kind["transplanted"]):
            row["follows"] = moved["follows"].mean()
        against = float(dealt["high"].mean() if len(dealt) else trained["chance"].mean())
        sure = len(of_kind["erased"]) > 0 and bool((of_kind["erased"]["sure"] == True).all())  # noqa: E712
        found.append(row | {"verdict": word(row, against, sure)})
    return pd.DataFrame(found, columns=list(VERDICT))


def bounded(
    name: str, columns: tuple[str, str, str], rows: pd.DataFrame, over: Callable[..., tuple[float, float, float]]
) -> dict[str, float]:
    """`name`, its _low and its _high: the mean of the first column over seeds, and its interval."""
    each = rows.groupby("seed")[list(columns)].mean()
    return dict(zip((name, f"{name}_low", f"{name}_high"), over(*(each[column] for column in columns)), strict=True))


def of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def rising(trained: pd.DataFrame) -> float:
    """Bits an item that the second half of the training rows found: what is well above 0 would rise with more rows."""
    if "bits_half" not in trained:
        return np.nan
    return float((trained["bits"] - trained["bits_half"].astype(float)).mean())


def word(row: Mapping[str, Any], control: float, sure: bool = True) -> str:
    """What the intervals of a row of `verdicts` say together; `control` is what the reader is held against, `sure`
    whether there were rows enough to erase by."""
    margin = MARGIN * (1 - row["chance"])

    def claim(name: str, against: float) -> Claim | None:
        share, low, high = (row[column] for column in (name, f"{name}_low", f"{name}_high"))
        return None if np.isnan(share) else Claim(name, share, low, high, against, margin)

    readable, answered, hurt = claim("probe", control), claim("behaviour", row["chance"]), claim("cost", 0.0)
    if readable is None or answered is None:
        more = readable.more if readable else None
        return "undecided" if more is None else "present, not asked" if more else "absent, not asked"
    return decided(readable.more, answered.more, told(hurt.more if hurt else None, sure))


@lru_cache(maxsize=1)
def interventions(results: Results) -> pd.DataFrame:
    """Interventions on what is compared: all layers and the whole state, or, where that was not done, the last
    layer that was; all contents of a transplant are in `results.interventions` alone."""
    rows = results.interventions
    if not len(rows):
        return rows
    rows = rows[rows["content"] == "state"]
    kept = []
    for _, part in rows.groupby(["task", "memory", "kind"], sort=False):
        kept.append(part[part["layer"] == (0 if (part["layer"] == 0).any() else part["layer"].max())])
    return pd.concat(kept, ignore_index=True) if kept else rows


def errors(results: Results) -> pd.DataFrame:
    """One row per task and memory that weighs caches, and layer (0: all told at once): why answers are missed.

    seeds, items, accuracy, oracle               as it is, and when its gate is told where the answer is
    routing_error, compression_error             oracle - accuracy, and 1 - oracle
    weight, right, even                          on the memory that holds the answer (missing for layer 0)
    num_rows                                     in all
    """
    rows = results.routing
    if not len(rows):
        return pd.DataFrame()
    by_seed = rows.groupby(["task", "memory", "layer", "seed"], sort=False)
    each = by_seed[["accuracy", "oracle", "weight", "right", "even"]].mean()
    each = each.assign(items=by_seed.size(), num_rows=by_seed["num_rows"].sum()).reset_index()
    groups = each.groupby(["task", "memory", "layer"], sort=False)
    found = groups[["accuracy", "oracle", "weight", "right", "even"]].mean()
    found = found.assign(routing_error=found["oracle"] - found["accuracy"], compression_error=1 - found["oracle"])
    found = found.assign(seeds=groups.size(), items=groups["items"].sum(), num_rows=groups["num_rows"].sum())
    return found.reset_index()


def transplants(results: Results) -> pd.DataFrame:
    """One row per task, memory, layer and content that was put in from another row.

    seeds, items, follows    how often the donor's value is answered, mean over seeds
    accuracy, chance         how often the row's own still is
    """
    rows = results.interventions
    rows = where(rows, {"kind": "transplanted"})
    if not len(rows):
        return pd.DataFrame()
    by_seed = rows.groupby(["task", "memory", "layer", "content", "seed"], sort=False)
    each = by_seed[["follows", "accuracy", "chance"]].mean().assign(items=by_seed.size()).reset_index()
    groups = each.groupby(["task", "memory", "layer", "content"], sort=False)
    found = groups[["follows", "accuracy", "chance"]].mean()
    return found.assign(seeds=groups.size(), items=groups["items"].sum()).reset_index()
