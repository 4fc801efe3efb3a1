"""How much the reports of small models measure."""

import pytest

from dbnvis.report.plan import Plan


@pytest.fixture(scope="session")
def plan():
    return Plan(units=4, shown=2, chains=3, images=40, annealed=4, steps=(2, 3, 4))
