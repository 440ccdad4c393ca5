"""ONNX Runtime and OpenVINO as rivals, on the graphs that rival_torch.py exported.

    rival_onnx.py onnxruntime|openvino PIPELINE public|rewritten THREADS FOLDER OUT
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
from rival_serve import PIPELINES, load_input, serve, weights_of  # noqa: E402


def onnxruntime_functions(paths, threads):
    import onnxruntime

    def load(path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})

    return "ONNX Runtime " + onnxruntime.__version__, [load(path) for path in paths]


def openvino_functions(paths, threads):
    import openvino

    core = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
              "PERFORMANCE_HINT": "LATENCY"}

    def load(path):
        request = core.compile_model(path, "CPU", config).create_infer_request()

        def run(x):
            request.infer([x], share_inputs=True, share_outputs=True)
            return [output.data for output in request.output_tensors]
        return run

    return "OpenVINO " + openvino.__version__.split("-")[0], [load(path) for path in paths]


if __name__ == "__main__":
    engine, pipeline, form, threads, folder, out = sys.argv[1:]
    networks = PIPELINES[pipeline]
    paths = ["%s/%s-%s-%s.onnx" % (folder, weights_of(pipeline, n), n, form) for n in networks]
    engines = {"onnxruntime": onnxruntime_functions, "openvino": openvino_functions}
    name, functions = engines[engine](paths, int(threads))
    serve(name, list(zip(networks, functions)), load_input(folder, pipeline), out)
