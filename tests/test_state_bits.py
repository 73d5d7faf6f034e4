"""A number of state has 32 bits, wherever a ceiling or a share of the state is told."""

from types import SimpleNamespace

import pandas as pd
import pytest

from recall_tasks import MQAR, Stream, bounds
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.evaluation.evaluate import Predictions, score_record
from runners.formatting import state_bytes
from runners.measures.capacity import capacity_record

TASK = MQAR(16, num_keys=32, num_values=32)
RUN = Run(TaskSetting("mqar", 80, {"num_pairs": 16, "num_keys": 32, "num_values": 32}), ModelSetting("linear"))


@pytest.mark.parametrize("row_of", [score_record, capacity_record])
def test_ceilings_and_shares_are_those_of_32_bits_a_number(row_of):
    model = SimpleNamespace(state_floats=lambda length: 1, fullest_floats=lambda length: 2, parameters=lambda: [])
    rows = Stream(TASK, 80, "test").rows(0, 8)
    row = row_of(RUN, model, Predictions(rows.asked, rows.origins, rows.answers, rows.answers), TASK, 80)
    assert row["ceiling"] == bounds.ceiling(64, TASK, 80) < 1
    assert (row["state_bytes"], row["state_bytes_at_end"]) == (8, 4)
    assert row["recalled_bits"] == pytest.approx(16 * 5)
    assert row.get("bits_per_state_bit", 80 / 64) == pytest.approx(80 / 64)


def test_bytes_are_those_of_the_fullest_state_and_of_the_last_where_they_differ():
    records = pd.DataFrame({"state_bytes": [2080, 2080], "state_bytes_at_end": [2080, 2080]})
    assert state_bytes(records) == "2,080"
    assert state_bytes(records.assign(state_bytes_at_end=1120)) == "2,080 (1,120 at the end)"
    assert state_bytes(records.assign(state_bytes_at_end=None)) == "2,080"  # an older run
