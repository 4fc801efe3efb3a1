"""The modules of `static/` as one classic script, since a page opened from a file may not import modules.

The rule that makes this a matter of cutting lines: a module begins with a comment, then with its imports, each one
line `import {a, b} from "./x.js";`, or `"../x.js"` where the module lies in a folder within. It exports functions,
classes and constants by name, where they are declared. No name is declared at the top of two modules. There is no
`import()`, no `eval`, and no `await` outside functions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

#: The modules, the style sheet and the HTML of the page.
STATIC = Path(__file__).parent / "static"

IMPORT = re.compile(r'import \{ ?([A-Za-z_$][\w$]*(?:, [A-Za-z_$][\w$]*)*) ?\} from "(\.\.?)/([\w-]+\.js)";')
EXPORT = re.compile(r"export (?=(?:async function|function|class|const)\b)")
DECLARED = re.compile(r"(?:async\s+)?(?:function\b\s*\*?|class|const|let|var)\s+([A-Za-z_$][\w$]*)")
UNPACKED = re.compile(r"(?:const|let|var)\s*[{\[]")
FORBIDDEN = {
    re.compile(r"\beval\s*\("): "calls eval",
    re.compile(r"\bnew\s+Function\b"): "makes a function of a text",
    re.compile(r"\bimport\s*[(.]"): "imports while it runs",
}
# Comments, texts and regular expressions; the latter follow an operator, a bracket or a word such as return.
QUIET = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\.|[^`\\])*`
    | (?<=[(,=:\[!&|?{};\n])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*""",
    re.VERBOSE | re.DOTALL,
)


class BundleError(ValueError):
    """A module breaks the rule; the message names its file and line."""


@dataclass
class Module:
    """One file, taken apart.

    Parameters
    ----------
    name : str
        With its folder, "lessons/x.js", as in `imports`.
    code : str
        Without imports and the word `export`.
    imports : dict of list of (str, int)
        Imported names with their lines, by module.
    exports : set of str
    declared : dict of int
        Names declared at the top, with their lines.
    """

    name: str
    code: str = ""
    imports: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    exports: set[str] = field(default_factory=set)
    declared: dict[str, int] = field(default_factory=dict)


def bundle(names: Sequence[str], folder: Path = STATIC) -> str:
    """One script of the modules `names` and of those that they import, each after the ones it needs.

    Raises
    ------
    BundleError
        If a module breaks the rule, is missing, or imports what is not exported, or modules import each other in a
        circle.
    """
    modules: dict[str, Module] = {}
    wanted = list(names)
    for name in wanted:
        if name not in modules:
            modules[name] = read_module(folder, name)
            wanted += modules[name].imports
    owners: dict[str, Module] = {}
    for module in modules.values():
        for name, line in module.declared.items():
            if name in owners:
                other = owners[name]
                raise BundleError(
                    f"{module.name}:{line}: {name} is declared in {other.name}:{other.declared[name]} too; all modules "
                    "become one script, so give it another name"
                )
            owners[name] = module
        for source, taken in module.imports.items():
            for name, line in taken:
                if name not in modules[source].exports:
                    raise BundleError(f"{module.name}:{line}: {source} exports no {name}")
    ordered = [modules[name] for name in _order(modules)]
    parts = [f"// ---- {module.name}\n{module.code.strip()}\n" for module in ordered]
    return '(() => {\n"use strict";\n\n' + "\n".join(parts) + "})();\n"


def _order(modules: dict[str, Module]) -> list[str]:
    """Names, each after those that it imports; of what is left free, in the alphabet's order."""
    sorter = TopologicalSorter({name: sorted(modules[name].imports) for name in sorted(modules)})
    try:
        return list(sorter.static_order())
    except CycleError as error:
        first, second = error.args[1][1], error.args[1][0]  # each imports the one before it
        line = modules[first].imports[second][0][1]
        circle = " <- ".join(error.args[1])
        raise BundleError(f"{first}:{line}: modules import each other in a circle: {circle}") from None


def read_module(folder: Path, name: str) -> Module:
    """Take a file apart; BundleError, naming file and line, where it breaks the rule.

    Parameters
    ----------
    folder : Path
    name : str
        In the folder, "x.js", or in a folder in it, "lessons/x.js".
    """
    try:
        source = (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"{name}:1: there is no such module in {folder}") from None
    module, kept = Module(name), []
    masked = QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source)
    if not source.startswith(("//", "/*")):
        raise BundleError(f"{name}:1: a module begins with a comment that says what it is")
    depth, begun = 0, False
    for number, (line, quiet) in enumerate(zip(source.split("\n"), masked.split("\n"), strict=True), start=1):
        where = f"{name}:{number}"
        if re.search(r"</script|<!--", line, re.IGNORECASE):
            raise BundleError(f"{where}: HTML would take </script or <!-- for its own; write it in two parts")
        for pattern, what in FORBIDDEN.items():
            if pattern.search(quiet):
                raise BundleError(f"{where}: {what}, which a page must not")
        if depth == 0 and re.match(r"\s*import\b", quiet):
            _take_imports(module, line, number, begun)
            continue
        if quiet.strip():
            begun = True
        if depth == 0:
            line = _take_top(module, line, quiet, number)
        if re.search(r"\bawait\b", _outside(quiet, depth)):
            raise BundleError(f"{where}: await outside of a function")
        depth += sum(quiet.count(c) for c in "{([") - sum(quiet.count(c) for c in "})]")
        kept.append(line)
    module.code = "\n".join(kept)
    return module


def _take_imports(module: Module, line: str, number: int, begun: bool) -> None:
    where = f"{module.name}:{number}"
    found = IMPORT.fullmatch(line.rstrip())
    if found is None:
        raise BundleError(f'{where}: an import is one line, import {{a, b}} from "./x.js";, got {line.strip()[:60]}')
    if begun:
        raise BundleError(f"{where}: imports stand on top, before any other code")
    room = PurePosixPath(module.name).parent
    if found[2] == "..":
        if not room.name:
            raise BundleError(f"{where}: {found[2]}/{found[3]} lies outside of the folder of modules")
        room = room.parent
    module.imports.setdefault(str(room / found[3]), []).extend((name, number) for name in found[1].split(", "))


def _take_top(module: Module, line: str, quiet: str, number: int) -> str:
    """Note what a line outside of all brackets declares; the line without `export`."""
    where = f"{module.name}:{number}"
    exported = EXPORT.match(quiet)
    if re.match(r"\s*export\b", quiet) and exported is None:
        raise BundleError(
            f"{where}: export function, class or const where it is declared, never as default and nothing of others; "
            f"got {line.strip()[:60]}"
        )
    start = exported.end() if exported else 0
    if UNPACKED.match(quiet, start):
        raise BundleError(f"{where}: declare one name at a time at the top of a module")
    found = DECLARED.match(quiet, start)
    if found:
        if found[1] in module.declared:
            raise BundleError(f"{where}: {found[1]} is declared in line {module.declared[found[1]]} too")
        module.declared[found[1]] = number
        module.exports |= {found[1]} if exported else set()
    return line[start:]


def _outside(quiet: str, depth: int) -> str:
    """The part of a line that is outside of all brackets, `depth` of which are open before it."""
    kept = []
    for character in quiet:
        depth -= character in "})]"
        if depth == 0:
            kept.append(character)
        depth += character in "{(["
    return "".join(kept)
