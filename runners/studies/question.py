"""A question as a person writes it: tasks, memories and training, where every field has one value or several.

Several values are an axis. Axes are crossed, or zipped: `zip` ("length", "num_pairs") takes their first values
together, then their second ones. A question becomes a `Study`: one run for each cell and seed, each cell once.

    Question("mqar", (TaskEntry("mqar", [64, 128], {"num_pairs": [4, 8]}),), (ModelEntry("gru", width=[16, 32]),))

An axis belongs to the entry that has it, so that tasks and memories may differ in theirs.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import with_config

from models.notation import format_stack

from ..config.custom_code import options_of, read_stack
from ..config.custom_tasks import field_names, is_task, task_kind
from ..config.length_modes import DEFAULT_LENGTH
from ..config.run import ModelSetting, Run, TaskSetting, Training
from ..config.validation import STRICT
from ..formatting import unknown, word_list
from .study import FEW_SEEDS, Ask, Study, checked_seeds, first_repeated, refuse_repeated

MOST_RUNS = 100_000
"""Runs of a question at most: longer lists take minutes to write down."""
SHOWN = 3
"""Cells that a refusal names."""
AROUND = tuple(f.name for f in dataclasses.fields(ModelSetting) if f.name not in ("memory", "options", "label"))
"""Fields of the model around a memory."""

Key = tuple[str, str]
"""A part of a run ("task", "field", "model", "option" or "training") and the name of a field in it."""
Cell = Mapping[Key, Any]
TASK: Key = ("task", "length")


@with_config(STRICT)
@dataclass(frozen=True)
class TaskEntry:
    """A task by name, or NAME:field=value; each value may be a list. `preset` names published settings of it."""

    name: str
    length: Any = None
    fields: dict[str, Any] = field(default_factory=dict)
    preset: Any = None

    def settings(self) -> list[TaskEntry]:
        """The entry without its presets, whose fields and length hold where it says nothing else: one for each."""
        name, given = in_place(self.name)
        given = self.fields | given
        length = given.pop("length", self.length)
        kind, entries = task_kind(name), []
        for word in values_of(self.preset):
            if word is not None and word not in kind.presets:
                raise ValueError(unknown(f"preset of {name}", str(word), list(kind.presets)))
            preset = kind.presets[word] if word else None
            fields = {**preset.fields, **given} if preset else given
            usual = preset.length if preset else DEFAULT_LENGTH
            entries.append(TaskEntry(name, usual if length is None else length, fields))
        return entries

    @property
    def values(self) -> dict[Key, Any]:
        """The values of every field, by its key."""
        return {TASK: self.length} | {("field", name): value for name, value in self.fields.items()}

    @property
    def known(self) -> Collection[str]:
        """Names of the fields of its task."""
        return field_names(task_kind(name)) if is_task(name := in_place(self.name)[0]) else ()


@with_config(STRICT)
@dataclass(frozen=True)
class ModelEntry:
    """A memory and the model around it; sizes and options may be lists."""

    memory: str
    options: dict[str, Any] = field(default_factory=dict)
    width: Any = None
    layers: Any = None
    mlp_ratio: Any = None
    dtype: Any = None
    label: str = ""

    @property
    def values(self) -> dict[Key, Any]:
        """The values of every size and option that is given, by its key."""
        sizes = {("model", name): getattr(self, name) for name in AROUND if getattr(self, name) is not None}
        return {("option", name): value for name, value in self.options.items()} | sizes

    @property
    def known(self) -> Collection[str]:
        """Names of the options of a single memory that its word does not give; those of a stack stand in its word."""
        in_word = {name for layer in read_stack(self.memory) for mixer in layer for name in mixer.options}
        return options_of(self.memory, described=False).keys() - in_word


@with_config(STRICT)
@dataclass(frozen=True)
class Question:
    """Tasks, memories and training with their axes; see the module. Raises ValueError for what cannot be crossed.

    rates      the axis `learning_rate` of the training under its older name
    zip        groups of fields whose values are taken together
    feasible   leave out cells that cannot be, such as pairs that do not fit a length
    """

    name: str
    tasks: tuple[TaskEntry, ...]
    models: tuple[ModelEntry, ...]
    training: dict[str, Any] = field(default_factory=dict)
    seeds: int = FEW_SEEDS
    rates: tuple[float, ...] = ()
    asks: tuple[Ask, ...] = ()
    matched: str = ""
    zip: tuple[tuple[str, ...], ...] = ()
    feasible: bool = False

    def __post_init__(self) -> None:
        known = [f.name for f in dataclasses.fields(Training)]
        if strange := self.training.keys() - set(known):
            raise ValueError(unknown("field of training", min(strange), known))
        checked_seeds(self.seeds)
        refuse_repeated("task", ((task.name, task) for task in self.tasks))
        words = [format_stack(read_stack(model.memory)) for model in self.models]
        refuse_repeated("memory", ((w, replace(model, memory=w)) for w, model in zip(words, self.models, strict=True)))
        if self.rates:
            object.__setattr__(self, "training", self.training | {"learning_rate": list(self.rates)})
            object.__setattr__(self, "rates", ())

    def with_fields(self, given: Mapping[str, Any]) -> Question:
        """The question with these values of fields, each wherever a task, memory or the training has that field.

        What stands in the word of a task or memory stays. Raises ValueError for a field that nothing here has.
        """
        tasks, models, training = self.tasks, self.models, dict(self.training)
        for name, value in given.items():
            option = name.removeprefix("memory_")
            if name == "length":
                tasks = tuple(replace(task, length=value) for task in tasks)
            elif name in AROUND:
                models = tuple(replace(model, **{name: value}) for model in models)
            elif name in Training.__dataclass_fields__:
                training[name] = value
            elif any(name in task.known for task in tasks):
                tasks = tuple(
                    replace(task, fields=task.fields | {name: value}) if name in task.known else task for task in tasks
                )
            elif any(option in model.known for model in models):
                models = tuple(
                    replace(model, options=model.options | {option: value}) if option in model.known else model
                    for model in models
                )
            else:
                here = list(dict.fromkeys([*(task.name for task in tasks), *(model.memory for model in models)]))
                raise ValueError(f"unknown option --{name.replace('_', '-')}: {word_list(here)} have none of that name")
        return replace(self, tasks=tasks, models=models, training=training)

    def entries(self) -> Iterator[tuple[TaskEntry, ModelEntry, list[list[Key]], dict[Key, Any]]]:
        """Every pair of a task and a memory: both, its groups of keys whose values go together, and all its values."""
        zipped: set[tuple[str, ...]] = set()
        tasks = [setting for entry in self.tasks for setting in entry.settings()]
        for task, model in itertools.product(tasks, self.models):
            values = task.values | model.values
            values |= {("training", name): value for name, value in self.training.items()}
            groups: dict[Any, list[Key]] = {}
            for key in values:
                together = next((names for names in self.zip if key[1] in names), key)
                groups.setdefault(together, []).append(key)
            for names in self.zip:
                counts = {key[1]: len(values_of(values[key])) for key in groups.get(names, ())}
                if len(set(counts.values())) > 1:
                    said = word_list([f"{name} has {count}" for name, count in counts.items()])
                    raise ValueError(f"zip takes values one by one, but {said}: give each of them as many")
                zipped |= {names} if len(counts) > 1 else set()
            yield task, model, list(groups.values()), values
        if lost := next((names for names in self.zip if names not in zipped), None):
            raise ValueError(f"nothing to zip in {','.join(lost)}: name two fields or more that are given here")

    @property
    def size(self) -> int:
        """Number of runs, without a look at them. Raises ValueError for axes that cannot be zipped."""
        cells = (math.prod(len(values_of(v[g[0]])) for g in groups) for _, _, groups, v in self.entries())
        return self.seeds * sum(cells)

    def study(self, seeds: Sequence[int] | None = None) -> Study:
        """The study of all cells, seed by seed, so that a first table comes early; `seeds`: these, not 0, 1, ...

        Raises ValueError, in one sentence, for cells that cannot be, unless they are to be left out.
        """
        if self.size > MOST_RUNS:
            raise ValueError(f"{self.size:,} runs are over the limit of {MOST_RUNS:,}: give fewer values")
        seeds = range(self.seeds) if seeds is None else seeds
        cells: list[tuple[TaskSetting, ModelSetting, Training]] = []
        for task, model, groups, values in self.entries():
            cells += self._possible(task, model, list(cells_of(groups, values)), seeds[0])
        return Study.of_cells(self.name, in_order(cells), seeds, self.asks, self.matched)

    def _possible(
        self, task: TaskEntry, model: ModelEntry, cells: list[Cell], seed: int
    ) -> list[tuple[TaskSetting, ModelSetting, Training]]:
        """The settings of those cells of one task and memory that can be. Raises ValueError for the others."""
        possible, refused = [], dict[str, str]()
        for cell in cells:
            words = f"{task.name} {cell_words(cell, cells, ('task', 'field'))}"
            try:
                setting, training = TaskSetting(task.name, cell[TASK], part(cell, "field")), part(cell, "training")
                setting.task.check_length(setting.length)
                how, options = Training(**training), part(cell, "option")
                words = f"{model.label or model.memory} on {task.name} {cell_words(cell, cells)}"
                around = ModelSetting(model.memory, options, **part(cell, "model"), label=model.label)
                possible.append((setting, Run(setting, around, how, seed).model, how))
            except ValueError as error:
                if len(cells) == 1:
                    raise
                refused.setdefault(words, str(error))
        if not possible:
            raise ValueError(next(iter(refused.values())))
        if refused and not self.feasible:
            shown = [f"{words} ({error.partition(' (try')[0]})" for words, error in [*refused.items()][:SHOWN]]
            more = f", and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
            axes = list(dict.fromkeys(key[1] for key in varying(cells)))
            mend = f"zip values that go together (--zip {','.join(axes)}), or " if len(axes) > 1 else ""
            raise ValueError(f"some cells cannot be: {'; '.join(shown)}{more}: {mend}leave such cells out (--feasible)")
        return possible


def in_place(word: str) -> tuple[str, dict[str, Any]]:
    """Name and fields of a task's word: mqar:num_pairs=4. Raises ValueError for more than one name."""
    layers = read_stack(word)
    if len(layers) > 1 or len(layers[0]) > 1:
        raise ValueError(f"a task is NAME or NAME:field=value, not {word!r}")
    return layers[0][0].name, dict(layers[0][0].options)


def values_of(value: Any) -> Sequence[Any]:
    """The values of a field: those of a list or tuple, or the one."""
    return value if isinstance(value, list | tuple) else (value,)


def cells_of(groups: Iterable[Sequence[Key]], values: Mapping[Key, Any]) -> Iterator[Cell]:
    """Every cell of the product of the groups; keys of one group take their values together."""
    axes = []
    for group in groups:
        several = list(zip(*(values_of(values[key]) for key in group), strict=True))
        name, given = group[0][1], ", ".join(map(str, values_of(values[group[0]])))
        if not several:
            raise ValueError(f"{name} is an empty list: give it one value or more")
        if first_repeated(map(repr, several)):
            what = "each learning rate" if name == "learning_rate" else f"each value of {name}"
            raise ValueError(f"a grid takes {what} once, not {given}")
        axes.append([dict(zip(group, some, strict=True)) for some in several])
    for parts in itertools.product(*axes):
        yield {key: value for some in parts for key, value in some.items()}


def part(cell: Cell, name: str) -> dict[str, Any]:
    """The fields of one part of a cell."""
    return {key[1]: value for key, value in cell.items() if key[0] == name}


def varying(cells: Sequence[Cell]) -> list[Key]:
    """Keys in which cells differ."""
    return [key for key in cells[0] if any(cell[key] != cells[0][key] for cell in cells)]


def cell_words(cell: Cell, cells: Sequence[Cell], parts: Sequence[str] = ()) -> str:
    """The values by which a cell differs from the others: `length 64, num_pairs 64`."""
    keys = [key for key in varying(cells) if not parts or key[0] in parts]
    return ", ".join(f"{key[1]} {cell[key]}" for key in sorted(keys, key=lambda key: key != TASK))


def in_order(cells: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Cells by task, then memory, then training, each in the order in which they first come."""
    places = [
        {text: i for i, text in enumerate(dict.fromkeys(map(repr, column)))} for column in zip(*cells, strict=True)
    ]
    return sorted(cells, key=lambda cell: [place[repr(one)] for place, one in zip(places, cell, strict=True)])


def question_of(study: Study) -> Question:
    """The question that a study answers. Raises ValueError where its runs are no product of its settings."""
    first = {kind: {repr(getattr(run, kind)): getattr(run, kind) for run in study.runs} for kind in ("task", "model")}
    tasks = tuple(TaskEntry(task.name, task.length, task.fields) for task in first["task"].values())
    models = tuple(ModelEntry(**dataclasses.asdict(model)) for model in first["model"].values())
    training = {
        f.name: values if len(values) > 1 else values[0]
        for f in dataclasses.fields(Training)
        for values in [list(dict.fromkeys(getattr(run.training, f.name) for run in study.runs))]
    }
    seeds = 1 + max(run.seed for run in study.runs)
    question = Question(study.name, tasks, models, training, seeds, (), study.asks, study.matched)
    if question.size != len(study.runs) or {r.name for r in question.study().runs} != {r.name for r in study.runs}:
        raise ValueError(f"study {study.name!r} is no grid of tasks, memories and seeds: choose runs in its file")
    return question


def part_of_question(
    question: Question,
    tasks: Sequence[str] | None = None,
    memories: Sequence[str] | None = None,
    seeds: int | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Question:
    """The question with these tasks, memories, seeds and fields only.

    Memories not in it, such as one's own `file.py:Class`, join with the sizes of its first. Raises ValueError for a
    task that it does not have.
    """
    names = list(dict.fromkeys(in_place(task.name)[0] for task in question.tasks))
    if strange := [task for task in tasks or () if task not in names]:
        raise ValueError(f"study {question.name!r} has no task {strange[0]!r}: it has {', '.join(names)}")
    here = list(tasks or names)
    asks = [
        replace(ask, tasks=tuple(task for task in ask.tasks if task in here))
        for ask in question.asks
        if not ask.tasks or set(here).intersection(ask.tasks)
    ]
    models = list(question.models)
    if memories is not None:
        named = [[m for m in models if (m.label or m.memory) == word] or [beside(models[0], word)] for word in memories]
        models = [model for some in named for model in some]
    chosen = [task for name in here for task in question.tasks if in_place(task.name)[0] == name]
    part = replace(question, tasks=tuple(chosen), models=tuple(models), asks=tuple(asks))
    return replace(part, seeds=part.seeds if seeds is None else seeds).with_fields(fields or {})


def beside(model: ModelEntry, memory: str) -> ModelEntry:
    """A model of the same sizes with other memories; a stack has as many layers as it names."""
    layers = model.layers if len(read_stack(memory)) == 1 else None
    return replace(model, memory=memory, options={}, label="", layers=layers)
