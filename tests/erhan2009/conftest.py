"""The claims about a planted network and an autoencoder that knows nothing, measured and judged once."""

import csv

import numpy as np
import pytest
from claim_rows import study_of
from planted import planted

from dbnvis.erhan2009.table import claims
from dbnvis.models.sdae import StackedDAE


@pytest.fixture(scope="session")
def plant():
    return planted()


@pytest.fixture(scope="session")
def written(plant, tmp_path_factory):
    """Rows of the table, and the folder."""
    folder = tmp_path_factory.mktemp("claims")
    sdae = StackedDAE.random((144, 30, 10, 6), (12, 12), rng=np.random.default_rng(0))
    sdae.input_norm = plant.model.input_norm
    study = study_of(plant.model, plant.images, folder)
    claims(study, study_of(sdae, plant.images, folder), n=12)
    with (folder / "tables" / "claims.csv").open(newline="") as file:
        return list(csv.DictReader(file)), folder
