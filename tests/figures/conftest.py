"""Models that train in milliseconds."""

import pytest
from tiny_runs import DENOISING, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def autoencoders(tmp_path_factory):
    return train(tmp_path_factory.mktemp("autoencoders"), config=DENOISING)
