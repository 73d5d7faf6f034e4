"""A question on the command line: words and flags that `train`, `compare` and `sweep` share, and its progress.

The words name tasks and memories, or a study: a preset, FILE.json, or a folder of runs, of which they then select a
part. Every field of a task, a memory, the model around it and the training is a flag that takes one value or several.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import MEMORIES
from models.notation import split_stacks
from recall_tasks import TASKS

from ..config.custom_code import class_title, names_in, options_of
from ..config.custom_tasks import field_names as fields_of
from ..config.custom_tasks import is_task, task_kind
from ..config.length_modes import DEFAULT_LENGTH
from ..config.run import ModelSetting, Training
from ..execution.engines import Event, choose_device, cores
from ..formatting import unknown
from ..studies.presets import DEMO_MODELS, PRESETS, longer
from ..studies.question import ModelEntry, Question, TaskEntry, in_place, part_of_question, question_of, values_of
from ..studies.study import FEW_SEEDS, MATCHED, Study
from ..studies.study_file import load_question, study_path
from .console import plain_console
from .flags import (
    AXIS,
    Mistake,
    Parser,
    add_fields,
    add_list,
    add_option,
    asks_for_help,
    flag,
    integer,
    memory,
    mistakes,
    number,
    one_of,
    several,
)

if TYPE_CHECKING:  # torch, which help does not wait for
    from ..execution.progress import Board

MANY_RUNS = 1000
"""Runs from which on a question is asked for with --yes."""
DEFAULT = "demo"
"""The study where no other is named."""
LADDER = (1, 2, 4)
"""Multiples of the training length at which memories are tested where no study says otherwise."""


def add_question(parser: Parser, words: Sequence[str]) -> None:
    """Add the words of a question and a flag for every field of the tasks and memories among `words`.

    Where they name no task, a flag of any task or memory among them is taken too, without a place in the help.
    """
    parser.add_argument(
        "question", nargs="*", metavar="WORD",
        help="tasks and memories (mqar, mqar:num_pairs=4, grm:segment=16, FILE.py:CLASS); or a study, and its part:\n"
        f"{', '.join(PRESETS)}, FILE.json (see runners/studies/study_file.py), a folder of runs",
    )  # fmt: skip
    group = parser.add_argument_group("question (every field takes one value, or several: --num-pairs 4,8,16)")
    group.add_argument("--preset", metavar="NAME", help="study of this name; of a task: published settings NAME,...")
    add_list(
        group, "--tasks", read=named_task, split=split_stacks, metavar="TASK", help="only these tasks of the study"
    )
    add_list(
        group,
        "--memories",
        read=memory,
        split=split_stacks,
        metavar="MEMORY",
        help="these memories: of the study, or others",
    )
    group.add_argument("--seeds", type=integer, metavar="N", help="this many seeds, from 0")
    group.add_argument(
        "--length", type=several(integer), metavar="N", dest=f"{AXIS}length",
        default=argparse.SUPPRESS, help=f"tokens of a training sequence (default: {DEFAULT_LENGTH}, or its preset's)",
    )  # fmt: skip
    group.add_argument(
        "--zip", action="append", type=field_names, metavar="A,B", default=[],
        help="take the values of these fields together, one by one: length,num_pairs",
    )  # fmt: skip
    group.add_argument("--feasible", action="store_true", help="leave out cells that cannot be")
    group.add_argument("--yes", action="store_true", help=f"so many runs are meant (asked above {MANY_RUNS:,})")
    group.add_argument(
        "--match", type=one_of("cost", MATCHED), metavar="COST",
        help=f"refuse memories whose models are not equal in {' or '.join(MATCHED)}",
    )  # fmt: skip
    dry = "print the plan with a forecast of its time; write nothing"
    group.add_argument("--dry-run", action="store_const", const=True, help=dry)
    add_fields(parser.add_argument_group("model"), ModelSetting, skip=("memory", "options", "label"), axes=True)
    group = parser.add_argument_group("training")
    add_fields(group, Training, skip=("learning_rate",), axes=True)
    group.add_argument(
        "--learning-rate", "--learning-rates", dest=f"{AXIS}learning_rate", type=several(number),
        metavar="X", default=argparse.SUPPRESS,
        help=f"peak rate of AdamW (default: {Training().learning_rate:g}); of several each memory is shown at the one "
        "that is best on validation",
    )  # fmt: skip
    add_fields_of(parser, words)


def add_fields_of(parser: Parser, words: Sequence[str]) -> None:
    """Add a flag for every field of the tasks, and every option of the memories, that these words name."""
    heads = [name for word in words if not word.startswith("-") for name in heads_of(word)]
    tasks, memories = (list(dict.fromkeys(filter(known, heads))) for known in (is_task, is_memory))
    described, taken = asks_for_help(words), {name for action in parser._actions for name in action.option_strings}
    flags = {word.partition("=")[0] for word in words if word.startswith("--")} - taken
    for name in tasks or (TASKS if flags else ()):
        group = parser.add_argument_group(f"fields of {name}") if tasks else parser
        kind = task_kind(name)
        known = fields_of(kind)
        add_fields(group, kind, [n for n in known if flag(n) in taken], axes=True)
        taken |= set(map(flag, known))
    of_tasks = {name for task in tasks or TASKS for name in fields_of(task_kind(task))}
    for name in memories or (MEMORIES if flags else ()):
        group = parser.add_argument_group(f"options of {name}") if described else parser
        with mistakes():
            options = options_of(name, described)
        for option, (default, meaning) in options.items():
            flagged = f"memory_{option}" if option in of_tasks else option  # a task may have a field of that name
            if flag(flagged) not in taken:
                add_option(group, flagged, type(default), default, meaning, axis=True)
                taken.add(flag(flagged))


def heads_of(word: str) -> list[str]:
    """Names of tasks and memories in a word of the command line; none in what is no notation."""
    with suppress(ValueError):
        return [name for part in split_stacks(word) for name in names_in(part)]
    return []


def is_memory(name: str) -> bool:
    """True for a memory's name, and for a class of a file that is there."""
    path, file, _ = name.rpartition(".py:")
    return name in MEMORIES or bool(file and os.path.isfile(f"{path}.py") and not is_task(name))


def is_study(word: str) -> bool:
    """True for the name of a preset, and for what can only be a file or a folder."""
    return word in PRESETS or (".py:" not in word and (word.endswith(".json") or os.sep in word or os.path.isdir(word)))


def field_names(text: str) -> tuple[str, ...]:
    """length,num-pairs -> ("length", "num_pairs")."""
    return tuple(part.strip().replace("-", "_") for part in text.split(","))


def named_task(text: str) -> str:
    """The word of a task: its name, with fields in place."""
    with mistakes():
        task_kind(in_place(text)[0])
    return text


def sort_words(words: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """The study, the tasks and the memories that words name. Raises Mistake for a word that names none."""
    study, tasks, memories = "", list[str](), list[str]()
    for word in words:
        if not word.strip():
            raise Mistake("a word of the question is blank: name a task, a memory or a study")
        heads, first = heads_of(word), not (study or tasks or memories)
        if len(heads) == 1 and is_task(heads[0]):
            tasks.append(word)
        elif first and is_study(word):
            study = word
        elif first and ":" not in word and not any(map(is_memory, heads)):
            listing = "those that `recall ls tasks` lists, or a study of `recall ls presets`"
            raise Mistake(unknown("task", word, [*TASKS, *PRESETS], listing))
        else:
            memories += map(memory, split_stacks(word))
    return study, tasks, memories


def given_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Values of the fields that were set: one, or a list."""
    given = {name.removeprefix(AXIS): value for name, value in vars(arguments).items() if name.startswith(AXIS)}
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in given.items()}


def check_words(arguments: argparse.Namespace) -> None:
    """Raises Mistake for words that name nothing and for training that cannot be, before anything slow is imported."""
    study, tasks, _ = sort_words(arguments.question)
    given = {name: value for name, value in given_fields(arguments).items() if name in Training.__dataclass_fields__}
    with mistakes():
        for values in itertools.islice(itertools.product(*map(values_of, given.values())), MANY_RUNS):
            Training(**dict(zip(given, values, strict=True)))
        if study or not tasks:
            study_path(study or arguments.preset or DEFAULT)


def requested_question(arguments: argparse.Namespace) -> Question | Study:
    """The question of these arguments; a study as it is where they ask for all of it. Raises ValueError."""
    study, tasks, memories = sort_words(arguments.question)
    memories += arguments.memories or []
    chosen, given = [*tasks, *(arguments.tasks or [])], given_fields(arguments)
    if tasks and not study:
        presets = arguments.preset.split(",") if arguments.preset else None
        entries = tuple(TaskEntry(word, preset=presets) for word in chosen)
        models = tuple(map(ModelEntry, memories)) or tuple(map(entry_of, DEMO_MODELS))
        name = "-".join(dict.fromkeys(class_title(in_place(word)[0]) for word in chosen))
        seeds = FEW_SEEDS if arguments.seeds is None else arguments.seeds
        question = Question(name, entries, models, seeds=seeds, asks=(longer(LADDER),)).with_fields(given)
    else:
        if study and arguments.preset:
            raise ValueError(f"two studies are named, {study} and {arguments.preset}: leave one out")
        found = load_question(study or arguments.preset or DEFAULT)
        if not (chosen or memories or given or arguments.zip or arguments.feasible or arguments.seeds is not None):
            return replace(found, matched=arguments.match) if arguments.match else found
        question = found if isinstance(found, Question) else question_of(found)
        question = part_of_question(question, chosen or None, memories or None, arguments.seeds, given)
    return replace(
        question, matched=arguments.match or question.matched, zip=(*question.zip, *arguments.zip),
        feasible=question.feasible or arguments.feasible,
    )  # fmt: skip


def entry_of(model: ModelSetting) -> ModelEntry:
    """A model of a preset as a part of a question that may have other sizes."""
    return ModelEntry(model.memory, dict(model.options), label=model.label)


def study_of(found: Question | Study, arguments: argparse.Namespace) -> Study:
    """The study of a question. Raises Mistake for more than MANY_RUNS runs without --yes, and ValueError."""
    size = len(found.runs) if isinstance(found, Study) else found.size
    if size > MANY_RUNS and not (arguments.yes or arguments.dry_run):
        many = f"these are {size:,} runs, more than {MANY_RUNS:,}"
        raise Mistake(f"{many}: add --yes if so many are meant (--dry-run says how long they take)")
    return found if isinstance(found, Study) else found.study()


def run_folder(study: Study, arguments: argparse.Namespace) -> Path:
    """The folder of the runs: --out, else the folder that was named, else runs/NAME. Raises ValueError for no name."""
    named = sort_words(arguments.question)[0]
    home = Path(named) if named and named not in PRESETS and os.path.isdir(named) else None
    if arguments.out is None and home is None and Path(study.name).name != study.name:
        raise ValueError(f"study {study.name!r} cannot name a folder: name one with --out")
    return arguments.out or home or Path("runs") / study.name


def positive(flag: str, value: int | None) -> int | None:
    """The value of a flag. Raises Mistake below 1."""
    if value is not None and value < 1:
        raise Mistake(f"{flag} takes at least 1, not {value}")
    return value


def announced_device(word: str) -> str:
    """The device that a word names; `auto` says which it takes. Raises ValueError for one that is not here."""
    device = choose_device(word)
    if word == "auto":
        print(f"device: {device}", file=sys.stderr, flush=True)
    return device


def follow_study(
    events: Iterable[Event], study: Study, folder: Path, command: str, workers: int | None, mark: str = ""
) -> Board | None:
    """Print the progress of a study, and return the board at its end.

    After Ctrl-C: print what is saved and that `command` goes on, and return None. Raises Mistake for a file that
    cannot be written.
    """
    from ..execution.plan import missing  # torch, as above
    from ..execution.progress import Board, follow

    console, total = plain_console(), len(study.runs)
    left = len(missing(study, folder))
    board = Board(study, total - left, min(workers or cores(), max(1, left)), mark)
    try:
        follow(events, board, console)
        return board
    except KeyboardInterrupt:
        saved = f"{total - len(missing(study, folder))} of {total} runs are finished and saved in {folder}"
        console.print(f"Stopped. {saved}; `{command}` goes on from there.{mark}", soft_wrap=True)
        return None
    except OSError as error:
        raise Mistake(f"cannot write {error.filename}: {error.strerror}; finished runs are saved in {folder}") from None
