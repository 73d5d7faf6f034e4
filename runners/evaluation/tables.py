"""Tables that every test of a run adds to: scores, and where in a sequence questions were answered correctly."""

from __future__ import annotations

from ..storage.schema import Column, Table, columns

INTERVAL = columns(float, low="lower bound of accuracy, 95 %", high="upper bound of accuracy, 95 %")
COUNTS = columns(
    int, num_sequences="sequences tested (in a bin: with a question there)", num_questions="questions answered"
)
ACCURACY = columns(float, accuracy="fraction of questions answered correctly")
FLOORS = ("chance", "memoryless", "bag", "position", "recency")
CHECKS = ("initial", "cut_off")

BOUNDS = columns(
    float,
    chance="accuracy of a guess",
    memoryless="accuracy of a reader that sees only the token that asks",
    bag="accuracy of a reader that knows the values, but not whose they are",
    position="accuracy of a reader that picks values by the position of the question",
    recency="accuracy of a reader that repeats the latest value",
    ceiling="the best accuracy that so many bits of state allow",
)
BITS = columns(
    float, "bits", payload_bits="stored in a sequence", recalled_bits="needed by an ideal reader to score as well"
)
COSTS = (
    Column("state_bytes", int, "carried for one sequence", "bytes"),
    Column("parameters", int, "parameters of the whole model"),
)
SIZES = (
    Column("length", int, "of a sequence", "tokens"),
    Column("load", int, "items that a sequence asks to store"),
    Column("train_length", int, "of a training sequence", "tokens"),
)
SCORE = (
    *SIZES,
    Column("num_sequences", int, "sequences tested"),
    Column("num_questions", int, "questions of a sequence, at most"),
    *ACCURACY,
    *INTERVAL,
    Column("exact", float, "fraction of sequences with every answer correct"),
    *BOUNDS,
    *BITS,
    *COSTS,
)
"""What `evaluate.score_record` says of one test."""

OUTCOME = (
    Column("stopped", str, 'why training ended: "solved", "updates", "seconds" or "diverged"', "", "outcome.stopped"),
    Column("solved", bool, "whether validation accuracy reached solve_at", "", "outcome.solved"),
    Column("diverged", bool, "whether training ended with a loss that is no number", "", "outcome.diverged"),
    Column(
        "updates_to_half", int, "until half of a batch was answered correctly", "updates", "outcome.updates_to_half"
    ),
    Column("updates_to_solve", int, "until it was solved", "updates", "outcome.updates_to_solve"),
    Column("seconds_to_solve", float, "until it was solved", "seconds", "outcome.seconds_to_solve"),
    Column("updates", int, "of the whole training", "updates", "outcome.updates"),
    Column("tokens", int, "of the whole training", "tokens", "outcome.tokens"),
    Column("seconds", float, "of the whole training", "seconds", "outcome.seconds"),
    Column("checksum", str, "of the run's test sequences", "", "checksum"),
    Column("initial", float, "accuracy of the untrained model", "1", "initial.accuracy"),
    Column("cut_off", float, "accuracy with the memory cut off", "1", "cut_off.accuracy"),
)

SCORES = Table("scores", "One record for each test of a run.", (*SCORE, *OUTCOME), tested=True)
SEQUENCES = Table(
    "sequences",
    "One record for each test sequence, for intervals over seeds and sequences.",
    (
        Column("length", int, "of the sequence", "tokens"),
        *columns(
            int,
            sequence="number of the sequence in its stream",
            num_correct="questions answered correctly",
            num_questions="questions asked",
        ),
    ),
    tested=True,
)
DISTANCES = Table(
    "distances",
    "One record for each bin of distances from an answer to its question.",
    (
        Column("length", int, "of a sequence", "tokens"),
        *columns(int, "tokens", distance_low="shortest of the bin", distance_high="longest of the bin, inclusive"),
        *COUNTS,
        *ACCURACY,
        *INTERVAL,
    ),
    tested=True,
)
BREAKDOWN = Table(
    "breakdown",
    "One record for each tenth of a sequence.",
    (
        Column("length", int, "of a sequence", "tokens"),
        Column("by", str, '"depth": where the answer was written, or "position": where it is asked'),
        *columns(float, low_edge="start of the bin, as a fraction of the sequence", high_edge="its end"),
        *COUNTS,
        *ACCURACY,
        *INTERVAL,
    ),
    tested=True,
)
TESTED = (SCORES, DISTANCES, BREAKDOWN, SEQUENCES)

CURVES = Table(
    "curves",
    "One record for each point of a training curve.",
    (
        *columns(int, "updates", update="so far"),
        *columns(int, "tokens", tokens="trained on so far", stage_length="of a sequence in this stage"),
        Column("seconds", float, "so far", "seconds"),
        *columns(int, stage="of the curriculum, from 1", stages="of the curriculum", stage_load="items of a sequence"),
        *columns(float, loss="of a training batch, in nats", accuracy="of a training batch"),
    ),
    source="curve",
)
