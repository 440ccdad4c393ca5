// The parity gate and what its tests share: tensors of recorded files, the program under test, a folder that goes away.
//
// One rule judges every comparison with a recorded output. Where the file has the tensor in float64 (f64/NAME):
//   max|ours - f64| <= 4 max|recorded - f64|      over that tensor
// elsewhere
//   max|ours - recorded| <= 2e-5 max(1, rms(recorded))
//
// Of big tensors the files hold 64 samples and statistics. The samples are judged as a tensor. Mean, standard
// deviation, extremes, mean|x| and rms move by no more than the tensor's largest error, so each is judged with the
// samples' gate (plus 1e-12 relative for the order of the double-precision sums).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/hashgen.h"
#include "weights/container.h"

namespace mien::parity {

struct Tensor {
  Shape shape;
  std::vector<double> values;
};

// An ordinary safetensors file whose tensors are read when asked for. Errors fail the running test case.
class Recorded {
 public:
  explicit Recorded(const std::string& path);
  bool Has(const std::string& name) const;
  Tensor Get(const std::string& name) const;  // exactly converted
  std::vector<std::string> Names() const;
  const std::map<std::string, std::string>& metadata() const { return file_->metadata(); }

 private:
  std::string path_;
  std::unique_ptr<TensorFile> file_;
};

std::string DataPath(const std::string& name);  // tests/data/NAME

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Runs the program; returns its exit status and stores what it wrote to stderr.
int RunMien(const std::vector<std::string>& arguments, std::string* errors);

// Model files for the public checkpoints, and programs of these models run on tensors. All through the program;
// failures fail the test case.
class Subject {
 public:
  Subject(const TempFolder& folder, const std::string& checkpoint, int threads = 0);
  // mien --exact run ARGUMENTS --in (file of `inputs`) --out ...; outputs in a file that lives until the next Run.
  Recorded Run(const std::vector<std::string>& arguments, const std::map<std::string, Tensor>& inputs) const;
  // The same with the algorithms a user gets.
  Recorded RunFast(const std::vector<std::string>& arguments, const std::map<std::string, Tensor>& inputs) const;

 private:
  const TempFolder& folder_;
  std::string model_;
  int threads_;
};

// The gate for one tensor; fails the test case when not met and notes the achieved error in the table.
void Judge(const std::string& group, const std::string& name, const std::vector<double>& ours,
           const std::vector<double>& recorded, const std::vector<double>* f64);
// The same with the recorded values taken from the file, f64/NAME included.
void Judge(const std::string& group, const std::string& name, const std::vector<double>& ours, const Recorded& file);

// NAME/val at NAME/idx, and NAME/stats, of a big tensor.
void JudgeSampled(const std::string& group, const std::string& name, const std::vector<double>& ours,
                  const Recorded& file);

double Rms(const std::vector<double>& a);

// What stands in for the gate where Winograd's algorithm computes: 90 dB, as the rms of the error (a ratio of error to
// gate of 0.1 is 110 dB). `range`: 2 for a picture, the rms for other tensors.
void JudgeDecibels(const std::string& group, const std::string& name, const std::vector<double>& ours,
                   const std::vector<double>& f64, double range);

}  // namespace mien::parity
