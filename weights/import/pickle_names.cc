// The names that mean something here and what each makes of its arguments; every other name makes inert
// objects.
#include <algorithm>
#include <cinttypes>

#include "weights/header.h"
#include "weights/import/pickle_machine.h"

namespace mien {
namespace {

constexpr size_t kMaxName = 255;

struct KnownName {
  const char* module;
  const char* name;
  PickleGlobal global;
};

constexpr KnownName kKnown[] = {
    {"collections", "OrderedDict", PickleGlobal::kDict},
    {"collections", "defaultdict", PickleGlobal::kDict},
    {"collections", "Counter", PickleGlobal::kDict},
    {"builtins", "dict", PickleGlobal::kDict},
    {"__builtin__", "dict", PickleGlobal::kDict},
    {"dnnlib.util", "EasyDict", PickleGlobal::kDict},
    {"easydict", "EasyDict", PickleGlobal::kDict},
    {"argparse", "Namespace", PickleGlobal::kAttributes},
    {"types", "SimpleNamespace", PickleGlobal::kAttributes},
    {"builtins", "set", PickleGlobal::kSet},
    {"__builtin__", "set", PickleGlobal::kSet},
    {"builtins", "frozenset", PickleGlobal::kSet},
    {"__builtin__", "frozenset", PickleGlobal::kSet},
    {"builtins", "list", PickleGlobal::kList},
    {"__builtin__", "list", PickleGlobal::kList},
    {"collections", "deque", PickleGlobal::kList},
    {"torch", "Size", PickleGlobal::kSize},
    {"torch._utils", "_rebuild_tensor", PickleGlobal::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", PickleGlobal::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v3", PickleGlobal::kRebuildOther},
    {"torch._utils", "_rebuild_parameter", PickleGlobal::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", PickleGlobal::kRebuildParameter},
    {"torch._tensor", "_rebuild_from_type_v2", PickleGlobal::kRebuildSubclass},
    {"copyreg", "_reconstructor", PickleGlobal::kReconstructor},
    {"copy_reg", "_reconstructor", PickleGlobal::kReconstructor},
    {"torch.storage", "_load_from_bytes", PickleGlobal::kLoadFromBytes},
    {"torch_utils.persistence", "_reconstruct_persistent_obj", PickleGlobal::kPersistentObject},
    {"numpy", "dtype", PickleGlobal::kNumpyType},
    {"numpy.core.multiarray", "scalar", PickleGlobal::kNumpyScalar},
    {"numpy._core.multiarray", "scalar", PickleGlobal::kNumpyScalar},
    {"numpy.core.multiarray", "_reconstruct", PickleGlobal::kNumpyArray},
    {"numpy._core.multiarray", "_reconstruct", PickleGlobal::kNumpyArray},
    {"numpy.core.numeric", "_frombuffer", PickleGlobal::kNumpyBuffer},
    {"numpy._core.numeric", "_frombuffer", PickleGlobal::kNumpyBuffer},
    {"_codecs", "encode", PickleGlobal::kEncode},
    {"builtins", "bytes", PickleGlobal::kEncode},
    {"__builtin__", "bytes", PickleGlobal::kEncode},
    {"builtins", "bytearray", PickleGlobal::kEncode},
    {"__builtin__", "bytearray", PickleGlobal::kEncode},
    {"builtins", "getattr", PickleGlobal::kAttribute},
    {"__builtin__", "getattr", PickleGlobal::kAttribute},
};

// Those with a third entry are only counted.
constexpr struct {
  const char* name;
  ElementType type;
} kStorages[] = {
    {"FloatStorage", {DType::kF32, 4}},
    {"DoubleStorage", {DType::kF64, 8}},
    {"HalfStorage", {DType::kF16, 2}},
    {"BFloat16Storage", {DType::kBF16, 2}},
    {"LongStorage", {DType::kI64, 8}},
    {"IntStorage", {DType::kI32, 4}},
    {"ShortStorage", {DType::kI16, 2}},
    {"CharStorage", {DType::kI8, 1}},
    {"ByteStorage", {DType::kU8, 1}},
    {"BoolStorage", {DType::kBool, 1}},
    {"ComplexHalfStorage", {DType::kF16, 4, "C32"}},
    {"ComplexFloatStorage", {DType::kF32, 8, "C64"}},
    {"ComplexDoubleStorage", {DType::kF64, 16, "C128"}},
    {"QInt8Storage", {DType::kI8, 1, "QInt8"}},
    {"QUInt8Storage", {DType::kU8, 1, "QUInt8"}},
    {"QInt32Storage", {DType::kI32, 4, "QInt32"}},
    {"QUInt4x2Storage", {DType::kU8, 1, "QUInt4x2"}},
    {"QUInt2x4Storage", {DType::kU8, 1, "QUInt2x4"}},
    {"UntypedStorage", {DType::kU8, 1, "untyped"}},
};

bool IsGlobal(const PickleValue& value, PickleGlobal global) {
  return value.kind == PickleKind::kGlobal && static_cast<PickleGlobal>(value.index) == global;
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
  const PickleValue name = tree_[Pop()], module = tree_[Pop()];
  if (module.kind != PickleKind::kString || name.kind != PickleKind::kString)
    return Fail("a name that is no text");
  if (module.index > kMaxName || name.index > kMaxName) return Fail("a name too long");
  return PushName(std::string(tree_.Text(module)), std::string(tree_.Text(name)));
}

bool Machine::PushName(const std::string& module, const std::string& name) {
  MIEN_STEP(Work(64));
  PickleValue value;
  value.kind = PickleKind::kGlobal;
  for (const KnownName& known : kKnown) {
    if (module == known.module && name == known.name) {
      value.index = static_cast<uint32_t>(known.global);
      return PushNew(value);
    }
  }
  if (module == "torch" || module == "torch.storage") {
    for (const auto& storage : kStorages) {
      if (name != storage.name) continue;
      value.index = static_cast<uint32_t>(PickleGlobal::kStorageType);
      value.integer = &storage - kStorages;
      return PushNew(value);
    }
  }
  if (IsAttack(module, name)) return FailAttack(module, name);
  return KeepText(PickleKind::kName, module + "." + name, &value) && PushNew(value);
}

bool Machine::FailAttack(const std::string& module, const std::string& name) {
  return Fail(Status::Error(Code::kRefused,
                            "pickle, byte %" PRIu64
                            ": it asks for %s.%s, which only an attack needs; nothing of it was run",
                            opcode_at_, Printable(module).c_str(), Printable(name).c_str()));
}

bool Machine::Reduce() {
  MIEN_STEP(Need(2));
  const ValueId tuple = Pop(), function = Pop();
  return Call(function, tuple);
}

bool Machine::Call(ValueId function, ValueId tuple) {
  const PickleValue called = tree_[function];
  if (tree_[tuple].kind != PickleKind::kTuple) return Fail("a call without arguments");
  const std::span<const ValueId> arguments =
      tree_.Items(tree_[tuple]);  // tuples keep their place and never change
  switch (called.kind) {
    case PickleKind::kGlobal:
      return CallKnown(called, arguments);
    case PickleKind::kName:
      return MakeObject(function);
    case PickleKind::kObject:
      return MakeObject(tree_.Items(called)[0]);  // what an object of an unknown class makes is as unknown
    default:
      return Fail("a call of something that is no name");
  }
}

bool Machine::CallKnown(const PickleValue& function, std::span<const ValueId> arguments) {
  const auto is = [&](size_t i, PickleKind kind) {
    return i < arguments.size() && tree_[arguments[i]].kind == kind;
  };
  switch (static_cast<PickleGlobal>(function.index)) {
    case PickleGlobal::kDict:
      return MakeDict(arguments);
    case PickleGlobal::kAttributes:
      return NewContainer(PickleKind::kDict, {}, 1);
    case PickleGlobal::kSet:
      return NewContainer(PickleKind::kSet, {});  // no set of a checkpoint matters here
    case PickleGlobal::kList:
      return MakeList(arguments);
    case PickleGlobal::kSize:
      if (arguments.size() != 1 || !is(0, PickleKind::kTuple)) break;
      return Push(arguments[0]);
    case PickleGlobal::kRebuildTensor:
      return MakeTensor(arguments);
    case PickleGlobal::kRebuildOther:
      if (!is(6, PickleKind::kName)) break;
      return MakeSkipped("a tensor of type " + std::string(tree_.Text(tree_[arguments[6]])));
    case PickleGlobal::kRebuildParameter:
      if (arguments.size() < 3 || (!is(0, PickleKind::kTensor) && !is(0, PickleKind::kSkipped))) break;
      return Push(arguments[0]);
    case PickleGlobal::kRebuildSubclass:  // (function, class, arguments, state)
      if (!is(0, PickleKind::kGlobal) || !is(2, PickleKind::kTuple) ||
          IsGlobal(tree_[arguments[0]], PickleGlobal::kRebuildSubclass))
        break;
      return Call(arguments[0], arguments[2]);
    case PickleGlobal::kReconstructor:  // (class, base, state)
      if (arguments.empty()) break;
      return New(arguments[0], {});
    case PickleGlobal::kLoadFromBytes:
      return MakeStorage(arguments);
    case PickleGlobal::kPersistentObject:
      return MakeModule(arguments);
    case PickleGlobal::kNumpyType:
      return MakeNumpyType(arguments);
    case PickleGlobal::kNumpyScalar:
      return MakeNumpyScalar(arguments);
    case PickleGlobal::kNumpyArray: {
      PickleValue array;
      array.kind = PickleKind::kArray;
      return PushNew(array);
    }
    case PickleGlobal::kNumpyBuffer:
      return MakeNumpyBuffer(arguments);
    case PickleGlobal::kEncode:
      return Encode(arguments);
    case PickleGlobal::kAttribute:
      return MakeAttribute(arguments);
    case PickleGlobal::kStorageType:
      break;
  }
  return Fail("a known name with arguments that do not fit");
}

bool Machine::MakeObject(ValueId name) { return NewContainer(PickleKind::kObject, {name, kNoneId}); }

// getattr(owner, 'name'): how pickles name a class inside a class, a member of an enumeration, a method or a
// function of torch. It stays a name. What only attacks reach for is refused in this form too.
bool Machine::MakeAttribute(std::span<const ValueId> arguments) {
  if (arguments.size() != 2 || tree_[arguments[1]].kind != PickleKind::kString ||
      tree_[arguments[1]].index > kMaxName)
    return Fail("a known name with arguments that do not fit");
  const PickleValue owner = tree_[arguments[0]];
  const std::string name(tree_.Text(tree_[arguments[1]]));
  std::string module = "?";
  if (owner.kind == PickleKind::kName) module = tree_.Text(owner);
  if (owner.kind == PickleKind::kObject) module = tree_.Text(tree_[tree_.Items(owner)[0]]);
  if (module.size() > 4 * kMaxName) return Fail("a name too long");
  return IsAttack("builtins", name) ? FailAttack(module, name) : PushName(module, name);
}

bool Machine::MakeSkipped(const std::string& what) {
  PickleValue value;
  return KeepText(PickleKind::kSkipped, what, &value) && PushNew(value);
}

// OrderedDict(), defaultdict(factory), Counter({...}) or, from Python 2, OrderedDict([[key, value], ...]).
bool Machine::MakeDict(std::span<const ValueId> arguments) {
  std::vector<ValueId> items;
  if (!arguments.empty() && tree_[arguments[0]].kind == PickleKind::kDict) {
    const auto& from = tree_.Items(tree_[arguments[0]]);
    MIEN_STEP(Work(from.size()) && Memory(from.size() * sizeof(ValueId)));
    items = from;
  } else if (!arguments.empty() && tree_[arguments[0]].kind == PickleKind::kList) {
    const auto& pairs = tree_.Items(tree_[arguments[0]]);
    MIEN_STEP(Work(2 * pairs.size()) && Memory(4 * pairs.size() * sizeof(ValueId)));
    for (ValueId id : pairs) {
      const PickleValue& pair = tree_[id];
      if ((pair.kind != PickleKind::kList && pair.kind != PickleKind::kTuple) ||
          tree_.Items(pair).size() != 2)
        return Fail("a dictionary of something other than pairs");
      items.insert(items.end(), tree_.Items(pair).begin(), tree_.Items(pair).end());
    }
  }
  return NewContainer(PickleKind::kDict, std::move(items));
}

// list(), list([...]), deque((), length)
bool Machine::MakeList(std::span<const ValueId> arguments) {
  const PickleKind kind = arguments.empty() ? PickleKind::kNone : tree_[arguments[0]].kind;
  if (kind != PickleKind::kList && kind != PickleKind::kTuple) return NewContainer(PickleKind::kList, {});
  const auto& items = tree_.Items(tree_[arguments[0]]);
  MIEN_STEP(Work(items.size()) && Memory(items.size() * sizeof(ValueId)));
  return NewContainer(PickleKind::kList, std::vector<ValueId>(items));
}

bool Machine::MakeModule(std::span<const ValueId> arguments) {
  if (arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kDict)
    return Fail("a module without its dict");
  PickleValue value;
  value.kind = PickleKind::kModule;
  value.index = arguments[0];
  return PushNew(value);
}

// class, arguments[, keywords]
bool Machine::NewObject(size_t arguments) {
  MIEN_STEP(Need(1 + arguments));
  if (arguments == 2) Pop();
  const PickleValue tuple = tree_[Pop()];
  const ValueId type = Pop();
  if (tuple.kind != PickleKind::kTuple) return Fail("a new object without arguments");
  return New(type, tree_.Items(tuple));
}

// Protocols 0 and 1: a mark, the class (or its name in the opcode) and the arguments.
bool Machine::ObjectFromMark(bool named) {
  std::vector<ValueId> arguments;
  MIEN_STEP(PopToMark(&arguments));
  if (named) {
    MIEN_STEP(Global());
    return New(Pop(), arguments);
  }
  if (arguments.empty()) return Fail("a new object without a class");
  return New(arguments[0], std::span<const ValueId>(arguments).subspan(1));
}

bool Machine::New(ValueId type, std::span<const ValueId> arguments) {
  const PickleValue made = tree_[type];
  switch (made.kind) {
    case PickleKind::kName:
      return MakeObject(type);
    case PickleKind::kObject:
      return MakeObject(tree_.Items(made)[0]);
    case PickleKind::kGlobal:
      return CallKnown(made, arguments);
    default:
      return Fail("a new object of something that is no class");
  }
}

// State that makes a value what it is, or that nobody needs (_metadata of a state dict, attributes of a
// tensor).
bool Machine::Build() {
  MIEN_STEP(Need(2));
  const ValueId state = Pop();
  const PickleValue given = tree_[state];
  PickleValue& target = tree_.values[stack_.back()];
  switch (target.kind) {
    case PickleKind::kObject:
      tree_.containers[target.index][1] = state;
      return true;
    case PickleKind::kDict: {
      if (target.integer != 1 || given.kind != PickleKind::kDict) return true;
      const auto& items = tree_.Items(given);
      MIEN_STEP(Work(items.size()) && Memory(items.size() * sizeof(ValueId)));
      tree_.containers[target.index] = std::vector<ValueId>(items);
      return true;
    }
    case PickleKind::kType:
      return BuildNumpyType(&target, given);
    case PickleKind::kArray: {  // (version, shape, type, columns first, data)
      const std::span<const ValueId> parts =
          given.kind == PickleKind::kTuple ? tree_.Items(given) : std::span<const ValueId>();
      if (parts.size() != 5 || tree_[parts[3]].kind != PickleKind::kBool)
        return Fail("a numpy array's odd state");
      return FillArray(parts[1], parts[2], tree_[parts[3]].integer != 0, parts[4], &stack_.back());
    }
    case PickleKind::kNone:
    case PickleKind::kBool:
    case PickleKind::kInt:
    case PickleKind::kFloat:
    case PickleKind::kString:
      return Fail("a state for something that has none");
    default:
      return true;
  }
}

// ('storage', type, key, location, elements[, view]); the location ("cuda:0") means nothing here. Old files
// name the classes of their modules this way too: ('module', class, file, source).
bool Machine::Persistent() {
  MIEN_STEP(Need(1));
  const PickleValue tuple = tree_[Pop()];
  if (!options_.persistent || tuple.kind != PickleKind::kTuple) return Fail("a persistent id");
  const std::vector<ValueId>& items = tree_.Items(tuple);
  const auto is = [&](size_t i, PickleKind kind) { return tree_[items[i]].kind == kind; };
  if (items.size() == 4 && is(0, PickleKind::kString) && tree_.Text(tree_[items[0]]) == "module" &&
      is(1, PickleKind::kName))
    return Push(items[1]);
  if (items.empty() || !is(0, PickleKind::kString) || tree_.Text(tree_[items[0]]) != "storage") {
    return Fail("a persistent id that is no storage");
  }
  if (items.size() < 5 || items.size() > 6 || !IsGlobal(tree_[items[1]], PickleGlobal::kStorageType) ||
      !is(2, PickleKind::kString) || !is(4, PickleKind::kInt) || tree_[items[4]].integer < 0) {
    return Fail("a storage with arguments that do not fit");
  }
  PersistentId id;
  id.type = kStorages[tree_[items[1]].integer].type;
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
  return AddStorage(options_.persistent(id, static_cast<uint32_t>(tree_.storages.size())), id.type.other);
}

}  // namespace mien
