"""Columns of the tables that every test of a run adds to: scores, and where in a sequence answers were correct."""

from __future__ import annotations

from ..storage.records import NULL, NUMBER, Shape
from ..storage.schema import Table, columns

FLOORS = ("chance", "memoryless", "bag", "position", "recency")
CHECKS = ("initial", "cut_off")

ACCURACY = columns("""
    accuracy: float | fraction of questions answered correctly
    low: float | lower bound of accuracy, 95 %
    high: float | upper bound of accuracy, 95 %
""")
SIZES = columns("""
    length: int tokens | of a sequence
    load: int | items that a sequence asks to store
    train_length: int tokens | of a training sequence
""")
TESTED_COUNTS = columns("""
    num_sequences: int | sequences tested
    num_questions: int | questions of a sequence, at most
""")
BIN_COUNTS = columns("""
    num_sequences: int | sequences with a question there
    num_questions: int | questions answered there
""")
ANSWERS = columns("""
    length: int tokens | of the sequence
    sequence: int | number of the sequence in its stream
    num_correct: int | questions answered correctly
    num_questions: int | questions asked
""")
BITS = columns("""
    payload_bits: float bits | stored in a sequence
    recalled_bits: float bits | needed by an ideal reader to score as well
    state_bytes: int bytes | carried for one sequence at its fullest
    state_bytes_at_end: int bytes | carried after its last token; missing in older runs, whose `state_bytes` are these
""")
BOUNDS = columns("""
    chance: float | accuracy of a guess
    memoryless: float? | accuracy of a reader that sees only the token that asks
    bag: float? | accuracy of a reader that knows the values, but not whose they are
    position: float? | accuracy of a reader that picks values by the position of the question
    recency: float? | accuracy of a reader that repeats the latest value
    ceiling: float | the best accuracy that so many bits of state allow
""")
SCORE = (
    *SIZES,
    *TESTED_COUNTS,
    *ACCURACY,
    *BOUNDS,
    *columns("""
        exact: float | fraction of sequences with every answer correct
        parameters: int | parameters of the whole model
    """),
    *BITS,
)
"""Columns of `evaluate.score_record`."""

OUTCOME = columns("""
    stopped: str | why training ended: "solved", "updates", "seconds" or "diverged" | outcome.stopped
    solved: bool | whether validation accuracy reached solve_at | outcome.solved
    diverged: bool | whether training ended with a loss that is no number | outcome.diverged
    updates_to_half: int? updates | until half of a batch was correct | outcome.updates_to_half
    updates_to_solve: int? updates | until it was solved | outcome.updates_to_solve
    seconds_to_solve: float? seconds | until it was solved | outcome.seconds_to_solve
    updates: int updates | of the whole training | outcome.updates
    tokens: int tokens | of the whole training | outcome.tokens
    seconds: float seconds | of the whole training | outcome.seconds
    checksum: str | of the run's test sequences | checksum
    initial: float | accuracy of the untrained model | initial.accuracy
    cut_off: float | accuracy with the memory cut off | cut_off.accuracy
""")

SCORES = Table("scores", "One record for each test of a run.", (*SCORE, *OUTCOME), tested=True)
SEQUENCES = Table(
    "sequences", "One record for each test sequence, for intervals over seeds and sequences.", ANSWERS, tested=True
)
DISTANCES = Table(
    "distances",
    "One record for each bin of distances from an answer to its question.",
    (
        *columns("""
            length: int tokens | of a sequence
            distance_low: int tokens | shortest of the bin
            distance_high: int tokens | longest of the bin, inclusive
        """),
        *BIN_COUNTS,
        *ACCURACY,
    ),
    tested=True,
)
BREAKDOWN = Table(
    "breakdown",
    "One record for each tenth of a sequence.",
    (
        *columns("""
            length: int tokens | of a sequence
            by: str | "depth": where the answer was written, or "position": where it is asked
            low_edge: float | start of the bin, as a fraction of the sequence
            high_edge: float | its end
        """),
        *BIN_COUNTS,
        *ACCURACY,
    ),
    tested=True,
)
TESTED = (SCORES, DISTANCES, BREAKDOWN, SEQUENCES)
"""Tables to which tests at the training length and measures both add."""

CURVES = Table(
    "curves",
    "One record for each point of a training curve.",
    columns("""
        update: int updates | so far
        tokens: int tokens | trained on so far
        seconds: float seconds | so far
        stage: int | of the curriculum, from 1
        stages: int | of the curriculum
        stage_length: int tokens | of a sequence in this stage
        stage_load: int | items of a sequence in this stage
        loss: float? nats | of a training batch
        accuracy: float | of a training batch
    """),
    source="curve",
)

ENDED = {
    column.source.removeprefix("outcome."): tuple(column.types) for column in OUTCOME if "outcome." in column.source
}
NEWER = ("updates_to_half", "seconds_to_solve", "tokens", "diverged")
"""Of them what older records lack, and what the loader adds."""
RESULT: Shape = {
    "outcome": {
        "validation": (*NUMBER, NULL),
        **{f"{name}{'?' * (name in NEWER)}": types for name, types in ENDED.items()},
    },
    "checksum": str,
    "environment": {"versions": {str: str}, "machine": {}, "commit": str, "device?": str},
    **{f"{check}?": {"accuracy": NUMBER} for check in CHECKS},
    **{f"{table.key}?": table.misfit for table in (*TESTED, CURVES)},
}
"""What result.json holds beside its facts; older ones lack some of it."""
