// From a graph to what a backend runs: one function for the CPU, one for devices. The graph stays as it is.
#pragma once

#include "graph/lowering/executable.h"

namespace mien {

// How the CPU computes a graph. All of it gives the same bits but `exact`.
struct CpuLowering {
  bool exact = false;       // no algorithm that rounds more than the direct one (kernels/cpu/conv/winograd.h)
  // From the first layer on whose image outgrows its weights, images exist only as windows of rows, and a layer
  // computes a few rows whenever a later one needs them. By layers where nothing can run so.
  bool bands = false;
  // Weights of many channels stay as they are and are transformed at every use: a quarter of their memory, more time.
  bool on_the_fly = false;
  bool keeps_values = false;
};

// Values of the graph keep their numbers; packed weights follow. An error where an operand that is read only packed is
// no weight of the model.
Result<Executable> LowerForCpu(const Graph& graph, const CpuLowering& how);

// kFloat: every op by its plain kernel, traces included. kTf32 and kHalf: the steps of kernels/tensor where a rule
// knows one (lowering.h), else plain kernels, so every graph can be lowered.
Result<Executable> LowerForDevice(const Graph& graph, Precision precision);

// The second opinion on the order of steps: walks them and keeps account of which rows of every value are in memory.
// Every row is computed once, after the rows it is computed from and while they are there.
Status CheckSteps(const Executable& executable);

}  // namespace mien
