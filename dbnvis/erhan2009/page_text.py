"""The text of the page of Erhan et al. 2009: figures, verdicts, and what the paper did beside what was done here.

What it says stands in page.toml; here it is put together with the files that lie in the page's folder.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Erhan, Courville, Bengio (2010), "Understanding representations learned in deep architectures", TR 1355.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..datasets import patches
from ..figures.diagnosis import LONG_CHAINS
from ..results import listed
from ..visualize import ActivationMaximization, ClampedGibbs, FilterCombination, InvarianceManifold
from .judging import RULE
from .measures import read_measures, read_table
from .page import RECIPES, SUBJECTS, Page
from .paper_figures import SHOWN
from .texts import texts
from .verdicts import Claim, Verdicts

#: Data set, seed and examples of the committed page, the only one whose pictures page.toml describes.
COMMITTED = ("mnist", 0, 2_500_000)
#: Short tables that the page shows: subject, name.
SHORT_TABLES = (("patches", "gabor_summary"), ("digits", "invariance"))


def page_text(page: Page) -> str:
    """The page, as Markdown, of the files that lie in the page's folder.

    Raises
    ------
    ValueError
        If one of the tables is damaged or of another version.
    """
    sections = [
        _opening(page),
        ["## The claims", "", _about_claims(page), "", *_verdicts(page)],
        ["## The figures", *_figures(page)],
        ["## More pictures and tables", "", *_links(page), *_short_tables(page)],
        ["## Reference figures", "", *_references(page)],
        ["## What the paper did, and what was done here", "", *_protocol(page)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _opening(page: Page) -> list[str]:
    text = texts()["page"]
    command = f"dbnvis reproduce --paper erhan2009 --dataset {page.digits.name}"
    if page.seed:
        command += f" --seed {page.seed}"
    if page.examples != COMMITTED[2]:
        command += f" --examples {page.examples}"
    known = "; ".join(f"*{word}*: {meaning}" for word, meaning in texts()["known"].items())
    return [f"# {text['title']}", "", text["about"], "", "```", command, "```", "", text["sources"].format(known=known)]


def _about_claims(page: Page) -> str:
    names = [page.data(subject).name for subject in SUBJECTS]
    tables = " and ".join(f"[{n}]({n}/tables/claims.md)" for n in names)
    return texts()["page"]["claims"].format(tables=tables, **RULE)


def _verdicts(page: Page) -> list[str]:
    """A row per claim, a column per model and data set; then the claim that compares models, and what is not judged."""
    columns: dict[str, dict[str, Claim]] = {}
    between: dict[str, Claim] = {}
    missing = []
    for subject in SUBJECTS:
        name, tables = page.data(subject).name, page.root(subject) / "tables"
        if (tables / "verdicts.json").exists():
            judged = Verdicts.load(tables / "verdicts.json")
            for model, claims in judged.models.items():
                columns[f"{name}, {model}"] = {claim.title: claim for claim in claims}
            between[name] = judged.between
        elif (tables / "claims.csv").exists():
            missing += [
                "",
                f"The claims of {name} are measured but not judged; the same command with --resume does it.",
            ]
    titles = dict.fromkeys(title for claims in columns.values() for title in claims)
    rows = [[title, *(_verdict(claims.get(title)) for claims in columns.values())] for title in titles]
    lines = [*_table(["claim", *columns], rows), ""]
    lines += _list([f"{name}, {claim.title}: {_verdict(claim)}." for name, claim in between.items()])
    for name, claim in between.items():
        columns.setdefault(name, {})[claim.title] = claim
    for title in (*titles, *dict.fromkeys(claim.title for claim in between.values())):
        said = {name: claims[title] for name, claims in columns.items() if title in claims}
        lines += ["", f"### {title}", "", f"*Asked.* {next(iter(said.values())).rule}", ""]
        lines += _list([f"{name}: **{claim.verdict}**. {claim.sentence}." for name, claim in said.items()])
    if columns:
        lines += ["", "### What cannot be said", "", texts()["page"]["limits"].format(**RULE)]
    return [*lines, *missing]


def _list(lines: Sequence[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _verdict(claim: Claim | None) -> str:
    if claim is None:
        return ""
    return f"{claim.verdict} ({claim.met} of {claim.asked})" if claim.conditions else claim.verdict


def _figures(page: Page) -> list[str]:
    """Each figure of the paper with its caption; what is seen in it, of the committed ones."""
    committed = (page.digits.name, page.seed, page.examples) == COMMITTED
    lines = []
    for name, text in texts()["figures"].items():
        files = listed(page.out, f"{name}*.png")
        if not files:
            continue
        lines += ["", f"### {_title(name)}", "", text["caption"], ""]
        lines += [f"![{file.stem}]({file.name})" for file in files]
        lines += ["", f"**What to look for.** {text['look_for']}", ""]
        if committed:
            lines += [f"**Seen here.** {text['seen']}", ""]
        lines.append("Settings: " + ", ".join(f"[{f.stem}]({f.stem}.md)" for f in files) + ".")
    return lines


def _links(page: Page) -> list[str]:
    """Links to the other figures and tables that lie in the page's folder."""
    lines = []
    for subject in SUBJECTS:
        root = page.root(subject)
        for file in listed(root / "figures", "*.png"):
            lines.append(f"- [{root.name}: {file.stem.replace('_', ' ')}]({file.relative_to(page.out)})")
        for file in listed(root / "tables", "*.csv"):
            lines.append(f"- [{root.name}: table {file.stem.replace('_', ' ')}]({file.relative_to(page.out)})")
    return lines


def _short_tables(page: Page) -> list[str]:
    """The short tables, a column per row of the file."""
    lines = []
    for subject, name in SHORT_TABLES:
        rows = read_table(page.root(subject) / "tables" / f"{name}.csv")
        if rows:
            first, *quantities = rows[0]
            lines += ["", f"{_title(name)}, {page.data(subject).name}:", ""]
            columns = [row[first] for row in rows]
            lines += _table([first, *columns], [[key, *(row[key] for row in rows)] for key in quantities])
    return lines


def _references(page: Page) -> list[str]:
    """What was expected beside what was measured, a column per layer, from the tables of claims."""
    layers: dict[str, None] = {}
    measured: dict[tuple[str, ...], dict[str, str]] = {}
    for subject in SUBJECTS:
        for row in read_measures(page.root(subject) / "tables" / "claims.csv"):
            number, _, target = row.target.partition(": ")
            if number.isdecimal():
                layers[row.layer] = None
                quantity = re.sub(r" among \d+$", " among the figure's", row.quantity)
                key = (number, page.data(subject).name, row.model, quantity, target)
                mark = f" ({row.missed})" if row.missed else ""
                measured.setdefault(key, {})[row.layer] = f"{row.value:.4g}{mark}"
    rows = [
        [*key[:4], *(values.get(layer, "") for layer in layers), key[4]]
        for key, values in sorted(measured.items(), key=lambda item: int(item[0][0]))
    ]
    return _table(["row", "data", "model", "quantity", *layers, "target"], rows)


def _protocol(page: Page) -> list[str]:
    """What, in the papers, how that is known, here."""
    values = placeholders(page)
    rows = [[row["topic"], row["paper"], row["known"], row["here"].format(**values)] for row in texts()["protocol"]]
    return _table(["", "paper", "known", "here"], rows)


def placeholders(page: Page) -> dict[str, Any]:
    """The values, all from settings, of the {placeholders} in the protocol of page.toml."""
    maximization = ActivationMaximization()
    widths = {subject: "-".join(str(n) for n in RECIPES["DBN", subject][0]) for subject in SUBJECTS}
    noise = {subject: [config.noise_level for config in RECIPES["SDAE", subject][1]] for subject in SUBJECTS}
    return {
        "digits_widths": widths["digits"],
        "patches_widths": widths["patches"],
        "examples": page.examples,
        "patches": patches.N_TRAIN,
        "side": patches.SIDE,
        "blank": patches.BLANK,
        "training": _training(RECIPES["DBN", "digits"][1]),
        "digits_noise": noise["digits"],
        "patches_noise": noise["patches"],
        "patches_rate": RECIPES["SDAE", "patches"][1][0].learning_rate,
        "max_steps": maximization.max_steps,
        "starts": maximization.starts,
        "long_chains": _chains(LONG_CHAINS),
        "chains": _chains(ClampedGibbs()),
        "k": FilterCombination().k,
        "digits_units": SHOWN["digits"][0],
        "patches_units": SHOWN["patches"][0],
        "max_angle": InvarianceManifold().max_angle,
    }


def _chains(method: ClampedGibbs) -> str:
    sweeps = method.burn_in + (method.draws - 1) * method.thin
    return f"{method.chains} chains of {sweeps} sweeps, {method.draws} draws each"


def _training(config: Any) -> str:
    names = ("k", "persistent", "centered", "learning_rate", "sparsity_target", "l1_decay", "weight_decay")
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(config).items() if name in names)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
