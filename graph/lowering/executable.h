// What a backend runs, the CPU or a device: calls of kernels on buffers of bytes, in the order of its steps. Made
// from a graph by the rules of the backend (lower.h); holds no data and never changes.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graph/dependencies.h"
#include "graph/graph.h"
#include "kernels/cpu_op.h"
#include "kernels/tensor/ops.h"

namespace mien {

// A device's kernel, plain or on tensor cores, or an op on the CPU.
using Kernel = std::variant<FastOp, CpuOp>;

// Weights as a kernel reads them: what its Pack makes of `tensors`, or without a kernel the plain floats of tensors[0].
struct WeightForm {
  Kernel kernel;
  std::vector<std::string> tensors;  // by source of the kernel, empty where absent; of an op on the CPU: by operand
  std::vector<Shape> shapes;         // of tensors; of an op on the CPU also of the other operands, without the batch
  uint64_t bytes = 0;

  // Whether both are the same bytes: compares the tensors and what Pack depends on, nothing else.
  bool operator==(const WeightForm& other) const;
  bool plain() const;
  std::string tensor_names() const;  // of all of them, to look forms up by
  // Of the tensors as they are read to be packed, every one aligned for the host.
  uint64_t loading_bytes() const;
  void Pack(Inputs<float> sources, std::byte* packed) const;
};

struct Executable {
  struct Value {
    using Kind = mien::Value::Kind;
    Kind kind = Kind::kComputed;
    uint64_t bytes = 0;  // in memory
    std::string name;    // input: its name; weight: its first tensor; computed: its layer
    int form = -1;       // weight: of `forms`; -1: nobody reads it as it is
    // Of images of which a window of rows is in memory; 0: the whole value is.
    int64_t window_rows = 0, row_bytes = 0;

    // Weights and parameters lie elsewhere.
    bool in_arena() const { return kind == Kind::kInput || kind == Kind::kComputed; }
  };
  // Values are kAbsent where an operand is not there or a result is not made. A value may be written by several calls,
  // each a part of it (grouped convolutions that join).
  struct Call {
    Kernel kernel;
    std::string layer;
    std::vector<ValueId> in, out;
    int plan_step = 0;    // of the memory plan; all calls in bands share the last one
    uint64_t parts = ~uint64_t{0};  // where values are kept: parts of the inputs that its plan step depends on

    const FastOp& fast() const { return std::get<FastOp>(kernel); }
    const CpuOp& cpu() const { return std::get<CpuOp>(kernel); }
    bool in_rows() const { return std::holds_alternative<CpuOp>(kernel) && cpu().in_rows; }
  };
  struct Step {
    int call = 0;
    RowRange rows;             // of the result; {0, 0}: all there is
    int64_t window_begin = 0;  // before the step, the result's window moves on so that this is its first row
  };

  std::string name;
  Precision precision = Precision::kFloat;
  uint64_t alignment = 0;  // of every buffer
  std::vector<Value> values;
  std::vector<Call> calls;
  std::vector<Step> steps;
  std::vector<WeightForm> forms;          // in the order in which they are read first; may repeat
  std::vector<ValueId> inputs;      // fp32, in the layout and order of the graph's inputs
  std::vector<NamedValue> outputs;  // fp32, in the layout and order of the graph's outputs
  int plan_steps = 0;
  // Whole values stay in memory to the end, so that the next run can leave out what depends on no changed part.
  bool keeps_values = false;
  std::vector<InputPart> parts;

  bool banded() const { return !steps.empty() && steps.back().rows.end > 0; }
  FastCost TotalCost() const;

  ValueId AddValue(Value value);
  // A weight in this form, named by its first tensor.
  ValueId AddWeight(WeightForm form);
  void RunInOrder();  // every call is one step, whole
};

constexpr uint64_t kHostAlignment = 64, kDeviceAlignment = 256;

}  // namespace mien
