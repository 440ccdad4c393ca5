#include "tools/codes.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/stream.h"
#include "tools/outputs.h"
#include "tools/tensors.h"
#include "weights/header.h"

namespace mien {
namespace {

constexpr int64_t kMaxCodes = 4096;
constexpr const char* kNames[] = {"w_plus", "f", "w", "latent", "latents", "latent_in", "arr_0"};

// How a tensor is read: `count` codes of `rows` rows each.
struct Form {
  int64_t count = 0, rows = 0;
};

// [..., L, D]: codes; [..., 1, D], [N, D], [D]: one row each. [L, D] is one code, not L rows: so the public
// encoders and projectors write it.
std::optional<Form> FormOf(const ForeignTensor& tensor, int rows, int w_dim) {
  const Shape& shape = tensor.shape;
  const bool number = tensor.type == DType::kF16 || tensor.type == DType::kBF16 ||
                      tensor.type == DType::kF32 || tensor.type == DType::kF64;
  if (!number || shape.rank < 1 || shape[shape.rank - 1] != w_dim || shape.elements() == 0)
    return std::nullopt;
  const int64_t all_rows = shape.elements() / w_dim;
  const int64_t inner = shape.rank > 1 ? shape[shape.rank - 2] : 1;
  if (shape.rank > 1 && inner == rows) return Form{all_rows / rows, rows};
  if (shape.rank <= 2 || inner == 1) return Form{all_rows, 1};
  return std::nullopt;
}

std::string_view LastPart(std::string_view name) { return name.substr(name.rfind('.') + 1); }

struct Chosen {
  const ForeignTensor* tensor;
  Form form;
  std::string_view name;  // the tensor's, without the number of a step
};

// "photo.jpg" of "photo.jpg.4"; nothing where no number ends the name.
std::string_view WithoutNumber(std::string_view name) {
  const size_t dot = name.rfind('.');
  const bool number = dot != std::string_view::npos && dot + 1 < name.size() &&
                      name.find_first_not_of("0123456789", dot + 1) == std::string_view::npos;
  return number ? name.substr(0, dot) : std::string_view();
}

// ReStyle's latents.npy has a list for each picture, of the codes of all steps: the last one is the result.
void KeepLastSteps(std::vector<Chosen>* codes) {
  std::vector<Chosen> last;
  for (Chosen code : *codes) {
    const std::string_view picture = WithoutNumber(code.name);
    if (!picture.empty()) code.name = picture;
    if (!picture.empty() && !last.empty() && last.back().name == picture) last.pop_back();
    last.push_back(code);
  }
  *codes = std::move(last);
}

Result<std::vector<Chosen>> Choose(const ForeignFile& file, int rows, int w_dim) {
  std::vector<Chosen> fitting, named;
  for (const ForeignTensor& tensor : file.tensors) {
    if (const auto form = FormOf(tensor, rows, w_dim)) fitting.push_back({&tensor, *form, tensor.name});
  }
  if (file.kind == "npy") KeepLastSteps(&fitting);
  for (const char* name : kNames) {
    for (const Chosen& one : fitting) {
      if (LastPart(one.tensor->name) == name) named.push_back(one);
    }
    if (!named.empty()) return named;
  }
  if (fitting.empty()) {
    return Status::Error(Code::kUsage, "w_plus of %d rows of %d numbers expected, the file has %s", rows,
                         w_dim, ContentInWords(file).c_str());
  }
  for (const Chosen& one : fitting) {
    if (!(one.tensor->shape == fitting[0].tensor->shape)) {
      return Status::Error(Code::kUsage, "which tensor is meant? %s", ContentInWords(file).c_str());
    }
  }
  return fitting;
}

// A picture's own name in the file: "photos/a.png.latent" is a. Nothing: it has none.
std::string OwnName(std::string_view name) {
  const std::string_view last = LastPart(name);
  if (std::ranges::find(kNames, last) != std::end(kNames))
    name.remove_suffix(std::min(name.size(), last.size() + 1));
  return ResultName(Printable(name));
}

void SayWhatWasDone(const Session& session, const std::string& input, const ForeignFile& file,
                    const std::vector<Chosen>& chosen, int rows) {
  const ForeignTensor& first = *chosen[0].tensor;
  const std::string name = Printable(first.name), shape = first.shape.ToString();
  if (file.tensors.size() > chosen.size()) {
    session.Note("%s: %s is taken%s", input.c_str(), name.c_str(),
                 chosen.size() > 1 ? ", and others like it" : "");
  }
  const bool alike = std::ranges::all_of(chosen, [](const Chosen& one) { return one.form.rows == 1; });
  if (alike && rows > 1) {
    session.Note("%s: %s has one row per face; it is used for all %d rows", input.c_str(), shape.c_str(),
                 rows);
  } else if (first.shape.rank == 2) {
    session.Note("%s: %s is read as one face of %d rows", input.c_str(), shape.c_str(), rows);
  }
}

}  // namespace

void Codes::CopyTo(size_t i, std::span<float> w_plus) const {
  for (size_t at = 0; at < w_plus.size(); at += values_[i].size())
    std::ranges::copy(values_[i], w_plus.begin() + static_cast<ptrdiff_t>(at));
}

Result<Codes> ReadCodes(const Session& session, const std::string& path, int rows, int w_dim) {
  MIEN_ASSIGN(const ForeignFile file, OpenTensors(path));
  const std::string input = InputName(path);
  auto chosen = Choose(file, rows, w_dim);
  if (!chosen.ok()) return chosen.status().Within("%s", input.c_str());
  int64_t count = 0;
  for (const Chosen& one : *chosen) count += one.form.count;
  if (count > kMaxCodes) {
    return Status::Error(Code::kUsage, "%s: %lld codes, at most %lld expected", input.c_str(),
                         static_cast<long long>(count), static_cast<long long>(kMaxCodes));
  }
  SayWhatWasDone(session, input, file, *chosen, rows);
  Codes codes;
  std::set<std::string> taken;
  for (const Chosen& one : *chosen) {
    auto values = ReadFloats(*one.tensor);
    if (!values.ok()) return values.status().Within("%s", input.c_str());
    const size_t each = values->size() / static_cast<size_t>(one.form.count);
    const std::string own = chosen->size() > 1 ? OwnName(one.name) : "";
    for (size_t i = 0; i < values->size(); i += each) {
      std::string name = own.empty() ? ResultName(path) : own;
      if (count > 1 && (own.empty() || one.form.count > 1)) name += "-" + std::to_string(codes.size());
      if (!taken.insert(name).second) name += "-" + std::to_string(codes.size());  // a.png and a.jpg
      codes.names_.push_back(std::move(name));
      const auto begin = values->begin() + static_cast<ptrdiff_t>(i);
      codes.values_.emplace_back(begin, begin + static_cast<ptrdiff_t>(each));
    }
  }
  return codes;
}

}  // namespace mien
