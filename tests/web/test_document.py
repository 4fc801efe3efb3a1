"""The file: what is in it can be read back, its policy lets the one script run, it asks for nothing."""

import base64
import hashlib
import re

import pytest
from decoded import read_page

from dbnvis.web.document import document

HEADER = {"title": "a < b </script><!--", "text": "Möbius"}
BLOBS = {"a.b": bytes(range(256)), "empty": b""}


def test_header_and_blobs_can_be_read_back(static):
    assert read_page(document(HEADER, BLOBS, static).html) == (HEADER, BLOBS)


def test_the_policy_lets_this_script_run_and_nothing_be_loaded(static):
    page = document(HEADER, BLOBS, static)
    (script,) = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.policy
    assert "default-src 'none'" in page.policy and "connect-src 'none'" in page.policy
    assert f'<meta http-equiv="Content-Security-Policy" content="{page.policy}">' in page.html
    assert page.html.index("Content-Security-Policy") < page.html.index("<style>")


def test_the_file_asks_for_nothing(static):
    html = document(HEADER, BLOBS, static).html
    assert "src=" not in html and re.findall('href="([^"]*)"', html) == ["data:,"]
    assert html.count("<meta charset") == 1 and "p { color: red; }" in html


def test_a_page_that_cannot_be_put_together_is_refused(static):
    with pytest.raises(ValueError, match="Out of range float values"):
        document({"x": float("nan")}, {}, static)
    (static / "page.css").write_text("/* </style> */")
    with pytest.raises(ValueError, match="</style"):
        document({}, {}, static)
    (static / "page.css").write_text("")
    (static / "page.html").write_text("<p>")
    with pytest.raises(ValueError, match="0 times <head>"):
        document({}, {}, static)
