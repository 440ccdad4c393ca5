"""PyTorch as a rival, and the exporter of the graphs for ONNX Runtime and OpenVINO.

    rival_torch.py serve PIPELINE public|rewritten THREADS FOLDER OUT
    rival_torch.py export PIPELINE public|rewritten FOLDER      FOLDER/WEIGHTS-NETWORK-FORM.onnx, where not yet there
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
import torch  # noqa: E402

import tensor_io  # noqa: E402
from public_graphs import PUBLIC  # noqa: E402
from rewritten_graphs import REWRITTEN  # noqa: E402
from rival_serve import PIPELINES, load_input, serve, weights_of  # noqa: E402

# PyTorch reorders a convolution's weights at every call anyway, so styles scale them there for nothing.
IN_PYTORCH = dict(REWRITTEN, synthesis=lambda state: REWRITTEN["synthesis"](state, modulate="weights"))


def build(folder, pipeline, network, functions):
    arrays = tensor_io.read("%s/%s.safetensors" % (folder, weights_of(pipeline, network)))[0]
    return functions[network]({k: torch.from_numpy(v.copy()) for k, v in arrays.items()})


def arrays_of(function):
    def run(x):
        out = function(torch.from_numpy(x))
        return [y.numpy() for y in (out if isinstance(out, tuple) else (out,))]
    return run


def main():
    task, pipeline, form = sys.argv[1:4]
    if task == "serve":
        threads, folder, out = sys.argv[4:]
        torch.set_num_threads(int(threads))
        functions = PUBLIC if form == "public" else IN_PYTORCH
        networks = [(n, arrays_of(build(folder, pipeline, n, functions))) for n in PIPELINES[pipeline]]
        serve("PyTorch " + torch.__version__, networks, load_input(folder, pipeline), out)
        return
    folder = sys.argv[4]
    for network in PIPELINES[pipeline]:
        path = "%s/%s-%s-%s.onnx" % (folder, weights_of(pipeline, network), network, form)
        if os.path.exists(path):
            continue
        function = build(folder, pipeline, network, PUBLIC if form == "public" else REWRITTEN)

        class Module(torch.nn.Module):
            def forward(self, x):
                return function(x)

        shape = {"encoder": [1, 3, 256, 256], "synthesis": [1, 14 if pipeline == "synthesis256" else 18, 512]}
        x = torch.randn(shape.get(network, [1, 18, 512]))
        torch.onnx.export(Module(), x, path + ".tmp", input_names=["x"], opset_version=13)
        os.rename(path + ".tmp", path)


if __name__ == "__main__":
    with torch.no_grad():
        main()
