"""The models of the comparison: how the one that the page of Erhan et al. does not have is made."""

import numpy as np

from dbnvis import datasets
from dbnvis.erhan2009.page import Page
from dbnvis.methods_compared import compared_models
from dbnvis.results import Writer


def test_the_classifier_shows_its_progress_and_keeps_the_networks_of_the_digits(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(compared_models.FineTuning, "classifier", lambda space: made.append(space))
    monkeypatch.setattr(compared_models, "_open", lambda page, model, out: model)
    digits = datasets.load("digits").first(50)
    writer = Writer(tmp_path / "erhan2009", "", "", overwrite=True)
    progress, on_epoch = (lambda *args: args), (lambda *args: None)
    page = Page(digits, digits, 50, lambda *args: None, writer, 3, np, progress, on_epoch)
    assert compared_models._classifier(page) == tmp_path / "digits" / "models" / "classifier-pretrained.npz"
    (space,) = made
    assert (space.progress, space.on_epoch, space.seed) == (progress, on_epoch, 3)
    assert not space.writer.overwrite  # a trained network stays
