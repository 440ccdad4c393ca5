// The recorded steps of training, taken again by mien train --replay. Recorded outputs: tests/data/golden/train_*, in
// float32 alone; tests/data/oracle has the same steps in float64, by a replica that reproduces the recorded losses
// (tests/oracle/flow_training.py).
//
// Gradients are far smaller than 1, so the gate is relative throughout: at most 4 times as far from float64 as the
// public code, or one millionth of the largest number. Where that is less than a thousandth of the learning rate, a
// parameter may be off by so much: Adam's first steps divide a gradient by its own size, so that the roundings of one
// that is nearly zero come back as parts of a whole step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/parity.h"

namespace {

using mien::parity::DataPath;
using mien::parity::Recorded;
using mien::parity::RunMien;
using mien::parity::TempFolder;

using Numbers = std::vector<double>;

double Distance(const Numbers& a, const Numbers& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(a[i] - b[i]);
    largest = d <= largest ? largest : d;  // a NaN stays
  }
  return largest;
}

// What the golden file has under the name of a result.
Numbers RecordedAs(const Recorded& golden, const std::string& name) {
  if (name != "loss" && name != "grad_norm") return golden.Get(golden.Has(name) ? name : "step0/" + name).values;
  const char* const part = name == "loss" ? "/losses_flow_ident_attr_total" : "/grad_norm_before_clip";
  Numbers all;
  for (int s = 0; golden.Has("step" + std::to_string(s) + "/ws"); ++s) {
    const Numbers step = golden.Get("step" + std::to_string(s) + part).values;
    all.insert(all.end(), step.begin(), step.end());
  }
  return all;
}

// Everything that was recorded; returns how many tensors.
int JudgeAll(const Recorded& out, const Recorded& golden, const Recorded& exact) {
  constexpr double kOfLargest = 1e-6, kOfStep = 1e-3 * 1e-3;
  const std::string prefix = "f64/";
  int judged = 0;
  double worst = 0;
  for (const std::string& entry : exact.Names()) {
    const std::string name = entry.substr(prefix.size());
    const Numbers truth = exact.Get(entry).values;
    const double largest = Distance(truth, Numbers(truth.size(), 0.0));
    const double off = Distance(RecordedAs(golden, name), truth);
    double gate = std::max(4 * off, kOfLargest * largest);
    if (name.starts_with("after")) gate = std::max(gate, kOfStep);
    const double error = Distance(out.Get(name).values, truth);
    CHECK_MESSAGE(error <= gate, name << ": error " << error << ", gate " << gate);
    worst = std::max(worst, error / gate);
    ++judged;
  }
  std::printf("parity train: %d tensors, worst error/gate %.3f\n", judged, worst);
  return judged;
}

void TestReplay(const std::string& file, const std::string& threads, int tensors) {
  CAPTURE(file);
  CAPTURE(threads);
  TempFolder folder;
  std::string errors;
  const int status = RunMien(
      {"--threads", threads, "train", "--replay", DataPath("golden/" + file), "-o", folder.Path("out.safetensors")},
      &errors);
  REQUIRE_MESSAGE(status == 0, errors);
  const Recorded out(folder.Path("out.safetensors"));
  CHECK(JudgeAll(out, Recorded(DataPath("golden/" + file)), Recorded(DataPath("oracle/" + file))) == tensors);
}

}  // namespace

TEST_CASE("training: the recorded steps") {
  TestReplay("train_a_cond_epoch40.safetensors", "1", 183);
  TestReplay("train_a_cond_epoch40.safetensors", "3", 183);
  TestReplay("train_b_std_epoch0.safetensors", "2", 119);
}
