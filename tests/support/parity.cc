#include "tests/support/parity.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mien::parity {
namespace {

// Achieved errors by group, printed when the program ends.
class Table {
 public:
  ~Table() {
    if (rows_.empty()) return;
    std::printf("parity %-34s %7s %11s %11s  %s\n", "group", "tensors", "error/gate", "max error", "worst tensor");
    for (const auto& [group, row] : rows_) {
      std::printf("parity %-34s %7d %11.3f %11.3g  %s\n", group.c_str(), row.tensors, row.ratio, row.error,
                  row.worst.c_str());
    }
  }
  void Add(const std::string& group, const std::string& name, double error, double ratio) {
    Row& row = rows_[group];
    ++row.tensors;
    row.error = std::max(row.error, error);
    if (row.worst.empty() || ratio > row.ratio) {
      row.ratio = ratio;
      row.worst = name;
    }
  }

 private:
  struct Row {
    int tensors = 0;
    double ratio = 0, error = 0;
    std::string worst;
  };
  std::map<std::string, Row> rows_;
};
Table table;

double MaxDistance(const std::vector<double>& a, const std::vector<double>& b) {
  double distance = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double d = std::abs(a[i] - b[i]);
    distance = d <= distance ? distance : d;  // a NaN stays
  }
  return distance;
}

}  // namespace

double Rms(const std::vector<double>& a) {
  double sum = 0;
  for (double v : a) sum += v * v;
  return a.empty() ? 0 : std::sqrt(sum / static_cast<double>(a.size()));
}

namespace {

template <class T>
std::vector<double> Widen(const std::vector<std::byte>& bytes) {
  const T* data = reinterpret_cast<const T*>(bytes.data());
  return std::vector<double>(data, data + bytes.size() / sizeof(T));
}

// Mean, population standard deviation, min, max, mean|x| and rms, in double.
std::vector<double> Statistics(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  double sum = 0, magnitude = 0, deviation = 0;
  for (double v : x) {
    sum += v;
    magnitude += std::abs(v);
  }
  for (double v : x) deviation += (v - sum / n) * (v - sum / n);
  return {sum / n, std::sqrt(deviation / n), *std::min_element(x.begin(), x.end()),
          *std::max_element(x.begin(), x.end()), magnitude / n, Rms(x)};
}

std::string Quoted(const std::string& word) {
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

Recorded::Recorded(const std::string& path) : path_(path) {
  auto source = File::Open(path);
  REQUIRE_MESSAGE(source.ok(), source.status().message());
  auto file = TensorFile::Open(std::make_shared<File>(std::move(*source)), TensorFile::Profile::kPlain);
  REQUIRE_MESSAGE(file.ok(), path << ": " << file.status().message());
  file_ = std::make_unique<TensorFile>(std::move(*file));
}

bool Recorded::Has(const std::string& name) const { return file_->Find(name) != nullptr; }

Tensor Recorded::Get(const std::string& name) const {
  const TensorEntry* entry = file_->Find(name);
  REQUIRE_MESSAGE(entry != nullptr, path_ << ": no tensor " << name);
  std::vector<std::byte> bytes(entry->bytes);
  Status status = file_->Read(*entry, bytes);
  REQUIRE_MESSAGE(status.ok(), status.message());
  Tensor tensor{entry->shape, {}};
  switch (entry->type) {
    case DType::kF64: tensor.values = Widen<double>(bytes); break;
    case DType::kF32: tensor.values = Widen<float>(bytes); break;
    case DType::kI64: tensor.values = Widen<int64_t>(bytes); break;
    case DType::kI32: tensor.values = Widen<int32_t>(bytes); break;
    case DType::kI16: tensor.values = Widen<int16_t>(bytes); break;
    case DType::kI8: tensor.values = Widen<int8_t>(bytes); break;
    case DType::kU8:
    case DType::kBool: tensor.values = Widen<uint8_t>(bytes); break;
    case DType::kF16:
    case DType::kBF16:
      for (double bits : Widen<uint16_t>(bytes)) {
        auto half = static_cast<uint16_t>(bits);
        tensor.values.push_back(entry->type == DType::kF16 ? HalfToFloat(half) : BFloat16ToFloat(half));
      }
  }
  return tensor;
}

std::vector<std::string> Recorded::Names() const {
  std::vector<std::string> names;
  for (const TensorEntry& entry : file_->tensors()) names.push_back(entry.name);
  return names;
}

std::string DataPath(const std::string& name) { return std::string(MIEN_SOURCE_DIR) + "/tests/data/" + name; }

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "mien-parity-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;  // the folder is temporary anyway
  std::filesystem::remove_all(path_, ignored);
}

int RunMien(const std::vector<std::string>& arguments, std::string* errors) {
  TempFolder folder;
  std::string command = Quoted(MIEN_PROGRAM);
  for (const std::string& argument : arguments) command += " " + Quoted(argument);
  int status = std::system((command + " >/dev/null 2>" + Quoted(folder.Path("stderr"))).c_str());
  std::ifstream file(folder.Path("stderr"));
  std::stringstream text;
  text << file.rdbuf();
  *errors = command + "\n" + text.str();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Subject::Subject(const TempFolder& folder, const std::string& checkpoint, int threads)
    : folder_(folder), model_(folder.Path("model.safetensors")), threads_(threads) {
  std::string errors;
  int status = RunMien({"convert", checkpoint, "-o", model_}, &errors);
  REQUIRE_MESSAGE(status == 0, errors);
}

Recorded Subject::Run(const std::vector<std::string>& arguments, const std::map<std::string, Tensor>& inputs) const {
  std::vector<std::string> words = arguments;
  words.push_back("--exact");
  return RunFast(words, inputs);
}

Recorded Subject::RunFast(const std::vector<std::string>& arguments,
                          const std::map<std::string, Tensor>& inputs) const {
  std::vector<hashgen::NamedFloats> tensors;
  for (const auto& [name, tensor] : inputs) {
    tensors.push_back({name, tensor.shape, {tensor.values.begin(), tensor.values.end()}});
  }
  REQUIRE(hashgen::WriteWeights(folder_.Path("in"), "", hashgen::Rule::kGenerator, {}, tensors).ok());
  std::vector<std::string> words = {"-m", model_, "run", "--in", folder_.Path("in"), "--out", folder_.Path("out")};
  if (threads_ > 0) words.insert(words.begin(), {"--threads", std::to_string(threads_)});
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::string errors;
  int status = RunMien(words, &errors);
  REQUIRE_MESSAGE(status == 0, errors);
  return Recorded(folder_.Path("out"));
}

namespace {

// What the rule allows for a tensor; f64 null: not recorded.
double GateFor(const std::vector<double>& recorded, const std::vector<double>* f64) {
  return f64 != nullptr ? 4 * MaxDistance(recorded, *f64) : 2e-5 * std::max(1.0, Rms(recorded));
}

void Note(const std::string& group, const std::string& name, double error, double gate) {
  table.Add(group, name, error, error == 0 ? 0 : error / gate);
  CHECK_MESSAGE(error <= gate, group << " " << name << ": error " << error << ", gate " << gate);
}

// NAME of the file in float64 where it has it.
std::unique_ptr<std::vector<double>> Truth(const Recorded& file, const std::string& name) {
  if (!file.Has("f64/" + name)) return nullptr;
  return std::make_unique<std::vector<double>>(file.Get("f64/" + name).values);
}

}  // namespace

void Judge(const std::string& group, const std::string& name, const std::vector<double>& ours,
           const std::vector<double>& recorded, const std::vector<double>* f64) {
  REQUIRE_MESSAGE(ours.size() == recorded.size(), group << " " << name << ": number of elements");
  Note(group, name, MaxDistance(ours, f64 != nullptr ? *f64 : recorded), GateFor(recorded, f64));
}

void Judge(const std::string& group, const std::string& name, const std::vector<double>& ours, const Recorded& file) {
  Judge(group, name, ours, file.Get(name).values, Truth(file, name).get());
}

void JudgeSampled(const std::string& group, const std::string& name, const std::vector<double>& ours,
                  const Recorded& file) {
  std::vector<double> samples;
  for (double index : file.Get(name + "/idx").values) samples.push_back(ours.at(static_cast<size_t>(index)));
  Judge(group + " samples", name + "/val", samples, file);

  const std::vector<double> recorded = file.Get(name + "/val").values;
  auto f64 = Truth(file, name + "/val");
  std::vector<double> expected = file.Get((f64 ? "f64/" : "") + name + "/stats").values;
  expected[5] /= std::sqrt(static_cast<double>(ours.size()));  // the files have the L2 norm
  Note(group + " statistics", name + "/stats", MaxDistance(Statistics(ours), expected),
       GateFor(recorded, f64.get()) + 1e-12 * std::max(1.0, expected[5]));
}

void JudgeDecibels(const std::string& group, const std::string& name, const std::vector<double>& ours,
                   const std::vector<double>& f64, double range) {
  REQUIRE(ours.size() == f64.size());
  std::vector<double> errors(ours.size());
  for (size_t i = 0; i < ours.size(); ++i) errors[i] = ours[i] - f64[i];
  Note(group + " Winograd", name, Rms(errors), range * std::pow(10.0, -90.0 / 20.0));
}

}  // namespace mien::parity
