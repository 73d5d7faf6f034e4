"""States that are kept are those the memory holds, row by row."""

import pytest
import torch

from recall_tasks import Stream
from runners import storage
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.execution.run_job import measure_run
from runners.measures import MEASURES
from runners.measures.states import final_states

RUN = Run(TaskSetting("mqar", 24, {"num_pairs": 3}), ModelSetting("grm", {"segment": 8}, width=16))


def test_each_row_has_the_state_it_has_alone():
    model, stream = RUN.build().double(), Stream(RUN.task.task, 24, "test")
    kept = final_states(model, stream, 5)
    nowhere = torch.empty(0, dtype=torch.int64)
    for row in range(5):
        _, states = model(torch.from_numpy(stream.rows(row, 1).tokens), (nowhere, nowhere))
        for layer, (block, state) in enumerate(zip(model.blocks, states, strict=True), 1):
            for name, content in block.memory.contents(state).items():
                torch.testing.assert_close(kept[f"layer{layer}/{name}"][row], content[0])


def test_all_that_is_carried_is_kept():
    model = RUN.build()
    kept = final_states(model, Stream(RUN.task.task, 24, "test"), 2)
    assert sum(tensor[0].numel() for tensor in kept.values()) == model.state_floats(24)


def test_states_are_kept_beside_the_run_and_fewer_are_not_kept_again(tmp_path):
    model = RUN.build()
    place = storage.write_run(tmp_path, RUN, {"scores": []}, dict(model.state_dict()), {})
    measure_run(str(place), {"states": {"rows": 6}}, lambda said: None)
    record = storage.read_record(place / "states.json")
    (kept,) = record["outputs"]
    tensors = storage.load_tensors(place, kept["name"], kept["digest"])
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == record["shapes"]
    before = (place / "states.json").read_bytes()
    measure_run(str(place), {"states": {"rows": 4}}, lambda said: None)
    assert (place / "states.json").read_bytes() == before


@pytest.mark.parametrize("rows", [0, -1, 2.0, True, "8"])
def test_a_number_of_rows_that_is_none_is_refused(rows):
    with pytest.raises(ValueError, match="states are saved of 1 to"):
        MEASURES["states"].check(RUN, {"rows": rows})
