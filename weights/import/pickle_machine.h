// Inside of the pickle reader: the byte cursor and the stack machine. pickle.cc has the values and
// containers, pickle_names.cc the allowed names and what they make of their arguments.
#pragma once

#include <memory>
#include <span>

#include "weights/import/pickle.h"
#include "weights/step.h"

namespace mien {

// Sequential reading through a small window; never past `end`.
class Cursor {
 public:
  Cursor(const ByteSource& source, uint64_t begin, uint64_t end) : source_(source), at_(begin), end_(end) {}

  const Status& error() const { return error_; }
  uint64_t at() const { return at_; }
  uint64_t left() const { return end_ - at_; }
  bool Read(void* out, size_t count);
  bool Number(size_t bytes, uint64_t* out);  // little endian
  bool Line(std::string* out);               // up to a newline
  bool Skip(uint64_t count);

 private:
  bool Fail(const Status& status);

  static constexpr uint64_t kWindow = 1 << 12;
  const ByteSource& source_;
  uint64_t at_, end_, window_at_ = 0;
  std::vector<std::byte> window_;
  Status error_;
};

class Machine {
 public:
  Machine(const std::shared_ptr<const ByteSource>& source, uint64_t begin, uint64_t end,
          const PickleOptions& options, Budget& budget)
      : cursor_(*source, begin, end), source_(source), begin_(begin), options_(options), budget_(budget) {
    tree_.values.resize(3);
    tree_.values[kTrueId].kind = tree_.values[kFalseId].kind = PickleKind::kBool;
    tree_.values[kTrueId].integer = 1;
  }
  Result<PickleTree> Run();

 private:
  static constexpr ValueId kNoneId = 0, kTrueId = 1, kFalseId = 2, kNoValue = UINT32_MAX;

  bool Loop();
  bool Fail(const char* what);
  bool Fail(const Status& status);
  bool Work(uint64_t steps) { return budget_.Work(steps) || Fail(budget_.Spent()); }
  bool Memory(uint64_t bytes) { return budget_.Memory(bytes) || Fail(budget_.Spent()); }
  bool Step(uint8_t op, bool* done);
  bool StepRarely(uint8_t op);
  bool Need(size_t count);
  ValueId Pop();
  bool Push(ValueId id);
  bool Add(const PickleValue& value, ValueId* id);
  bool PushNew(const PickleValue& value);
  bool NewContainer(PickleKind kind, std::vector<ValueId> items, int64_t mark = 0);
  bool KeepText(PickleKind kind, std::string_view text, PickleValue* value);
  bool PopToMark(std::vector<ValueId>* items);
  bool AddTo(PickleKind kind, std::span<const ValueId> items);

  bool Protocol();
  bool Frame();
  bool Mark();
  bool Integer(size_t bytes);
  bool LongInteger(size_t length_bytes);
  bool Real();
  bool String(size_t length_bytes);
  bool Text(PickleKind kind, uint64_t length);
  bool Bytes(size_t length_bytes);
  bool Tuple(size_t count);
  bool FromMark(PickleKind kind);
  bool Append();
  bool AddFromMark(PickleKind kind);
  bool SetItem();
  bool Put(size_t bytes);
  bool Memoize();
  bool Get(size_t bytes);

  // pickle_names.cc
  bool Global();
  bool StackGlobal();
  bool PushName(const std::string& module, const std::string& name);
  bool FailAttack(const std::string& module, const std::string& name);
  bool Reduce();
  bool NewObject(size_t arguments);
  bool ObjectFromMark(bool named);
  bool Call(ValueId function, ValueId tuple);
  bool CallKnown(const PickleValue& function, std::span<const ValueId> arguments);
  bool New(ValueId type, std::span<const ValueId> arguments);
  bool Build();
  bool Persistent();
  bool MakeObject(ValueId name);
  bool MakeAttribute(std::span<const ValueId> arguments);
  bool MakeSkipped(const std::string& what);
  bool MakeDict(std::span<const ValueId> arguments);
  bool MakeList(std::span<const ValueId> arguments);
  bool MakeModule(std::span<const ValueId> arguments);

  // pickle_arrays.cc
  bool MakeTensor(std::span<const ValueId> arguments);
  bool AddTensor(ForeignTensor tensor, uint32_t storage, std::span<const uint64_t> size, ValueId* id);
  bool MakeStorage(std::span<const ValueId> arguments);
  bool AddStorage(Result<ForeignStorage> storage, const char* other);
  bool Encode(std::span<const ValueId> arguments);
  bool MakeNumpyType(std::span<const ValueId> arguments);
  bool BuildNumpyType(PickleValue* type, const PickleValue& state);
  bool MakeNumpyScalar(std::span<const ValueId> arguments);
  bool MakeNumpyBuffer(std::span<const ValueId> arguments);
  bool FillArray(ValueId shape, ValueId type, bool columns_first, ValueId data, ValueId* id);
  bool Raw(ValueId id, ForeignStorage* bytes);
  bool Integers(ValueId tuple, std::vector<uint64_t>* out) const;

  Status error_;
  Cursor cursor_;
  const std::shared_ptr<const ByteSource>& source_;
  const uint64_t begin_;
  const PickleOptions& options_;
  Budget& budget_;
  PickleTree tree_;
  std::vector<ValueId> stack_, memo_;
  std::vector<size_t> marks_;
  uint64_t opcode_at_ = 0, payload_bytes_ = 0;
};

}  // namespace mien
