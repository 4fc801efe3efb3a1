"""The rule of the modules: the real ones keep it, and whoever breaks it is told the file and the line."""

import re
import shutil
import subprocess

import pytest

from dbnvis.web.bundle import STATIC, BundleError, bundle, read_module

MODULES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))


@pytest.mark.skipif(not MODULES, reason="no static files")
def test_the_modules_of_the_page_keep_the_rule():
    script = bundle(MODULES)
    for name in MODULES:
        assert script.count(f"// ---- {name}\n") == 1
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)


def test_modules_come_after_those_that_they_need(static):
    script = bundle(["live.js"], static)
    assert script.startswith('(() => {\n"use strict";') and script.endswith("})();\n")
    assert script.index("maths.js") < script.index("live.js")
    assert "\nfunction twice(x) {\n  return 2 * x;\n}\n" in script
    assert bundle(["live.js", "maths.js"], static) == script


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_runs(static):
    (static / "live.js").write_text(
        "/* Everything that looks like code and is none. */\n"
        'import {twice, Box, START} from "./maths.js";\n\n'
        'const text = `import {a} from "./b.js";\nexport default {`;\n'
        "const pattern = /[/'\"{]export default/;\n"
        "// eval(1) { await\n"
        "const load = async () => { await null; };\n"
        "load();\n"
        "console.log(twice(START), new Box().size, text.length, pattern.test('x'));\n"
    )
    (static / "maths.js").write_text(
        "// Numbers.\n\nexport const START = 4;\n\nexport class Box {\n  size = START;\n}\n\n"
        "export function twice(x) {\n  const text = 2 * x; // a name of its own\n  return text;\n}\n\n"
        "export async function later() {\n  await null;\n}\n"
    )
    run = subprocess.run(["node", "-e", bundle(["live.js"], static)], capture_output=True, text=True, timeout=60)
    assert run.stdout == "8 4 42 false\n", run.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export default 1;", "maths.js:2: export function, class or const"),
        ("export {a};", "maths.js:2: export function, class or const"),
        ('export * from "./live.js";', "maths.js:2: export function, class or const"),
        ("export let a = 1;", "maths.js:2: export function, class or const"),
        ('import a from "./live.js";', "maths.js:2: an import is one line"),
        ("import {", "maths.js:2: an import is one line"),
        ('const b = 1;\nimport {a} from "./live.js";', "maths.js:3: imports stand on top"),
        ('const b = await import("./live.js");', "maths.js:2: imports while it runs"),
        ("const b = await f();", "maths.js:2: await outside of a function"),
        ("function f() {\n  return eval('1');\n}", "maths.js:3: calls eval"),
        ("const f = new Function('1');", "maths.js:2: makes a function of a text"),
        ("const {a, b} = c;", "maths.js:2: declare one name at a time"),
        ("const a = 1;\nfunction a() {}", "maths.js:3: a is declared in line 2 too"),
        ("const a = '</script>';", "maths.js:2: HTML would take"),
        ('import {a} from "../live.js";', "maths.js:2: ../live.js lies outside of the folder of modules"),
    ],
)
def test_what_breaks_the_rule_is_refused_with_file_and_line(static, line, said):
    (static / "maths.js").write_text(f"// Numbers.\n{line}\n")
    with pytest.raises(BundleError, match=f"^{re.escape(said)}"):
        bundle(["maths.js"], static)


def test_faults_between_modules_are_refused(static):
    def refused():
        with pytest.raises(BundleError) as error:
            bundle(["live.js"], static)
        return str(error.value)

    (static / "maths.js").write_text("// Numbers.\nexport function once() {}\n")
    assert refused() == "live.js:2: maths.js exports no twice"
    (static / "maths.js").write_text("// Numbers.\nfunction twice() {}\n")
    assert refused() == "live.js:2: maths.js exports no twice"
    (static / "maths.js").unlink()
    assert refused().startswith("maths.js:1: there is no such module")
    (static / "maths.js").write_text('// N.\nimport {f} from "./live.js";\nexport function twice() {}\n')
    (static / "live.js").write_text('// L.\nimport {twice} from "./maths.js";\nexport function f() {}\n')
    assert re.match(r"(maths|live)\.js:2: modules import each other in a circle: ", refused())
    (static / "maths.js").write_text("// N.\nexport function twice() {}\n\nfunction f() {}\n")
    assert re.match(r"(maths|live)\.js:\d: f is declared in (maths|live)\.js:\d too", refused())
    (static / "maths.js").write_text("export function twice() {}\n")
    assert refused() == "maths.js:1: a module begins with a comment that says what it is"


def test_a_module_is_taken_apart(static):
    module = read_module(static, "live.js")
    assert module.imports == {"maths.js": [("twice", 2)]} and not module.exports and not module.declared


def test_a_module_of_a_folder_imports_from_its_own_and_from_the_one_above(static):
    (static / "lessons").mkdir()
    (static / "lessons" / "exact.js").write_text(
        '// Sums.\nimport {twice} from "../maths.js";\n\nexport const four = twice(2);\n'
    )
    (static / "lessons" / "first.js").write_text('// A lesson.\nimport {four} from "./exact.js";\nconsole.log(four);\n')
    script = bundle(["lessons/first.js"], static)
    heads = re.findall("^// ---- (.*)$", script, re.MULTILINE)
    assert heads == ["maths.js", "lessons/exact.js", "lessons/first.js"] and "import" not in script
    (static / "lessons" / "exact.js").write_text('// Sums.\nimport {twice} from "./maths.js";\n')
    with pytest.raises(BundleError, match=r"^lessons/maths\.js:1: there is no such module"):
        bundle(["lessons/first.js"], static)
