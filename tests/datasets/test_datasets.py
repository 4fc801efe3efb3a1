"""dbnvis.datasets: search order, downloads from a server in this process, checks, and the embedded digits."""

import gc
import gzip
import hashlib
import http.server
import os
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbnvis import datasets
from dbnvis.datasets import digits

NAMES = list(datasets.DATASETS["mnist"].files)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def small_files(n_labels=6):
    """Make four idx files of 6 training and 4 test images, 5 x 4."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (6, 5, 4), dtype=np.uint8),
        rng.integers(0, 10, n_labels, dtype=np.uint8),
        rng.integers(0, 256, (4, 5, 4), dtype=np.uint8),
        rng.integers(0, 10, 4, dtype=np.uint8),
    ]
    return arrays, dict(zip(NAMES, map(idx, arrays), strict=True))


ARRAYS, FILES = small_files()


def small_spec(files=FILES, **changes):
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    spec = replace(datasets.DATASETS["mnist"], files=sums, mirrors=(), patience=0.5)
    return replace(spec, **{"largest": 100_000} | changes)


def place(folder, files=FILES, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)
    return folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Replace all of the search order by empty folders, none of them named, and MNIST by the small files."""
    (tmp_path / "checkout" / "dbnvis" / "datasets").mkdir(parents=True)
    (tmp_path / "checkout" / "setup.cfg").touch()
    module = sys.modules["dbnvis.datasets.fetch"]
    monkeypatch.setattr(module, "__file__", str(tmp_path / "checkout" / "dbnvis" / "datasets" / "fetch.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "cache", lambda: tmp_path / "cache" / "dbnvis")
    monkeypatch.delenv("DBNVIS_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(datasets.DATASETS, "mnist", small_spec())
    return {
        "argument": tmp_path / "argument",
        "environment": tmp_path / "environment",
        "checkout": tmp_path / "checkout" / "data",
        "cache": tmp_path / "cache" / "dbnvis",
    }


@pytest.fixture
def server():
    """Serve `server.answers`, path to behaviour; count the requests in `server.asked`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            answer = self.server.answers.get(self.path)
            if callable(answer):
                answer(self)
            elif answer is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads, httpd.block_on_close = True, False
        httpd.answers, httpd.asked, httpd.released = {}, [], threading.Event()
        httpd.cut_off = threading.Event()
        httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield httpd
        httpd.released.set()
        httpd.shutdown()


def serve(server, mirror="/good/", files=FILES):
    server.answers |= {f"{mirror}{name}.gz": gzip.compress(content) for name, content in files.items()}
    return server.url + mirror


def use(monkeypatch, *mirrors, **changes):
    monkeypatch.setitem(datasets.DATASETS, "mnist", small_spec(mirrors=mirrors, **changes))


def files_under(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def assert_is_small(ds):
    for images, expected in ((ds.train_images, ARRAYS[0]), (ds.test_images, ARRAYS[2])):
        assert images.dtype == np.float32
        np.testing.assert_allclose(images * 255, expected, atol=1e-4)
    for labels, expected in ((ds.train_labels, ARRAYS[1]), (ds.test_labels, ARRAYS[3])):
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, expected)


# Finding


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("inner", ["mnist", "."])
def test_files_are_found_in_a_subfolder_or_the_folder_itself(places, inner, suffix):
    folder = place(places["argument"] / inner, suffix=suffix)
    assert datasets.locate("mnist", places["argument"]) == folder
    assert_is_small(datasets.load("mnist", str(places["argument"]), download=False))


def test_search_order(places, monkeypatch):
    """A folder that the user names is the only one searched."""
    for name in ("cache", "checkout"):
        folder = place(places[name] / "mnist")
        assert datasets.locate("mnist") == folder
    for name in ("environment", "argument"):
        places[name].mkdir()
    monkeypatch.setenv("DBNVIS_DATA", str(places["environment"]))
    assert datasets.locate("mnist") is None
    place(places["environment"])
    assert datasets.locate("mnist") == places["environment"]
    assert datasets.locate("mnist", places["argument"]) is None
    place(places["argument"])
    assert datasets.locate("mnist", places["argument"]) == places["argument"]


@pytest.mark.parametrize("inner", [".", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_dotted_names_and_torchvisions_folder(places, inner, suffix):
    dotted = {name.replace("-idx", ".idx"): content for name, content in FILES.items()}
    place(places["argument"] / inner, dotted, suffix)
    data = datasets.load("mnist", places["argument"])
    assert_is_small(data)
    assert data.folder == places["argument"] / inner and data.source == f"mnist from {data.folder}"


def test_torchvisions_folder_of_fashion_mnist_is_not_that_of_mnist(places, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", small_spec(elsewhere=("FashionMNIST/raw",)))
    place(places["argument"] / "FashionMNIST" / "raw")
    assert datasets.locate("mnist", places["argument"]) is None
    assert_is_small(datasets.load("fashion-mnist", places["argument"]))


def named_in_vain(places, monkeypatch, how):
    """Name a folder that holds something else than MNIST, while MNIST lies in the cache and in the checkout."""
    place(places["cache"] / "mnist")
    place(places["checkout"] / "mnist")
    places[how].mkdir(exist_ok=True)
    if how == "environment":
        monkeypatch.setenv("DBNVIS_DATA", str(places[how]))
        return None
    return places[how]


@pytest.mark.parametrize("how", ["argument", "environment"])
@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], "found it empty"),
        ([".hidden"], "found it empty"),
        (["kmnist-train-images-idx3-ubyte.gz"], "idx files of Kuzushiji-MNIST: kmnist-train-images-idx3-ubyte.gz"),
        (["KMNIST/raw/train-images-idx3-ubyte"], "idx files of Kuzushiji-MNIST: KMNIST/raw/train-images-idx3-ubyte"),
        (["emnist-letters-test-labels-idx1-ubyte"], "idx files of EMNIST: emnist-letters-test-labels-idx1-ubyte"),
        (["qmnist-test-labels-idx2-int.gz"], "idx files of QMNIST: "),
        (["k49-train.idx3", "fashion-x-idx1"], "idx files of Fashion-MNIST, Kuzushiji-49: "),
        (["own-train-images-idx3-ubyte"], "idx files: own-train-images-idx3-ubyte"),
        ([f"{i}.jpg" for i in range(5)], "found pictures: 0.jpg, 1.jpg and 3 more"),
        (["a.txt", "b\n.txt"], r"found a.txt, 'b\n.txt'"),
    ],
)
def test_a_named_folder_without_the_data_set_is_an_error(places, server, monkeypatch, how, name, files, found):
    use(monkeypatch, serve(server))
    given = named_in_vain(places, monkeypatch, how)
    for file in files:
        (places[how] / file).parent.mkdir(parents=True, exist_ok=True)
        (places[how] / file).touch()
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load(name, given, notify=pytest.fail)
    text = str(caught.value)
    for part in (f"mnist is not in {places[how]}", *NAMES, found, "dbnvis data --fetch mnist"):
        assert part in text
    assert ("--data-dir" if given else "$DBNVIS_DATA") in text and "\n" not in text
    assert ("--dataset PATH" in text) == ("idx files" in found)
    assert ("--dataset digits" in text) == (name == "auto")
    assert server.asked == []


def test_part_of_the_data_set_in_a_named_folder(places):
    place(places["argument"] / "mnist", {name: FILES[name] for name in NAMES[:3]})
    with pytest.raises(
        FileNotFoundError, match=rf"looked for {NAMES[3]} \(plain or .gz\) there and in its mnist, MNIST"
    ):
        datasets.load("mnist", places["argument"])


@pytest.mark.parametrize("name", ["mnist", "auto", "digits", "patches", "crops"])
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_named_folder_that_does_not_exist_is_an_error_whatever_the_data_set(places, monkeypatch, how, name):
    place(places["cache"] / "mnist")
    wrong = places["cache"].parent / "dbnviz"
    if how == "environment":
        monkeypatch.setenv("DBNVIS_DATA", str(wrong))
    given, said = (None, r"\$DBNVIS_DATA") if how == "environment" else (wrong, "--data-dir")
    with pytest.raises(FileNotFoundError, match=f"{said} names .*dbnviz, which was not found; is it {places['cache']}"):
        datasets.load(name, given)
    wrong.touch()
    with pytest.raises(NotADirectoryError, match=f"{said} names .*which is a file; expected a folder"):
        datasets.load(name, given)


def test_embedded_data_in_a_named_folder(places, monkeypatch):
    """$DBNVIS_DATA is a folder of several data sets; --data-dir holds the one that is asked for."""
    place(places["environment"] / "mnist")
    monkeypatch.setenv("DBNVIS_DATA", str(places["environment"]))
    monkeypatch.setitem(datasets.DATASETS, "planted", datasets.Spec("planted", generate=lambda: ARRAYS))
    data = datasets.load("planted")
    assert_is_small(data)
    assert data.folder is None and data.source == "planted, embedded"
    with pytest.raises(FileNotFoundError, match=r"planted is embedded, and .* holds nothing of it: found idx files"):
        datasets.load("planted", places["environment"])


def test_an_installed_package_searches_no_checkout(places):
    place(places["checkout"] / "mnist")
    assert datasets.locate("mnist") is not None
    (places["checkout"].parent / "setup.cfg").unlink()
    assert datasets.locate("mnist") is None


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert sys.modules["dbnvis.datasets.fetch"].cache() == tmp_path / "dbnvis"


def test_what_is_not_there_is_explained_in_one_line(places):
    place(places["checkout"] / "mnist", {name: FILES[name] for name in NAMES[:3]})
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("mnist", download=False)
    text = str(caught.value)
    for expected in (*NAMES, *(str(places[name] / "mnist") for name in ("checkout", "cache")), "DBNVIS_DATA"):
        assert expected in text
    assert f"{places['checkout'] / 'mnist'} (lacks {NAMES[3]})" in text
    assert "\n" not in text


def test_unknown_names_list_the_known_nearest_first():
    with pytest.raises(ValueError, match="unknown data set 'fashon'; known are fashion-mnist, "):
        datasets.load("fashon")
    for call in (datasets.locate, datasets.fetch):
        with pytest.raises(ValueError, match="unknown data set 'mnst'; known are mnist, "):
            call("mnst")


@pytest.mark.parametrize("name", ["emnist", "kmnist", "QMNIST"])
def test_names_of_relatives_and_folders_say_how_data_of_ones_own_are_used(name):
    with pytest.raises(
        ValueError, match=rf"unknown data set '{name}'; known are .*; data of your own .*--dataset PATH"
    ):
        datasets.load(name)


def test_an_unknown_name_with_a_folder_says_what_lies_there(places):
    place(places["argument"], {"emnist-letters-train-images-idx3-ubyte": b"", "emnist-letters-x-idx1-ubyte": b""})
    with pytest.raises(ValueError, match=rf"known are .*; in {places['argument']} found idx files of EMNIST: emnist-"):
        datasets.load("emnist", places["argument"])


def test_a_generated_data_set_has_no_files(places):
    assert datasets.locate("digits") is None
    with pytest.raises(ValueError, match="digits is embedded"):
        datasets.fetch("digits")


def test_a_new_data_set_is_one_entry(places, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "planted", datasets.Spec("planted", generate=lambda: ARRAYS))
    assert_is_small(datasets.load("planted"))


# Checking

NO_NETWORK = "http://127.0.0.1:9/"  # the port "discard": nothing listens there


@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-10], "gzip stream is cut off"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1]), "truncated"),
        (lambda content: gzip.compress(gzip.decompress(content) + b"x"), "1 trailing bytes"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1] + b"\0"), "not the expected file"),
        (lambda content: b"<html>", "looks like an HTML page"),
        (lambda content: b"", "empty"),
    ],
)
def test_a_damaged_file_is_reported_and_never_replaced(places, server, monkeypatch, name, damage, message):
    use(monkeypatch, serve(server))
    folder = place(places["argument"] / "mnist")
    path = folder / f"{NAMES[0]}.gz"
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(ValueError) as caught:
        datasets.load(name, places["argument"])
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert server.asked == []


def test_swapped_files_and_missing_labels(places, monkeypatch):
    swapped = FILES | {NAMES[0]: FILES[NAMES[1]], NAMES[1]: FILES[NAMES[0]]}
    place(places["argument"], swapped)
    with pytest.raises(ValueError, match="expected 3 dimensions, found 1"):
        datasets.load("mnist", places["argument"])
    _, short = small_files(n_labels=5)
    monkeypatch.setitem(datasets.DATASETS, "mnist", small_spec(short))
    place(places["argument"], short)
    with pytest.raises(ValueError, match=r"6 train images need as many labels, got shape \(5,\)"):
        datasets.load("mnist", places["argument"])


def test_checksums_of_other_algorithms(places, monkeypatch):
    place(places["argument"])
    sums = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in FILES.items()}
    monkeypatch.setitem(datasets.DATASETS, "mnist", replace(small_spec(), files=sums))
    assert_is_small(datasets.load("mnist", places["argument"]))
    sums[NAMES[3]] = "md5:" + "0" * 32
    with pytest.raises(ValueError, match=f"the md5 of its 12 decompressed bytes is [0-9a-f]+, expected {'0' * 32}"):
        datasets.load("mnist", places["argument"])


def test_sha256_covers_all_of_the_data(places, monkeypatch):
    def load(arrays):
        monkeypatch.setitem(datasets.DATASETS, "planted", datasets.Spec("", generate=lambda: arrays))
        return datasets.load("planted").sha256

    reference = load(ARRAYS)
    assert len(bytes.fromhex(reference)) == 32
    assert load([array.copy() for array in ARRAYS]) == reference
    for k in range(4):
        changed = [array.copy() for array in ARRAYS]
        changed[k].flat[-1] ^= 1
        assert load(changed) != reference


def test_properties_of_a_data_set():
    images = np.zeros((2, 3, 4), np.float32)
    images[0, 0, :2] = 0.6, 0.8  # norm 1
    images[1, 2] = 0.5  # norm 1, too
    images[1, 0] = 0.5  # now the square root of 2
    labels = np.zeros(2, np.int64)
    ds = datasets.Dataset("planted", images, labels, images[:1], labels[:1], "")
    assert ds.input_shape == (3, 4)
    assert ds.mean_norm == pytest.approx((1 + 2**0.5) / 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": np.zeros(3, int)}, r"2 train images need as many labels, got shape \(3,\)"),
        ({"test_images": np.zeros((2, 3, 5))}, r"train images are \(3, 4\), the test images \(3, 5\)"),
        ({"test_images": np.zeros((2, 12))}, r"expected test images \(N, H, W\), or .* got shape \(2, 12\)"),
        ({"train_images": np.zeros((0, 3, 4)), "train_labels": np.zeros(0, int)}, "at least one image"),
        ({"train_images": np.full((2, 3, 4), 2.0)}, r"planted: train images: expected pixels in \[0, 1\]"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change, message):
    images, labels = np.zeros((2, 3, 4)), np.zeros(2, int)
    good = {
        "name": "planted",
        "train_images": images,
        "train_labels": labels,
        "test_images": images,
        "test_labels": labels,
        "sha256": "",
    }
    datasets.Dataset(**good)
    with pytest.raises(ValueError, match=message):
        datasets.Dataset(**good | change)


def planted(monkeypatch, *arrays, **changes):
    spec = datasets.Spec("planted", generate=lambda: arrays, **changes)
    monkeypatch.setitem(datasets.DATASETS, "planted", spec)
    return datasets.load("planted")


@pytest.mark.parametrize("most", [0, 1, 15, 16, 63])
def test_bytes_of_another_range_are_not_divided_by_255(monkeypatch, most):
    """Binary images, and counts such as scikit-learn's digits."""
    images = np.full((4, 3, 3), most, np.uint8)
    with pytest.raises(ValueError, match=rf"planted: expected bytes from 0 to 255, found none above {most}; give such"):
        planted(monkeypatch, images, np.arange(4) % 2, images, np.arange(4) % 2)
    for dtype in (np.float32, np.float64):
        scaled = (images / max(most, 1)).astype(dtype)
        data = planted(monkeypatch, scaled, np.arange(4) % 2, scaled, np.arange(4) % 2)
        np.testing.assert_array_equal(data.train_images, scaled)
    bright = images.copy()
    bright[0, 0, 0] = 64  # dark images with one brighter pixel, in either part
    for train, test in ((images, bright), (bright, images)):
        data = planted(monkeypatch, train, np.arange(4) % 2, test, np.arange(4) % 2)
        np.testing.assert_allclose(data.train_images, train / 255, rtol=1e-6)


def test_booleans_and_other_integers_are_pixels_only_in_their_range(monkeypatch):
    images = np.random.default_rng(0).random((4, 3, 3)) < 0.5
    for dtype in (bool, np.int64, np.int16):
        data = planted(monkeypatch, images.astype(dtype), np.arange(4) % 2, images.astype(dtype), np.arange(4) % 2)
        assert data.train_images.dtype == np.float32
        np.testing.assert_array_equal(data.train_images, images)
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\], found 0 to 200; divide by 255"):
        planted(monkeypatch, images * 200, np.arange(4) % 2, images * 200, np.arange(4) % 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 2.5, 0]), "expected integer labels, got float64"),
        (np.array([0, 1, np.nan, 0]), "expected integer labels, got float64"),
        (np.array(["a", "b", "a", "b"]), "expected integer labels, got <U1"),
        (np.array([0, 1, -1, 0]), "expected train labels that are integers from 0, got int64, the least -1"),
        (np.array([0, 1, 2]), r"4 train images need as many labels, got shape \(3,\)"),
        (np.eye(4, dtype=int), r"4 train images need as many labels, got shape \(4, 4\)"),
    ],
)
def test_labels_that_are_none_are_refused(monkeypatch, labels, message):
    images = np.zeros((4, 3, 3), np.float32)
    with pytest.raises(ValueError, match=message):
        planted(monkeypatch, images, labels, images, np.arange(4))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (None, None, "needs labels, and the images of planted have none; try --dataset mnist"),
        ([0, 1, 0, 1], None, "needs labels"),
        ([0, 0, 0, 0], [0, 0, 0, 0], "two classes at least; all training images of planted are of 0"),
        ([3, 3, 3, 3], [0, 1, 2, 3], "two classes at least; all training images of planted are of 3"),
        ([0, 1, 2, 900], [0, 0, 0, 0], "expected classes numbered from 0, got a label 900; renumber them"),
        ([0, 1, 0, 1], [0, 0, 2, 0], "a test image has label 2, and no training image one above 1"),
    ],
)
def test_labels_that_no_classifier_can_learn(train, test, message):
    images = np.zeros((4, 3, 3), np.float32)
    parts = (None if labels is None else np.array(labels) for labels in (train, test))
    train, test = parts
    data = datasets.Dataset("planted", images, train, images, test, "")
    with pytest.raises(ValueError, match=message):
        print(data.n_classes)
    assert data.first(2).train_labels is None or len(data.first(2).train_labels) == 2


def test_the_number_of_classes():
    images = np.zeros((4, 3, 3), np.float32)
    for labels, n in (([0, 1, 0, 1], 2), ([1, 2, 3, 1], 4)):  # those of EMNIST's letters begin with 1
        data = datasets.Dataset("planted", images, np.array(labels), images, np.array([0, 1, 1, 0]), "")
        assert data.n_classes == n


def test_images_without_labels_have_the_hash_of_zeros(monkeypatch):
    images = np.random.default_rng(0).random((4, 3, 3), np.float32)
    without = planted(monkeypatch, images, None, images[:2], None)
    zeros = planted(monkeypatch, images, np.zeros(4, np.uint8), images[:2], np.zeros(2, np.uint8))
    assert without.sha256 == zeros.sha256 and without.train_labels is None


def test_check_images():
    for good in (np.zeros((1, 1)), np.ones((2, 3, 4), np.float32)):
        assert datasets.check_images(good) is good
    with_nan = np.zeros((5, 4))
    with_nan[3, 1:3] = np.nan, -np.inf
    for bad, message in (
        (np.zeros((0, 784)), r"mine: expected at least one image, an array \(N, ...\), got shape \(0, 784\)"),
        (np.zeros(784), r"got shape \(784,\)"),
        (np.array([["a"]]), "expected real numbers, got an array of <U1"),
        (np.array([[1j]]), "expected real numbers, got an array of complex128"),
        (with_nan, "found 2 NaN or infinite, the first in image 3"),
        (np.array([[0, 255]], np.uint8), r"expected pixels in \[0, 1\], found 0 to 255; divide by 255"),
        (np.array([[-0.5, 1.0]]), r"found -0.5 to 1$"),
        (np.array([[0.0, 1.0001]]), "found 0 to 1.0001"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            datasets.check_images(bad, name="mine")
        assert "\n" not in str(caught.value)


# Downloading


def test_a_download_goes_to_the_cache_and_is_used_again(places, server, monkeypatch):
    use(monkeypatch, serve(server))
    assert_is_small(datasets.load("mnist"))
    folder = places["cache"] / "mnist"
    assert datasets.locate("mnist") == folder
    assert files_under(places["cache"].parent) == sorted(f"dbnvis/mnist/{name}.gz" for name in NAMES)
    assert server.asked == [f"/good/{name}.gz" for name in NAMES]
    assert_is_small(datasets.load("auto", notify=pytest.fail))
    assert datasets.fetch("mnist", progress=False) == folder
    assert len(server.asked) == 4


def test_a_download_goes_to_data_dir_and_completes_what_is_there(places, server, monkeypatch, capsys):
    use(monkeypatch, serve(server))
    folder = place(places["argument"] / "mnist", {name: FILES[name] for name in NAMES[:3]}, suffix="")
    assert datasets.fetch("mnist", places["argument"], progress=False) == folder
    assert server.asked == [f"/good/{NAMES[3]}.gz"]
    assert not places["cache"].exists()
    assert capsys.readouterr() == ("", "")
    assert_is_small(datasets.load("mnist", places["argument"]))


def test_progress_is_drawn_on_standard_error(places, server, monkeypatch, capsys):
    use(monkeypatch, serve(server))
    datasets.fetch("mnist", progress=True)
    output = capsys.readouterr()
    assert output.out == ""
    for name in NAMES:
        assert f"{name}.gz: 100%" in output.err


def test_a_server_that_decompresses_is_understood(places, server, monkeypatch):
    def decompressing(request):
        content = gzip.compress(FILES[NAMES[0]])
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    use(monkeypatch, serve(server))
    server.answers[f"/good/{NAMES[0]}.gz"] = decompressing
    assert_is_small(datasets.load("mnist"))
    assert (places["cache"] / "mnist" / NAMES[0]).read_bytes() == FILES[NAMES[0]]


def cut(request):
    """Promise more than is sent."""
    content = gzip.compress(FILES[NAMES[0]])
    request.send_response(200)
    request.send_header("Content-Length", str(len(content) + 1000))
    request.end_headers()
    request.wfile.write(content)


def silent(request):
    request.server.released.wait(20)


def dripping(request):
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    while not request.server.released.wait(0.05):
        request.wfile.write(b"x")


def endless(request):
    """Send zeros for as long as they are taken."""
    request.send_response(200)
    request.end_headers()
    try:
        while not request.server.released.is_set():
            request.wfile.write(bytes(1 << 16))
    except OSError:
        request.server.cut_off.set()


def bomb(request):
    """Zeros, compressed by the server a thousand times."""
    content = gzip.compress(bytes(1 << 20))
    request.send_response(200)
    request.send_header("Content-Encoding", "gzip")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


BAD_MIRRORS = {
    "404": (None, "HTTP status 404"),
    "another file": (
        gzip.compress(FILES[NAMES[2]]),
        "not the expected file: the sha256 of its 96 decompressed",
    ),
    "damaged": (gzip.compress(FILES[NAMES[0]])[:-5], "gzip stream is cut off"),
    "an error page": (b"<html>Please log in</html>", "not the expected file"),
    "cut connection": (cut, "the connection broke off"),
    "silent": (silent, "in"),
    "dripping": (dripping, "only 0 bytes in"),
    "endless": (endless, "sends more than the 101124 bytes that the file may have"),
    "decompressed without end": (bomb, "sends more than the 101124 bytes"),
    "a gzip stream of too much": (gzip.compress(bytes(1 << 20)), "expected at most 100000 bytes, found more"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_MIRRORS.values(), ids=BAD_MIRRORS)
def test_a_bad_mirror_leaves_nothing_and_the_next_is_tried(places, server, monkeypatch, answer, reason):
    server.answers[f"/bad/{NAMES[0]}.gz"] = answer
    bad, good = f"{server.url}/bad/", serve(server)

    use(monkeypatch, bad)
    start = time.monotonic()
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("mnist")
    assert time.monotonic() - start < 3
    assert f"127.0.0.1:{server.server_address[1]}: " in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not places["cache"].exists()
    with pytest.raises(ConnectionError, match="downloading failed"):
        datasets.fetch("mnist", progress=False)

    use(monkeypatch, bad, good)
    assert_is_small(datasets.load("mnist"))
    assert files_under(places["cache"]) == sorted(f"mnist/{name}.gz" for name in NAMES)


def test_an_endless_body_is_cut_off(places, server, monkeypatch):
    server.answers[f"/bad/{NAMES[0]}.gz"] = endless
    use(monkeypatch, f"{server.url}/bad/")
    with pytest.raises(ConnectionError, match="sends more than"):
        datasets.fetch("mnist", progress=False)
    gc.collect()
    assert server.cut_off.wait(5)


@pytest.mark.parametrize("where", ["cache", "argument", "environment"])
@pytest.mark.parametrize(
    "damage", [lambda c: c[:-9], lambda c: b"", lambda c: gzip.compress(FILES[NAMES[2]]), lambda c: b"<html>"]
)
def test_fetching_repairs_what_is_there_and_keeps_it(places, server, monkeypatch, where, damage):
    use(monkeypatch, serve(server))
    if where == "environment":
        places[where].mkdir()
        monkeypatch.setenv("DBNVIS_DATA", str(places[where]))
    folder = place(places[where] / "mnist")
    path = folder / f"{NAMES[0]}.gz"
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    data_dir = places["argument"] if where == "argument" else None
    with pytest.raises(ValueError, match=r"damaged|cut off|not the expected|not an idx file|empty"):
        datasets.load("mnist", data_dir)
    with pytest.warns(UserWarning, match=rf"{path} was not the expected file: replaced, and kept as {path.name}.bad"):
        assert datasets.fetch("mnist", data_dir, progress=False) == folder
    assert server.asked == [f"/good/{NAMES[0]}.gz"]
    assert (folder / f"{path.name}.bad").read_bytes() == bad
    assert_is_small(datasets.load("mnist", data_dir))


def test_a_broken_plain_file_gives_way_to_the_one_fetched(places, server, monkeypatch):
    use(monkeypatch, serve(server))
    folder = place(places["cache"] / "mnist", suffix="")
    dotted = folder / NAMES[1].replace("-idx", ".idx")
    (folder / NAMES[1]).rename(dotted)
    dotted.write_bytes(dotted.read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match="kept as"):
        datasets.fetch("mnist", progress=False)
    assert files_under(folder) == sorted([*(n for n in NAMES if n != NAMES[1]), f"{NAMES[1]}.gz", f"{dotted.name}.bad"])
    assert_is_small(datasets.load("mnist"))


def test_a_repair_that_fails_leaves_what_is_there(places, server, monkeypatch):
    use(monkeypatch, f"{server.url}/nothing/")
    folder = place(places["cache"] / "mnist")
    (folder / f"{NAMES[0]}.gz").write_bytes(b"bad")
    before = files_under(folder)
    with pytest.raises(ConnectionError, match="HTTP status 404"):
        datasets.fetch("mnist", progress=False)
    assert files_under(folder) == before and (folder / f"{NAMES[0]}.gz").read_bytes() == b"bad"


def test_auto_fetches_mnist(places, server, monkeypatch):
    use(monkeypatch, serve(server))
    assert datasets.fetch("auto", progress=False) == places["cache"] / "mnist"


def test_mirrors_are_asked_by_https_first():
    for spec in datasets.DATASETS.values():
        secure = [mirror.startswith("https://") for mirror in spec.mirrors]
        assert secure == sorted(secure, reverse=True) and (not secure or secure[0])


def test_the_largest_file_is_that_of_the_training_images():
    for name in ("mnist", "fashion-mnist"):
        assert datasets.DATASETS[name].largest == len(idx(np.zeros((60_000, 28, 28), np.uint8)))


def test_a_file_that_is_too_large_is_not_even_read(places):
    folder = place(places["argument"], suffix="")
    with (folder / NAMES[0]).open("wb") as file:
        file.truncate(1 << 40)  # a sparse file of a TiB
    with pytest.raises(
        ValueError, match=f"{NAMES[0]}: expected at most 101124 bytes, found {1 << 40}; get the file again"
    ):
        datasets.load("mnist", places["argument"])


def test_files_of_another_known_data_set_are_named(places, monkeypatch):
    _, other = small_files()
    other = {name: content[:-1] + b"!" for name, content in other.items()}
    monkeypatch.setitem(datasets.DATASETS, "fashion-mnist", small_spec(other))
    place(places["argument"], other)
    with pytest.raises(
        ValueError, match=r"not the expected file: .* it is a file of fashion-mnist: give --dataset fashion"
    ):
        datasets.load("mnist", places["argument"])


@pytest.mark.parametrize(("inner", "title"), [("KMNIST/raw", ", of MNIST, not of Kuzushiji-MNIST"), ("own", "")])
def test_files_of_ones_own_under_names_of_mnist(places, inner, title):
    other = {name: content[:-1] + b"!" for name, content in FILES.items()}
    place(places["argument"] / inner, other)
    with pytest.raises(ValueError, match=rf"get the file again{title}; data of your own .*--dataset PATH"):
        datasets.load("mnist", places["argument"] / inner)


def test_a_steady_download_may_take_longer_than_the_patience(places, server, monkeypatch):
    """Noise of 60 kB in 20 pieces within 1.2 s: slow, but above the least rate of 20 kB/s."""
    images = np.random.default_rng(1).integers(0, 256, (6, 100, 100), dtype=np.uint8)
    files = FILES | {NAMES[0]: idx(images), NAMES[2]: idx(images[:4])}

    def slow(request):
        content = gzip.compress(files[NAMES[0]])
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        for start in range(0, len(content), 3000):
            request.wfile.write(content[start : start + 3000])
            time.sleep(0.06)

    serve(server, files=files)
    server.answers[f"/good/{NAMES[0]}.gz"] = slow
    spec = small_spec(files, mirrors=(f"{server.url}/good/",), patience=0.8)
    monkeypatch.setitem(datasets.DATASETS, "mnist", spec)
    start = time.monotonic()
    assert datasets.load("mnist").train_images.shape == (6, 100, 100)
    assert time.monotonic() - start > 1.0


def test_a_slow_name_server_is_given_up(places, monkeypatch):
    def never(*_):
        time.sleep(20)

    monkeypatch.setattr("socket.getaddrinfo", never)
    use(monkeypatch, "http://mirror.invalid/")
    start = time.monotonic()
    with pytest.raises(FileNotFoundError, match=r"mirror.invalid: only 0 bytes in"):
        datasets.load("mnist")
    assert time.monotonic() - start < 3


def test_an_unwritable_folder_is_named(places, server, monkeypatch):
    use(monkeypatch, serve(server))
    places["cache"].parent.mkdir()
    places["cache"].write_text("a file where the folder should be")
    with pytest.raises(FileNotFoundError, match=str(places["cache"])):
        datasets.load("mnist")


@pytest.mark.parametrize("download", [True, False])
def test_auto_falls_back_to_digits_and_says_so_once(places, monkeypatch, download):
    use(monkeypatch, NO_NETWORK, NO_NETWORK)
    planted = datasets.Spec("planted", generate=lambda: ARRAYS)
    monkeypatch.setitem(datasets.DATASETS, "digits", planted)
    lines = []
    ds = datasets.load("auto", notify=lines.append, download=download)
    assert ds.name == "digits"
    assert_is_small(ds)
    (line,) = lines
    assert line.startswith("using the embedded data set digits, because mnist is not on this machine")
    assert ("cannot connect" if download else "downloading was not asked for") in line
    assert "DBNVIS_DATA" in line
    assert "\n" not in line
    with pytest.warns(UserWarning, match="using the embedded data set digits"):
        datasets.load("auto", download=download)


def test_auto_is_mnist_where_it_is_found(places, monkeypatch):
    place(places["environment"] / "mnist")
    monkeypatch.setenv("DBNVIS_DATA", str(places["environment"]))
    ds = datasets.load("auto", notify=pytest.fail, download=False)
    assert ds.name == "mnist"
    assert_is_small(ds)


def test_importing_is_light():
    heavy = {"sklearn", "scipy", "pooch", "requests", "tqdm", "matplotlib"}
    code = f"import sys; from dbnvis import datasets; print({heavy} & set(sys.modules))"
    root = Path(datasets.__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


# The real MNIST


@pytest.mark.skipif(not os.environ.get("DBNVIS_DATA"), reason="$DBNVIS_DATA does not name a folder with MNIST")
def test_mnist():
    ds = datasets.load("mnist", download=False)
    assert ds.train_images.shape == (60_000, 28, 28)
    assert ds.test_images.shape == (10_000, 28, 28)
    # as published: the class counts, and the mean pixel that every tutorial normalizes by
    assert np.bincount(ds.train_labels).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert np.bincount(ds.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert ds.train_images.mean(dtype=float) == pytest.approx(0.1307, abs=5e-5)
    assert ds.mean_norm == pytest.approx(np.linalg.norm(ds.train_images.reshape(60_000, -1), axis=1).mean(), rel=1e-5)


# The embedded digits


@pytest.fixture(scope="module")
def embedded():
    return datasets.load("digits")


def test_digits_are_like_mnist(embedded):
    assert embedded.train_images.shape == (30_000, 28, 28)
    assert embedded.test_images.shape == (5_000, 28, 28)
    assert embedded.input_shape == (28, 28)
    for images, labels in (
        (embedded.train_images, embedded.train_labels),
        (embedded.test_images, embedded.test_labels),
    ):
        counts = np.bincount(labels) / len(labels)
        assert counts.shape == (10,)
        np.testing.assert_allclose(counts, 0.1, atol=0.006)
        # MNIST: mean pixel 0.1307, mean norm 9.2, 81 % of the pixels exactly 0, 8.8 % above 0.9
        assert images.mean() == pytest.approx(0.1307, abs=0.01)
        assert (images == 0).mean() == pytest.approx(0.81, abs=0.03)
        assert (images > 0.9).mean() == pytest.approx(0.088, abs=0.02)
        # the digits fit the frame
        assert (images[:, [0, -1]].max(axis=(1, 2)) > 0.5).mean() < 0.02
    assert embedded.mean_norm == pytest.approx(9.2, abs=0.3)


def test_digits_are_centred_up_to_the_random_shift(embedded):
    images = embedded.test_images.astype(float)
    mass = images.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = (images.sum(axis=3 - axis) @ np.arange(28)) / mass
        # the shift is uniform within 1 pixel; the elastic part adds less than a pixel rms
        assert abs(centre - 13.5).mean() < 1.0
        assert centre.mean() == pytest.approx(13.5, abs=0.1)


def test_digits_keep_their_class(embedded):
    """The nearest training image has the test image's class, though it comes from another digit."""
    from sklearn.neighbors import KNeighborsClassifier

    flat = embedded.train_images.reshape(30_000, -1)
    judge = KNeighborsClassifier(1).fit(flat, embedded.train_labels)
    assert judge.score(embedded.test_images[:500].reshape(500, -1), embedded.test_labels[:500]) > 0.88


def test_training_and_test_digits_share_no_source():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 60))
    train, test = digits.split(labels, rng=np.random.default_rng(1))
    assert sorted([*train, *test]) == list(range(600))
    assert np.bincount(labels[train]).tolist() == [50] * 10
    assert np.bincount(labels[test]).tolist() == [10] * 10
    again, _ = digits.split(labels, rng=np.random.default_rng(1))
    other, _ = digits.split(labels, rng=np.random.default_rng(2))
    np.testing.assert_array_equal(train, again)
    assert (train != other).any()


def test_rendering_uses_the_two_sources_apart(monkeypatch):
    """Which of the 1,797 digits the images are made from, recorded where they are drawn."""
    seen = []

    def record(strokes, chosen, *, rng):
        seen.append(set(chosen.tolist()))
        return np.zeros((len(chosen), 28, 28), np.uint8)

    monkeypatch.setattr(digits, "deformed", record)
    digits.render()
    train, test = seen
    assert not train & test
    assert train | test == set(range(1797))


def test_digits_are_the_same_every_time(embedded):
    again = datasets.load("digits")
    np.testing.assert_array_equal(again.train_images, embedded.train_images)
    assert again.sha256 == embedded.sha256
    # but no image occurs twice
    assert len(np.unique(again.test_images.reshape(5000, -1), axis=0)) == 5000
