"""Every figure and table by name: what it shows, after whom, of which model; `dbnvis figure NAME` draws it.

A new figure is a function in `figures/` and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .erhan2009 import paper_figures as paper
from .erhan2009.table import claims
from .figures import deformations, finetuning, gabors, health, manifolds, sheets, side_by_side
from .figures.convnets import (
    attributions,
    channels,
    class_models,
    debugging,
    explaining,
    faults,
    maps,
    patch_sheets,
    planted_mark,
    tsne,
)
from .figures.generative import clamping, conv_dbns, samples, scenes
from .figures.generative.evidence_samples import evidence_samples
from .figures.tables import acceptance, deformed, features, predicting
from .methods_compared.compared_models import compare_methods
from .runs.comparison import AVERAGED, BRIEFLY, likelihood_table
from .runs.experiments import Experiment
from .runs.fine_tuned import FineTuning


@dataclass(frozen=True)
class Figure:
    """A figure or a table of the catalogue.

    Parameters
    ----------
    shows : str
        What it shows, in one line.
    draw : callable
        Draws it: takes a `Study` of a model, the `Page` of Erhan et al. (2009), or a `Workspace`.
    of : str
        The shipped model that it is of unless another is named, "pretrained" or "convnet"; "page": of the models of the
        page; "data": of a data set alone, or of networks that it trains.
    after : str
        Whom it is after.
    trains : str
        How long it trains before it draws, of the models that are not there yet; "" if it does not.
    folder : str
        Of figures and tables alike, in the data set's folder; "" for `figures` and `tables`.
    """

    shows: str
    draw: Callable[[Any], Any]
    of: Literal["pretrained", "convnet", "page", "data"] = "pretrained"
    after: str = ""
    trains: str = ""
    folder: str = ""


def _of_convnet(shows: str, draw: Callable[[Any], Any], after: str = "") -> Figure:
    return Figure(shows, draw, "convnet", after, folder="convnet")


def _of_page(shows: str, draw: Callable[[Any], Any], after: str = "Erhan et al. 2009") -> Figure:
    return Figure(shows, draw, "page", after, trains="an hour")


def _fine_tuned(shows: str, draw: Callable[[FineTuning], Any], trains: str) -> Figure:
    return Figure(
        shows, lambda space: draw(FineTuning(**vars(space))), "data", "Hinton & Salakhutdinov 2006", trains=trains
    )


def _experiment(shows: str, draw: Callable[[Experiment], Any], after: str = "") -> Figure:
    return Figure(shows, lambda space: draw(Experiment(**vars(space))), "data", after, folder="convnet")


FIGURES: dict[str, Figure] = {
    # --- every unit of a deep belief network, by every method
    "combination": Figure(
        "every unit as the sum of its strongest lower-layer filters",
        lambda study: sheets.all_units(study, sheets.COMBINATION, "combination"),
        after="Lee, Ekanadham & Ng 2008",
    ),
    "am": Figure(
        "every unit by activation maximization",
        lambda study: sheets.all_units(study, sheets.MAXIMIZATION, "am"),
        after="Erhan et al. 2009",
    ),
    "gibbs": Figure(
        "every unit by clamped Gibbs sampling: the mean image while the unit is fixed to 1",
        lambda study: sheets.all_units(study, sheets.SAMPLING, "gibbs"),
        after="Erhan et al. 2009",
    ),
    "methods": Figure(
        "the same units of each layer by five methods",
        side_by_side.methods_side_by_side,
        after="Erhan et al. 2009, figure 4",
    ),
    "starts": Figure(
        "four top-layer units, each maximized from nine random starts",
        side_by_side.starts,
        after="Erhan et al. 2009, figure 1",
    ),
    "samples": Figure(
        "samples of six units of each layer with the unit fixed to 1; where those of the top layer fail, tempered ones",
        lambda study: samples.samples(study, temperatures=10),
        after="Erhan et al. 2009, figure 3",
    ),
    "clamping": Figure("two readings of a unit fixed to 1: the other units sampled, or 0", clamping.clamping),
    "fantasies": Figure(
        "free samples of the whole model, no unit fixed", samples.fantasies, after="Hinton, Osindero & Teh 2006"
    ),
    "manifolds": Figure(
        "film strips: inputs along which a unit's response falls least and most",
        lambda study: manifolds.film_strips(study, n=4),
        after="Erhan, Courville & Bengio 2010",
    ),
    "invariance": Figure(
        "how invariant each layer is: degrees from the optimum to 90 % of its gain, a figure and a table",
        manifolds.invariance_table,
        after="Erhan, Courville & Bengio 2010",
    ),
    "gabor": Figure(
        "first-layer filters beside the Gabor functions nearest to them, a figure and two tables", gabors.gabor_tables
    ),
    "claims": Figure(
        "the claims of Erhan et al. (2009), tested on every unit: figure, table, sentences",
        claims,
        after="Erhan et al. 2009",
    ),
    "acceptance": Figure(
        "what the pictures are worth, a table: do optima beat images, do methods agree, do chains mix",
        acceptance.acceptance_table,
    ),
    "predictiveness": Figure(
        "which picture tells what its unit does on other images, by method and layer: a figure and a table",
        predicting.predictive_table,
        after="Borowski et al. 2021",
    ),
    # --- training
    "training": Figure("training curves, one line per layer", health.training_curves, after="Hinton 2010"),
    "health": Figure(
        "the health of training, per layer: filters as they grew, parameters, activities, chains",
        health.training_health,
        after="Hinton 2010",
    ),
    "likelihood": Figure(
        "how training decides the likelihood, a table of eight recipes, estimated from both sides",
        likelihood_table,
        "data",
        "Salakhutdinov & Murray 2008",
        trains="an hour",
    ),
    "averaging": Figure(
        "what averaging the last parameters does to the likelihood, a table of three brief trainings",
        lambda space: likelihood_table(space, AVERAGED, BRIEFLY, table="averaging"),
        "data",
        "Polyak & Juditsky 1992",
        trains="ten minutes",
    ),
    "infinite": Figure(
        "four digits and 35 deformations of each, by index",
        lambda space: deformations.deformations(space.data, space.writer),
        "data",
        "Loosli, Canu & Bottou 2007",
    ),
    # --- fine-tuning
    "classifier": _fine_tuned(
        "test errors of a classifier, pretrained and from random weights: a table",
        finetuning.classifier_table,
        "half an hour",
    ),
    "deformed_classifier": Figure(
        "test errors of classifiers fine-tuned on plain and on deformed digits, three seeds each: a table",
        lambda space: deformed.deformed_table(FineTuning(**vars(space))),
        "data",
        "Loosli, Canu & Bottou 2007",
        trains="an hour",
    ),
    "autoencoder": _fine_tuned(
        "errors of deep autoencoders and of PCA: a table", finetuning.autoencoder_table, "half an hour"
    ),
    "codes": _fine_tuned(
        "test images in two dimensions, by PCA and by an autoencoder", finetuning.codes_figure, "half an hour"
    ),
    "finetuning": _fine_tuned("units before and after fine-tuning", finetuning.finetuning_figure, "half an hour"),
    "features": Figure(
        "what unsupervised features are worth to a logistic regression: a table",
        features.features_table,
        "data",
        trains="half an hour",
    ),
    # --- the page of Erhan et al. 2009
    "figure_1": _of_page("digits by activation maximization, DBN and SDAE, three layers", paper.FIGURES["figure_1"]),
    "figure_2": _of_page("patches by activation maximization, DBN and SDAE", paper.FIGURES["figure_2"]),
    "figure_3": _of_page("samples of second-layer units, digits and patches", paper.FIGURES["figure_3"]),
    "figure_4": _of_page("second-layer units by three methods, digits and patches", paper.FIGURES["figure_4"]),
    "lee_2008": _of_page(
        "second-layer units of patches beside the filters they are made of",
        paper.FIGURES["lee_2008"],
        "Lee, Ekanadham & Ng 2008",
    ),
    "methods_compared": _of_page(
        "every method on six models: does its picture excite the unit, does it predict it: figures and tables",
        compare_methods,
        "Borowski et al. 2021",
    ),
    # --- a convolutional network, and what images do to it
    "units": _of_convnet(
        "every channel and the class scores, by maximization and by combination", channels.units_sheet
    ),
    "weights": _of_convnet("the raw weights of every layer", channels.weights_figure),
    "activations": _of_convnet(
        "the maps of every layer for three images", maps.activations_figure, "Yosinski et al. 2015"
    ),
    "patches": _of_convnet(
        "the test patches that activate every channel most, and their deconvolutions",
        patch_sheets.patches_figures,
        "Zeiler & Fergus 2014",
    ),
    "occlusion": _of_convnet(
        "the effect of hiding a patch of an image", attributions.occlusion_figure, "Zeiler & Fergus 2014"
    ),
    "gradients": _of_convnet(
        "which pixels class scores and channels are sensitive to, by five gradient views",
        attributions.gradients_figure,
        "Simonyan et al. 2014, Springenberg et al. 2015",
    ),
    "randomized": _of_convnet(
        "which gradient views depend on what was learned: layers randomized from the top down",
        attributions.randomized_figure,
        "Adebayo et al. 2018",
    ),
    "class_models": _of_convnet(
        "the classes under every recipe of regularized optimization",
        class_models.class_models_figure,
        "Yosinski et al. 2015, Simonyan et al. 2014",
    ),
    "regularizers": _of_convnet(
        "each regularizer alone, at growing strength", class_models.regularizers_figure, "Yosinski et al. 2015"
    ),
    "evidence": _of_convnet("images of a DBN, weighted by the response of class scores and units", evidence_samples),
    "explain": _of_convnet("a test image, a 7, through all views", explaining.explain_test_image),
    "tsne_images": _of_convnet(
        "test images in two dimensions, by the code of each layer", tsne.tsne_figures, "van der Maaten & Hinton 2008"
    ),
    "tsne_units": _of_convnet(
        "channels and units in two dimensions, by their responses",
        tsne.tsne_units_figure,
        "van der Maaten & Hinton 2008",
    ),
    "audit": _of_convnet("units that learned nothing, with likely causes: two tables", faults.audit_tables),
    # --- networks that fail in a known way
    "debugging_rate": _experiment("a learning rate that is too high, and the units it kills", debugging.learning_rates),
    "debugging_noise": _experiment("first-layer filters after too little training", debugging.noisy_filters),
    "debugging_mark": _experiment(
        "a mark in one class's images, and the views that expose it",
        planted_mark.planted_mark,
        "Lapuschkin et al. 2019",
    ),
    # --- photographs
    "scenes": Figure(
        "what DBNs of two and of nine photographs generate while a unit is on; give --dataset photos",
        scenes.scenes,
        "data",
        trains="eight minutes",
    ),
    # --- convolutional DBNs
    "crbm": Figure(
        "convolutional DBNs of digits and of photographs: filters, and second-layer units",
        conv_dbns.conv_dbns,
        "data",
        "Lee et al. 2009",
        trains="ten minutes",
        folder="convnet",
    ),
}
