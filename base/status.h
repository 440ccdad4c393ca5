// Status and Result<T>: how every fallible function of mien answers.
// A Status is a code plus a short message in a fixed buffer (object, expected, found), so that
// reporting an error never allocates. Nothing in the library throws across its API, exits or aborts.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <optional>
#include <utility>

namespace mien {

// One per documented exit code of the program (DESIGN.md, "Errors are values"), split where a caller may care.
enum class Code : unsigned char {
  kOk = 0,
  kFailure,      // input/output or anything not named below          exit 1
  kNumeric,      // a non-finite number reached an output              exit 1
  kUsage,        // an argument is wrong or out of range               exit 2
  kNoFace,       // no face found                                      exit 3
  kRefused,      // a model file, checkpoint or tensor file is invalid exit 4
  kDevice,       // backend missing or failing                         exit 5
  kMemory,       // not enough memory, or more than --max-memory       exit 5
  kGate,         // a quality gate was not met                         exit 6
  kInterrupted,  // SIGINT or SIGTERM                                  exit 130
};

int ExitCode(Code code);

class [[nodiscard]] Status {
 public:
  static constexpr size_t kTextBytes = 1024;

  Status() = default;
  // printf-style. A text that does not fit into kTextBytes loses its middle: object and reason stay.
  [[gnu::format(printf, 2, 3)]] static Status Error(Code code, const char* format, ...);

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const char* message() const { return text_; }
  // The same error with "context: " put before its message; a context that does not fit loses its middle.
  [[gnu::format(printf, 2, 3)]] Status Within(const char* format, ...) const;

 private:
  Code code_ = Code::kOk;
  char text_[kTextBytes] = {0};
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}           // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}   // NOLINT: implicit by design

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

#define MIEN_CONCAT_(a, b) a##b
#define MIEN_CONCAT(a, b) MIEN_CONCAT_(a, b)

// Returns the error to the caller, goes on otherwise.
#define MIEN_TRY(expression)                         \
  do {                                               \
    ::mien::Status mien_status = (expression);       \
    if (!mien_status.ok()) return mien_status;       \
  } while (0)

// MIEN_ASSIGN(auto x, F()): x is F's value; an error returns to the caller.
#define MIEN_ASSIGN(declaration, expression)                                                \
  auto MIEN_CONCAT(mien_result_, __LINE__) = (expression);                                  \
  if (!MIEN_CONCAT(mien_result_, __LINE__).ok()) return MIEN_CONCAT(mien_result_, __LINE__).status(); \
  declaration = std::move(*MIEN_CONCAT(mien_result_, __LINE__))

}  // namespace mien
