"""Tables of conclusions from tables of results: pairs of memories, reach, capacity, probes and interventions."""
