"""Several units and several models: a sheet for each unit, one table of all, and what is refused before any drawing."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from one_of_each import families, small_dbn, study_of

from dbnvis import Unit, plot
from dbnvis.evaluate.predictiveness import cosine, predictiveness
from dbnvis.evaluate.scores import pre_activations, rescale
from dbnvis.figures import several_models, side_by_side
from dbnvis.figures.several_models import compare_all, label_of, owners
from dbnvis.results import Writer, file_hash
from dbnvis.visualize.tidy import MODEL


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(plot.base, "DPI", 20)


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def tabled(model, folder, name="small"):
    study = study_of(model, folder, name=name)
    study.writer.tabled = True
    return study


def two(folder):
    """Studies of two small DBNs, of one layer more in the second."""
    second = small_dbn()
    second.rbms[0].W[...] *= 2
    return tabled(small_dbn(), folder / "a", "a"), tabled(second, folder / "b", "b")


def numbers(rows, *columns):
    return [[row[name] and float(row[name]) for name in columns] for row in rows]


def test_the_table_of_a_sheet_has_the_numbers_under_its_pictures(tmp_path, monkeypatch):
    """Scores are those of the .npz, percentiles are counted, and both round to what is written."""
    panels, draw = [], side_by_side.plot.sheet
    monkeypatch.setattr(side_by_side.plot, "sheet", lambda parts, **words: panels.extend(parts) or draw(parts, **words))
    study = tabled(small_dbn(), tmp_path)
    returned = side_by_side.compare(study, Unit("h2", 3))
    rows, arrays = table(tmp_path / "compare_h2_3.csv"), np.load(tmp_path / "compare_h2_3.npz")
    assert [row["unit"] for row in rows] == ["h2:3"] * len(returned) and not set(rows[0]) & set(MODEL)
    tests = rescale(study.data.test_images, 3.0, 2)
    responses = pre_activations(study.model, "h2", tests)[:, 3]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    assert {name.partition(".")[0] for name in arrays} == set(methods) and len(methods) == len(panels)
    for method, panel in zip(methods, panels, strict=True):
        own = [row for row in rows if row["method"] == method]
        scores = arrays[f"{method}.scores"][0]
        assert [float(row["score"]) if row["score"] else None for row in own] == [
            None if np.isnan(score) else float(score) for score in scores
        ]
        drawn = own[: len(panel.captions)]
        assert panel.captions[: len(drawn)] == [
            f"{float(row['score']):.1f} {side_by_side_percent(row)}%\nρ {float(row['predictiveness']):.2f}"
            if row["score"]
            else ""
            for row in drawn
        ]
        likeness = cosine(arrays[f"{method}.images"][0].reshape(len(own), -1), study.data.test_images)
        for row, column in zip(own, likeness.T, strict=True):
            if row["score"]:
                seen = study.data.test_images
                found = predictiveness(column[:, None], pre_activations(study.model, "h2", seen)[:, 3:4])
                assert float(row["predictiveness"]) == pytest.approx(float(found.rank[0]), abs=1e-9)
                assert float(row["choice"]) == pytest.approx(float(found.choice[0]), abs=1e-9)
        for row, score in zip(own, scores, strict=True):
            if row["score"]:
                assert float(row["percentile"]) == pytest.approx(100 * (responses < score).mean())
        for name in ("tau", "mixing", "ess", "start_p"):
            if f"{method}.{name}" in arrays:
                assert {row[name] for row in own} == {str(arrays[f"{method}.{name}"][0].item())}
            else:
                assert {row[name] for row in own} == {""}
    manifest = json.loads((tmp_path / "compare_h2_3.json").read_text())
    told = manifest["settings"]["predictiveness"]
    assert told.pop("test images") == len(study.data.test_images)
    assert told == {
        row["method"]: pytest.approx(float(row["predictiveness"]), abs=1e-4) for row in rows if row["picture"] == "0"
    }
    assert manifest["files_sha256"]["compare_h2_3.csv"] == file_hash(tmp_path / "compare_h2_3.csv")


def side_by_side_percent(row):
    percent = float(row["percentile"])
    return f"{np.floor(10 * percent + 1e-9) / 10:g}" if 99 <= percent < 100 else int(percent)


def test_a_study_writes_no_table_unless_its_writer_is_to(tmp_path):
    side_by_side.compare(study_of(small_dbn(), tmp_path), Unit("h2", 3))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npz", ".png"]


def test_sheets_of_several_models_show_what_each_alone_would(tmp_path, monkeypatch):
    a, b = studies = two(tmp_path)
    writer, drawn, draw = Writer(tmp_path / "both", tabled=True), [], several_models.plot.grid
    monkeypatch.setattr(
        several_models.plot, "grid", lambda rows, **words: drawn.append((rows, words)) or draw(rows, **words)
    )
    units = [Unit("h1", 2), Unit("h2", 3)]
    compare_all(studies, units, [[0, 1], [0, 1]], writer)
    whose = f"{a.label}_{b.label}"
    every = f"compare_h1_2,h2_3_{whose}"
    assert [path.name for path in writer.written] == [
        *(f"compare_h{i}_{u}_{whose}.{s}" for i, u in ((1, 2), (2, 3)) for s in ("png", "json", "npz", "csv")),
        f"{every}.csv",
        f"{every}.json",
    ]
    assert len(a.label) == len("a-12345678")
    together, alone = table(writer.root / f"{every}.csv"), []
    assert list(together[0])[:3] == list(MODEL)
    assert {(row["model"], row["model_sha256"], row["dataset"]) for row in together} == {
        (study.label, study.provenance["model_sha256"], "tiny") for study in studies
    }
    for unit in units:
        part = table(writer.root / f"compare_{unit.layer}_{unit.index}_{whose}.csv")
        for study in studies:
            own = side_by_side.compare(replace(study, writer=Writer(tmp_path / study.name)), unit)
            mine = [row for row in part if row["model"] == study.label]
            assert numbers(mine, "score", "percentile") == [
                ["" if row[name] is None else row[name] for name in ("score", "percentile")] for row in own
            ]
            alone += [(study.label, row["unit"], row["method"], str(row["picture"])) for row in own]
            arrays = np.load(writer.root / f"compare_{unit.layer}_{unit.index}_{whose}.npz")
            kept = np.load(tmp_path / study.name / f"compare_{unit.layer}_{unit.index}.npz")
            for name in kept:
                np.testing.assert_array_equal(arrays[f"{study.label}.{name}"], kept[name])
    assert [(row["model"], row["unit"], row["method"], row["picture"]) for row in together] == alone
    titles = [part.title for row in drawn[0][0] for part in row]
    assert titles[:2] == [f"{study.label}, activation maximization" for study in studies]  # a method's rows together
    assert drawn[0][1]["heading"].startswith("unit h1:2 of 2 models by 6 methods: tiny, a-")
    assert drawn[0][1]["key"].count("Under a picture:") == 1  # the same data and norm
    manifest = json.loads((writer.root / f"{every}.json").read_text())
    assert manifest["settings"]["units"] == ["h1:2", "h2:3"]
    assert [facts["model_sha256"] for facts in manifest["models"].values()] == [
        study.provenance["model_sha256"] for study in studies
    ]


def test_a_unit_that_one_model_alone_has_is_on_its_ordinary_sheet(tmp_path):
    dbn, convnet = tabled(small_dbn(), tmp_path / "a", "a"), tabled(families()["convnet"], tmp_path / "b", "b")
    units = [Unit("h2", 3), Unit("conv1", 2, (1, 2))]
    having, said = owners((dbn, convnet), ("a.npz", "b.npz"), units)
    assert having == [[0], [1]]
    assert said == [
        "a.npz is left out of the sheets of conv1:2@1,2; it has h1:0 to h1:8, h2:0 to h2:4",
        "b.npz is left out of the sheets of h2:3; it has conv1:0 to conv1:2, dense1:0 to dense1:7, "
        "output:0 to output:11",
    ]
    writer = Writer(tmp_path / "both", tabled=True)
    compare_all((dbn, convnet), units, having, writer)
    assert (tmp_path / "a" / f"compare_h2_3_{dbn.label}.png").exists()
    assert (tmp_path / "b" / f"compare_conv1_2_1_2_{convnet.label}.csv").exists()
    (path,) = writer.root.glob("*.csv")
    rows = table(path)
    assert {(row["model"], row["unit"], row["position"]) for row in rows} == {
        (dbn.label, "h2:3", ""),
        (convnet.label, "conv1:2@1,2", "1,2"),
    }
    assert len(rows) == sum(len(table(next((tmp_path / name).glob("*.csv")))) for name in "ab")


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (["h1:2", "h2:3", "h1:2"], "every unit is drawn once, and h1:2 is named twice"),
        (["h1:2", "h2:5"], "a.npz: no unit h2:5; layer h2 has units h2:0 to h2:4; b.npz: no unit h2:5"),
        (["h1:2", "h11:2"], "a.npz: no layer 'h11'; the model has h1, h2; did you mean h1?; b.npz: no layer 'h11'"),
    ],
)
def test_units_that_make_no_sense_are_refused(tmp_path, units, said):
    with pytest.raises(ValueError) as refusal:
        owners(two(tmp_path), ("a.npz", "b.npz"), [Unit.parse(unit) for unit in units])
    assert said in str(refusal.value)


def test_a_channel_at_its_centre_is_named_once_and_a_model_without_any_of_the_units_is_refused(tmp_path):
    convnet, dbn = study_of(families()["convnet"], tmp_path), study_of(small_dbn(), tmp_path)
    with pytest.raises(ValueError, match=r"conv1:2@2,2 is named twice"):  # maps of 4 x 4
        owners([convnet], ["c"], [Unit("conv1", 2), Unit("conv1", 2, (2, 2))])
    with pytest.raises(
        ValueError, match=r"d has none of the units conv1:2, dense1:1; it has h1:0 to h1:8, h2:0 to h2:4"
    ):
        owners([convnet, dbn], ["c", "d"], [Unit("conv1", 2), Unit("dense1", 1)])


def test_the_same_model_twice_is_refused(tmp_path):
    a, b = two(tmp_path)
    several_models.check_different([a, b], ["a.npz", "b.npz"])
    with pytest.raises(ValueError, match=r"a\.npz and copy\.npz are the same model \(hash [0-9a-f]{8}\); name each"):
        several_models.check_different([a, b, tabled(small_dbn(), tmp_path)], ["a.npz", "b.npz", "copy.npz"])


def test_names_of_many_models_stay_short_and_different(tmp_path):
    a, b = two(tmp_path)
    many = [replace(a, name=f"a-model-of-mine-{i}") for i in range(9)]
    name = label_of(many)
    assert name.startswith("9-models-") and len(name) < 20
    assert label_of([*many[:-1], replace(b, name="a-model-of-mine-8")]) != name
    assert label_of([a, b]) == f"{a.label}_{b.label}"


def test_nothing_is_drawn_where_what_is_there_must_stay(tmp_path, monkeypatch):
    studies, writer = two(tmp_path), Writer(tmp_path / "both", tabled=True)
    units, having = [Unit("h1", 2), Unit("h2", 3)], [[0, 1], [0, 1]]
    compare_all(studies, units, having, writer)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    others = [replace(study, provenance={**study.provenance, "data_sha256": "others"}) for study in studies]
    monkeypatch.setattr(several_models.Compared, "of", lambda *_: pytest.fail("nothing is drawn"))
    left = [
        list(writer.root.glob(pattern)) for pattern in ("*", "compare_h2_3_*", "compare_h2_3_*[!g]", "compare_h1_2,*")
    ]
    for kept in left:  # everything; one unit's sheet; its table, without the picture; the table of all
        for path in writer.root.iterdir():
            path.unlink()
        for path in kept:
            path.write_bytes(before[path])
        with pytest.raises(ValueError, match=r"is another one: its models\.a-.*\.data_sha256 is .*--overwrite"):
            compare_all(others, units, having, Writer(writer.root, tabled=True))
        assert {path: path.read_bytes() for path in writer.root.iterdir()} == {path: before[path] for path in kept}
    assert [len(kept) for kept in left] == [10, 4, 3, 2]
