"""What the rival processes share: what a pipeline is, and the service: outputs of a first run into a file for the
proof, "ready NAME", then one timed run for every line on stdin, answered with "WALL_MS CPU_MS" (the time of all
threads).

In a pipeline the first output of a network is the input of the next; between the flow and its inverse two attributes of
every row are rewritten, as in the recorded edit.
"""
import sys
import time

import numpy as np

import tensor_io

PIPELINES = {"synthesis256": ["synthesis"], "synthesis1024": ["synthesis"], "encoder": ["encoder"],
             "flow": ["flow", "flow_inverse"], "edit": ["encoder", "flow", "flow_inverse", "synthesis"]}
OUTPUTS = {"synthesis": ["image"], "encoder": ["w_plus"], "flow": ["latent", "logabsdet"],
           "flow_inverse": ["w_plus", "logabsdet"]}
EDITS = {0: -2.0, 5: 2.0}


def weights_of(pipeline, network):
    """The kind of generated weights (tests/support/hash_weights)."""
    if network == "synthesis":
        return "g256" if pipeline == "synthesis256" else "g1024"
    return "e4e" if network == "encoder" else "flow512"


def load_input(folder, pipeline):
    tensors, _ = tensor_io.read("%s/%s.in.safetensors" % (folder, pipeline))
    return next(iter(tensors.values())).copy()


def serve(name, networks, x, path):
    """networks: [(name, function of an array -> arrays)]."""
    def run():
        value, outputs = x, {}
        for network, function in networks:
            if network == "flow_inverse":
                value = value.copy()
                for column, to in EDITS.items():
                    value[..., column] = to
            results = function(value)
            outputs.update((network + "/" + key, result) for key, result in zip(OUTPUTS[network], results))
            value = results[0]
        return outputs

    tensor_io.write(path, {key: np.asarray(value) for key, value in run().items()})
    print("ready", name, flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        print("%.3f %.3f" % ((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3), flush=True)
