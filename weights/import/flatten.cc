// From a tree of pickle values to dotted names. Shared and even cyclic structures are legal in a pickle;
// depth and a budget of visits bound the walk.
#include <cinttypes>
#include <set>

#include "weights/header.h"
#include "weights/import/pickle.h"

namespace mien {
namespace {

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxVisits = 1 << 20;
constexpr size_t kMaxScalars = 1 << 16;
constexpr size_t kMaxTensors = 1 << 16;
constexpr size_t kMaxPath = 511;
constexpr size_t kMaxText = 256;  // longer strings (embedded sources) are of no use here

class Walker {
 public:
  Walker(const PickleTree& tree, ForeignFile* file) : tree_(tree), file_(file) {}

  Status Visit(ValueId id, int depth) {
    if (depth > kMaxDepth) return Status::Error(Code::kRefused, "%s: nested too deep", Where().c_str());
    if (++visits_ > kMaxVisits) return Status::Error(Code::kRefused, "more than a million values");
    const PickleValue& value = tree_[id];
    switch (value.kind) {
      case PickleKind::kNone:
        return Scalar({});
      case PickleKind::kBool:
        return Scalar(value.integer != 0);
      case PickleKind::kInt:
        return Scalar(value.integer);
      case PickleKind::kFloat:
        return Scalar(value.real);
      case PickleKind::kString:
        if (value.index > kMaxText) return {};
        return Scalar(std::string(tree_.Text(value)));
      case PickleKind::kGlobal:
        // The only function of the list; spec c.3: the flow's activation.
        if (static_cast<PickleGlobal>(value.index) == PickleGlobal::kFunction) {
          return Scalar(std::string("torch.nn.functional.relu"));
        }
        return {};
      case PickleKind::kList:
      case PickleKind::kTuple:
        return Sequence(value, depth);
      case PickleKind::kDict:
        return Dictionary(value, depth);
      case PickleKind::kModule:
        return Module(value, depth);
      case PickleKind::kTensor:
        return Tensor(value);
      case PickleKind::kLong:
      case PickleKind::kBytes:
      case PickleKind::kSet:
      case PickleKind::kStorage:
      case PickleKind::kType:
        return {};
    }
    return {};
  }

 private:
  std::string Where() const { return path_.empty() ? "the root" : Printable(path_); }

  Status Below(std::string_view name, ValueId id, int depth) {
    const size_t length = path_.size();
    if (length + name.size() + 1 > kMaxPath)
      return Status::Error(Code::kRefused, "%s: a name too long", Where().c_str());
    if (!path_.empty()) path_ += '.';
    path_ += name;
    MIEN_TRY(Visit(id, depth + 1));
    path_.resize(length);
    return {};
  }

  Status Sequence(const PickleValue& value, int depth) {
    const auto& items = tree_.Items(value);
    for (size_t i = 0; i < items.size(); ++i) MIEN_TRY(Below(std::to_string(i), items[i], depth));
    return {};
  }

  Status Dictionary(const PickleValue& value, int depth) {
    const auto& items = tree_.Items(value);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      std::string name;
      if (key.kind == PickleKind::kString)
        name = std::string(tree_.Text(key).substr(0, kMaxPath + 1));
      else if (key.kind == PickleKind::kInt)
        name = std::to_string(key.integer);
      else
        return Status::Error(Code::kRefused, "%s: a key that is neither text nor integer", Where().c_str());
      if (!IsValidUtf8(name))
        return Status::Error(Code::kRefused, "%s: a key that is not UTF-8", Where().c_str());
      MIEN_TRY(Below(name, items[i + 1], depth));
    }
    return {};
  }

  // A persistent object counts as its state: parameters, buffers and submodules under their own names,
  // scalars beside them (spec i.3). Its class name is kept as a scalar; its source is never looked at.
  Status Module(const PickleValue& value, int depth) {
    const PickleValue& dict = tree_[value.index];
    ValueId state = 0;
    for (size_t i = 0; i + 1 < tree_.Items(dict).size(); i += 2) {
      const PickleValue& key = tree_[tree_.Items(dict)[i]];
      if (key.kind != PickleKind::kString) continue;
      if (tree_.Text(key) == "state") state = tree_.Items(dict)[i + 1];
      if (tree_.Text(key) == "class_name") MIEN_TRY(Below("__class__", tree_.Items(dict)[i + 1], depth));
    }
    if (tree_[state].kind != PickleKind::kDict) {
      return Status::Error(Code::kRefused, "%s: a module without a state", Where().c_str());
    }
    const auto& items = tree_.Items(tree_[state]);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      if (key.kind != PickleKind::kString) {
        return Status::Error(Code::kRefused, "%s: an attribute without a name", Where().c_str());
      }
      const std::string_view name = tree_.Text(key);
      if (name == "_parameters" || name == "_buffers" || name == "_modules") {
        if (tree_[items[i + 1]].kind != PickleKind::kDict) {
          return Status::Error(Code::kRefused, "%s: %.*s is no dictionary", Where().c_str(),
                               static_cast<int>(name.size()), name.data());
        }
        MIEN_TRY(Visit(items[i + 1], depth + 1));
      } else if (name.empty() || name[0] != '_') {  // hooks and constructor arguments say nothing new
        if (!IsValidUtf8(name))
          return Status::Error(Code::kRefused, "%s: a name that is not UTF-8", Where().c_str());
        MIEN_TRY(Below(name, items[i + 1], depth));
      }
    }
    return {};
  }

  Status Tensor(const PickleValue& value) {
    if (file_->tensors.size() >= kMaxTensors) return Status::Error(Code::kRefused, "more than 65536 tensors");
    if (!names_.insert(path_).second) {
      return Status::Error(Code::kRefused, "tensor %s is there twice", Where().c_str());
    }
    file_->tensors.push_back(tree_.tensors[value.index]);
    file_->tensors.back().name = path_;
    return {};
  }

  Status Scalar(ForeignScalar scalar) {
    if (file_->scalars.size() >= kMaxScalars)
      return Status::Error(Code::kRefused, "more than 65536 settings");
    file_->scalars[path_] = std::move(scalar);
    return {};
  }

  const PickleTree& tree_;
  ForeignFile* file_;
  std::string path_;
  std::set<std::string> names_;
  int64_t visits_ = 0;
};

}  // namespace

Status Flatten(const PickleTree& tree, ForeignFile* file) {
  MIEN_TRY(Walker(tree, file).Visit(tree.root, 0));
  file->Index();
  return {};
}

}  // namespace mien
