"""The text of the page of Erhan et al. 2009: figures, verdicts, and what the paper did beside what was done here.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Erhan, Courville, Bengio (2010), "Understanding representations learned in deep architectures", TR 1355.
"""

from __future__ import annotations

import csv
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..datasets import patches
from ..figures.diagnosis import LONG_CHAINS
from ..results import listed
from ..visualize import ActivationMaximization, ClampedGibbs, FilterCombination, InvarianceManifold
from .page import CAPTIONS, RECIPES, SEEN, Page
from .paper_figures import SHOWN, SUBJECTS

#: Data set, seed and examples of the committed page, the only one that `SEEN` is about.
COMMITTED = ("mnist", 0, 2_500_000)
#: Columns of a table of claims that the page reads.
CLAIM = ("model", "layer", "quantity", "value", "target", "missed")
#: How each fact about the papers is known.
KNOWN = {
    "read": "read in a text or in published code",
    "remembered": "well known, but not read again for this page",
    "uncertain": "an uncertain memory",
}


def page_text(page: Page) -> str:
    """The page, as Markdown, of the files that lie in the page's folder."""
    figures = {name: listed(page.out, f"{name}*.png") for name in CAPTIONS}
    digits = page.digits.name
    asked = f" --seed {page.seed}" if page.seed else ""
    asked += f" --examples {page.examples}" if page.examples != COMMITTED[2] else ""
    committed = (digits, page.seed, page.examples) == COMMITTED
    lines = [
        "# Erhan, Bengio, Courville & Vincent 2009, reproduced",
        "",
        '"Visualizing higher-layer features of a deep network", TR 1341, figure by figure, by one command:',
        "",
        "```",
        f"dbnvis reproduce --paper erhan2009 --dataset {digits}{asked}",
        "```",
        "",
        "The paper itself was not at hand: what is said of it carries how it is known, "
        + "; ".join(f"*{word}*: {meaning}" for word, meaning in KNOWN.items())
        + ". Its pictures could not be compared side by side; the figures are compared with their description.",
        "",
        "## The claims",
        "",
        "Tested on every unit of every layer against null baselines; the rules, all numbers and their intervals: "
        + " and ".join(f"[{page.data(s).name}]({page.data(s).name}/tables/claims.md)" for s in SUBJECTS)
        + ".",
        "",
        *_verdicts(page),
        "",
        "## The figures",
    ]
    for name, files in figures.items():
        if files:
            lines += ["", f"### {name.replace('_', ' ').capitalize()}", "", CAPTIONS[name][0], ""]
            lines += [f"![{file.stem}]({file.name})" for file in files]
            lines += ["", f"**What to look for.** {CAPTIONS[name][1]}", ""]
            lines += [f"**Seen here.** {SEEN[name]}", ""] if committed else []
            lines.append("Settings: " + ", ".join(f"[{f.stem}]({f.stem}.md)" for f in files) + ".")
    lines += ["", *_pictures(page), "", "## Reference figures", "", *_references(page)]
    lines += [
        "",
        "## What the paper did, and what was done here",
        "",
        *_table(["", "paper", "known", "here"], protocol(page)),
    ]
    return "\n".join(lines) + "\n"


def protocol(page: Page) -> list[list[str]]:
    """Rows: what, in the papers, how that is known, here."""
    am, gibbs, combination = ActivationMaximization(), ClampedGibbs(), FilterCombination()
    widths = {s: "-".join(str(n) for n in RECIPES["DBN", s][0]) for s in SUBJECTS}
    return [
        ["models", "stacked denoising autoencoders and deep belief nets, fully connected", "read", "the same"],
        ["depth", "three hidden layers", "remembered", "the same"],
        [
            "widths",
            "chosen by validation, not known",
            "uncertain",
            f"digits {widths['digits']}, patches {widths['patches']}",
        ],
        [
            "digits",
            "2.5 million deformed digits of Loosli, Canu & Bottou's generator",
            "remembered",
            f"{page.examples:,}, each shown once to every layer; indices, signs and shifts as published, the "
            "displacement fields rebuilt: alike in distribution, not the same images",
        ],
        [
            "patches",
            "100,000 of 12 x 12 from the whitened photographs of Olshausen & Field 1996",
            "remembered",
            f"{patches.N_TRAIN:,} of {patches.SIDE} x {patches.SIDE} from scikit-learn's two sample photographs, "
            f"whitened by the same filter; patches of less than {patches.BLANK:.0%} of the photograph's variance left "
            "out. Two photographs, of a temple and of a flower, are much less varied than ten of nature",
        ],
        ["selection", "by validation error", "remembered", "none: settings chosen by filters and scores"],
        ["state shown", "after unsupervised training alone", "remembered", "the same"],
        ["visible units of the DBN", "binary for digits, Gaussian for patches", "remembered", "the same"],
        [
            "training of the DBN",
            "contrastive divergence; steps and rates not known",
            "uncertain",
            f"{_training(RECIPES['DBN', 'digits'][1])}; of patches without centering, with other rates. The sparsity "
            "target and the L1 penalty are ours: without them half of the first layer is texture",
        ],
        [
            "noise of the SDAE",
            "salt and pepper",
            "remembered",
            "digits: salt and pepper, 0.4, then 0.2; patches: gaussian (0.8, then 0.08), then masking: with salt and "
            "pepper the first layer is half texture, and the layers above show brightness alone",
        ],
        [
            "activation maximization",
            "gradient ascent on the unit before its non-linearity, in one step size, from pixels uniform on [0, 1]; "
            "norm kept at the mean norm of the data; stopped when it no longer grows",
            "remembered",
            f"the same, except that each start has a step of its own; at most {am.max_steps} steps",
        ],
        ["of several starts", "the best, the mean, or all; nine", "remembered", f"the best of {am.starts}, or all"],
        [
            "sampling",
            "in the RBM of the unit's layer and the one below; the unit fixed to 1, the others sampled; an image each "
            "100 steps by a pass down",
            "remembered",
            f"the same, but in several chains from data: figure 3 in {_chains(LONG_CHAINS)}, the last draw of each "
            f"shown; figure 4 in {_chains(gibbs)}, their mean",
        ],
        ["the pass down", "states or means, not known", "uncertain", "sampled states, pixel means at the bottom"],
        [
            "linear combination",
            "of the 100 strongest of the layer below",
            "remembered",
            f"the same, k = {combination.k}",
        ],
        [
            "geometry",
            "36 digits' and 144 patches' units a layer, 4 units from 9 starts, 6 rows of samples; placing uncertain",
            "remembered",
            f"{SHOWN['digits'][0]} and {SHOWN['patches'][0]}, 4 from 9, 6 rows of 10",
        ],
        [
            "invariance (2010)",
            "traces at equal norm along which the activation falls least; a second-order model on the sphere",
            "uncertain",
            f"tangent Hessian at the optimum, flattest direction, maximized again inside a trust region up to "
            f"{InvarianceManifold().max_angle:g} degrees",
        ],
    ]


def _chains(method: ClampedGibbs) -> str:
    sweeps = method.burn_in + (method.draws - 1) * method.thin
    return f"{method.chains} chains of {sweeps} sweeps, {method.draws} draws each"


def _training(config: Any) -> str:
    names = ("k", "persistent", "centered", "learning_rate", "sparsity_target", "l1_decay", "weight_decay")
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(config).items() if name in names)


def _verdicts(page: Page) -> list[str]:
    """A row per claim, a column per model and data set, from the tables of claims."""
    found: dict[str, dict[str, str]] = {}
    columns: list[str] = []
    for subject in SUBJECTS:
        file = page.root(subject) / "tables" / "claims.md"
        section = ""
        try:
            lines = file.read_text().splitlines() if file.exists() else []
        except UnicodeDecodeError as error:
            raise _damaged(file, str(error)) from None
        for line in lines:
            section = line.removeprefix("## ") if line.startswith("## ") else section
            said = re.match(r"\*\*(.+?): (.+?)\*\*(?: \((\d+ of \d+) conditions\))?", line)
            if said:
                column = (
                    page.data(subject).name if section == "Between models" else f"{page.data(subject).name}, {section}"
                )
                found.setdefault(said[1], {})[column] = said[2] + (f" ({said[3]})" if said[3] else "")
                columns = [*columns, column] if column not in columns else columns
    within = [c for c in columns if ", " in c]
    rows = [[claim, *(by.get(c, "") for c in within)] for claim, by in found.items() if set(by) & set(within)]
    between = [[claim, *(f"{c}: {by[c]}" for c in by)] for claim, by in found.items() if not set(by) & set(within)]
    return [*_table(["claim", *within], rows), "", *(f"{row[0]}: {'; '.join(row[1:])}." for row in between)]


def _pictures(page: Page) -> list[str]:
    """The other figures that lie in the page's folder, linked, and the short tables."""
    lines = ["## More pictures and tables", ""]
    for subject in SUBJECTS:
        root = page.root(subject)
        for file in listed(root / "figures", "*.png"):
            lines.append(f"- [{root.name}: {file.stem.replace('_', ' ')}]({file.relative_to(page.out)})")
        for file in listed(root / "tables", "*.csv"):
            lines.append(f"- [{root.name}: table {file.stem.replace('_', ' ')}]({file.relative_to(page.out)})")
    for subject, name in (("patches", "gabor_summary"), ("digits", "invariance")):
        rows = _read(page.root(subject) / "tables" / f"{name}.csv")
        if rows:
            keys = list(rows[0])
            across = [[key, *(row[key] for row in rows)] for key in keys[1:]]
            lines += ["", f"{name.replace('_', ' ').capitalize()}, {page.data(subject).name}:", ""]
            lines += _table([keys[0], *(row[keys[0]] for row in rows)], across)
    return lines


def _references(page: Page) -> list[str]:
    """What was expected beside what was measured, a column per layer, from the tables of claims."""
    layers: list[str] = []
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for subject in SUBJECTS:
        for row in _read(page.root(subject) / "tables" / "claims.csv", *CLAIM):
            number, _, target = row["target"].partition(": ")
            if number.isdecimal():
                layers = list(dict.fromkeys([*layers, row["layer"]]))
                quantity = re.sub(r" among \d+$", " among the figure's", row["quantity"])
                key = (number, page.data(subject).name, row["model"], quantity, target)
                found.setdefault(key, {})[row["layer"]] = f"{row['value']}{' (missed)' * bool(row['missed'])}"
    rows = [
        [*key[:4], *(measured.get(layer, "") for layer in layers), key[4]]
        for key, measured in sorted(found.items(), key=lambda item: int(item[0][0]))
    ]
    return _table(["row", "data", "model", "quantity", *layers, "target"], rows)


def _read(path: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of a table that a run has left, none where there is no table; ValueError if it lacks columns."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from None
    for i, row in enumerate(rows, start=1):
        if None in row or None in row.values() or not {*columns} <= {*row}:  # too many, too few, others
            raise _damaged(path, f"row {i} has not one value for each of the columns {', '.join(columns or rows[0])}")
    return rows


def _damaged(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path} is damaged or of another version ({reason}); delete it, and the next run makes it again")


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
