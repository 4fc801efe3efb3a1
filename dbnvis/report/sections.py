"""The sections of a report, in their order. Every digit that is read comes from the facts, by its path."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from ..figures.health import CURVES
from .findings import findings
from .markup import cells_of, items, layers_of, paragraph, picture, section, table
from .plan import Measured
from .unit_sections import agreement, audit, chains, units
from .wording import NOTHING, Said

FAMILIES = {
    "DBN": "a deep belief network",
    "StackedDAE": "a stack of denoising autoencoders",
    "MLP": "a feed-forward network",
    "ConvNet": "a convolutional network",
    "ConvDBN": "a convolutional deep belief network",
}
#: Sections by the anchor of each.
TITLES = {
    "findings": "Findings",
    "training": "Training",
    "likelihood": "Likelihood",
    "units": "Units by several methods",
    "agreement": "Do the methods agree?",
    "audit": "Units that learned nothing",
    "chains": "Do the chains mix?",
    "left-out": "What failed or was left out",
    "legend": "Legend",
    "versions": "Versions",
    "references": "References",
}


def body(facts: dict[str, Any], found: Measured) -> str:
    """All sections as HTML.

    Parameters
    ----------
    facts : dict
        What the manifest holds: of it "measured" is `found.facts`.
    found : Measured
        With the pictures.
    """
    parts = {
        "findings": _findings(facts),
        "training": _training(facts, found),
        "likelihood": _likelihood(facts),
        "units": units(facts, found),
        "agreement": agreement(facts),
        "audit": audit(facts),
        "chains": chains(facts),
        "left-out": [items(facts, _left_out(facts))],
        "legend": _legend(facts),
        "versions": [_named(facts, "versions")],
        "references": [items(facts, [Said(f"{{references.{i}}}") for i in range(len(facts["references"]))])],
    }
    links = " ".join(f'<a href="#{name}">{title}</a>' for name, title in TITLES.items())
    return "\n".join(
        [
            _about(facts),
            f'<nav aria-label="Contents">{links}</nav>',
            *(section(name, TITLES[name], *html) for name, html in parts.items()),
        ]
    )


def _named(facts: dict[str, Any], at: str) -> str:
    """The entries of a dict, a row each."""
    names = [name for name, value in facts[at].items() if not isinstance(value, dict)]
    return table((), [(escape(name), *cells_of(facts, at, f"{{{name}}}")) for name in names])


# --- what the report is of


def _about(facts: dict[str, Any]) -> str:
    kind = FAMILIES.get(facts["measured"]["model"]["family"], "a network")
    rows = [
        ("model", "{model}, " + kind + " of {measured.model.sizes} units"),
        ("hash of the model", "{model_sha256}"),
        ("data", "{dataset}" + ("" if facts["measured"]["images"] is None else _IMAGES)),
        ("hash of the data", "{data_sha256}" if facts.get("data_sha256") else "not at hand"),
        ("data that it learned from", "{training_data_sha256}" if facts.get("training_data_sha256") else "not known"),
        ("seed of training", "{training.seed}" if "seed" in facts.get("training", {}) else "not known"),
        ("seed of this report", "{seed}"),
        ("to repeat it", "{command}"),
    ]
    if facts.get("images"):
        rows.insert(3, ("images", "{images}"))
    lines = [(name, Said(text).html(facts)) for name, text in rows]
    title = f"<h1>What {Said('{model}').html(facts)} has learned</h1>"
    return f"<header>\n{title}\n{table((), lines, kind='about')}\n</header>"


_IMAGES = ": {measured.images.training} training and {measured.images.test} test images"


def _findings(facts: dict[str, Any]) -> list[str]:
    found = findings(facts)
    kinds = ["caution" if finding.caution else "" for finding in found]
    text = (
        "Those that ask for caution come first. Intervals are of {measured.limits.level} %; those of likelihoods go "
        "from one estimate to the other."
    )
    listed = items(facts, [finding.said for finding in found], kinds) if found else paragraph(facts, "None.")
    return [paragraph(facts, text), listed]


# --- training and likelihood


def _training(facts: dict[str, Any], found: Measured) -> list[str]:
    parts = []
    if facts["measured"]["tuning"]:
        text = (
            "In {epochs} epochs of backpropagation the loss went from {first_loss:.4g} to {last_loss:.4g}, that of "
            "held-out images from {first_held_out_loss:.4g} to {last_held_out_loss:.4g}, their error from "
            "{first_held_out_error:.4g} to {last_held_out_error:.4g} (% wrong of labels, squared error of pixels)."
        )
        parts.append(paragraph(facts, text, "measured.tuning"))
    trained = [at for _, layer, at in layers_of(facts) if "training" in layer]
    if trained:
        shown = {
            "epochs": "{epochs}",
            "error, first epoch": "{first_error:.2f}",
            "error, last": "{last_error:.2f}",
            "free-energy gap, nats": "{gap:.2f}",
            "error of test images": "{held_out_error:.2f}",
            "norm": "{weight_norm:.2f}",
            "dead": "{dead}",
        }
        for column, text in list(shown.items()):
            if all(Said(text, f"{at}.training").plain(facts) == NOTHING for at in trained):
                del shown[column]
        rows = [[*cells_of(facts, at, "{name}"), *cells_of(facts, f"{at}.training", *shown.values())] for at in trained]
        parts.append(table(["layer", *shown], rows))
        text = (
            "Error: squared error of reconstruction, per image; of higher layers that of the layer below. A gap that "
            "keeps falling is overfitting. Norm: mean norm of a unit's weights. Dead: units in the last epoch."
        )
        parts.append(paragraph(facts, text, kind="small"))
    if not parts:
        parts.append(paragraph(facts, "The file keeps nothing of its training."))
    if facts["measured"]["model"]["settings"]:
        parts.append(paragraph(facts, "Settings: {measured.model.settings}.", kind="small"))
    for name, png in found.charts.items():
        what = "; ".join(title for title, _ in CURVES.values()) if name == "training" else _HEALTH
        layer = name.removeprefix("health_").removesuffix("_unwhitened")
        parts.append(
            picture(png, f"{'Curves, a line per layer: ' if name == 'training' else f'{layer}: '}{what}.", "chart")
        )
    return parts


_HEALTH = (
    "filters as they grew in training, chains or reconstructions, curves, histograms of weights, biases "
    "and activities, and activities by test image"
)


def _likelihood(facts: dict[str, Any]) -> list[str]:
    rows = facts["measured"]["likelihood"]
    if rows is None:
        return [paragraph(facts, "Not estimated; the reason is below.")]
    head = ("up to", "log Z forward", "log Z reverse", "test images, forward", "test images, reverse", "trust?")
    texts = (
        "{layer}",
        "{log Z forward:.2f} ({forward band})",
        "{log Z reverse:.2f} ({reverse band})",
        "{test, forward:.2f}",
        "{test, reverse:.2f}",
        "{trusted}",
    )
    text = (
        "Mean log p of a test image, in nats: of the lowest layer itself, above it a lower bound. Forward annealing "
        "finds log Z too low on average and reverse annealing too high. Trust a row where both agree within "
        "{measured.limits.gap:g} nats and enough of the {settings.annealed} chains count; dbnvis evaluate "
        "takes more temperatures."
    )
    return [
        table(head, [cells_of(facts, f"measured.likelihood.{name}", *texts) for name in rows]),
        paragraph(facts, text),
    ]


# --- the end


def _left_out(facts: dict[str, Any]) -> Iterator[Said]:
    for i in range(len(facts["measured"]["left_out"])):
        yield Said("{what}: {why}.", f"measured.left_out.{i}")


def _legend(facts: dict[str, Any]) -> list[str]:
    sentences = (
        "Score: the unit's pre-activation at the picture, rescaled to norm {measured.model.norm:.2f}, the training "
        "images' mean; percentages: test images at this norm that activate the unit less, rounded down.",
        "Greys: of optima and combinations, which have both signs, zero is mid-grey and each is scaled by its largest "
        "value; samples and images run from black to white in the range of the pixels.",
        "Intervals: {measured.limits.level} %; of shares Wilson's, of means a percentile bootstrap over units. They "
        "take the units as a sample of those that such a training gives.",
        "An exclamation mark: a note of the method, such as that chains have not mixed.",
        "A unit's name has its layer and its number, from zero.",
    )
    return [items(facts, [Said(sentence) for sentence in sentences])]
