// Inside of the pickle reader: the byte cursor and the stack machine. pickle.cc has the values and
// containers, pickle_names.cc the allowed names and what they make of their arguments.
#pragma once

#include <span>

#include "weights/import/pickle.h"

namespace mien {

// Sequential reading through a small window; never past `end`.
class Cursor {
 public:
  Cursor(const ByteSource& source, uint64_t begin, uint64_t end) : source_(source), at_(begin), end_(end) {}

  uint64_t at() const { return at_; }
  uint64_t left() const { return end_ - at_; }
  Status Read(void* out, size_t count);
  Status Number(size_t bytes, uint64_t* out);  // little endian
  Status Line(std::string* out);               // up to a newline
  Status Skip(uint64_t count);

 private:
  static constexpr uint64_t kWindow = 1 << 12;
  const ByteSource& source_;
  uint64_t at_, end_, window_at_ = 0;
  std::vector<std::byte> window_;
};

class Machine {
 public:
  Machine(const ByteSource& source, uint64_t begin, uint64_t end, const PickleOptions& options)
      : cursor_(source, begin, end), source_(source), begin_(begin), options_(options) {
    tree_.values.resize(3);
    tree_.values[kTrueId].kind = tree_.values[kFalseId].kind = PickleKind::kBool;
    tree_.values[kTrueId].integer = 1;
  }
  Result<PickleTree> Run();

 private:
  static constexpr ValueId kNoneId = 0, kTrueId = 1, kFalseId = 2, kNoValue = UINT32_MAX;

  Status Fail(const char* what) const;
  Status Step(uint8_t op, bool* done);
  Status Need(size_t count) const;
  Status Push(ValueId id);
  Result<ValueId> Add(const PickleValue& value);
  Status PushNew(const PickleValue& value);
  Status NewContainer(PickleKind kind, std::vector<ValueId> items);
  Status PopToMark(std::vector<ValueId>* items);
  Status AddTo(PickleKind kind, std::span<const ValueId> items);

  Status Protocol();
  Status Frame();
  Status Mark();
  Status Integer(size_t bytes);
  Status LongInteger();
  Status Real();
  Status String(size_t length_bytes);
  Status Bytes(size_t length_bytes);
  Status Tuple(size_t count);
  Status TupleFromMark();
  Status Append();
  Status AddFromMark(PickleKind kind);
  Status SetItem();
  Status Put(size_t bytes);
  Status Memoize();
  Status Get(size_t bytes);

  // pickle_names.cc
  Status Global();
  Status StackGlobal();
  Status PushName(const std::string& module, const std::string& name);
  Status Reduce();
  Status NewObject();
  Status Build();
  Status Persistent();
  Status MakeOrderedDict(std::span<const ValueId> arguments);
  Status MakeTensor(std::span<const ValueId> arguments);
  Status MakeStorage(std::span<const ValueId> arguments);
  Status MakeModule(std::span<const ValueId> arguments);
  Status MakeNumpyType(std::span<const ValueId> arguments);
  Status MakeNumpyScalar(std::span<const ValueId> arguments);
  bool Integers(ValueId tuple, std::vector<uint64_t>* out) const;
  Result<ValueId> AddStorage(ForeignStorage storage);

  Cursor cursor_;
  const ByteSource& source_;
  const uint64_t begin_;
  const PickleOptions& options_;
  PickleTree tree_;
  std::vector<ValueId> stack_, memo_;
  std::vector<size_t> marks_;
  uint64_t opcode_at_ = 0, payload_bytes_ = 0, references_ = 0;
};

}  // namespace mien
