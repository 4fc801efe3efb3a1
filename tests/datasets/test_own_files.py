"""Files of the user's own: idx files of MNIST's relatives, .npz, .npy, .mat, CSV; which kind a path is."""

import csv
import gzip
import pickle
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from dbnvis import datasets
from dbnvis.datasets.own import array_files, idx_pairs, kinds

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (12, 5, 5), dtype=np.uint8)
TESTS = RNG.integers(0, 256, (4, 5, 5), dtype=np.uint8)
LABELS, TEST_LABELS = (np.arange(12) % 3).astype(np.uint8), (np.arange(4) % 3).astype(np.uint8)
#: An L: its foot is at the bottom, to the right.
UPRIGHT = np.zeros((5, 5), np.uint8)
UPRIGHT[:, 0] = UPRIGHT[4, :3] = 200


def idx(array, code=8):
    """The content of an idx file."""
    head = bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def place(folder, names, zipped=False, arrays=(IMAGES, LABELS, TESTS, TEST_LABELS)):
    """Idx files of these names: training images and labels, test images and labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        content = idx(array)
        (folder / f"{name}{'.gz' * zipped}").write_bytes(gzip.compress(content) if zipped else content)
    return folder


def names_of(title, test="test"):
    return [f"{title}{part}-{what}-ubyte" for part in ("train", test) for what in ("images-idx3", "labels-idx1")]


def pixels(x):
    return np.rint(255 * x)


def assert_read(data):
    np.testing.assert_array_equal(pixels(data.train_images), IMAGES)
    np.testing.assert_array_equal(pixels(data.test_images), TESTS)
    np.testing.assert_array_equal(data.train_labels, LABELS)
    np.testing.assert_array_equal(data.test_labels, TEST_LABELS)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("folder", "title", "test", "called", "classes"),
    [
        ("kmnist", "", "t10k", "kmnist", ("o", "ki", "su")),
        ("KMNIST/raw", "", "t10k", "KMNIST", ("o", "ki", "su")),
        ("qm", "qmnist-", "test", "qmnist", ("0", "1", "2")),
        ("fashion-mnist", "", "t10k", "own-fashion-mnist", ("T-shirt", "Trouser", "Pullover")),
        ("notMNIST", "", "t10k", "notMNIST", ("A", "B", "C")),
        ("mine", "", "t10k", "mine", ()),
    ],
)
def test_idx_files_of_mnists_relatives_by_their_own_names(tmp_path, folder, title, test, called, classes, zipped):
    data = datasets.load(place(tmp_path / folder, names_of(title, test), zipped))
    assert_read(data)
    assert data.name == called and data.class_names[:3] == classes
    assert data.path == tmp_path / folder


def test_letters_of_emnist_stand_upright_and_are_named(tmp_path):
    """Its files hold columns for rows, and number the letters from 1."""
    letters = np.stack([UPRIGHT.T] * 26)
    labels = np.arange(1, 27, dtype=np.uint8)
    names = names_of("emnist-letters-")
    place(tmp_path / "gzip", names, True, (letters, labels, letters[:3], labels[:3]))
    data = datasets.load(tmp_path / "gzip" / f"{names[0]}.gz")
    np.testing.assert_array_equal(pixels(data.train_images), np.stack([UPRIGHT] * 26))
    np.testing.assert_array_equal(pixels(data.test_images), np.stack([UPRIGHT] * 3))
    assert data.name == "emnist-letters" and data.class_names == tuple(string.ascii_uppercase)
    np.testing.assert_array_equal(data.train_labels, np.arange(26))
    assert "pictures of EMNIST transposed, which turns them upright" in data.steps
    assert "labels 1 to 26 numbered from 0" in data.steps
    assert datasets.load(tmp_path / "gzip").sha256 == data.sha256


def test_classes_that_are_known_are_as_many_as_the_data_sets_have():
    counts = {name: len(names) for name, names in idx_pairs.CLASSES.items()}
    known = {"emnist-letters": 26, "emnist-balanced": 47, "emnist-bymerge": 47, "emnist-byclass": 62, "k49": 49}
    assert counts == {**dict.fromkeys(counts, 10), **known}


def test_one_of_several_data_sets_in_a_folder_must_be_named(tmp_path):
    place(tmp_path, names_of("emnist-digits-"))
    place(tmp_path, names_of("emnist-letters-"))
    with pytest.raises(ValueError, match=r"several data sets; give the path of one of .*: emnist-digits-train-images"):
        datasets.load(tmp_path)
    assert datasets.load(tmp_path / "emnist-digits-test-labels-idx1-ubyte").name == "emnist-digits"


def test_the_labels_of_qmnist_are_the_first_of_eight_numbers(tmp_path):
    place(tmp_path, names_of("qmnist-"))
    for part, labels in (("train", LABELS), ("test", TEST_LABELS)):
        (tmp_path / f"qmnist-{part}-labels-idx1-ubyte").unlink()
        table = np.arange(len(labels) * 8, dtype=np.int32).reshape(-1, 8) + 70_000
        table[:, 0] = labels
        (tmp_path / f"qmnist-{part}-labels-idx2-int").write_bytes(idx(table, 12))
    assert_read(datasets.load(tmp_path))


def test_idx_files_without_labels_or_test_images(tmp_path):
    (tmp_path / "own-images-idx3-ubyte").write_bytes(idx(IMAGES))
    data = datasets.load(tmp_path)
    assert len(data.train_images) == 10 and data.train_labels is None and data.name == "own"
    assert data.steps[0] == "no file of labels beside them"


def test_mnist_by_its_path_has_the_hash_of_mnist(tmp_path, monkeypatch):
    place(tmp_path / "mnist", names_of("", "t10k"))
    spec = datasets.Spec("", generate=lambda: (IMAGES, LABELS, TESTS, TEST_LABELS))
    monkeypatch.setitem(datasets.DATASETS, "mnist", spec)
    own = datasets.load(tmp_path / "mnist")
    assert own.name == "own-mnist" and own.sha256 == datasets.load("mnist").sha256


KEYS = [
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("xtrain", "ytrain", "xtest", "ytest"),
    ("trainX", "trainY", "testX", "testY"),
    ("training_data", "training_targets", "testing_data", "testing_targets"),
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: keys[0])
@pytest.mark.parametrize("kind", ["npz", "mat"])
def test_arrays_are_told_by_their_names(tmp_path, keys, kind):
    path = tmp_path / f"own.{kind}"
    if kind == "npz":
        np.savez(path, **dict(zip(keys, (IMAGES, LABELS, TESTS, TEST_LABELS), strict=True)))
    else:  # MATLAB counts pictures last, and has columns of labels
        last = (np.moveaxis(IMAGES, 0, -1), LABELS[:, None], np.moveaxis(TESTS, 0, -1), TEST_LABELS[:, None])
        savemat(path, dict(zip(keys, last, strict=True)))
    data = datasets.load(path)
    assert_read(data)
    assert data.name == "own"


def test_colours_of_matlab_are_put_in_order(tmp_path):
    """As SVHN: X (rows, columns, 3, pictures), y (pictures, 1) from 1."""
    colours = RNG.integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
    savemat(tmp_path / "svhn.mat", {"X": colours.transpose(1, 2, 3, 0), "y": LABELS[:, None] + 1})
    data = datasets.load(tmp_path / "svhn.mat")
    whole = np.concatenate([data.train_images, data.test_images])
    wanted = {colours[i].transpose(2, 0, 1).tobytes() for i in range(12)}
    assert {pixels(image).astype(np.uint8).tobytes() for image in whole} == wanted
    assert data.class_names == ("1", "2", "3")


def test_one_array_alone_is_of_images(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", IMAGES)
    np.savez(tmp_path / "c.npz", faces3d=IMAGES, val_images=TESTS)
    hashes = {datasets.load(tmp_path / name).sha256 for name in ("a.npy", "b.npz", "c.npz")}
    assert len(hashes) == 1
    assert "arrays left out: val_images" in datasets.load(tmp_path / "c.npz").steps


def test_a_pickle_is_never_loaded(tmp_path):
    """What it would run would leave a file."""

    class Harm:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    np.save(tmp_path / "a.npy", np.array([Harm()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", images=np.array([Harm()], dtype=object))
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Harm()))
    for name in ("d.pkl", "e.pt", "f.joblib"):
        (tmp_path / name).write_bytes(pickle.dumps(Harm()))
    for name in ("a.npy", "b.npz", "c.npy", "d.pkl", "e.pt", "f.joblib"):
        with pytest.raises(ValueError, match=r"can run any code .*save"):
            datasets.load(tmp_path / name)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"PK\x03\x04 cut", "is damaged or of another kind"),
        ("a.npy", b"\x93NUMPY\x01\x00", "is damaged or of another kind"),
        ("a.mat", b"nothing of MATLAB's" * 20, "a.mat is damaged or no .mat file"),
        ("a.csv", b"", r"a.csv is empty \(0 bytes\)"),
        ("a.png", b"x", "is one picture, and a network learns from many: give their folder; dbnvis explain a.png"),
        ("a.zip", b"PK", "is packed; extract it"),
        ("a.docx", b"x", "of no kind that is read; give a folder of pictures"),
        ("own-train-images-idx3-ubyte", b"\0\0\x08\x03\0\0", "truncated"),
        ("own-train-labels-idx1-ubyte", b"\0\0\x08\x01", "expected a file of images to learn from beside it"),
    ],
)
def test_files_that_are_damaged_or_of_no_kind_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load(tmp_path / name)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_matlab_files_of_version_7_3_say_how_they_are_saved_again(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(100))
    with pytest.raises(ValueError, match=r"saved as version 7\.3, which is HDF5; in MATLAB, save it with -v7"):
        datasets.load(tmp_path / "a.mat")


def test_arrays_without_images_are_listed(tmp_path):
    np.savez(tmp_path / "a.npz", weights=np.ones((3, 4)), bias=np.ones(4))
    with pytest.raises(ValueError, match=r"named images, X or x_train, found weights \(3, 4\), bias \(4,\); .*from_ar"):
        datasets.load(tmp_path / "a.npz")


@pytest.mark.parametrize("limit", [10, 10**6])
def test_more_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch, limit):
    np.savez(tmp_path / "a.npz", images=np.zeros((1000, 30, 30), np.uint8))
    monkeypatch.setattr("dbnvis.datasets.own.found.machine_memory", lambda: limit)
    monkeypatch.setattr(np, "load", pytest.fail)
    with pytest.raises(ValueError, match=r"needs 0.00503 GiB of memory, and there are [\d.e-]+; give fewer pictures"):
        datasets.load(tmp_path / "a.npz")


# --- tables


def table(path, header, rows, separator=","):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        if header:
            writer.writerow(header)
        writer.writerows(rows)
    return path


ROWS = [[label, *image.ravel()] for label, image in zip(LABELS, IMAGES, strict=True)]
TEST_ROWS = [[label, *image.ravel()] for label, image in zip(TEST_LABELS, TESTS, strict=True)]
KAGGLE = ["label", *(f"pixel{i}" for i in range(25))]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", [KAGGLE, None], ids=["named", "unnamed"])
def test_tables_as_kaggles_mnist(tmp_path, header, separator):
    table(tmp_path / "train.csv", header, ROWS, separator)
    table(tmp_path / "test.csv", header, TEST_ROWS, separator)
    assert_read(datasets.load(tmp_path))
    assert_read(datasets.load(tmp_path / "train.csv"))


def test_a_test_table_without_labels_is_left_out(tmp_path):
    table(tmp_path / "train.csv", KAGGLE, ROWS)
    table(tmp_path / "test.csv", KAGGLE[1:], [row[1:] for row in TEST_ROWS])
    data = datasets.load(tmp_path)
    assert "test.csv left out, as it has no labels" in data.steps and len(data.test_images) == 1


def test_names_of_columns_say_the_size_of_pictures_and_texts_are_labels(tmp_path):
    names = [*(f"{i}x{j}" for i in range(1, 3) for j in range(1, 6)), "class"]
    rows = [[*image[:2].ravel(), "abc"[label]] for label, image in zip(LABELS, IMAGES, strict=True)]
    data = datasets.load(table(tmp_path / "a.csv", names, rows))
    assert data.input_shape == (2, 5) and data.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[3].__setitem__(5, ""), "the value of row 5, column 6 is missing; fill it, or leave the row"),
        (lambda rows: rows[3].__setitem__(5, "x"), "row 5, column 6 holds 'x', expected a number"),
        (lambda rows: rows[3].__setitem__(0, ""), "the label of row 5 is missing"),
        (lambda rows: rows[3].pop(), "row 5 has 25 columns, the first 26; is a line cut off"),
        (lambda rows: rows[3].__setitem__(5, "nan"), "found 1 that are NaN"),
    ],
)
def test_faults_of_tables_are_named_by_row_and_column(tmp_path, change, message):
    rows = [list(row) for row in ROWS]
    change(rows)
    with pytest.raises(ValueError, match=message):
        datasets.load(table(tmp_path / "a.csv", KAGGLE, rows))


def test_a_table_of_another_separator_or_of_no_picture_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"separated by commas, semicolons or tabs, found one column: 'label\|pixel0"):
        datasets.load(table(tmp_path / "a.csv", KAGGLE, ROWS, "|"))
    with pytest.raises(ValueError, match="rows of 23 pixels are no square picture"):
        datasets.load(table(tmp_path / "b.csv", KAGGLE[:24], [row[:24] for row in ROWS]))


# --- paths


def test_a_name_is_no_path_and_a_path_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    (tmp_path / "faces").mkdir()
    assert not datasets.is_path("digits") and not datasets.is_path("auto") and not datasets.is_path("")
    assert datasets.is_path("./digits") and datasets.is_path("faces") and datasets.is_path("no.csv")


def test_a_path_that_is_not_there_names_the_nearest(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(FileNotFoundError, match=rf"no data at .*/pictuers; is it {tmp_path}/pictures\?; --data"):
        datasets.load(tmp_path / "pictuers")


def test_a_path_and_a_folder_of_data_are_one_too_many(tmp_path):
    with pytest.raises(ValueError, match="is a path, which says where the data are; leave --data-dir out"):
        datasets.load(tmp_path, tmp_path)


def test_a_folder_of_nothing_says_what_it_holds(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"expected a folder of pictures, .*found a.txt; give the path of one of the"):
        datasets.load(tmp_path)


def test_a_folder_with_one_file_of_arrays_is_that_file(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    assert datasets.load(tmp_path).sha256 == datasets.load(tmp_path / "a.npy").sha256


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_what_is_neither_file_nor_folder_is_refused(tmp_path):
    subprocess.run(["mkfifo", str(tmp_path / "pipe")], check=True)
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        datasets.load(tmp_path / "pipe")


def test_arrays_are_told_apart_by_words_of_their_names():
    table = np.zeros((3, 4))
    assert array_files.told("Xtest", table) == ("test", False)
    assert array_files.told("y_val", table[0]) == (None, None)
    assert array_files.told("exact", table) == ("train", None)
    assert kinds.TAKEN.endswith(".csv")
