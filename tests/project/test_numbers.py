"""The numbers in the README files are those of the committed tables, to the digit."""

import csv
import re
from pathlib import Path

import pytest

import dbnvis

ROOT = Path(dbnvis.__file__).parents[1]
RESULTS = ROOT / "results"
pytestmark = pytest.mark.skipif(not RESULTS.is_dir(), reason="the package is installed, not a checkout")

ACCEPTANCE, LIKELIHOOD = "mnist/tables/acceptance.csv", "mnist/tables/likelihood.csv"
CONTROL, MARK = "mnist/convnet/randomized_table.csv", "mnist/convnet/debugging_mark_table.csv"
AUDIT = "mnist/convnet/audit.csv"
GABOR, ANGLES = "erhan2009/patches/tables/gabor_summary.csv", "erhan2009/mnist/tables/invariance.csv"
COMPARED = "comparison/tables/methods.csv"
FEATURES, PREDICTED = "mnist/tables/features.csv", "mnist/tables/predictiveness.csv"
AVERAGING = "mnist/tables/averaging.csv"
DEFORMED, ALL = "mnist/tables/deformed_classifier.csv", "mean of 3"
ERROR, FEWER = "test error, %", "fewer test errors, %"
MNIST, BENCH = "results/mnist/README.md", "results/bench/README.md"
OUTPUT, IMAGE = "randomized to output", "other image"


def rows(table, **where):
    """The rows of a table whose first columns hold these values."""
    with (RESULTS / table).open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in where.items())]


def numbers(table, column, **where):
    """The numbers of a column."""
    return [float(row[column]) for row in rows(table, **where)]


def number(table, column, **where):
    (found,) = numbers(table, column, **where)
    return found


def control(view, measure="rank correlation", column=OUTPUT):
    return number(CONTROL, column, view=view, measure=measure)


def mark(what, column="marked"):
    return number(MARK, column, **{"per cent": what})


def nearest_in_convnet():
    """What the nearest of nine top images predicts in the layers of the convnet above the maps of conv2."""
    where = {"model": "digits convnet", "method": "mean of the top images, single pictures", "pictures": "9"}
    upper = ({"layer": "conv2", "position": "mean"}, {"layer": "dense1"}, {"layer": "output"})
    return [number(COMPARED, "rank", **where, **each) for each in upper]


def trained(trainer):
    """Seconds of an epoch and their ratio to the matrix products; the same with AVX2 kernels, where that was timed."""
    pairs = zip(
        *(numbers("bench/rbm.csv", column, trainer=trainer) for column in ("seconds", "times floor")), strict=True
    )
    return [x for pair in pairs for x in pair]


def of_an_epoch(*parts):
    """Per cent of an epoch without monitoring."""
    said = [number("bench/rbm.csv", "times dbnvis", trainer=f"of dbnvis: {part}") for part in parts]
    return [100 * share / sum(said) for share in said]


def text(page):
    return re.sub(r"\s+", " ", (ROOT / page).read_text())


SIZE = "size of the rank correlation"
ABOVE = "optimum above the best test image, % of units"
RAISED, NOT_MIXED = "sampling mean above the unclamped mean, % of units", "chains: not mixed, % of units"
FIRST = "sampling mean and optimum: own unit first, % of units"
FIRST_AT_RANDOM = "own unit first with random weights, % of units"
EQUAL = "9 starts: scores within 5 % (std / mean), % of units"
EQUAL_AT_RANDOM = "the same with random weights, % of units"
#: Rows of the table of acceptance in results/mnist/README.md.
ACCEPTED = {
    "optimum above the best of 10,000 test images at equal norm, % of units": ABOVE,
    "nine starts reach equal scores (within 5 %), % of units": EQUAL,
    "the same with random weights (shuffled within each layer)": EQUAL_AT_RANDOM,
    "sampling mean raises its unit above the unclamped mean, % of units": RAISED,
    "among all units, the own one is nearest to its optimum by sampling mean, % of units": FIRST,
    "the same with random weights": FIRST_AT_RANDOM,
    "chains that have not mixed, % of units": NOT_MIXED,
}

OPTIMUM, COMBINATION = "activation maximization", "linear combination of filters"
#: Rows of the table of predictiveness there: what it is called, and its method and number of pictures.
PREDICTORS = {
    **{
        name: (name, "1")
        for name in (
            OPTIMUM,
            COMBINATION,
            "regularized optimization",
            "mean of the top images",
            "clamped Gibbs sampling",
            "best linear template",
            "mean image",
        )
    },
    "nearest of nine top images": ("mean of the top images, single pictures", "9"),
    "nearest of nine samples": ("clamped Gibbs sampling, single pictures", "9"),
}

SUMS, ALTERNATIVES = ("linear", "and"), ("or", "places")


def planted(column, method, kinds=SUMS, **other):
    """Mean over kinds of units in the benchmark of methods; default: binary, noise 0.02, two layers, four parts."""
    case = {"activation": "binary", "noise": "0.02", "depth": "2", "parts": "4", "training": "planted", **other}
    return sum(number("bench/methods.csv", column, method=method, kind=kind, **case) for kind in kinds) / len(kinds)


#: Columns of the table of planted features there, and its rows.
NETWORKS = (
    {"noise": "0.0"},
    {},
    {"noise": "0.05"},
    {"training": "CD"},
    {"activation": "relu"},
    {"activation": "relu", "training": "backprop"},
    {"activation": "relu", "training": "backprop, decay"},
)
DRAWN = {
    "combination of all filters": "combination",
    "activation maximization": "am",
    "clamped Gibbs sampling": "gibbs",
    "mean of the top images": "top-images",
    "strongest first-layer filter": "connections",
    "regularized optimization": "regularized",
    "best linear template": "best linear template",
}


def shown_and_predicted(method):
    """The numbers of a row; sampling needs a DBN."""
    rank = "rank, product" if method == "best linear template" else "rank"
    cases = [case for case in NETWORKS if method != "gibbs" or "activation" not in case]
    return [planted(column, method, **case) for case in cases for column in ("cosine", rank)]


#: Page, what it says with a place for each number, and the numbers.
SAID = [
    ("README.md", "for {:g} to {:g} % of a layer's units", lambda: (min(x := numbers(ACCEPTANCE, ABOVE)), max(x))),
    ("README.md", "in h1 and h2, for {:g} % in h3", lambda: numbers(ACCEPTANCE, EQUAL_AT_RANDOM, layer="h3")),
    (
        "README.md",
        "images of MNIST {:.1f} nats",
        lambda: [number(LIKELIHOOD, "test, forward", training="centered PCD-1")],
    ),
    (
        "README.md",
        "(h3 of a DBN: {:.2f}, its optimum {:.2f})",
        lambda: [
            number(COMPARED, "rank", model="digits DBN", layer="h3", method=method) for method in (COMBINATION, OPTIMUM)
        ],
    ),
    (
        "README.md",
        "nine training images a little ({:.2f} to {:.2f})",
        lambda: (min(x := nearest_in_convnet()), max(x)),
    ),
    (
        "README.md",
        "is still {:.2f} for guided backpropagation, for the gradient {:.2f} in size (two images: {:.2f};",
        lambda: (control("guided"), control("gradient", SIZE), control("gradient", SIZE, IMAGE)),
    ),
    (MNIST, "convnet that ships with the package {:g} of 128 are dead", lambda: numbers(AUDIT, "dead", layer="dense1")),
    (
        MNIST,
        "a rank correlation of {:.2f} with those of the trained network, where maps of two different images have "
        "{:.2f}. The gradient's have {:.2f} on average",
        lambda: (control("guided"), control("guided", column=IMAGE), control("gradient")),
    ),
    (
        MNIST,
        "size is {:.2f} on average (two images: {:.2f}), and that of |map| is {:.2f} (two images: {:.2f})",
        lambda: [
            control("gradient", measure, column)
            for measure in (SIZE, "rank correlation of |map|")
            for column in (OUTPUT, IMAGE)
        ],
    ),
    (
        MNIST,
        "{:g} % are band-pass Gabor functions to at least 80 % of their variance, and {:g} % are local as well",
        lambda: [number(GABOR, f"good fits that are band-pass{more}, %") for more in ("", " and local")],
    ),
    (MNIST, "A good fit alone, which {:g} % have", lambda: [number(GABOR, "good fits, %")]),
    (
        MNIST,
        "{:.1f} % of that class's test images with the mark, and on {:.1f} % without it; the mark's 16 pixels hold "
        "{:.0f} % of the saliency, {:.0f} % of the occlusion map and {:.0f} % of the optimum",
        lambda: [
            mark(what)
            for what in (
                "class 8 with the mark, correct",
                "class 8 without the mark, correct",
                "saliency: energy within the mark",
                "occlusion: energy within the mark",
                "optima: energy within the mark",
            )
        ],
    ),
    (
        MNIST,
        "reaches {:.2f} % test accuracy on the features of `RBMTransformer(1024)`, trained in {:.0f} CPU seconds",
        lambda: (
            100 * number(FEATURES, "test accuracy", features="RBMTransformer, 1024"),
            number(FEATURES, "training, CPU s", features="RBMTransformer, 1024"),
        ),
    ),
    *(
        (MNIST, f"| {name} | {{:g}} | {{:g}} | {{:g}} |", lambda column=column: numbers(ACCEPTANCE, column))
        for name, column in ACCEPTED.items()
    ),
    *(
        (
            MNIST,
            f"| {name} | {{:.2f}} | {{:.2f}} | {{:.2f}} |",
            lambda method=method, n=n: numbers(PREDICTED, "rank", method=method, pictures=n),
        )
        for name, (method, n) in PREDICTORS.items()
    ),
    (
        MNIST,
        "predicts it best: in h3 {:.2f} against {:.2f}",
        lambda: [number(PREDICTED, "rank", layer="h3", method=method) for method in (COMBINATION, OPTIMUM)],
    ),
    *(
        (
            MNIST,
            f"| {name} | {{}} | {{:.1f}} | {{:.1f}} | {{:.1f}} | {{:.0f}} |",
            lambda name=name: [
                (row := rows(LIKELIHOOD, training=name)[0])["epochs"],
                *(float(row[key]) for key in ("test, forward", "test, reverse", "train, forward", "seconds")),
            ],
        )
        for name in ("CD-1", "CD-3", "PCD-1", "centered PCD-1")
    ),
    (
        MNIST,
        "no likelihood to be trusted ({:.0f} forward, {:.0f} reverse), their mean has {:.1f} and {:.1f}. At a falling "
        "rate, the default, the last parameters have {:.1f} and {:.1f} after as many epochs",
        lambda: [
            number(AVERAGING, f"test, {way}", training=training)
            for training in ("constant rate", "constant rate averaged", "falling rate")
            for way in ("forward", "reverse")
        ],
    ),
    (
        MNIST,
        "from a pretrained DBN, 50 epochs, dropout | **{:.2f} %** wrong |",
        lambda: [number("mnist/tables/classifier.csv", "test error, %", start="pretrained")],
    ),
    (
        MNIST,
        "| the same fine-tuning from random weights | {:.2f} % wrong |",
        lambda: [number("mnist/tables/classifier.csv", "test error, %", start="random")],
    ),
    (
        MNIST,
        "from a pretrained DBN, on deformed digits (mean of three seeds) | **{:.3f} %** wrong |",
        lambda: [number(DEFORMED, ERROR, seed=ALL, training="deformed")],
    ),
    (
        MNIST,
        "the classifier makes {:.1f} % fewer errors on the test images: {:.3f} % become {:.3f} %, means of three "
        "seeds, each with a DBN of its own (95 % interval over test images: {} % fewer; by seed {:.1f}, {:.1f} and "
        "{:.1f} %;",
        lambda: [
            number(DEFORMED, FEWER, seed=ALL, training="deformed"),
            *(number(DEFORMED, ERROR, seed=ALL, training=training) for training in ("plain", "deformed")),
            rows(DEFORMED, seed=ALL, training="deformed")[0]["95 % interval"],
            *(number(DEFORMED, FEWER, seed=seed, training="deformed") for seed in "012"),
        ],
    ),
    (
        MNIST,
        "| autoencoder 784-1000-500-250-30, 80 epochs | squared error **{:.2f}** |",
        lambda: [
            number("mnist/tables/autoencoder.csv", "squared error per test image", method="autoencoder", code="30")
        ],
    ),
    *(
        (
            BENCH,
            f"| {name} |" + (" {:.2f} / {:.2f} |" * 4 + " | | |" if method == "gibbs" else " {:.2f} / {:.2f} |" * 7),
            lambda method=method: shown_and_predicted(method),
        )
        for name, method in DRAWN.items()
    ),
    (
        BENCH,
        "({:.2f} at three layers, too) and predicts them best, but for binary networks of three layers, where the mean "
        "of the top images does ({:.2f}, against {:.2f}; by the scalar product",
        lambda: [
            planted(column, method, depth="3", parts="2")
            for column, method in (("cosine", "combination"), ("rank", "top-images"), ("rank", "combination"))
        ],
    ),
    (
        BENCH,
        "{:.2f} against {:.2f} with noise 0.05, and predict less, {:.2f} against {:.2f}",
        lambda: [
            planted(column, method, noise="0.05")
            for column in ("cosine", "rank")
            for method in ("combination, k = 8", "combination")
        ],
    ),
    (
        BENCH,
        "cosine falls from {:.2f} to {:.2f}, though it excites its unit only {:.2f} times as much",
        lambda: (planted("cosine", "am", noise="0.0"), planted("cosine", "am"), planted("gain by the feature's", "am")),
    ),
    (
        BENCH,
        "{:.2f} without any noise in the weights, {:.2f} at norm 8 instead of 6",
        lambda: [planted("cosine", method, activation="relu", noise="0.0") for method in ("am", "am, norm 8")],
    ),
    (
        BENCH,
        "(the mean of the top images {:.2f} times as much, sampling {:.2f} times)",
        lambda: [planted("gain by the feature's", method) for method in ("top-images", "gibbs")],
    ),
    (
        BENCH,
        "with weight decay the combination has {:.2f}",
        lambda: [planted("cosine", "combination", activation="relu", training="backprop, decay")],
    ),
    (
        BENCH,
        "with noise 0.02 at {:.2f} of what the planted feature does",
        lambda: [planted("gain by the feature's", "am", activation="relu")],
    ),
    (
        BENCH,
        "the combination has {:.2f}. Yet this sum predicts the unit ({:.2f}), and one "
        "alternative alone does not ({:.2f}); the nearest of all four does ({:.2f})",
        lambda: (
            planted("cosine", "combination", ALTERNATIVES),
            planted("rank", "combination", ALTERNATIVES),
            planted("rank", "planted feature", ALTERNATIVES),
            planted("rank, nearest", "planted feature", ALTERNATIVES),
        ),
    ),
    (
        BENCH,
        "in ReLU networks {:.0f} % of them, and {:.0f} % at norm 8",
        lambda: [
            100 * planted("features shown", method, ALTERNATIVES, activation="relu") for method in ("am", "am, norm 8")
        ],
    ),
    (
        BENCH,
        "Trained by CD, all {:.0f} of the units of one feature have a trained unit that answers like them (two may "
        "share one), and none of the {:.0f} of alternatives",
        lambda: (
            2 * planted("units", "am", training="CD"),
            2 * planted("planted units", "am", ALTERNATIVES, training="CD")
            + planted("units", "am", ALTERNATIVES, training="CD"),
        ),
    ),
    (
        BENCH,
        "(correlation {:.2f} of linear units) and no picture made of weights shows it: {:.2f} and {:.2f}; the mean of "
        "the top images does, {:.2f}",
        lambda: [
            planted(column, method, kinds, activation="relu", training="backprop")
            for column, method, kinds in (
                ("matched", "am", ("linear",)),
                ("cosine", "combination", SUMS),
                ("cosine", "am", SUMS),
                ("cosine", "top-images", SUMS),
            )
        ],
    ),
    *(
        (
            BENCH,
            f"| `dbnvis {line} | {{:.{digits}f}} | {{:.{digits}f}} | {{:.2f}} | {{:.0f}} MiB |",
            lambda command=command: [
                number("bench/commands.csv", column, command=command)
                for column in ("seconds", "seconds before", "seconds by before", "peak MiB")
            ],
        )
        for command, line, digits in (
            ("--help", "--help`", 2),
            ("visualize --help", "visualize --help`", 2),
            ("compare h3:17", "compare h3:17`", 1),
            ("visualize --units all", "visualize --units all` (250 units, activation maximization, 9 starts)", 1),
            ("reproduce --quick", "reproduce --quick`", 0),
            ("reproduce", "reproduce`", 0),
        )
    ),
    (
        BENCH,
        "From nine others, the former ascent itself ends more than 0.5 % lower in {:.0f} % (conv2), {:.0f} % (dense1) "
        "and {:.0f} % (classes) of the units, and more than 2 % lower in {:.2g}, {:.0f} and {:.0f} %. From the same "
        "nine, the present ascent ends more than 0.5 % below the former in {:.1f}, {:.1f} and {:.0f} % of them, and "
        "more than 0.5 % above in {:.0f}, {:.0f} and {:.0f} %.",
        lambda: [
            x
            for compared, column in (
                ("before, other starts", "% below 0.995"),
                ("before, other starts", "% below 0.98"),
                ("now, same starts", "% below 0.995"),
                ("now, same starts", "% above 1.005"),
            )
            for x in numbers("bench/starts.csv", column, compared=compared)
        ],
    ),
    (
        BENCH,
        "activation maximization with 9 starts {:.1f}, which is {:.0f} times as many as the same ascent by PyTorch's "
        "autograd, one start after the other, and {:.1f} times as many as one unit's nine starts at once; clamped "
        "Gibbs sampling {:.1f}, regularized optimization {:.1f}, evidence sampling {:.2f}, invariance manifolds {:.2f}",
        lambda: [
            number("bench/visualizers.csv", column, method=method)
            for column, method in (
                ("units per second", "dbnvis am"),
                ("seconds by those of am", "PyTorch, start by start"),
                ("seconds by those of am", "PyTorch, unit by unit"),
                *(
                    ("units per second", f"dbnvis {name}")
                    for name in ("gibbs", "regularized", "evidence", "invariance")
                ),
            )
        ],
    ),
    *(
        (
            BENCH,
            line + " | {:.1f} | {:.1f} ({:.2f}" + times + ") | {:.1f} ({:.2f}) |",
            lambda command=command: [
                number("bench/shared.csv", column, command=command, run=run)
                for run, column in (
                    ("alone", "seconds"),
                    ("two at once", "seconds"),
                    ("two at once", "by alone"),
                    ("beside a busy process", "seconds"),
                    ("beside a busy process", "by alone"),
                )
            ],
        )
        for command, line, times in (
            ("train", "| `dbnvis train --hidden 500 --epochs 5` on MNIST", " times"),
            ("visualize", "| `dbnvis visualize --method am --units all`", ""),
            ("reproduce --quick", "| `dbnvis reproduce --quick`", ""),
        )
    ),
    *(
        (
            BENCH,
            "| " + line + " | {:.2f} | {:.2f} | {:.2f} | {:.2f} |",
            lambda trainer=trainer: trained(trainer),
        )
        for trainer, line in (
            ("matrix products alone", "matrix products alone (a lower bound)"),
            ("dbnvis, without monitoring", "dbnvis with numba, without monitoring"),
            ("dbnvis", "dbnvis with numba"),
            ("dbnvis, without numba", "dbnvis, NumPy alone"),
            ("dbnvis, default recipe (PCD-1)", "dbnvis with numba, default recipe (PCD-1)"),
            ("scikit-learn, float32 (PCD-1)", "scikit-learn, float32 (PCD-1)"),
            ("scikit-learn, float64 (PCD-1)", "scikit-learn, float64 (PCD-1)"),
        )
    ),
    *(
        (BENCH, "| " + trainer + " | {:.2f} | {:.2f} |", lambda trainer=trainer: trained(trainer))
        for trainer in ("PyTorch, a plain loop", "rbms", "learnergy")
    ),
    (
        BENCH,
        "PyTorch takes {:.2f} times as long as dbnvis, scikit-learn {:.1f} (float32) and {:.1f} (its usual float64), "
        "`rbms` {:.1f}, `learnergy` {:.1f}.",
        lambda: [
            numbers("bench/rbm.csv", "times dbnvis", trainer=trainer)[0]
            for trainer in (
                "PyTorch, a plain loop",
                "scikit-learn, float32 (PCD-1)",
                "scikit-learn, float64 (PCD-1)",
                "rbms",
                "learnergy",
            )
        ],
    ),
    (
        BENCH,
        "An epoch of it takes {:.2f} times as long as one of CD-1 with AVX-512 kernels, "
        "{:.2f} times with AVX2 kernels.",
        lambda: numbers("bench/rbm.csv", "times dbnvis", trainer="dbnvis, default recipe (PCD-1)"),
    ),
    (
        BENCH,
        "Of an epoch without monitoring, matrix products are {:.0f} %, the momentum step of the weights {:.0f} %, "
        "sigmoids and draws {:.0f} %, the rest of the gradient {:.0f} %, reading the batch {:.0f} %, "
        "all else {:.0f} %.",
        lambda: of_an_epoch(
            "matrix products",
            "momentum step of the weights",
            "sigmoids and draws",
            "gradient, besides its product",
            "reading the batch",
            "the rest",
        ),
    ),
    (
        BENCH,
        "an epoch of dbnvis took {:.1f} to {:.1f} s, of PyTorch {:.1f} to {:.1f} s, of `rbms` {:.0f} to {:.0f} s.",
        lambda: [
            numbers("bench/rbm.csv", column, trainer=trainer)[0]
            for trainer in ("dbnvis", "PyTorch, a plain loop", "rbms")
            for column in ("least", "greatest")
        ],
    ),
    (
        "README.md",
        "takes {:.1f} s with numba on two cores, a plain PyTorch loop {:.1f} s",
        lambda: [trained(trainer)[0] for trainer in ("dbnvis", "PyTorch, a plain loop")],
    ),
    (
        BENCH,
        "so does a single first-layer filter ({:.2f})",
        lambda: [planted("cosine", "connections", training="CD")],
    ),
    (
        BENCH,
        "In the trained one it shows {:.2f}.",
        lambda: [planted("cosine", "gibbs", training="CD")],
    ),
    (
        BENCH,
        "(`plain`) it has {:.2f} in the binary network without noise",
        lambda: [planted("cosine", "regularized, plain", noise="0.0")],
    ),
    (
        MNIST,
        "{:.1f}, {:.1f} and {:.1f} degrees from its optimum in h1, h2, h3, along the flattest direction, and {:.1f}, "
        "{:.1f} and {:.1f} along the steepest",
        lambda: [
            degrees
            for direction in ("flattest", "steepest")
            for degrees in numbers(ANGLES, f"{direction}: degrees to 90 % of the gain")
        ],
    ),
]


@pytest.mark.parametrize(("page", "sentence", "found"), SAID, ids=[said[1][:40] for said in SAID])
def test_a_number_is_that_of_its_table(page, sentence, found):
    assert sentence.format(*found()) in text(page)
