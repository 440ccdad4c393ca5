// Every op's cases (kernels/all_cases.h) on this machine against the double reference: what `mien selftest` runs.
#pragma once

#include <string>
#include <vector>

#include "runtime/device.h"

namespace mien {

struct OpCheck {
  std::string op;
  std::string form;  // "cpu", "fp32", "tf32", "fp16"
  int cases = 0;
  double error = 0.0, tolerance = 0.0;  // of the case that came nearest to its tolerance
  std::string nearest;                  // its name
  bool passed() const { return error <= tolerance; }
};

// The CPU kernels: max|ours - reference| / rms(reference) of every output. `quick` leaves out the cases of full-size
// networks. kInterrupted after a signal.
Result<std::vector<OpCheck>> CheckOpsOnCpu(int threads, bool quick);
// Through the lowering, plan and executor that programs use, captured as they are. fp32: the plain kernels, measured as
// above; tf32 and fp16: the fast forms where there are any, by the relative root mean square (DESIGN.md, "Proof").
Result<std::vector<OpCheck>> CheckOpsOnDevice(const Device& device, bool quick);

}  // namespace mien
