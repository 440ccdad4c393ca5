// From a tree of pickle values to dotted names. Shared and even cyclic structures are legal in a pickle;
// depth and the budget of the file bound the walk.
#include "weights/header.h"
#include "weights/import/pickle.h"

namespace mien {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxPath = 511;
constexpr size_t kMaxText = 256;  // longer strings (embedded sources) are of no use here

class Walker {
 public:
  Walker(const PickleTree& tree, ForeignFile* file, Budget& budget)
      : tree_(tree), file_(file), budget_(budget) {}

  Status Visit(ValueId id, int depth) {
    if (depth > kMaxDepth) return Unread("nested too deep");
    if (!budget_.Work(16 + path_.size() / 16)) return budget_.Spent();
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
      case PickleKind::kName:
        if (value.index > kMaxText) return Unread("a text of " + std::to_string(value.index) + " bytes");
        return Scalar(std::string(tree_.Text(value)));
      case PickleKind::kList:
      case PickleKind::kTuple:
        return Sequence(value, depth);
      case PickleKind::kDict:
        return Dictionary(value, depth);
      case PickleKind::kModule:
        return Module(value, depth);
      case PickleKind::kTensor:
        return Tensor(value);
      case PickleKind::kObject:
        return Object(value, depth);
      case PickleKind::kSkipped:
        return Unread(std::string(tree_.Text(value)));
      case PickleKind::kLong:
        return Unread("an integer of more than 64 bits");
      case PickleKind::kBytes:
      case PickleKind::kOwnedBytes:
        return Unread("a byte string");
      case PickleKind::kSet:
        return Unread("a set");
      case PickleKind::kStorage:
        return Unread("a storage without a tensor");
      case PickleKind::kArray:
        return Unread("a numpy array without numbers");
      case PickleKind::kType:
      case PickleKind::kGlobal:
        return Unread("a type");
    }
    return {};
  }

 private:
  std::string Where() const { return path_.empty() ? "the root" : Printable(path_); }

  // What cannot be named stands beside the others as "?".
  Status Below(std::string_view name, ValueId id, int depth) {
    const size_t length = path_.size();
    const bool fits = length + name.size() + 1 <= kMaxPath && IsValidUtf8(name);
    if (!path_.empty()) path_ += '.';
    path_ += fits ? name : "?";
    MIEN_TRY(fits ? Visit(id, depth + 1) : Unread("something with an odd name"));
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
      if (!budget_.Work(1)) return budget_.Spent();
      if (key.kind == PickleKind::kString) {
        MIEN_TRY(Below(tree_.Text(key), items[i + 1], depth));
      } else if (key.kind == PickleKind::kInt) {
        MIEN_TRY(Below(std::to_string(key.integer), items[i + 1], depth));
      } else {
        MIEN_TRY(Below("\xff", items[i + 1], depth));  // a key that is neither text nor integer
      }
    }
    return {};
  }

  // The value of a text key; null: not there.
  const PickleValue* Lookup(const PickleValue& dict, std::string_view wanted, ValueId* id = nullptr) const {
    const PickleValue* found = nullptr;
    const auto& items = tree_.Items(dict);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      if (key.kind != PickleKind::kString || tree_.Text(key) != wanted) continue;
      found = &tree_[items[i + 1]];
      if (id != nullptr) *id = items[i + 1];
    }
    return found;
  }

  // A persistent object counts as its state: parameters, buffers and submodules under their own names,
  // scalars beside them (networks.md, "Module pickles of NVIDIA"). Its class name is kept as a scalar; its source is
  // never looked at.
  Status Module(const PickleValue& value, int depth) {
    const PickleValue& dict = tree_[value.index];
    if (!budget_.Work(tree_.Items(dict).size())) return budget_.Spent();
    ValueId name = 0;
    if (Lookup(dict, "class_name", &name) != nullptr) MIEN_TRY(Below("__class__", name, depth));
    const PickleValue* state = Lookup(dict, "state");
    if (state == nullptr || state->kind != PickleKind::kDict)
      return Status::Error(Code::kRefused, "%s: a module without a state", Where().c_str());
    const auto& items = tree_.Items(*state);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (!budget_.Work(1)) return budget_.Spent();
      const PickleValue& key = tree_[items[i]];
      const std::string_view text = key.kind == PickleKind::kString ? tree_.Text(key) : "\xff";
      if (text == "_parameters" || text == "_buffers" || text == "_modules") {
        if (tree_[items[i + 1]].kind != PickleKind::kDict) {
          return Status::Error(Code::kRefused, "%s: %.*s is no dictionary", Where().c_str(),
                               static_cast<int>(text.size()), text.data());
        }
        MIEN_TRY(Visit(items[i + 1], depth + 1));
      } else if (text.empty() || text[0] != '_') {  // hooks and constructor arguments say nothing new
        MIEN_TRY(Below(text, items[i + 1], depth));
      }
    }
    return {};
  }

  // An object of a class that means nothing here. Its attributes are data like any other; what its class
  // would have added to them is not known. A module of torch is more than its attributes: only its own code
  // names its tensors.
  Status Object(const PickleValue& value, int depth) {
    const auto& parts = tree_.Items(value);
    const std::string name(tree_.Text(tree_[parts[0]]));
    const PickleValue& state = tree_[parts[1]];
    if (state.kind != PickleKind::kDict) return Unread("an object of class " + name);
    if (!budget_.Work(tree_.Items(state).size())) return budget_.Spent();
    if (Lookup(state, "_parameters") != nullptr && Lookup(state, "_modules") != nullptr) {
      return Unread("a whole pickled module (class " + name +
                    "), which only its own code can read: in Python, save its state_dict() and give that");
    }
    MIEN_TRY(Unread("an object of class " + name));
    return Dictionary(state, depth);
  }

  Status Tensor(const PickleValue& value) {
    if (!budget_.Memory(3 * sizeof(ForeignTensor) + MemoryOf(path_))) return budget_.Spent();
    file_->tensors.push_back(tree_.tensors[value.index]);
    file_->tensors.back().name = path_;
    return {};
  }

  Status Scalar(ForeignScalar scalar) {
    if (!budget_.Memory(256 + 2 * path_.size() + kMaxText)) return budget_.Spent();
    file_->scalars[path_] = std::move(scalar);
    return {};
  }

  Status Unread(std::string what) {
    if (!budget_.Memory(256 + 2 * path_.size() + what.size())) return budget_.Spent();
    file_->unread[path_] = std::move(what);
    return {};
  }

  const PickleTree& tree_;
  ForeignFile* file_;
  Budget& budget_;
  std::string path_;
};

}  // namespace

Status Flatten(const PickleTree& tree, ForeignFile* file, Budget& budget) {
  return Walker(tree, file, budget).Visit(tree.root, 0);
}

}  // namespace mien
