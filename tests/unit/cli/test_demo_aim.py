"""The aim of the demonstration, on a machine that has other work."""

import pytest

from eaves.cli.demo.run import stretched


@pytest.mark.parametrize(
    ("load", "cores", "limit_s"), [(0.0, 2, 60), (2.0, 2, 120), (3.0, 2, 150), (1.0, 8, 67.5)]
)
def test_other_work_stretches_the_aim_by_its_part_of_the_cores(
    load: float, cores: int, limit_s: float
) -> None:
    assert stretched(60, load, cores) == limit_s
