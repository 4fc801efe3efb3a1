"""Studies without files, and rows of tables of claims."""

from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.results import Writer


def study_of(model, images, out, dataset="planted"):
    writer = Writer(out, "figures", "tables", overwrite=True)
    return Study(model, dataset, Responses.of(model, images), writer, images=images)


def find(rows, **facts):
    """The one row of these facts."""
    (row,) = [r for r in rows if all(r[key] == value for key, value in facts.items())]
    return row
