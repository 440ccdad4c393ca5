// The names that a checkpoint may mention, and what each makes of its arguments. This table is the whole of
// the trust: a name that is not here is refused.
#include <algorithm>
#include <cinttypes>

#include "weights/header.h"
#include "weights/import/pickle_machine.h"

namespace mien {
namespace {

constexpr size_t kMaxTensors = 1 << 16;

struct AllowedName {
  const char* module;
  const char* name;
  PickleGlobal global;
};

constexpr AllowedName kAllowed[] = {
    {"collections", "OrderedDict", PickleGlobal::kOrderedDict},
    {"torch", "Size", PickleGlobal::kSize},
    {"torch._utils", "_rebuild_tensor_v2", PickleGlobal::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", PickleGlobal::kRebuildParameter},
    {"torch.storage", "_load_from_bytes", PickleGlobal::kLoadFromBytes},
    {"torch.nn.functional", "relu", PickleGlobal::kFunction},
    {"torch_utils.persistence", "_reconstruct_persistent_obj", PickleGlobal::kPersistentObject},
    {"dnnlib.util", "EasyDict", PickleGlobal::kEasyDict},
    {"builtins", "set", PickleGlobal::kSet},
    {"__builtin__", "set", PickleGlobal::kSet},
    {"numpy", "dtype", PickleGlobal::kNumpyDtype},
    {"numpy.core.multiarray", "scalar", PickleGlobal::kNumpyScalar},
    {"argparse", "Namespace",
     PickleGlobal::kNamespace},  // `args` of a training run; its content is not looked at
};

struct StorageName {
  const char* name;
  DType type;
};

constexpr StorageName kStorages[] = {
    {"FloatStorage", DType::kF32},     {"DoubleStorage", DType::kF64}, {"HalfStorage", DType::kF16},
    {"BFloat16Storage", DType::kBF16}, {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},
    {"ShortStorage", DType::kI16},     {"CharStorage", DType::kI8},    {"ByteStorage", DType::kU8},
    {"BoolStorage", DType::kBool},
};

bool IsGlobal(const PickleValue& value, PickleGlobal global) {
  return value.kind == PickleKind::kGlobal && static_cast<PickleGlobal>(value.index) == global;
}

// numpy type characters and sizes that a scalar may have.
bool NumpyTypeFromText(std::string_view text, DType* out) {
  static constexpr struct {
    const char* text;
    DType type;
  } kTypes[] = {{"f8", DType::kF64}, {"f4", DType::kF32}, {"f2", DType::kF16},
                {"i8", DType::kI64}, {"i4", DType::kI32}, {"i2", DType::kI16},
                {"i1", DType::kI8},  {"u1", DType::kU8},  {"b1", DType::kBool}};
  for (const auto& type : kTypes) {
    if (text == type.text) {
      *out = type.type;
      return true;
    }
  }
  return false;
}

}  // namespace

bool Machine::Global() {
  std::string module, name;
  MIEN_STEP(cursor_.Line(&module));
  MIEN_STEP(cursor_.Line(&name));
  return PushName(module, name);
}

bool Machine::StackGlobal() {
  MIEN_STEP(Need(2));
  const PickleValue module = tree_[stack_[stack_.size() - 2]], name = tree_[stack_.back()];
  if (module.kind != PickleKind::kString || name.kind != PickleKind::kString)
    return Fail("a name that is no text");
  stack_.resize(stack_.size() - 2);
  return PushName(std::string(tree_.Text(module).substr(0, 128)),
                  std::string(tree_.Text(name).substr(0, 128)));
}

bool Machine::PushName(const std::string& module, const std::string& name) {
  PickleValue value;
  value.kind = PickleKind::kGlobal;
  for (const AllowedName& allowed : kAllowed) {
    if (module == allowed.module && name == allowed.name) {
      value.index = static_cast<uint32_t>(allowed.global);
      return PushNew(value);
    }
  }
  for (const StorageName& storage : kStorages) {
    if (module == "torch" && name == storage.name) {
      value.index = static_cast<uint32_t>(PickleGlobal::kStorageType);
      value.integer = static_cast<int64_t>(storage.type);
      return PushNew(value);
    }
  }
  return Fail(Status::Error(Code::kRefused,
                            "pickle, byte %" PRIu64 ": it asks for %s.%s, which is not allowed", opcode_at_,
                            Printable(module).c_str(), Printable(name).c_str()));
}

bool Machine::Reduce() {
  MIEN_STEP(Need(2));
  const PickleValue function = tree_[stack_[stack_.size() - 2]], tuple = tree_[stack_.back()];
  if (function.kind != PickleKind::kGlobal || tuple.kind != PickleKind::kTuple) {
    return Fail("a call of something that is no known name");
  }
  stack_.resize(stack_.size() - 2);
  const std::vector<ValueId> arguments = tree_.Items(tuple);
  switch (static_cast<PickleGlobal>(function.index)) {
    case PickleGlobal::kOrderedDict:
    case PickleGlobal::kEasyDict:
      return MakeOrderedDict(arguments);
    case PickleGlobal::kNamespace:
      return NewContainer(PickleKind::kDict, {});
    case PickleGlobal::kSet:
      if (arguments.size() > 1 || (arguments.size() == 1 && tree_[arguments[0]].kind != PickleKind::kList))
        break;
      return NewContainer(PickleKind::kSet, {});  // no set of a checkpoint matters here
    case PickleGlobal::kSize:
      if (arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kTuple) break;
      return Push(arguments[0]);
    case PickleGlobal::kRebuildTensor:
      return MakeTensor(arguments);
    case PickleGlobal::kRebuildParameter:
      if (arguments.size() != 3 || tree_[arguments[0]].kind != PickleKind::kTensor) break;
      return Push(arguments[0]);
    case PickleGlobal::kLoadFromBytes:
      return MakeStorage(arguments);
    case PickleGlobal::kPersistentObject:
      return MakeModule(arguments);
    case PickleGlobal::kNumpyDtype:
      return MakeNumpyType(arguments);
    case PickleGlobal::kNumpyScalar:
      return MakeNumpyScalar(arguments);
    case PickleGlobal::kFunction:
    case PickleGlobal::kStorageType:
      break;
  }
  return Fail("a known name with arguments that do not fit");
}

// OrderedDict() or, from Python 2, OrderedDict([[key, value], ...]).
bool Machine::MakeOrderedDict(std::span<const ValueId> arguments) {
  if (arguments.empty()) return NewContainer(PickleKind::kDict, {});
  if (arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kList)
    return Fail("a dictionary of something odd");
  std::vector<ValueId> items;
  for (ValueId id : tree_.Items(tree_[arguments[0]])) {
    const PickleValue& pair = tree_[id];
    if ((pair.kind != PickleKind::kList && pair.kind != PickleKind::kTuple) ||
        tree_.Items(pair).size() != 2) {
      return Fail("a dictionary of something other than pairs");
    }
    items.insert(items.end(), tree_.Items(pair).begin(), tree_.Items(pair).end());
  }
  return NewContainer(PickleKind::kDict, std::move(items));
}

bool Machine::Integers(ValueId tuple, std::vector<uint64_t>* out) const {
  const PickleValue& value = tree_[tuple];
  if (value.kind != PickleKind::kTuple) return false;
  for (ValueId id : tree_.Items(value)) {
    const PickleValue& item = tree_[id];
    if (item.kind != PickleKind::kInt || item.integer < 0) return false;
    out->push_back(static_cast<uint64_t>(item.integer));
  }
  return true;
}

// (storage, offset, size, stride, requires_grad, hooks[, metadata])
bool Machine::MakeTensor(std::span<const ValueId> arguments) {
  std::vector<uint64_t> size, stride;
  if (arguments.size() < 6 || arguments.size() > 7 || tree_[arguments[0]].kind != PickleKind::kStorage ||
      tree_[arguments[1]].kind != PickleKind::kInt || tree_[arguments[1]].integer < 0 ||
      !Integers(arguments[2], &size) || !Integers(arguments[3], &stride) || size.size() != stride.size()) {
    return Fail("a tensor with arguments that do not fit");
  }
  const uint32_t storage = tree_[arguments[0]].index;
  if (tree_.tensors.size() >= kMaxTensors) return Fail("more than 65536 tensors");
  ForeignTensor tensor;
  tensor.storage = tree_.storages[storage];
  tensor.type = tensor.storage.type;
  tensor.offset = static_cast<uint64_t>(tree_[arguments[1]].integer);
  auto shape = Shape::Checked(size);
  if (!shape.ok()) return Fail(shape.status().Within("pickle, byte %" PRIu64, opcode_at_));
  tensor.shape = *shape;
  for (size_t i = 0; i < stride.size(); ++i) tensor.strides[i] = static_cast<int64_t>(stride[i]);
  const Status view = CheckView(tensor);
  if (!view.ok()) return Fail(view.Within("pickle, byte %" PRIu64, opcode_at_));
  PickleValue value;
  value.kind = PickleKind::kTensor;
  value.index = static_cast<uint32_t>(tree_.tensors.size());
  tree_.tensors.push_back(std::move(tensor));
  tree_.tensor_storage.push_back(storage);
  return PushNew(value);
}

bool Machine::AddStorage(Result<ForeignStorage> storage) {
  if (!storage.ok()) return Fail(storage.status().Within("pickle, byte %" PRIu64, opcode_at_));
  if (tree_.storages.size() >= kMaxTensors) return Fail("more than 65536 storages");
  PickleValue value;
  value.kind = PickleKind::kStorage;
  value.index = static_cast<uint32_t>(tree_.storages.size());
  tree_.storages.push_back(std::move(*storage));
  return PushNew(value);
}

bool Machine::MakeStorage(std::span<const ValueId> arguments) {
  if (!options_.embedded || arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kBytes) {
    return Fail("a storage that is no byte string");
  }
  const PickleValue bytes = tree_[arguments[0]];
  return AddStorage(options_.embedded(bytes.at, bytes.index));
}

bool Machine::MakeModule(std::span<const ValueId> arguments) {
  if (arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kDict)
    return Fail("a module without its dict");
  PickleValue value;
  value.kind = PickleKind::kModule;
  value.index = arguments[0];
  return PushNew(value);
}

// dtype('f8', False, True)
bool Machine::MakeNumpyType(std::span<const ValueId> arguments) {
  PickleValue value;
  value.kind = PickleKind::kType;
  DType type;
  if (arguments.size() != 3 || tree_[arguments[0]].kind != PickleKind::kString ||
      !NumpyTypeFromText(tree_.Text(tree_[arguments[0]]), &type)) {
    return Fail("a numpy type that is no plain number");
  }
  value.integer = static_cast<int64_t>(type);
  return PushNew(value);
}

bool Machine::MakeNumpyScalar(std::span<const ValueId> arguments) {
  if (arguments.size() != 2 || tree_[arguments[0]].kind != PickleKind::kType ||
      tree_[arguments[1]].kind != PickleKind::kBytes) {
    return Fail("a numpy number with arguments that do not fit");
  }
  const auto type = static_cast<DType>(tree_[arguments[0]].integer);
  const PickleValue bytes = tree_[arguments[1]];
  if (bytes.index != DTypeBytes(type)) return Fail("a numpy number of a wrong size");
  uint64_t raw = 0;
  const Status read = source_.ReadAt(bytes.at, std::as_writable_bytes(std::span(&raw, 1)).first(bytes.index));
  if (!read.ok()) return Fail(read);
  PickleValue value;
  value.kind = PickleKind::kInt;
  switch (type) {
    case DType::kF64:
      value.kind = PickleKind::kFloat, value.real = __builtin_bit_cast(double, raw);
      break;
    case DType::kF32:
      value.kind = PickleKind::kFloat, value.real = __builtin_bit_cast(float, static_cast<uint32_t>(raw));
      break;
    case DType::kF16:
      value.kind = PickleKind::kFloat, value.real = HalfToFloat(static_cast<uint16_t>(raw));
      break;
    case DType::kI32:
      value.integer = static_cast<int32_t>(static_cast<uint32_t>(raw));
      break;
    case DType::kI16:
      value.integer = static_cast<int16_t>(static_cast<uint16_t>(raw));
      break;
    case DType::kI8:
      value.integer = static_cast<int8_t>(static_cast<uint8_t>(raw));
      break;
    default:
      value.integer = static_cast<int64_t>(raw);
      break;
  }
  return PushNew(value);
}

bool Machine::NewObject() {
  MIEN_STEP(Need(2));
  const PickleValue type = tree_[stack_[stack_.size() - 2]], tuple = tree_[stack_.back()];
  const bool dictionary = IsGlobal(type, PickleGlobal::kOrderedDict) ||
                          IsGlobal(type, PickleGlobal::kEasyDict) || IsGlobal(type, PickleGlobal::kNamespace);
  if (!dictionary || tuple.kind != PickleKind::kTuple || !tree_.Items(tuple).empty()) {
    return Fail("a new object that is no dictionary");
  }
  stack_.resize(stack_.size() - 2);
  return NewContainer(PickleKind::kDict, {});
}

// Attributes of a dictionary (_metadata of a state dict) and details of a numpy type: dropped.
bool Machine::Build() {
  MIEN_STEP(Need(2));
  const PickleKind kind = tree_[stack_[stack_.size() - 2]].kind;
  if (kind != PickleKind::kDict && kind != PickleKind::kType)
    return Fail("a state for something that has none");
  if (kind == PickleKind::kType) {
    // (3, '<', None, None, None, -1, -1, 0): anything but native or little endian would change the numbers.
    const PickleValue state = tree_[stack_.back()];
    if (state.kind != PickleKind::kTuple || tree_.Items(state).size() < 2)
      return Fail("a numpy type's odd state");
    const PickleValue order = tree_[tree_.Items(state)[1]];
    if (order.kind != PickleKind::kString || (tree_.Text(order) != "<" && tree_.Text(order) != "|")) {
      return Fail("a numpy type that is not little endian");
    }
  }
  stack_.pop_back();
  return true;
}

// ('storage', type, key, location, elements[, view]); the location ("cuda:0") means nothing here.
bool Machine::Persistent() {
  MIEN_STEP(Need(1));
  const PickleValue tuple = tree_[stack_.back()];
  stack_.pop_back();
  if (!options_.persistent || tuple.kind != PickleKind::kTuple) return Fail("a persistent id");
  const std::vector<ValueId>& items = tree_.Items(tuple);
  const auto is = [&](size_t i, PickleKind kind) { return tree_[items[i]].kind == kind; };
  if (items.empty() || !is(0, PickleKind::kString) || tree_.Text(tree_[items[0]]) != "storage") {
    return Fail("a persistent id that is no storage");
  }
  if (items.size() < 5 || items.size() > 6 || !IsGlobal(tree_[items[1]], PickleGlobal::kStorageType) ||
      !is(2, PickleKind::kString) || !is(4, PickleKind::kInt) || tree_[items[4]].integer < 0) {
    return Fail("a storage with arguments that do not fit");
  }
  PersistentId id;
  id.type = static_cast<DType>(tree_[items[1]].integer);
  id.key = tree_.Text(tree_[items[2]].index <= 64 ? tree_[items[2]] : PickleValue());
  id.elements = static_cast<uint64_t>(tree_[items[4]].integer);
  if (id.key.empty()) return Fail("a storage key that is empty or too long");
  if (items.size() == 6 && !is(5, PickleKind::kNone)) {
    if (!is(5, PickleKind::kTuple) || tree_.Items(tree_[items[5]]).size() != 3)
      return Fail("an odd storage view");
    const auto& view = tree_.Items(tree_[items[5]]);
    const PickleValue &offset = tree_[view[1]], &size = tree_[view[2]];
    if (offset.kind != PickleKind::kInt || size.kind != PickleKind::kInt || offset.integer < 0 ||
        size.integer < 0) {
      return Fail("an odd storage view");
    }
    id.has_view = true;
    id.view_offset = static_cast<uint64_t>(offset.integer);
    id.view_elements = static_cast<uint64_t>(size.integer);
  }
  return AddStorage(options_.persistent(id, static_cast<uint32_t>(tree_.storages.size())));
}

}  // namespace mien
