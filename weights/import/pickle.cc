#include "weights/import/pickle.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <memory>

#include "base/checked.h"
#include "weights/header.h"
#include "weights/import/pickle_machine.h"

namespace mien {
namespace {

constexpr uint64_t kMaxPlainBytes = 16 << 20;  // everything but byte strings
constexpr size_t kMaxMarks = 64;
constexpr size_t kMaxName = 255;

// What one of each costs while the vector that holds them grows.
constexpr uint64_t kId = 3 * sizeof(ValueId);
constexpr uint64_t kValue = 3 * sizeof(PickleValue);
constexpr uint64_t kContainer = 3 * sizeof(std::vector<ValueId>) + 32;  // and its block of the heap
constexpr uint64_t kCharacter = 3;

}  // namespace

bool Cursor::Read(void* out, size_t count) {
  if (count > end_ - at_)
    return Fail(Status::Error(Code::kRefused, "pickle, byte %" PRIu64 ": truncated", at_));
  auto* to = static_cast<std::byte*>(out);
  while (count > 0) {
    if (at_ < window_at_ || at_ - window_at_ >= window_.size()) {
      window_.resize(std::min<uint64_t>(kWindow, end_ - at_));
      window_at_ = at_;
      const Status read = source_.ReadAt(at_, window_);
      if (!read.ok()) return Fail(read);
    }
    const size_t from = static_cast<size_t>(at_ - window_at_);
    const size_t part = std::min(count, window_.size() - from);
    std::memcpy(to, window_.data() + from, part);
    to += part, at_ += part, count -= part;
  }
  return true;
}

bool Cursor::Number(size_t bytes, uint64_t* out) {
  uint8_t raw[8];
  MIEN_STEP(Read(raw, bytes));
  *out = 0;
  for (size_t i = bytes; i-- > 0;) *out = *out << 8 | raw[i];
  return true;
}

bool Cursor::Line(std::string* out) {
  for (char c = 0;;) {
    MIEN_STEP(Read(&c, 1));
    if (c == '\n') return true;
    if (out->size() >= kMaxName)
      return Fail(Status::Error(Code::kRefused, "pickle, byte %" PRIu64 ": a name too long", at_));
    *out += c;
  }
}

bool Cursor::Skip(uint64_t count) {
  if (count > end_ - at_)
    return Fail(Status::Error(Code::kRefused, "pickle, byte %" PRIu64 ": truncated", at_));
  at_ += count;
  return true;
}

bool Cursor::Fail(const Status& status) {
  error_ = status;
  return false;
}

bool Machine::Fail(const char* what) {
  return Fail(Status::Error(Code::kRefused, "pickle, byte %" PRIu64 ": %s", opcode_at_, what));
}

bool Machine::Fail(const Status& status) {
  error_ = status;
  return false;
}

Result<PickleTree> Machine::Run() {
  if (!Loop()) return error_.ok() ? cursor_.error() : error_;
  return std::move(tree_);
}

bool Machine::Loop() {
  MIEN_STEP(Work(256));  // a machine takes some memory, and there may be many in a file
  for (bool done = false; !done;) {
    opcode_at_ = cursor_.at();
    MIEN_STEP(Work(1));
    if (cursor_.at() - begin_ - payload_bytes_ > kMaxPlainBytes) return Fail("more than 16 MiB of pickle");
    uint8_t op = 0;
    MIEN_STEP(cursor_.Read(&op, 1));
    MIEN_STEP(Step(op, &done));
  }
  if (stack_.size() != 1 || !marks_.empty()) return Fail("values are left over at the end");
  tree_.root = stack_[0];
  tree_.end = cursor_.at();
  return true;
}

bool Machine::Step(uint8_t op, bool* done) {
  switch (op) {
    case 0x80:
      return Protocol();
    case 0x95:
      return Frame();
    case '.':
      *done = true;
      return true;
    case '(':
      return Mark();
    case 'N':
      return Push(kNoneId);
    case 0x88:
      return Push(kTrueId);
    case 0x89:
      return Push(kFalseId);
    case 'K':
      return Integer(1);
    case 'M':
      return Integer(2);
    case 'J':
      return Integer(4);
    case 0x8a:
      return LongInteger(1);
    case 0x8b:
      return LongInteger(4);
    case 'G':
      return Real();
    case 'X':
      return String(4);
    case 0x8c:
      return String(1);
    case 0x8d:
      return String(8);
    case 'U':
      return String(1);  // Python 2 text
    case 'T':
      return String(4);
    case 'B':
      return Bytes(4);
    case 'C':
      return Bytes(1);
    case 0x8e:
    case 0x96:
      return Bytes(8);
    case ']':
      return NewContainer(PickleKind::kList, {});
    case '}':
      return NewContainer(PickleKind::kDict, {});
    case ')':
      return NewContainer(PickleKind::kTuple, {});
    case 0x8f:
      return NewContainer(PickleKind::kSet, {});
    case 0x91:
      return FromMark(PickleKind::kSet);
    case 'l':
      return FromMark(PickleKind::kList);
    case 'd':
      return FromMark(PickleKind::kDict);
    case 0x85:
      return Tuple(1);
    case 0x86:
      return Tuple(2);
    case 0x87:
      return Tuple(3);
    case 't':
      return FromMark(PickleKind::kTuple);
    case 'a':
      return Append();
    case 'e':
      return AddFromMark(PickleKind::kList);
    case 0x90:
      return AddFromMark(PickleKind::kSet);
    case 's':
      return SetItem();
    case 'u':
      return AddFromMark(PickleKind::kDict);
    case 'q':
      return Put(1);
    case 'r':
      return Put(4);
    case 0x94:
      return Memoize();
    case 'h':
      return Get(1);
    case 'j':
      return Get(4);
    default:
      return StepRarely(op);
  }
}

// What makes objects, and what moves the stack.
bool Machine::StepRarely(uint8_t op) {
  std::vector<ValueId> dropped;
  switch (op) {
    case 'c':
      return Global();
    case 0x93:
      return StackGlobal();
    case 'R':
      return Reduce();
    case 0x81:
      return NewObject(1);
    case 0x92:
      return NewObject(2);
    case 'i':
      return ObjectFromMark(/*named=*/true);
    case 'o':
      return ObjectFromMark(/*named=*/false);
    case 'b':
      return Build();
    case 'Q':
      return Persistent();
    case '0':
      MIEN_STEP(Need(1));
      Pop();
      return true;
    case '1':
      return PopToMark(&dropped);
    case '2':
      return Need(1) && Push(stack_.back());
    default:
      break;
  }
  return Fail(Status::Error(Code::kRefused,
                            "pickle, byte %" PRIu64 ": opcode 0x%02x is not one a checkpoint needs",
                            opcode_at_, op));
}

bool Machine::Protocol() {
  uint8_t version = 0;
  MIEN_STEP(cursor_.Read(&version, 1));
  if (opcode_at_ != begin_ || version < 2 || version > 5) return Fail("pickle protocol 2 to 5 expected");
  return true;
}

bool Machine::Frame() {
  uint64_t length = 0;
  MIEN_STEP(cursor_.Number(8, &length));
  return length <= cursor_.left() ? true : Fail("a frame beyond the end");
}

bool Machine::Mark() {
  if (marks_.size() >= kMaxMarks) return Fail("nested too deep");
  marks_.push_back(stack_.size());
  return true;
}

ValueId Machine::Pop() {
  const ValueId id = stack_.back();
  stack_.pop_back();
  return id;
}

bool Machine::Push(ValueId id) {
  MIEN_STEP(Memory(stack_.size() < stack_.capacity() ? 0 : kId * std::max<size_t>(1, stack_.size())));
  stack_.push_back(id);
  return true;
}

bool Machine::Add(const PickleValue& value, ValueId* id) {
  MIEN_STEP(Memory(kValue));
  *id = static_cast<ValueId>(tree_.values.size());
  tree_.values.push_back(value);
  return true;
}

bool Machine::PushNew(const PickleValue& value) {
  ValueId id = 0;
  MIEN_STEP(Add(value, &id));
  return Push(id);
}

bool Machine::NewContainer(PickleKind kind, std::vector<ValueId> items, int64_t mark) {
  MIEN_STEP(Memory(kContainer + kId * items.size()));
  PickleValue value;
  value.kind = kind;
  value.index = static_cast<uint32_t>(tree_.containers.size());
  value.integer = mark;
  tree_.containers.push_back(std::move(items));
  return PushNew(value);
}

bool Machine::KeepText(PickleKind kind, std::string_view text, PickleValue* value) {
  MIEN_STEP(Memory(kCharacter * text.size()));
  value->kind = kind;
  value->at = tree_.pool.size();
  value->index = static_cast<uint32_t>(text.size());
  tree_.pool += text;
  return true;
}

// Values below the topmost mark belong to somebody else.
bool Machine::Need(size_t count) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  return stack_.size() - floor >= count ? true : Fail("the stack is empty");
}

bool Machine::PopToMark(std::vector<ValueId>* items) {
  if (marks_.empty()) return Fail("no mark");
  const size_t mark = marks_.back();
  marks_.pop_back();
  items->assign(stack_.begin() + static_cast<ptrdiff_t>(mark), stack_.end());
  stack_.resize(mark);
  return true;
}

bool Machine::Integer(size_t bytes) {
  uint64_t raw = 0;
  MIEN_STEP(cursor_.Number(bytes, &raw));
  PickleValue value;
  value.kind = PickleKind::kInt;
  value.integer = bytes == 4 ? static_cast<int32_t>(static_cast<uint32_t>(raw)) : static_cast<int64_t>(raw);
  return PushNew(value);
}

// Up to eight bytes are an integer; longer ones (the magic number of legacy files) keep their bytes.
bool Machine::LongInteger(size_t length_bytes) {
  uint64_t length = 0;
  MIEN_STEP(cursor_.Number(length_bytes, &length));
  PickleValue value;
  if (length > 8) return Text(PickleKind::kLong, length);
  char raw[8];
  MIEN_STEP(cursor_.Read(raw, length));
  uint64_t bits = length > 0 && (raw[length - 1] & 0x80) ? ~uint64_t{0} : 0;
  for (size_t i = length; i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(raw[i]);
  value.kind = PickleKind::kInt;
  value.integer = static_cast<int64_t>(bits);
  return PushNew(value);
}

bool Machine::Real() {
  uint8_t raw[8];
  MIEN_STEP(cursor_.Read(raw, 8));
  uint64_t bits = 0;
  for (uint8_t byte : raw) bits = bits << 8 | byte;  // big endian
  PickleValue value;
  value.kind = PickleKind::kFloat;
  value.real = __builtin_bit_cast(double, bits);
  return PushNew(value);
}

bool Machine::String(size_t length_bytes) {
  uint64_t length = 0;
  MIEN_STEP(cursor_.Number(length_bytes, &length));
  return Text(PickleKind::kString, length);
}

bool Machine::Text(PickleKind kind, uint64_t length) {
  if (length > cursor_.left() || length > kMaxPlainBytes)
    return Fail("a string beyond the end, or of more than 16 MiB");
  MIEN_STEP(Memory(kCharacter * length));
  PickleValue value;
  value.kind = kind;
  value.at = tree_.pool.size();
  value.index = static_cast<uint32_t>(length);
  tree_.pool.resize(tree_.pool.size() + length);
  MIEN_STEP(cursor_.Read(tree_.pool.data() + value.at, length));
  return PushNew(value);
}

bool Machine::Bytes(size_t length_bytes) {
  PickleValue value;
  value.kind = PickleKind::kBytes;
  uint64_t length = 0;
  MIEN_STEP(cursor_.Number(length_bytes, &length));
  if (length > UINT32_MAX) return Fail("a byte string of more than 4 GiB");
  value.at = cursor_.at();
  value.index = static_cast<uint32_t>(length);
  MIEN_STEP(cursor_.Skip(length));
  payload_bytes_ += length;
  return PushNew(value);
}

bool Machine::Tuple(size_t count) {
  MIEN_STEP(Need(count));
  std::vector<ValueId> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return NewContainer(PickleKind::kTuple, std::move(items));
}

bool Machine::FromMark(PickleKind kind) {
  std::vector<ValueId> items;
  MIEN_STEP(PopToMark(&items));
  if (kind == PickleKind::kDict && items.size() % 2 != 0) return Fail("a key without a value");
  return NewContainer(kind, std::move(items));
}

bool Machine::Append() {
  MIEN_STEP(Need(2));
  const ValueId item = Pop();
  return AddTo(PickleKind::kList, {&item, 1});
}

bool Machine::SetItem() {
  MIEN_STEP(Need(3));
  const ValueId pair[2] = {stack_[stack_.size() - 2], stack_.back()};
  stack_.resize(stack_.size() - 2);
  return AddTo(PickleKind::kDict, pair);
}

bool Machine::AddFromMark(PickleKind kind) {
  std::vector<ValueId> items;
  MIEN_STEP(PopToMark(&items));
  return AddTo(kind, items);
}

// Items are put only into the kind of container that the opcode is for, never into a tensor or anything else.
// An object that gets items is a list or a dictionary of an unknown class: its items are what counts.
bool Machine::AddTo(PickleKind kind, std::span<const ValueId> items) {
  MIEN_STEP(Need(1));
  PickleValue& target = tree_.values[stack_.back()];
  if (target.kind == PickleKind::kObject) {
    target.kind = kind;
    target.integer = 0;
    tree_.containers[target.index].clear();
  }
  if (target.kind != kind) return Fail("items for something that is no container of theirs");
  if (kind == PickleKind::kDict && items.size() % 2 != 0) return Fail("a key without a value");
  MIEN_STEP(Memory(kId * items.size()));
  auto& container = tree_.containers[target.index];
  container.insert(container.end(), items.begin(), items.end());
  return true;
}

bool Machine::Put(size_t bytes) {
  uint64_t index = 0;
  MIEN_STEP(cursor_.Number(bytes, &index));
  MIEN_STEP(Need(1));
  if (index >= memo_.size()) {
    MIEN_STEP(Memory(kId * (index + 1 - memo_.size())));
    memo_.resize(index + 1, kNoValue);
  }
  memo_[index] = stack_.back();
  return true;
}

bool Machine::Memoize() {
  MIEN_STEP(Need(1) && Memory(kId));
  memo_.push_back(stack_.back());
  return true;
}

bool Machine::Get(size_t bytes) {
  uint64_t index = 0;
  MIEN_STEP(cursor_.Number(bytes, &index));
  if (index >= memo_.size() || memo_[index] == kNoValue) return Fail("a memo entry that was never set");
  return Push(memo_[index]);
}

Result<PickleTree> ReadPickle(const std::shared_ptr<const ByteSource>& source, uint64_t begin, uint64_t end,
                              const PickleOptions& options, Budget& budget) {
  return Machine(source, begin, end, options, budget).Run();
}

}  // namespace mien
