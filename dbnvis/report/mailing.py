"""The report as a file: static HTML with its style sheet and pictures inside, and its facts beside it."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from ..figures.study import Study
from ..results import Writer, versions
from .findings import findings
from .literature import references
from .measuring import measured
from .plan import Plan
from .sections import body

FOLDER = Path(__file__).parent
LARGEST = 6_000_000  # bytes that one can mail


def write_report(study: Study, plan: Plan, writer: Writer, name: str) -> list[str]:
    """Measure, and write `<name>.html` and its manifest `<name>.json` with every number that it says.

    Parameters
    ----------
    study : Study
    plan : Plan
    writer : Writer
        Its command is what the report says to repeat it.
    name : str

    Returns
    -------
    list of str
        The findings, in sentences.

    Raises
    ------
    ValueError
        If there is a report of another model, data, seed or settings; or if this one is too large to be mailed.
    """
    facts = {"versions": versions(study.model.xp.__name__), **study.facts, "settings": asdict(plan)}
    writer.check(writer.page(name), **facts)
    found = measured(study, plan)
    facts |= {"measured": found.facts, "references": references(found.facts)}
    whole = {**facts, "command": writer.command}
    said = findings(whole)
    facts["findings"] = [
        {"text": finding.said.plain(whole), "caution": finding.caution, "numbers": finding.said.paths()}
        for finding in said
    ]
    html = document(f"What {study.name or 'the model'} has learned", body(whole, found))
    if len(html.encode()) > LARGEST:
        raise ValueError(
            f"the report would have {len(html.encode()) / 1e6:.1f} MB, and mail takes {LARGEST / 1e6:.0f}; show fewer "
            f"units (--shown), less than {plan.shown}"
        )
    writer.document(name, html, **facts)
    return [finding["text"] for finding in facts["findings"]]


def document(title: str, content: str) -> str:
    """The file: `content` with its style sheet."""
    parts: dict[str, Any] = {
        name: (FOLDER / f"report.{suffix}").read_text(encoding="utf-8")
        for name, suffix in (("html", "html"), ("style", "css"))
    }
    return Template(parts["html"]).substitute(title=escape(title), style=parts["style"], body=content)
