"""The words of the code: one word, one meaning. CONTRIBUTING prints the glossary, names are held to it by a test.

`python -m tests.glossary` writes the table into CONTRIBUTING.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"
START, END = "<!-- glossary: python -m tests.glossary -->\n", "<!-- end of glossary -->\n"


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


class Term(NamedTuple):
    """A word, its meaning, and the words that it replaces."""

    word: str
    meaning: str
    retired: tuple[str, ...] = ()


GLOSSARY = (
    Term("sequence", "an input: tokens, and targets at the queries", ("row", "rows")),
    Term("record", "an entry of a table, or the checksummed JSON file that holds it", ("sealing", "sealed")),
    Term("query", "a position at which an answer is asked for; `queries` are positions", ("asked",)),
    Term("state", "all that a layer carries past a token"),
    Term("state store", "states saved on disk at chosen positions", ("shelf",)),
    Term("step buffer", "intermediate results of one training step, allocated once", ("tape",)),
    Term("stack, mixer", "the layers that a model repeats; one memory of a layer, with its options"),
    Term("chunk", "a block computed at once; changes no result"),
    Term("chunk momentum", "momentum carried across the chunks of an inner optimiser", ("course",)),
    Term("segment", "a block after which a state is cached; changes the result"),
    Term("pair, slot, distance", "key and value shown; place of a query; tokens between answer and query"),
    Term("payload, floor, ceiling", "bits to be stored; best score of a shortcut; most that the bits allow"),
    Term("oracle positions", "positions given to a gate instead of its own choice", ("told",)),
    Term("predicted", "what a model answered", ("said",)),
    Term("saved", "written to disk", ("kept",)),
    Term("breakdown", "a score by distance, depth and position"),
    Term("cell", "an entry of a printed table or of a heat map"),
    Term("length mode", "how positions are treated beyond the training length"),
    Term("effective context length", "the longest length still above a threshold", ("horizon", "horizons")),
    Term("online code length", "description length of labels given states (MDL)", ("codelength",)),
    Term("concept erasure", "removal of what is linearly readable (LEACE)", ("erased", "beyond")),
    Term("activation patching", "an intervention that replaces a state by another's", ("transplant",)),
    Term("request", "what a study asks a measure for, as JSON", ("wish", "wishes", "wanted")),
    Term("run label", "the part of a run's name that tells it from its neighbours", ("apart",)),
    Term("trainer state", "what training needs to resume: optimiser, curriculum, history", ("ledger",)),
    Term("paused model", "a model stopped at a position, its state at hand", ("held",)),
    Term("time forecast", "the time that remaining work is expected to take", ("projection",)),
    Term("progress message", "a transient status line, or a notice that stays", ("telling",)),
    Term("code loading guard", "the refusal to run code of a folder that is not trusted", ("trust",)),
    Term("style", "fonts, colours and marks of a figure", ("look",)),
    Term("sampled, plotted", "drawn at random; drawn on a figure", ("drawn",)),
    Term("fraction", "a part of a whole, 0 to 1", ("share", "shares")),
    Term("integer", "a number without a fraction", ("whole",)),
    Term("memory guide", "the measured part of docs/memories.md", ("seen",)),
)

BARE = word_set(
    "told said asked kept held seen found given shown drawn taken known chosen written made lost left meant done gone "
    "put sent built cut "
    "of at by where beyond others own apart from to in on with without within across between before after above below "
    "under over until since per via that those which what whether how why when"
)
"""Participles and prepositions that say nothing alone; so does any word that ends in -ed."""

NOUNS = word_set("need speed seed feed embed shed")
"""Words that end in -ed and are no participles."""

NEVER = word_set("data info process handle manager util utils helper helpers tmp do new n")
"""Words without meaning, in any place of a name."""

MODEL_WORDS = frozenset({"projection", "row", "rows", "whole", "share"})
"""Retired in runners/, and plain terms in models/: a projection is a matrix there."""

OPENINGS = word_set("what whether which of by how why where when those that")
"""A docstring does not begin with them."""

LONGEST_OPENING = 25
"""Words of a docstring's first line."""


def page() -> str:
    lines = ["| say | means | not |", "|---|---|---|"]
    lines += [f"| {term.word} | {term.meaning} | {', '.join(term.retired)} |" for term in GLOSSARY]
    return "\n" + "\n".join(lines) + "\n\n"


def main() -> None:
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(before + START + page() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
