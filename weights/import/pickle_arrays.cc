// What holds numbers in a pickle: storages and tensors of torch, types, numbers and arrays of numpy.
#include <algorithm>
#include <cinttypes>

#include "weights/header.h"
#include "weights/import/pickle_machine.h"

namespace mien {
namespace {

// numpy type characters and sizes of the types that are read.
bool NumpyTypeFromText(std::string_view text, DType* out) {
  static constexpr struct {
    const char* text;
    DType type;
  } kTypes[] = {{"f8", DType::kF64}, {"f4", DType::kF32}, {"f2", DType::kF16},
                {"i8", DType::kI64}, {"i4", DType::kI32}, {"i2", DType::kI16},
                {"i1", DType::kI8},  {"u1", DType::kU8},  {"b1", DType::kBool}};
  if (text.starts_with('<') || text.starts_with('|')) text.remove_prefix(1);
  for (const auto& type : kTypes) {
    if (text == type.text) {
      *out = type.type;
      return true;
    }
  }
  return false;
}

std::string InBrackets(std::span<const uint64_t> size) {
  std::string text = "[";
  for (size_t i = 0; i < size.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(size[i]);
  }
  text += ']';
  return text;
}

PickleValue NumberFromBits(DType type, uint64_t raw) {
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
    case DType::kBool:
      value.kind = PickleKind::kBool, value.integer = raw != 0;
      break;
    default:
      value.integer = static_cast<int64_t>(raw);
      break;
  }
  return value;
}

constexpr size_t kMaxAxes = 64;  // numpy and torch have no more

}  // namespace

bool Machine::Integers(ValueId tuple, std::vector<uint64_t>* out) const {
  const PickleValue& value = tree_[tuple];
  if (value.kind != PickleKind::kTuple || tree_.Items(value).size() > kMaxAxes) return false;
  for (ValueId id : tree_.Items(value)) {
    const PickleValue& item = tree_[id];
    if (item.kind != PickleKind::kInt || item.integer < 0) return false;
    out->push_back(static_cast<uint64_t>(item.integer));
  }
  return true;
}

// (storage, offset, size, stride[, requires_grad, hooks[, metadata]])
bool Machine::MakeTensor(std::span<const ValueId> arguments) {
  MIEN_STEP(Work(16));
  std::vector<uint64_t> size, stride;
  if (arguments.size() < 4 || arguments.size() > 7 || tree_[arguments[0]].kind != PickleKind::kStorage ||
      tree_[arguments[1]].kind != PickleKind::kInt || tree_[arguments[1]].integer < 0 ||
      !Integers(arguments[2], &size) || !Integers(arguments[3], &stride) || size.size() != stride.size()) {
    return Fail("a tensor with arguments that do not fit");
  }
  const uint32_t index = tree_[arguments[0]].index;
  const PickleStorage& storage = tree_.storages[index];
  if (storage.other != nullptr)
    return MakeSkipped(std::string("a ") + storage.other + " tensor " + InBrackets(size));
  ForeignTensor tensor;
  tensor.storage = storage.place;
  tensor.type = tensor.storage.type;
  tensor.offset = static_cast<uint64_t>(tree_[arguments[1]].integer);
  const size_t kept = std::min<size_t>(stride.size(), Shape::kMaxRank);
  for (size_t i = 0; i < kept; ++i) tensor.strides[i] = static_cast<int64_t>(stride[i]);
  ValueId id = 0;
  return Add({}, &id) && AddTensor(std::move(tensor), index, size, &id) && Push(id);
}

// Makes value `*id` the tensor of this size; or, where the size is none that is read, a value that says so.
bool Machine::AddTensor(ForeignTensor tensor, uint32_t storage, std::span<const uint64_t> size, ValueId* id) {
  const auto shape = Shape::Checked(size);
  PickleValue& value = tree_.values[*id];
  if (!shape.ok()) {
    return KeepText(PickleKind::kSkipped,
                    "a tensor " + InBrackets(size) + " (" + shape.status().message() + ")", &value);
  }
  tensor.shape = *shape;
  const Status view = CheckView(tensor);
  if (!view.ok()) return Fail(view.Within("pickle, byte %" PRIu64, opcode_at_));
  MIEN_STEP(Memory(3 * sizeof(ForeignTensor)));
  value.kind = PickleKind::kTensor;
  value.index = static_cast<uint32_t>(tree_.tensors.size());
  tree_.tensors.push_back(std::move(tensor));
  tree_.tensor_storage.push_back(storage);
  return true;
}

bool Machine::AddStorage(Result<ForeignStorage> storage, const char* other) {
  if (!storage.ok()) return Fail(storage.status().Within("pickle, byte %" PRIu64, opcode_at_));
  MIEN_STEP(Work(16) && Memory(3 * sizeof(PickleStorage) + 256));  // and what the reader keeps about it
  PickleValue value;
  value.kind = PickleKind::kStorage;
  value.index = static_cast<uint32_t>(tree_.storages.size());
  tree_.storages.push_back({std::move(*storage), other});
  return PushNew(value);
}

bool Machine::MakeStorage(std::span<const ValueId> arguments) {
  if (!options_.embedded || arguments.size() != 1 || tree_[arguments[0]].kind != PickleKind::kBytes) {
    return Fail("a storage that is no byte string");
  }
  const PickleValue bytes = tree_[arguments[0]];
  return AddStorage(options_.embedded(bytes.at, bytes.index), nullptr);
}

// encode(text, 'latin1'): how protocol 2 keeps bytes; bytes() and bytearray(...) mean the same.
bool Machine::Encode(std::span<const ValueId> arguments) {
  const PickleValue text = arguments.empty() ? PickleValue() : tree_[arguments[0]];
  if (text.kind == PickleKind::kBytes || text.kind == PickleKind::kOwnedBytes) return Push(arguments[0]);
  if (!arguments.empty() && text.kind != PickleKind::kString)
    return MakeSkipped("bytes made of something odd");
  MIEN_STEP(Work(text.index) && Memory(text.index + 128));
  std::vector<std::byte> bytes;
  bytes.reserve(text.index);
  const std::string_view utf8 = arguments.empty() ? std::string_view() : tree_.Text(text);
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto code = static_cast<unsigned char>(utf8[i]);
    if (code >= 0x80) {
      const bool latin =
          (code == 0xc2 || code == 0xc3) && i + 1 < utf8.size() && (utf8[i + 1] & 0xc0) == 0x80;
      if (!latin) return MakeSkipped("bytes made of a text that is not Latin-1");
      code = static_cast<unsigned char>((code & 3) << 6 | (utf8[++i] & 0x3f));
    }
    bytes.push_back(std::byte{code});
  }
  PickleValue value;
  value.kind = PickleKind::kOwnedBytes;
  value.index = static_cast<uint32_t>(tree_.owned.size());
  tree_.owned.push_back(OwnedSource(std::move(bytes)));
  return PushNew(value);
}

// dtype('f8', False, True)
bool Machine::MakeNumpyType(std::span<const ValueId> arguments) {
  PickleValue value;
  value.kind = PickleKind::kType;
  const bool named = !arguments.empty() && tree_[arguments[0]].kind == PickleKind::kString;
  const std::string text(named ? tree_.Text(tree_[arguments[0]]).substr(0, 64) : "?");
  DType type;
  if (NumpyTypeFromText(text, &type))
    value.integer = static_cast<int64_t>(type);
  else
    MIEN_STEP(KeepText(PickleKind::kType, text.empty() ? "?" : text, &value));
  return PushNew(value);
}

// (3, '<', None, None, None, -1, -1, 0): anything but native or little endian would change the numbers.
bool Machine::BuildNumpyType(PickleValue* type, const PickleValue& state) {
  const bool fits = state.kind == PickleKind::kTuple && tree_.Items(state).size() >= 2;
  const PickleValue order = fits ? tree_[tree_.Items(state)[1]] : PickleValue();
  if (type->index > 0) return true;
  if (order.kind == PickleKind::kString &&
      (tree_.Text(order) == "<" || tree_.Text(order) == "|" || tree_.Text(order) == "="))
    return true;
  return KeepText(PickleKind::kType, "another byte order", type);
}

// The bytes of a value as a storage of bytes.
bool Machine::Raw(ValueId id, ForeignStorage* bytes) {
  const PickleValue value = tree_[id];
  switch (value.kind) {
    case PickleKind::kBytes:
      *bytes = {DType::kU8, value.index, value.at, source_};
      return true;
    case PickleKind::kOwnedBytes:
      *bytes = {DType::kU8, tree_.owned[value.index]->size(), 0, tree_.owned[value.index]};
      return true;
    case PickleKind::kString: {  // a byte string of Python 2
      MIEN_STEP(Work(value.index) && Memory(value.index + 128));
      const auto text = std::as_bytes(std::span(tree_.Text(value)));
      *bytes = {DType::kU8, value.index, 0, OwnedSource({text.begin(), text.end()})};
      return true;
    }
    default:
      return Fail("numbers of numpy that are no bytes");
  }
}

// scalar(type, bytes)
bool Machine::MakeNumpyScalar(std::span<const ValueId> arguments) {
  MIEN_STEP(Work(32));
  if (arguments.size() != 2 || tree_[arguments[0]].kind != PickleKind::kType)
    return Fail("a numpy number with arguments that do not fit");
  const PickleValue type = tree_[arguments[0]];
  if (type.index > 0) return MakeSkipped("a numpy number of type " + std::string(tree_.Text(type)));
  ForeignStorage bytes;
  MIEN_STEP(Raw(arguments[1], &bytes));
  uint64_t raw = 0;
  if (bytes.elements != DTypeBytes(static_cast<DType>(type.integer)))
    return Fail("a numpy number of a wrong size");
  const Status read =
      bytes.source->ReadAt(bytes.begin, std::as_writable_bytes(std::span(&raw, 1)).first(bytes.elements));
  if (!read.ok()) return Fail(read);
  return PushNew(NumberFromBits(static_cast<DType>(type.integer), raw));
}

// _frombuffer(bytes, type, shape, order)
bool Machine::MakeNumpyBuffer(std::span<const ValueId> arguments) {
  if (arguments.size() != 4 || tree_[arguments[3]].kind != PickleKind::kString)
    return Fail("a numpy array with arguments that do not fit");
  const bool columns_first = tree_.Text(tree_[arguments[3]]) == "F";
  ValueId id = 0;
  return Add({}, &id) && FillArray(arguments[2], arguments[1], columns_first, arguments[0], &id) && Push(id);
}

// Makes value `*id` the array of these numbers.
bool Machine::FillArray(ValueId shape, ValueId type, bool columns_first, ValueId data, ValueId* id) {
  MIEN_STEP(Work(16));
  std::vector<uint64_t> size;
  const PickleValue element = tree_[type];
  if (!Integers(shape, &size) || element.kind != PickleKind::kType)
    return Fail("a numpy array with arguments that do not fit");
  // An array of Python objects holds a list of them: with one axis it is that list, with none (numpy.save of a
  // dictionary) its only item.
  if (element.index > 0 && tree_.Text(element).starts_with('O') && tree_[data].kind == PickleKind::kList) {
    const std::vector<ValueId>& items = tree_.Items(tree_[data]);
    const bool alone = size.empty() && items.size() == 1;
    if (alone || (size.size() == 1 && size[0] == items.size())) {
      tree_.values[*id] = tree_[alone ? items[0] : data];
      return true;
    }
  }
  if (element.index > 0) {
    return KeepText(PickleKind::kSkipped,
                    "a numpy array " + InBrackets(size) + " of type " + std::string(tree_.Text(element)),
                    &tree_.values[*id]);
  }
  ForeignTensor tensor;
  MIEN_STEP(Raw(data, &tensor.storage));
  tensor.type = tensor.storage.type = static_cast<DType>(element.integer);
  tensor.storage.elements /= DTypeBytes(tensor.type);
  int64_t stride = 1;
  const auto known = Shape::Checked(size);
  for (int i = 0; known.ok() && i < known->rank; ++i) {
    const int axis = columns_first ? i : known->rank - 1 - i;
    tensor.strides[axis] = stride;
    stride *= (*known)[axis];
  }
  return AddTensor(std::move(tensor), PickleTree::kNoStorage, size, id);
}

}  // namespace mien
