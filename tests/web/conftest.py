"""Static files of a page in a folder of its own."""

import pytest


@pytest.fixture
def static(tmp_path):
    """A folder of a small page: HTML, a style sheet and two modules."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "page.html").write_text(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>t</title>\n'
        '<link rel="stylesheet" href="page.css">\n</head>\n<body>\n<p id="p"></p>\n'
        '<script type="module" src="live.js"></script>\n</body>\n</html>\n'
    )
    (folder / "page.css").write_text("p { color: red; }\n")
    (folder / "maths.js").write_text("// Sums.\n\nexport function twice(x) {\n  return 2 * x;\n}\n")
    (folder / "live.js").write_text('// Starts.\nimport {twice} from "./maths.js";\n\nconsole.log(twice(2));\n')
    return folder
