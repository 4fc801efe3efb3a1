"""What holds for every figure."""

import pytest

from dbnvis.plot.words import Words


@pytest.fixture
def captioned(monkeypatch):
    """Every figure that a test draws has a caption of at most forty words."""
    made = Words.of

    def checked(width, heading, caption, key):
        assert 0 < len(caption.split()) <= 40, caption
        return made(width, heading, caption, key)

    monkeypatch.setattr(Words, "of", checked)
