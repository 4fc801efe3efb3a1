"""What the READMEs say: links that resolve, command lines that parse, names that can be imported.

A placeholder is a word in capitals, such as DIR; in a command line it stands for a value and is taken as one, N as the
number 1, NAME as that of a figure. A line that ends in "..." is cut there.
"""

import argparse
import ast
import importlib
import re
import runpy
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import dbnvis.cli
import dbnvis.commands.scripted
import dbnvis.system.blas
from dbnvis.visualize import tidy

ROOT = Path(dbnvis.__file__).parent.parent
NAMES = ("README.md", "CONTRIBUTING.md", "REFERENCES.md", "data/README.md", "scripts/README.md")
CHECKOUT = (ROOT / "README.md").exists()
PAGES = [*(ROOT / name for name in NAMES), *sorted(ROOT.glob("results/**/README.md"))] if CHECKOUT else []
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
SCRIPT = re.compile(r"(?:scripts/)?(?:fig|table|bench|train)_\w+\.py|scripts/\w+\.py")

pytestmark = pytest.mark.skipif(not CHECKOUT, reason="the package is installed, not a checkout")


def prose(page):
    """The text without fenced blocks."""
    return FENCED.sub("", page.read_text())


def inline(page):
    """Inline code, in one line each."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(page))]


def blocks(language):
    """(page, text) of the fenced blocks in a language; "" for command lines."""
    for page in PAGES:
        yield from ((page, text) for kind, text in FENCED.findall(page.read_text()) if kind == language)


def lines():
    """Every command line, in fenced blocks and in inline code, as words: without comments, parts of && apart."""
    texts = [(page, line) for page, text in blocks("") for line in text.splitlines()]
    texts += [(page, code) for page in PAGES for code in inline(page)]
    for page, text in texts:
        for part in text.partition("...")[0].split("&&"):
            if re.search(r"\b(dbnvis|\w+\.py) *($| )", part):
                yield page, shlex.split(part, comments=True)


def filled(words):
    """Values in the place of placeholders."""
    return [{"N": "1", "NAME": "am"}.get(word, word) for word in words]


def after(words, wanted):
    """What follows the first word that is `wanted`, after settings of variables; None if there is none."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return filled(words[1:]) if words and wanted(words[0]) else None


COMMANDS = sorted({tuple(args) for _, words in lines() if (args := after(words, lambda w: Path(w).name == "dbnvis"))})


def scripts():
    """(script, options) of every line that runs one, with or without `python`."""
    for _, words in lines():
        rest = words[1:] if words and Path(words[0]).name.startswith("python") else words
        if (args := after(rest, SCRIPT.fullmatch)) is not None:
            yield Path(rest[0]).name, tuple(args)


def anchors(page):
    """The anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    targets = [md or html for md, html in LINK.findall(prose(page))]
    for target in (t for t in targets if not re.match(r"[a-z]+:", t)):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_ci_runs_the_test_command_of_the_readme():
    command = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text()


def test_command_lines_are_found():
    assert ("compare", "h3:17") in COMMANDS
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_every_command_parses(args, capsys):
    with suppress(SystemExit):  # --help, --version, completion; a refusal is a ValueError
        dbnvis.cli._parse(list(args))


def test_every_option_that_is_named_alone_exists():
    """As a field of a dataclass, from which options are made, or literally."""
    source = "\n".join(path.read_text() for folder in ("dbnvis", "scripts") for path in ROOT.glob(f"{folder}/**/*.py"))
    known = {"help"} | set(re.findall(r"^ +(\w+): ", source, re.MULTILINE)) | set(re.findall(r"\"--([\w-]+)\"", source))
    texts = [code for page in PAGES for code in inline(page) if code.startswith("--")]
    named = {option for text in texts for option in re.findall(r"--([a-z][\w-]*)", text)}
    assert len(named) > 10
    assert [x for x in sorted(named) if not known & {x, x.replace("-", "_"), x[3:].replace("-", "_")}] == []


def test_every_script_that_is_named_exists():
    named = {code for page in PAGES for text in inline(page) for code in SCRIPT.findall(text)}
    named |= {script for script, _ in scripts()}
    named |= {code for code in inline(ROOT / "scripts" / "README.md") if re.fullmatch(r"\w+\.py", code)}
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / "scripts" / Path(name).name).exists()] == []


def test_every_script_is_named():
    text = (ROOT / "scripts" / "README.md").read_text()
    assert [path.name for path in sorted(ROOT.glob("scripts/*.py")) if path.name not in text] == []


class Parsed(Exception):
    """Raised where a script would begin its work."""


@pytest.mark.parametrize(("script", "args"), sorted({each for each in scripts() if each[1]}), ids=str)
def test_every_option_of_a_script_parses(script, args, monkeypatch):
    """Run the script as far as its parser: those that parse by `dbnvis.commands.scripted.run_script` or argparse."""
    source = (ROOT / "scripts" / script).read_text()
    if not re.search(r"_script\(|options\(__doc__|parse_args\(", source):
        pytest.skip("has a parser of its own")

    def parse_only(parse, given):
        parse(given)
        raise Parsed

    def argparse_only(parser, given=None, namespace=None, original=argparse.ArgumentParser.parse_args):
        original(parser, given, namespace)
        raise Parsed

    monkeypatch.setattr(dbnvis.commands.scripted, "run_command", parse_only)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", argparse_only)
    for module in (dbnvis.system.blas, dbnvis.commands.scripted):
        monkeypatch.setattr(module, "use_best_kernels", lambda: None)
    monkeypatch.setattr(sys, "argv", [script, *args])
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    with pytest.raises((Parsed, SystemExit)) as end:
        runpy.run_path(str(ROOT / "scripts" / script), run_name="__main__")
    assert not getattr(end.value, "code", None)  # 0 after --help


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_is_named_exists(page):
    paths = [code for text in inline(page) for code in re.findall(r"^(?:dbnvis|tests)/[\w/]+\.py$", text)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("page", "text"), [*blocks("python")], ids=lambda x: getattr(x, "name", ""))
def test_python_compiles_and_imports_resolve(page, text):
    tree = ast.parse(text)
    compile(tree, str(page), "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")


def test_every_column_of_tables_is_explained():
    lines = (ROOT / "results" / "README.md").read_text().splitlines()
    own = [name for name in tidy.EXPLAINED if name not in tidy.UNIT]
    for columns in (tidy.COLUMNS, {name: tidy.EXPLAINED[name] for name in own}):
        start = lines.index("| column | what it says |") + 2
        rows = [f"| `{name}` | {text} |" for name, text in columns.items()]
        assert lines[start : start + len(rows) + 1] == [*rows, ""]
        lines = lines[start:]
