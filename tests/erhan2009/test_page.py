"""The page of Erhan et al. 2009: its stages in miniature, what is kept, and what the text takes from the tables."""

import csv
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import numpy as np
import pytest

import dbnvis
from dbnvis.datasets import Dataset
from dbnvis.erhan2009 import page, page_text
from dbnvis.erhan2009 import stages as reproduction
from dbnvis.erhan2009.measures import COLUMNS
from dbnvis.erhan2009.page import SEEDS, open_page
from dbnvis.erhan2009.paper_figures import FIGURES
from dbnvis.erhan2009.texts import texts
from dbnvis.erhan2009.verdicts import Claim, Condition, Verdicts
from dbnvis.results import Writer
from dbnvis.train import CDConfig, DenoisingConfig

COMMITTED = Path(dbnvis.__file__).parents[1] / "results" / "erhan2009"
SIDE, SIZES, EXAMPLES = 12, (12, 11, 10), 300


def dataset(name, kind):
    rng = np.random.default_rng(3)
    blobs = rng.random((240, SIDE, SIDE)).astype(np.float32)
    x = blobs.round() if kind == "digits" else ((blobs - 0.5) * 1.1).astype(np.float32)
    labels = np.arange(240) % 10
    return Dataset(
        name, x[:200], labels[:200], x[200:], labels[200:], "", (0.0, 1.0) if kind == "digits" else (-np.inf, np.inf)
    )


@pytest.fixture(scope="module")
def recipes():
    cd, dae = CDConfig(epochs=1, batch_size=20), DenoisingConfig(epochs=1, batch_size=20)
    real = CDConfig(epochs=1, batch_size=20, centered=False, variance=0.1)
    return {
        ("DBN", "digits"): (SIZES, cd),
        ("SDAE", "digits"): (SIZES, dae),
        ("DBN", "patches"): (SIZES, (real, cd, cd)),
        ("SDAE", "patches"): (SIZES, dae),
    }


@pytest.fixture(autouse=True, scope="module")
def small_networks_of_half_the_units():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "SMALLER", 2)
        yield


def opened(out, recipes, resume=True, overwrite=False):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "RECIPES", recipes)
        return open_page(
            dataset("mnist", "digits"),
            dataset("patches", "patches"),
            examples=EXAMPLES,
            writer=Writer(out, overwrite=overwrite),
            seed=0,
            xp=np,
            on_epoch=lambda stats, config: None,
            resume=resume,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory, recipes, small_networks_of_half_the_units):
    """The whole page, and the stages in the order they were made."""
    out = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "RECIPES", recipes)
        patch.setattr(reproduction, "TRACED", 2)
        patch.setattr(reproduction, "STRIPS", 1)
        result = opened(out, recipes)
        stages = reproduction.stages(result)
        for stage in stages:
            assert not stage.done(result), stage.name
            stage.make()
    return result, stages


def test_every_stage_leaves_its_file_and_is_done(made):
    result, stages = made
    assert [stage.name for stage in stages if stage.models and not stage.done(result)] == []
    assert all(stage.file.exists() for stage in stages)


def test_what_is_older_than_its_models_is_made_again(made):
    result, stages = made
    model = result.model_file("SDAE", "digits")
    before = model.stat()
    try:
        os.utime(model, (before.st_atime, before.st_mtime + 1e6))
        undone = {stage.name for stage in stages if stage.models and not stage.done(result)}
    finally:
        os.utime(model, (before.st_atime, before.st_mtime))
    assert undone == {"figure_1", "claims: digits"}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes() + b" ")])
def test_what_is_torn_is_made_again(made, damage):
    result, stages = made
    for stage in (stage for stage in stages if stage.models):
        assert stage.artefacts
        for path in stage.artefacts:
            for file in (path, path.with_suffix(".json")):
                before, stamp = file.read_bytes(), file.stat()
                damage(file)
                undone = {other.name for other in stages if other.models and not other.done(result)}
                file.write_bytes(before)
                os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
                assert undone == ({stage.name} if damage is Path.unlink or file == path else set())
        assert stage.done(result)


def test_every_artefact_of_the_page_belongs_to_a_stage(made):
    result, stages = made
    known = {path.with_suffix(".json") for stage in stages for path in (*stage.artefacts, stage.file)}
    assert set(result.out.rglob("*.json")) <= known


def test_pictures_of_a_model_that_is_gone_are_not_replaced_by_others(made):
    result, stages = made
    model = result.model_file("SDAE", "digits")
    aside = model.rename(model.with_name("aside"))
    try:
        for stage in stages:
            if stage.name in ("figure_1", "claims: digits"):
                with pytest.raises(ValueError, match=r"shows a model that is no longer there.*--overwrite"):
                    stage.check(result)
            else:
                stage.check(result)
    finally:
        aside.rename(model)
    for stage in stages:
        stage.check(result)


def test_a_page_of_other_settings_is_refused_before_anything_is_trained(made, recipes, tmp_path):
    """Also where the first model would be new."""
    result, _ = made
    shutil.copytree(result.out / "models", tmp_path / "models")
    shutil.rmtree(tmp_path / "models" / "DBN-mnist")
    others = {**recipes, ("SDAE", "patches"): (SIZES, DenoisingConfig(epochs=2, batch_size=20))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "RECIPES", others)
        with pytest.raises(ValueError, match=r"cannot resume .*SDAE-patches.*its epochs is 1, this run's is 2"):
            opened(tmp_path, others).study("DBN", "digits")
    assert not (tmp_path / "models" / "DBN-mnist").exists()


def test_a_temporary_file_is_never_listed(made):
    result, _ = made
    folders = [result.out, *(result.root(s) / part for s in ("digits", "patches") for part in ("figures", "tables"))]
    left = [folder / f".left{suffix}" for folder in folders for suffix in (".png", ".csv")]
    left.append(result.out / ".figure_1.png")
    for file in left:
        file.write_text("half")
    try:
        assert ".left" not in page_text.page_text(result) and ".figure_1" not in page_text.page_text(result)
    finally:
        for file in left:
            file.unlink()


def test_trainings_and_the_page_are_never_skipped(made):
    """A training keeps its model itself, where the settings are the same; verdicts and page are of what lies there."""
    result, stages = made
    always = {stage.name for stage in stages if not stage.done(result)}
    cheap = {"verdicts: digits", "verdicts: patches", "infinite digits", "page"}
    assert always == {stage.name for stage in stages if stage.name.startswith("training")} | cheap


def test_models_are_of_their_families_and_small_ones_of_other_seeds(made):
    result, _ = made
    small = [result.study("DBN", "digits", number) for number in range(SEEDS)]
    assert [study.provenance["training"]["seed"] for study in small] == list(range(SEEDS))
    assert len({study.provenance["model_sha256"] for study in small}) == SEEDS
    assert [tuple(study.model.sizes) for study in small] == [(SIDE**2, *(n // 2 for n in SIZES))] * SEEDS
    assert type(result.study("SDAE", "patches").model).__name__ == "StackedDAE"


def test_the_page_shows_every_figure_with_its_caption(made):
    result, _ = made
    text = (result.out / "README.md").read_text()
    assert list(texts()["figures"]) == list(FIGURES)
    for name, figure in texts()["figures"].items():
        assert figure["caption"] in text
        assert f"**What to look for.** {figure['look_for']}" in text
        assert any(f"({file.name})" in text for file in result.out.glob(f"{name}*.png"))
    assert f"{EXAMPLES:,}, each shown once" in text
    assert f"--dataset mnist --examples {EXAMPLES}" in text
    assert "Seen here" not in text  # of other figures


def test_what_was_seen_is_told_of_the_committed_page_alone(made):
    text = page_text.page_text(replace(made[0], examples=2_500_000))
    assert all(f"**Seen here.** {figure['seen']}" in text for figure in texts()["figures"].values())
    assert "Seen here" not in page_text.page_text(replace(made[0], examples=2_500_000, seed=1))


@pytest.mark.skipif(not COMMITTED.exists(), reason="the package is installed, not a checkout")
def test_the_committed_page_agrees_with_its_tables_to_the_digit():
    digits, patches = (SimpleNamespace(name=name) for name in ("mnist", "patches"))
    committed = page.Page(digits, patches, 2_500_000, lambda *model: None, Writer(COMMITTED), 0, np)
    assert (COMMITTED / "README.md").read_text() == page_text.page_text(committed)


def test_links_of_the_page_lead_to_files(made):
    result, _ = made
    text = (result.out / "README.md").read_text()
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert len(links) > 20
    assert [link for link in links if not (result.out / link).exists()] == []


def test_reference_rows_are_those_of_the_tables(made):
    result, _ = made
    with (result.root("patches") / "tables" / "claims.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["target"]]
    (variance,) = (row for row in rows if row["target"].startswith("32") and row["model"] == "DBN")
    assert float(variance["value"]) == pytest.approx(result.patches.train_images.var(), rel=1e-3)
    text = page_text.page_text(result)
    assert f"| 32 | patches | DBN | {variance['quantity']} | {variance['value']} |  |  | 0.1 within 0.01 |" in text


@pytest.mark.parametrize("name", list(texts()["figures"]))
def test_captions_are_short_enough_to_be_read(name):
    figure = texts()["figures"][name]
    assert set(figure) == {"caption", "look_for", "seen"}
    assert 0 < len(figure["caption"].split()) <= 40
    assert 0 < len(figure["look_for"].split()) <= 40


def test_every_row_about_the_paper_says_how_it_is_known_and_is_filled_from_settings(made):
    values, text = page_text.placeholders(made[0]), page_text.page_text(made[0])
    used = set()
    for row in texts()["protocol"]:
        assert set(row) == {"topic", "paper", "known", "here"}
        assert row["known"] in texts()["known"]
        used |= {name.partition("[")[0] for _, name, _, _ in Formatter().parse(row["here"]) if name}
        assert f"| {row['paper']} | {row['known']} | {row['here'].format(**values)} |" in text
    assert used == set(values)


HEAD = ",".join(COLUMNS).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("claims.csv", b"model,layer\nDBN,h1\n"),  # of other columns
        ("claims.csv", HEAD + b"\nDBN,c,h1,x,1\n"),  # cut off in a row
        ("claims.csv", HEAD + b"\nDBN,c,h1,x,,1,,,,,,,,,,3: 4,,7,8\n"),
        ("claims.csv", HEAD + b'\nDBN,c,h1,"x,,1,,,,,,,,,,3: 4,\n'),
        ("claims.csv", HEAD + b"\nDBN,c,h1,x,,one,,,,,,,,,,3: 4,\n"),  # a number that is none
        ("claims.csv", b"\x89PNG\xff\xfe\x00\n\xff"),
        ("verdicts.json", b'{"version": 0}'),
        ("verdicts.json", b'{"version": 2, "subject": "mnist"}'),
        ("verdicts.json", b'{"version": 2, "subj'),
        ("verdicts.json", b"## DBN\n\xff\xfe"),
        ("invariance.csv", b"unit,layer\nh1:0\n"),
    ],
)
def test_a_damaged_table_is_named_with_what_to_do(made, name, content):
    result, _ = made
    file = result.root("digits") / "tables" / name
    kept = file.read_bytes()
    try:
        file.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"{name} is damaged or of another version \(.*\); delete it, and the next"
        ) as e:
            page_text.page_text(result)
        assert "\n" not in str(e.value) and len(str(e.value)) < 400
    finally:
        file.write_bytes(kept)


def test_verdicts_are_those_of_verdicts_json(made):
    result, _ = made
    file = result.root("digits") / "tables" / "verdicts.json"
    kept = file.read_text()
    met, failed = (Condition("a", 0.5, 0.4, 0.6, 0.1, math.nan, 0.2, p) for p in (0.01, 0.3))
    agree = Claim("Methods agree", "A rule.", [met, met, met, failed], "Numbers of DBN")
    differ = Claim("A and B differ", "Another rule.", [met, met], "Numbers of both")
    try:
        judged = Verdicts("mnist", "", {"DBN": [agree, Claim("Untested", "", [], "")]}, differ)
        file.write_text(judged.as_text())
        text = page_text.page_text(result)
    finally:
        file.write_text(kept)
    (row,) = (line for line in text.splitlines() if line.startswith("| Methods agree"))
    assert row.split(" | ")[1] == "mixed (3 of 4)"
    assert "| Untested | not tested |" in text
    assert "- mnist, A and B differ: supported (2 of 2)." in text
    assert "### Methods agree\n\n*Asked.* A rule.\n\n- mnist, DBN: **mixed**. Numbers of DBN.\n" in text
    assert "### A and B differ\n\n*Asked.* Another rule.\n\n- mnist: **supported**. Numbers of both.\n" in text


def test_claims_that_are_not_judged_yet_are_told(made):
    result, _ = made
    file = result.root("digits") / "tables" / "verdicts.json"
    kept = file.read_text()
    try:
        file.unlink()
        text = page_text.page_text(result)
        assert "The claims of mnist are measured but not judged; the same command with --resume does it." in text
        reproduction.write_verdicts(result, "digits")
        assert file.read_text() == kept
    finally:
        file.write_text(kept)
    assert "not judged" not in page_text.page_text(result)


def test_everything_that_is_written_is_listed(made):
    result, _ = made
    listed = set(result.writer.written)
    assert {result.root("patches") / "tables" / "gabor.csv", result.out / "README.md"} <= listed
    assert all(path.exists() for path in listed)


def test_models_are_kept_only_when_asked(made, recipes):
    result, _ = made
    file = result.model_file("DBN", "patches")
    before = file.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "RECIPES", recipes)
        opened(result.out, recipes).study("DBN", "patches")
        assert file.stat().st_mtime_ns == before
        with pytest.raises(ValueError, match="holds a finished model"):
            opened(result.out, recipes, resume=False).study("DBN", "patches")
        assert file.stat().st_mtime_ns == before
        opened(result.out, recipes, resume=False, overwrite=True).study("DBN", "patches")
    assert file.stat().st_mtime_ns > before
