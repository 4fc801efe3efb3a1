"""dbnvis import: files of others become models that other commands take; pickles never do."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from dbnvis import checkpoint, cli
from dbnvis.interop.foreign_files import read_arrays

WORDS = "fc1 tanh fc2 softmax"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(0, 0.05, (30, 784)), rng.normal(size=(10, 30))
    pairs = {"fc1.weight": W1, "fc1.bias": rng.normal(size=30), "fc2.weight": W2, "fc2.bias": rng.normal(size=10)}
    return {name: x.astype("float32") for name, x in pairs.items()}


def run(*args):
    return cli.main(["import", *map(str, args)])


def opened(path="model.npz"):
    return checkpoint.load(path, xp=np).model


def check_numbers(model, arrays):
    x = np.random.default_rng(1).random((3, 28, 28), dtype="float32")
    h = np.tanh(x.reshape(3, -1) @ arrays["fc1.weight"].T + arrays["fc1.bias"])
    np.testing.assert_allclose(model.encode(x, "fc1"), h, atol=1e-5)
    np.testing.assert_array_equal(model.weights("fc2"), arrays["fc2.weight"].T)


def test_a_state_dict_in_an_npz(arrays, capsys):
    np.savez("net.npz", **arrays)
    assert run("net.npz", "--layers", WORDS, "--input-shape", 28, 28, "-o", "m.npz") == 0
    assert capsys.readouterr().out == "m.npz  MLP of fc1, fc2: 30-10 units\n"
    check_numbers(opened("m.npz"), arrays)
    assert checkpoint.load("m.npz", xp=np).info["imported"]["file"] == "net.npz"


def test_a_mat_file(arrays):
    savemat("net.mat", {name.replace(".", "_"): x for name, x in arrays.items()} | {"about": "text"})
    assert run("net.mat", "--layers", WORDS, "--input-shape", 28, 28) == 0
    check_numbers(opened(), arrays)


def test_a_safetensors_file(arrays):
    numpy = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed: pip install safetensors")
    numpy.save_file(arrays, "net.safetensors")
    assert run("net.safetensors", "--layers", WORDS, "--input-shape", 28, 28) == 0
    check_numbers(opened(), arrays)
    Path("bad.safetensors").write_bytes(b"\x08" * 20)
    with pytest.raises(ValueError, match=r"bad.safetensors is damaged"):
        read_arrays(Path("bad.safetensors"))


def test_a_safetensors_file_without_the_package(arrays, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    Path("net.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="needs the package safetensors: pip install safetensors"):
        read_arrays(Path("net.safetensors"))


def test_a_description_beside_the_file_and_options_before_it(arrays):
    np.savez("net.npz", **arrays)
    said = {"layers": WORDS, "input_shape": [28, 28], "order": "in-out"}
    Path("net.json").write_text(json.dumps(said))
    assert run("net.npz", "--architecture", "net.json") == 2  # of the wrong order
    assert run("net.npz", "--architecture", "net.json", "--order", "out-in") == 0
    check_numbers(opened(), arrays)


def test_other_commands_take_it_and_use_its_names(arrays, capsys):
    np.savez("net.npz", **arrays)
    assert run("net.npz", "--layers", WORDS, "--input-shape", 28, 28, "-o", "m.npz") == 0
    assert cli.main(["compare", "fc1:3", "--model", "m.npz", "--dataset", "digits"]) == 0
    out, err = capsys.readouterr()
    assert "compare_fc1_3_m" in out
    assert "m.npz knows no mean norm of its training images: that of digits is taken, 9.2" in " ".join(err.split())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_images_are_explained_to_networks_of_relus(capsys, activation):
    """Classes are at the softmax, whatever its layer is called; views of ReLUs say why other units have none."""
    rng = np.random.default_rng(0)
    arrays = {"c1.weight": rng.normal(size=(3, 1, 5, 5)), "c1.bias": rng.normal(size=3)}
    np.savez("net.npz", **arrays, **{"top.weight": rng.normal(0, 0.1, (4, 108)), "top.bias": rng.normal(size=4)})
    words = f"c1 {activation} avgpool:size=4 top softmax"
    assert run("net.npz", "--layers", words, "--input-shape", 28, 28, "--dataset", "digits") == 0
    status = cli.main(["explain", "test:0", "--model", "model.npz", "--stride", "4"])
    if activation == "tanh":
        assert status == 2 and "the units of c1 are tanh: it is undefined" in capsys.readouterr().err
        return
    (table,) = Path("runs/digits/sheets").rglob("*.csv")
    assert "top" in table.read_text() and "output" not in table.read_text()
    manifest = next(path for path in Path("runs/digits/sheets").glob("*.json") if not path.name.startswith("."))
    units = json.loads(manifest.read_text())["settings"]["units"]
    assert status == 0 and [unit.partition(":")[0] for unit in units] == ["top", "top", "c1"]


def test_with_its_data_set_the_model_opens_alone(arrays, capsys):
    np.savez("net.npz", **arrays)
    assert run("net.npz", "--layers", WORDS, "--input-shape", 28, 28, "--dataset", "digits") == 0
    assert opened().input_norm == pytest.approx(9.25, abs=0.01)
    assert cli.main(["visualize", "--model", "model.npz", "--layer", "fc2", "--units", "0"]) == 0
    assert "warning" not in capsys.readouterr().err
    np.savez("small.npz", a=np.ones((64, 3)))
    assert run("small.npz", "--layers", "a relu", "--input-shape", 8, 8, "--dataset", "digits", "--overwrite") == 2
    assert "sees images of 8 x 8 pixels" in " ".join(capsys.readouterr().err.split())


class Evil:
    def __reduce__(self):
        return print, ("run!",)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.bin", "net.ckpt", "net.pkl", "net.pickle", "net.joblib"])
def test_a_pickle_is_never_opened(capsys, name):
    Path(name).write_bytes(pickle.dumps(Evil()))
    assert run(name, "--layers", WORDS) == 2
    out, err = capsys.readouterr()
    assert "run!" not in out + err
    said = " ".join(err.split())
    python = said.partition("In Python: ")[2]
    assert f"{name} is a pickle" in said and len(said) < 420
    compile(python, name, "exec")
    assert repr(name) in python


def test_a_pickle_under_another_name_is_not_opened_either(capsys):
    for name in ("net.npz", "net.mat", "net.safetensors"):
        Path(name).write_bytes(pickle.dumps(Evil()))
        assert run(name, "--layers", WORDS, "--input-shape", 28, 28) == 2
    inside = io.BytesIO()
    np.lib.format.write_array(inside, np.array([Evil()], dtype=object))
    with zipfile.ZipFile("net.npz", "w") as file:
        file.writestr("fc1.npy", inside.getvalue())
    assert run("net.npz", "--layers", WORDS, "--input-shape", 28, 28) == 2
    out, err = capsys.readouterr()
    assert "run!" not in out + err and "pickled objects" in err


def test_the_advice_for_a_state_dict_works(capsys):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    module = torch.nn.Sequential(torch.nn.Linear(784, 3))
    torch.save(module.state_dict(), "net.pt")
    assert run("net.pt") == 2
    python = " ".join(capsys.readouterr().err.split()).partition("In Python: ")[2]
    exec(python, {})
    assert run("net.npz", "--layers", "0", "--input-shape", 28, 28) == 0
    np.testing.assert_array_equal(opened().weights("dense0"), module[0].weight.detach().numpy().T)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no file is named; give one of weights"),
        (["nosuch.npz"], "no file nosuch.npz"),
        (["."], "no file is named"),
        (["net.csv"], "net.csv is none of .npz, .mat, .safetensors"),
        (["net.npz"], "--layers is missing: .* arrays: fc1.weight (30, 784)"),
        (["net.npz", "--layers", WORDS], "--input-shape is missing"),
        (["net.npz", "--layers", WORDS, "--input-shape", 8, 8], "what is below gives 64 numbers"),
        (["net.npz", "--layers", WORDS, "--input-shape", 0], "input_shape must be positive integers"),
        (["net.npz", "--layers", WORDS, "--input-shape", 28, 28, "-o", "there.npz"], "there.npz is there already"),
        (["net.npz", "--layers", WORDS, "--input-shape", 28, 28, "-o", "."], "is a folder; give a file's name"),
        (["net.npz", "--architecture", "net.csv"], "net.csv must be a JSON table of layers, input_shape"),
        (["empty.npz", "--layers", WORDS], "empty.npz holds no array of numbers"),
        (["bad.mat", "--layers", WORDS], "bad.mat is damaged or no .mat file"),
    ],
)
def test_what_is_refused_in_one_line(arrays, capsys, args, said):
    np.savez("net.npz", **arrays)
    np.savez("empty.npz", a=np.zeros(0))
    for name in ("net.csv", "there.npz", "bad.mat"):
        Path(name).write_text("not this" * 40)
    assert run(*args) == 2
    err = capsys.readouterr().err
    first, _, second = said.partition(" .* ")
    assert first in err and second in err
    assert Path("there.npz").read_text().startswith("not this")


def test_nothing_heavy_is_imported():
    code = "import sys, dbnvis.interop; print([x for x in ('torch', 'sklearn', 'scipy', 'tyro') if x in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
