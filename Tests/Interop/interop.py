"""Compares files of `ccnn export` with the tool: ONNX in onnxruntime, weights in torch.

Usage: interop.py CCNN. Every architecture is trained on a few random images (in float32), exported, checked by
onnx.checker with shape inference, and run on 100 other random images. Prints the largest difference to
`ccnn predict` in units of the largest output, and fails above 1e-5 (single precision).
"""

import gzip
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-5
# Double precision on both sides.
DOUBLE_TOLERANCE = 1e-12
IMAGES = (2, 7, 6)
PLAIN = (1, 7, 6)
SIGNALS = (2, 11)

GATED = ["--activation", "gated", "--cells", "sample:6"]
SMOOTH = ["--activation", "polynomial:0.5,-1,0.25"]
WHITE = ["--standardize", "patch-whiten"]

# Name, shape of a sample, flags.
CASES = [
    ("relu, average", IMAGES, ["--filter", "3x3"]),
    ("relu, sum", IMAGES, ["--filter", "3x2", "--pooling", "sum"]),
    ("relu, max", IMAGES, ["--filter", "3x3", "--pooling", "max"]),
    ("relu, none", IMAGES, ["--filter", "3x3", "--pooling", "none", "--bias"]),
    ("relu, average:5x2, equal windows", IMAGES, ["--filter", "3x3", "--pooling", "average:5x2"]),
    ("relu, average:2x3, unequal windows", IMAGES, ["--filter", "3x3", "--pooling", "average:2x3"]),
    ("relu, sum:2x2, equal windows", IMAGES, ["--filter", "2x3", "--pooling", "sum:2x2"]),
    ("relu, sum:3x2, unequal windows", IMAGES, ["--filter", "3x3", "--pooling", "sum:3x2"]),
    ("relu, max:2x2, equal windows", IMAGES, ["--filter", "2x3", "--pooling", "max:2x2"]),
    ("relu, max:2x3, unequal windows", IMAGES, ["--filter", "3x3", "--pooling", "max:2x3", "--bias"]),
    ("relu, 1x1 filters, bias", IMAGES, ["--filter", "1x1", "--bias", "--pooling", "none"]),
    ("relu, filter as large as the image", PLAIN, ["--filter", "7x6"]),
    ("relu, stride 2", IMAGES, ["--filter", "3x2", "--stride", "2", "--pooling", "sum", "--bias"]),
    ("relu, zero padding", PLAIN, ["--filter", "3x3", "--padding", "zero"]),
    ("relu, zero padding, even filter, bias", IMAGES,
     ["--filter", "4x2", "--padding", "zero", "--bias", "--pooling", "average:2x2"]),
    ("relu, zero padding, stride 3, bias", IMAGES,
     ["--filter", "3x2", "--padding", "zero", "--stride", "3", "--bias", "--pooling", "none"]),
    ("relu, zero padding, pixel", IMAGES,
     ["--filter", "3x3", "--padding", "zero", "--standardize", "pixel", "--bias"]),
    ("relu, circular padding", PLAIN, ["--filter", "3x2", "--padding", "circular", "--pooling", "none"]),
    ("relu, circular padding, stride 2, bias", IMAGES,
     ["--filter", "2x4", "--padding", "circular", "--stride", "2", "--bias"]),
    ("relu, circular padding, 1x3", IMAGES, ["--filter", "1x3", "--padding", "circular"]),
    ("relu, output bias", IMAGES, ["--filter", "3x3", "--output-bias", "--bias"]),
    ("relu, logistic, one output", PLAIN, ["--filter", "3x3", "--loss", "logistic", "--bias"]),
    ("relu, squared", PLAIN, ["--filter", "3x3", "--loss", "squared", "--pooling", "sum"]),
    ("relu, global", PLAIN, ["--filter", "3x3", "--standardize", "global"]),
    ("relu, global, zero padding", PLAIN,
     ["--filter", "3x3", "--standardize", "global", "--padding", "zero"]),
    ("relu, global, circular, bias", IMAGES,
     ["--filter", "3x3", "--standardize", "global", "--padding", "circular", "--bias"]),
    ("relu, pixel", IMAGES, ["--filter", "3x3", "--standardize", "pixel"]),
    ("relu, whitened", IMAGES, ["--filter", "2x2"] + WHITE),
    ("relu, whitened, bias, circular", IMAGES,
     ["--filter", "2x2", "--bias", "--padding", "circular"] + WHITE),
    ("relu, filter rank 2", PLAIN, ["--filter", "2x2", "--filter-rank", "2"]),
    ("relu, all cells", PLAIN,
     ["--filter", "1x2", "--loss", "logistic", "--pooling", "sum", "--cells", "all"]),
    ("relu, no neuron", IMAGES, ["--filter", "3x3", "--lambda-ratio", "1.5"]),
    ("relu, no neuron, output bias", IMAGES,
     ["--filter", "3x3", "--output-bias", "--lambda-ratio", "1.5"]),
    ("relu signals", SIGNALS, ["--filter", "4", "--bias"]),
    ("relu signals, max:1x3, zero padding", SIGNALS,
     ["--filter", "4", "--pooling", "max:1x3", "--padding", "zero"]),
    ("relu signals, sum:1x2, stride 2", SIGNALS,
     ["--filter", "3", "--pooling", "sum:1x2", "--stride", "2"]),
    ("relu signals, circular, none", SIGNALS,
     ["--filter", "3", "--pooling", "none", "--padding", "circular", "--standardize", "pixel"]),
    ("relu signals, whitened, bias", SIGNALS, ["--filter", "3", "--bias"] + WHITE),
    ("gated, average", IMAGES, ["--filter", "3x3"] + GATED),
    ("gated, sum:2x2, bias, zero padding", IMAGES,
     ["--filter", "3x2", "--bias", "--padding", "zero", "--pooling", "sum:2x2"] + GATED),
    ("gated, none, circular, stride 2", IMAGES,
     ["--filter", "2x2", "--padding", "circular", "--stride", "2", "--pooling", "none"] + GATED),
    ("gated, whitened", IMAGES, ["--filter", "2x2"] + WHITE + GATED),
    ("gated, whitened, bias, zero padding", IMAGES,
     ["--filter", "2x2", "--bias", "--padding", "zero"] + WHITE + GATED),
    ("gated signals", SIGNALS, ["--filter", "3", "--pooling", "average:1x2"] + GATED),
    ("linear, sum, zero padding", IMAGES,
     ["--filter", "3x3", "--activation", "linear", "--pooling", "sum", "--padding", "zero"]),
    ("linear, none, output bias", IMAGES,
     ["--filter", "2x2", "--activation", "linear", "--pooling", "none", "--output-bias"]),
    ("quadratic, average:2x2", IMAGES,
     ["--filter", "3x3", "--activation", "quadratic", "--pooling", "average:2x2"]),
    ("polynomial, bias", PLAIN, ["--filter", "2x2", "--bias"] + SMOOTH),
    ("polynomial, sum:2x1, zero padding", PLAIN,
     ["--filter", "2x3", "--pooling", "sum:2x1", "--padding", "zero"] + SMOOTH),
    ("polynomial signals, global", SIGNALS, ["--filter", "3", "--standardize", "global"] + SMOOTH),
]


def flag(flags, name, default):
    """The value of a flag."""
    return flags[flags.index(name) + 1] if name in flags else default


def tool(*arguments, code=0):
    """Runs the tool, which has to end with a code; its messages."""
    run = subprocess.run([CCNN, *arguments], capture_output=True, text=True)
    if run.returncode != code:
        sys.exit(f"ccnn {' '.join(arguments)}: exit {run.returncode}, expected {code}\n{run.stderr}")
    return run.stderr


def difference(found, expected, what, tolerance=TOLERANCE):
    """The largest difference in units of the largest output (of 1e-3 at least); ends the program above the tolerance."""
    if found.shape != expected.shape:
        sys.exit(f"{what}: expected shape {expected.shape}, found {found.shape}")
    result = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-3)
    if not result <= tolerance:
        sys.exit(f"{what}: expected a difference of at most {tolerance:g}, found {result:.3g}")
    return result


def predictions(model, images):
    tool("predict", "--model", model, "--images", images, "--output", "p.npy", "--quiet")
    return np.load("p.npy")


def onnx_outputs(path, images):
    """Checks a file as strictly as onnx can, and runs it on one batch and on single images."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    version = [entry.version for entry in model.opset_import]
    if version[0] < 13 or model.graph.input[0].type.tensor_type.shape.dim[0].dim_param != "N":
        sys.exit(f"{path}: expected operator set 13 and batches N")
    text = {entry.key: entry.value for entry in model.metadata_props}
    for key in ["ccnn.version", "ccnn.lambda", "ccnn.certificate.claim"]:
        if not text.get(key):
            sys.exit(f"{path}: expected {key} in metadata_props")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = session.run(["outputs"], {"images": images})[0]
    one = session.run(["outputs"], {"images": images[3:4]})[0]
    difference(one, outputs[3:4], f"{path} on one image")
    return outputs


def torch_outputs(weights, images, flags):
    """What torch makes of exported weights: pad, conv, activation, pooling, linear."""
    x = torch.from_numpy(images).to(weights["conv.weight"].dtype)
    is_signal = x.ndim == 3
    spans = list(weights["conv.weight"].shape[2:])
    padding = flag(flags, "--padding", "valid")
    sides = []
    for span in reversed(spans):
        before = (span - 1) // 2 if padding == "zero" else 0
        sides += [before, span - 1 - before]
    if padding == "circular":
        x = F.pad(x, sides, mode="circular")
    elif padding == "zero":
        x = F.pad(x, sides)
    conv = F.conv1d if is_signal else F.conv2d
    z = conv(x, weights["conv.weight"], weights.get("conv.bias"), stride=int(flag(flags, "--stride", "1")))
    activation = flag(flags, "--activation", "relu")
    if activation == "relu":
        z = z.relu()
    elif activation == "quadratic":
        z = z * z
    elif activation.startswith("polynomial:"):
        a, b, c = map(float, activation.split(":")[1].split(","))
        z = (a * z + b) * z + c
    kind, _, grid = flag(flags, "--pooling", "average").partition(":")
    if kind != "none":
        rows, columns = map(int, (grid or "1x1").split("x"))
        if is_signal:
            z = z.unsqueeze(2)
        height, width = z.shape[2:]
        operation = {"average": torch.mean, "sum": torch.sum, "max": torch.amax}[kind]
        z = torch.stack(
            [operation(z[:, :, r * height // rows:(r + 1) * height // rows,
                         c * width // columns:(c + 1) * width // columns], (2, 3))
             for r in range(rows) for c in range(columns)], dim=2)
    return F.linear(z.flatten(1), weights["head.weight"], weights.get("head.bias")).numpy()


def refusal(name, flags):
    """Words of the refusal of weights for torch, None where they exist."""
    standardize = flag(flags, "--standardize", "none")
    if "no neuron" in name:
        return "at least one neuron"
    if "gated" in flags:
        return "there is no tensor for gates"
    if standardize == "pixel":
        return "same units in every pixel"
    if standardize == "global" and flag(flags, "--padding", "valid") == "zero":
        return "zeros are those of standardized images"
    return None


def compare(name, shape, flags):
    """Trains, exports and runs one architecture; the differences of onnxruntime and of torch (None where refused)."""
    generator = np.random.default_rng(sum(map(ord, name)))
    images = generator.random((24, *shape), dtype=np.float32)
    classes = 2 if "logistic" in flags else 3
    labels = np.arange(24) % classes
    # Classes differ, so that there is something to learn.
    images += labels.reshape(-1, *[1] * len(shape)).astype(np.float32) * 0.3 * np.sign(images - 0.5)
    np.save("images.npy", images)
    np.save("labels.npy", labels.astype(np.int64))
    ratio = [] if "--lambda-ratio" in flags else ["--lambda-ratio", "0.1"]
    tool("train", "--images", "images.npy", "--labels", "labels.npy", "--output", "m.safetensors",
         "--quiet", "--max-seconds", "1", "--gap", "0.05", *ratio, *flags)
    probes = 2 * generator.random((100, *shape), dtype=np.float32) - np.float32(0.5)
    # Black and constant images, where gates meet zeros.
    probes[0] = 0
    probes[1] = 0.5
    np.save("probes.npy", probes)
    expected = predictions("m.safetensors", "probes.npy")
    neurons = load_file("m.safetensors")["conv.weight"].shape[0]
    if (neurons == 0) != ("no neuron" in name):
        sys.exit(f"{name}: found {neurons} neurons")
    tool("export", "m.safetensors", "--output", "m.onnx", "--quiet")
    single = difference(onnx_outputs("m.onnx", probes), expected, name)
    words = refusal(name, flags)
    if words:
        message = tool("export", "m.safetensors", "--output", "w.safetensors", "--quiet", code=65)
        if words not in message:
            sys.exit(f"{name}: expected a refusal with '{words}', found {message}")
        return single, None
    tool("export", "m.safetensors", "--output", "w.safetensors", "--precision", "float64", "--quiet")
    weights = load_file("w.safetensors")
    double = difference(torch_outputs(weights, probes, flags), expected, f"{name} in torch", DOUBLE_TOLERANCE)
    return single, double


def module_round_trip():
    """A network of torch modules: its state is imported, exported, and loaded by load_state_dict."""
    torch.manual_seed(3)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(2, 5, (3, 2))
            self.head = torch.nn.Linear(5 * 4, 3)

        def forward(self, x):
            return self.head(F.adaptive_max_pool2d(self.conv(x).relu(), (2, 2)).flatten(1))

    net = Net()
    flags = ["--pooling", "max:2x2"]
    # 6 x 6 outputs have equal windows; unequal ones overlap in torch, not here.
    images = torch.rand(24, 2, 8, 7)
    np.save("images.npy", images.numpy())
    np.save("labels.npy", np.arange(24) % 3)
    save_file(net.state_dict(), "torch.safetensors")
    tool("import", "--weights", "torch.safetensors", "--images", "images.npy", "--labels", "labels.npy",
         "--lambda", "0.01", "--output", "m.safetensors", "--quiet", *flags)
    probes = torch.rand(100, 2, 8, 7)
    np.save("probes.npy", probes.numpy())
    expected = predictions("m.safetensors", "probes.npy")
    with torch.no_grad():
        first = difference(net(probes).numpy(), expected, "torch module")
        tool("export", "m.safetensors", "--output", "w.safetensors", "--quiet")
        exported = load_file("w.safetensors")
        for key, value in net.state_dict().items():
            if not torch.equal(exported[key], value):
                sys.exit(f"torch module: expected the same {key} after import and export")
        other = Net()
        other.load_state_dict(exported)
        if not torch.equal(other(probes), net(probes)):
            sys.exit("torch module: expected the same outputs after import and export")
    tool("export", "m.safetensors", "--output", "m.onnx", "--quiet")
    return difference(onnx_outputs("m.onnx", probes.numpy()), expected, "torch module in ONNX"), first


def bundled_bytes():
    """The digits are bytes: --images divides them by 255, --dataset by 16, and so has whoever feeds the graph."""
    path = os.path.join(HERE, "..", "..", "data", "digits-test-images-idx3-ubyte.gz")
    tool("train", "--dataset", "digits", "--filter", "3x3", "--bias", "--pooling", "average:2x2", *GATED,
         "--lambda-ratio", "0.05", "--gap", "0.1", "--max-seconds", "5", "--output", "m.safetensors", "--quiet")
    tool("export", "m.safetensors", "--output", "m.onnx", "--quiet")
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 8, 8).astype(np.float32)
    results = []
    for source, scale in [(["--images", path], 255), (["--dataset", "digits"], 16)]:
        tool("predict", "--model", "m.safetensors", *source, "--output", "p.npy", "--quiet")
        results.append(difference(onnx_outputs("m.onnx", pixels / scale), np.load("p.npy"), f"digits / {scale}"))
    return max(results), None


def main():
    rows = [("architecture", "onnxruntime", "torch")]
    results = [(name, *compare(name, shape, flags)) for name, shape, flags in CASES]
    results.append(("torch module, imported and exported", *module_round_trip()))
    results.append(("digits, bytes / 255 and / 16, gated", *bundled_bytes()))
    rows += [(name, f"{single:.1e}", "-" if double is None else f"{double:.1e}")
             for name, single, double in results]
    for row in rows:
        print(f"{row[0]:<44}{row[1]:>14}{row[2]:>12}")
    worst = max(single for _, single, _ in results)
    print(f"{len(results)} architectures, 100 images each: largest difference {worst:.1e} of the largest output")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: interop.py CCNN")
    CCNN = os.path.abspath(sys.argv[1])
    HERE = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main()
