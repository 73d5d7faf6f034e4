"""Faults on purpose: sweeps are killed, starved of disk, damaged and doubled, and then have to be whole.

    python -m tests.faults --points 300 --seed 0

The promises: no finished run is lost, rewritten or counted twice; nothing damaged is trusted; each fault is
told in one clear line; the same command, given again, ends with the results of an undisturbed sweep, bit for bit.
"""
