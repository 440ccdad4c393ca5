// What the parts of the C API share: the context, and how a call becomes a code and a text.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "runtime/face/face_search.h"
#include "runtime/face/pipeline.h"
#include "runtime/libmien/mien.h"

struct mien_context {
  std::shared_ptr<const mien::ModelFile> model;
  std::unique_ptr<mien::Pipeline> pipeline;
  std::unique_ptr<mien::FaceNetworks> faces;  // none before a call needs them
  mien::RunOptions run;
  mien::DetectorChoice detector = mien::DetectorChoice::kAuto;
  mien_params params = {};  // of which only the callbacks are read after mien_create
  std::atomic<bool> stop{false};
  mien::Status error;
};

namespace mien {

inline mien_code CodeOf(const Status& status) { return static_cast<mien_code>(status.code()); }

// body() answers a Status; an exception becomes one.
template <class Body>
Status Guarded(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Status::Error(Code::kMemory, "out of memory");
  } catch (const std::exception& error) {
    return Status::Error(Code::kFailure, "unexpected: %s", error.what());
  } catch (...) {
    return Status::Error(Code::kFailure, "unexpected error");
  }
}

inline Status Announce(const mien_params& params, const char* stage) {
  if (params.progress == nullptr || params.progress(params.progress_user, stage) == 0) return {};
  return Status::Error(Code::kInterrupted, "stopped before stage %s", stage);
}

// 0, which until ABI 3 meant the whole edit, is nobody's wish.
inline Status CheckStrength(float strength) {
  if (strength > 0.0f && strength <= 1.0f) return {};
  return Status::Error(Code::kUsage, "strength %g, above 0 and at most 1 expected: 1 is the whole edit",
                       static_cast<double>(strength));
}

inline void Log(const mien_params& params, const std::string& line) {
  if (params.log != nullptr) params.log(params.log_user, line.c_str());
}

// One call on a context: announces the stage, runs it, keeps the error. `arguments`: no pointer is null.
template <class Body>
mien_code Call(mien_context* context, const char* stage, bool arguments, const Body& body) noexcept {
  if (context == nullptr) return MIEN_USAGE;
  context->stop = false;
  context->error = Guarded([&]() -> Status {
    if (!arguments) return Status::Error(Code::kUsage, "%s: a pointer is null", stage);
    MIEN_TRY(Announce(context->params, stage));
    return body(*context->pipeline);
  });
  return CodeOf(context->error);
}

inline Status MissingComponent(const char* component) {
  return Status::Error(Code::kUsage, "the model has no %s", component);
}

// A C caller's edits; `set` and `add`, unless null, get them as texts (EditRecord). What lies far outside of the
// training range is logged.
Result<std::vector<Edit>> EditsOf(const mien_context& context, const mien_edit* edits, size_t count,
                                  std::vector<std::string>* set, std::vector<std::string>* add);

}  // namespace mien
