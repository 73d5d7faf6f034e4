"""Variable tracking: names stand for other names, and a name is asked for the value at the end of its chain.

Source: Hsieh et al. 2024, "RULER" (arXiv 2404.06654).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

ASKS = ("last", "chain", "all")


@dataclass(frozen=True)
class VariableTracking(Bindings):
    """Follow each name back, assignment by assignment, to the value it stands for.

        tokens   k1 v1 k2 v2  . k3 k1  . k4 k2  . ? k4 k3        k3 k1: k3 is set to k1; . is the blank
        targets   _  _  _  _  _  _  _  _  _  _  _ _ v2 v1        _ is IGNORE

    A chain sets a name to a value and then num_hops names, each to the one before it. All names of a row
    are distinct, values may repeat. Chains are interleaved, every interleaving that keeps the order of each
    chain as likely as any other, and so is every way to set the assignments apart. After the mark come, in
    uniform order, the last name of every chain (`last`), all names of one chain (`chain`) or all names
    (`all`). Ids: 0 the blank, 1 the mark, then names (k), values and fillers. A question's distance counts
    from the one place where its value is written. Without hops this is associative recall.

    A reader that follows h < num_hops steps ends at a name. It scores chance on the last names, its bag floor if
    it remembers the values shown; on `chain` and `all` it is right about the share (h + 1) / (num_hops + 1)
    of the names and guesses the rest. Order gives a little away, for chains that begin early tend to end
    early: of 4 chains of 2 hops it is right on 0.32 of the last names, not 0.25, to take the r-th of them to
    be set for the r-th value.

    The payload is one value to a chain. Names are not counted, here as where keys are bound: a question
    brings its own. Which names belong to a chain must be kept too, so a memory needs more than the payload
    and the ceiling stays a bound. A reader may bind each new name to its value as it comes: then each hop costs
    one look-up while reading, and none at the question.

    Unlike the source, each question names a variable and wants its value (there a value is given and its
    variables are listed), and an assignment is two tokens. With one chain there is one value to say: the
    bag floor is 1. On `chain` all answers of a row are the same.
    """

    name: ClassVar[str] = "variable_tracking"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_chains"
    controls: ClassVar[Sequence[str]] = ".?"
    presets: ClassVar[Mapping[str, Preset]] = {
        "ruler_vt": Preset(
            {"num_chains": 1, "num_hops": 4, "asks": "chain", "num_names": 4096, "num_values": 4096},
            4096,
            "names are asked for the value, not the value for its names; blanks, not sentences; no worked example",
        ),
    }

    num_chains: int = difficulty(4, "chains, each of one value", moves="load")
    num_hops: int = difficulty(2, "names of each chain that are set to the name before them", moves="depth")
    asks: str = difficulty(
        "last", "which names are asked: last of each chain, one chain or all", "questions", choices=ASKS
    )
    num_names: int = difficulty(32, "size of the alphabet of names", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")
    num_fillers: int = difficulty(
        0, "random filler tokens between the assignments; 0 leaves blanks", moves="interference"
    )

    def check_fields(self) -> None:
        self.at_least("num_chains", 1)
        self.at_least("num_hops", 0)
        self.at_least("num_values", 2)
        self.at_least("num_fillers", 0)
        if self.num_names < self.num_links:
            raise ValueError(
                f"{self.name}: {self.load_words} of {self.num_hops + 1} need {self.num_links} names, "
                f"not {self.num_names} (try --num-names {self.num_links})"
            )

    @property
    def num_links(self) -> int:
        """Assignments, and names set, in a row."""
        return self.num_chains * (self.num_hops + 1)

    @property
    def keys(self) -> range:
        return range(len(self.controls), len(self.controls) + self.num_names)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop + self.num_fillers)

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return 2 * self.num_links + 1 + self.num_questions(0)

    def num_questions(self, length: int) -> int:
        return {"last": self.num_chains, "chain": self.num_hops + 1, "all": self.num_links}[self.asks]

    def payload_bits(self, length: int) -> float:
        return self.num_chains * float(np.log2(self.num_values))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        chains, links, asks = self.num_chains, self.num_links, self.num_questions(length)
        text = length - 1 - asks
        # Link h of chain c is number c * (num_hops + 1) + h. A permutation sorted within chains interleaves them.
        turn = np.sort(draws.shuffled(rng, rows, links).reshape(rows, chains, -1), axis=2)
        starts = np.take_along_axis(draws.spans(rng, rows, links, 2, text), turn.reshape(rows, links), axis=1)
        names = draws.distinct(rng, rows, links, self.num_names) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, chains, self.answers)
        sources = np.roll(names, 1, axis=1)
        sources[:, :: self.num_hops + 1] = values

        tokens = np.zeros((rows, length), np.int32)
        if self.num_fillers:
            tokens[:, :text] = draws.uniform(rng, rows, text, self.fillers)
        np.put_along_axis(tokens, starts, names, axis=1)
        np.put_along_axis(tokens, starts + 1, sources, axis=1)
        which = self._asked(rng, rows)
        tokens[:, text] = 1
        tokens[:, text + 1 :] = np.take_along_axis(names, which, axis=1)

        chain = which // np.int32(self.num_hops + 1)
        written = starts[:, :: self.num_hops + 1] + np.int32(1)
        order = np.argsort(written, axis=1)
        held = (written, names[:, :: self.num_hops + 1], values)
        stored = Stored(*(np.take_along_axis(a, order, axis=1) for a in held))
        asked = np.broadcast_to(np.arange(text + 1, length, dtype=np.int32), (rows, asks))
        answers, origins = (np.take_along_axis(a, chain, axis=1) for a in (values, written))
        return Batch(tokens, asked, answers, origins, stored)

    def _asked(self, rng: np.random.Generator, rows: int) -> NDArray[np.int32]:
        """The links whose names are asked, in order of asking: [rows, questions]."""
        each = self.num_hops + 1
        if self.asks == "all":
            return draws.shuffled(rng, rows, self.num_links)
        # Chains are interleaved and named independently of their number: their own order is uniform.
        if self.asks == "chain":
            return draws.shuffled(rng, rows, each)
        return np.broadcast_to(np.arange(self.num_hops, self.num_links, each, dtype=np.int32), (rows, self.num_chains))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        stands_for: dict[int, int] = {}
        answers: dict[int, int] = {}
        asking = False
        for t, token in enumerate(tokens):
            asking = asking or token == 1
            if asking and token in stands_for:
                answers[t] = stands_for[token]
            elif token in self.answers:
                stands_for[tokens[t - 1]] = token
            elif token in stands_for and t and tokens[t - 1] in self.keys:
                stands_for[tokens[t - 1]] = stands_for[token]
        return answers
