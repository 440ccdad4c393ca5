// The C API (mien.h) over Pipeline: turns Status into codes and texts and lets no exception out.
#include <pthread.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>

#include "runtime/builtin_model.h"
#include "runtime/face/pipeline.h"
#include "runtime/libmien/mien.h"

struct mien_context {
  std::shared_ptr<const mien::ModelFile> model;
  std::unique_ptr<mien::Pipeline> pipeline;
  mien_params params = {};
  std::atomic<bool> stop{false};
  mien::Status error;
};

namespace mien {
namespace {

const Status kNoMemory = Status::Error(Code::kMemory, "out of memory");

// The error of each thread's last mien_create. Not thread_local: in a library that is opened at run time such
// an object is made when a thread first looks at it, and where there is no memory for it the C library ends
// the process.
class CreateErrors {
 public:
  CreateErrors() : made_(pthread_key_create(&key_, Free) == 0) {}
  ~CreateErrors() {
    if (made_) pthread_key_delete(key_);
  }
  const Status& Last() const {
    const void* const last = made_ ? pthread_getspecific(key_) : nullptr;
    return last == nullptr ? none_ : *static_cast<const Status*>(last);
  }
  void Set(const Status& error) {
    if (!made_) return;
    Free(pthread_getspecific(key_));
    const Status* kept = error.ok() ? nullptr : new (std::nothrow) Status(error);
    if (kept == nullptr && !error.ok()) kept = &kNoMemory;
    if (pthread_setspecific(key_, kept) != 0) Free(const_cast<Status*>(kept));
  }

 private:
  static void Free(void* status) {
    if (status != &kNoMemory) delete static_cast<Status*>(status);
  }
  const Status none_;
  pthread_key_t key_;
  bool made_;
};
CreateErrors create_errors;

static_assert(MIEN_SET == 0 && MIEN_ADD == 1 && MIEN_NORMALISED == 0 && MIEN_NATURAL == 1);
static_assert(static_cast<int>(Code::kOk) == MIEN_OK && static_cast<int>(Code::kFailure) == MIEN_FAILURE &&
              static_cast<int>(Code::kNumeric) == MIEN_NUMERIC &&
              static_cast<int>(Code::kUsage) == MIEN_USAGE &&
              static_cast<int>(Code::kNoFace) == MIEN_NO_FACE &&
              static_cast<int>(Code::kRefused) == MIEN_REFUSED &&
              static_cast<int>(Code::kDevice) == MIEN_DEVICE &&
              static_cast<int>(Code::kMemory) == MIEN_MEMORY && static_cast<int>(Code::kGate) == MIEN_GATE &&
              static_cast<int>(Code::kInterrupted) == MIEN_INTERRUPTED);

mien_code CodeOf(const Status& status) { return static_cast<mien_code>(status.code()); }

// body() answers a Status; an exception becomes one.
template <class Body>
Status Guarded(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const std::exception& error) {
    return Status::Error(Code::kFailure, "unexpected: %s", error.what());
  } catch (...) {
    return Status::Error(Code::kFailure, "unexpected error");
  }
}

Status Announce(const mien_params& params, const char* stage) {
  if (params.progress == nullptr || params.progress(params.progress_user, stage) == 0) return {};
  return Status::Error(Code::kInterrupted, "stopped before stage %s", stage);
}

// One call on a context: announces the stage, runs it, keeps the error.
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

std::span<const float> Codes(const Pipeline& pipeline, const float* w_plus) {
  return {w_plus, static_cast<size_t>(pipeline.rows()) * pipeline.w_dim()};
}
std::span<float> Codes(const Pipeline& pipeline, float* w_plus) {
  return {w_plus, static_cast<size_t>(pipeline.rows()) * pipeline.w_dim()};
}

void Log(const mien_params& params, const std::string& line) {
  if (params.log != nullptr) params.log(params.log_user, line.c_str());
}

Status Load(const mien_params& params, mien_context* context) {
  if (params.abi_version != MIEN_ABI_VERSION) {
    return Status::Error(Code::kUsage, "parameters of ABI %u, this library has %d: call mien_params_init",
                         params.abi_version, MIEN_ABI_VERSION);
  }
  context->params = params;
  MIEN_TRY(Announce(params, "load"));
  if (params.model_path == nullptr) {
    MIEN_ASSIGN(context->model, OpenBuiltinModel());
  } else {
    MIEN_ASSIGN(context->model, ModelFile::Open(params.model_path));
  }
  const ModelConfig& config = context->model->config();
  PipelineOptions options;
  if (params.backend != nullptr) options.backend = params.backend;
  options.threads = params.threads;
  options.max_memory = params.max_memory;
  options.psi = params.psi;
  if (params.memory != nullptr) options.memory = params.memory;
  options.resolution = params.resolution;
  options.incremental = params.interactive != 0;
  options.stop = &context->stop;
  options.encode = config.encoder.has_value();
  options.edit = config.flow.has_value();
  options.synthesize = config.generator.has_value();
  options.map = config.generator && config.generator->label_dim == 0;
  MIEN_ASSIGN(context->pipeline, Pipeline::Create(context->model, options));
  if (params.log != nullptr) {
    const Engine& engine = context->pipeline->engine();
    char line[384];
    std::snprintf(
        line, sizeof line, "backend %s (%s), %s, %d threads, %llu bytes of weights, %llu of activations",
        engine.backend().name.c_str(), engine.backend().reason.c_str(), engine.memory_reason().c_str(),
        engine.threads(), static_cast<unsigned long long>(engine.need().weights),
        static_cast<unsigned long long>(engine.need().arena));
    params.log(params.log_user, line);
  }
  if (config.generator && params.psi != 1.0f && !Truncates(*config.generator, params.psi))
    Log(params, "psi above 1 has no effect: this generator truncates below 1 only");
  return {};
}

const FlowConfig* FlowOf(const mien_context* context) {
  if (context == nullptr || !context->pipeline->config().flow) return nullptr;
  return &*context->pipeline->config().flow;
}

// What a C caller stored in an enumeration may be any number, which C++ may look at only as such.
template <class Enum>
Result<bool> IsSecond(const Enum& value, const char* what) {
  static_assert(sizeof(Enum) == sizeof(int));
  int number;
  std::memcpy(&number, &value, sizeof number);
  if (number == 0 || number == 1) return number == 1;
  return Status::Error(Code::kUsage, "edit: %s %d, 0 or 1 expected", what, number);
}

Status Missing(const char* component) {
  return Status::Error(Code::kUsage, "the model has no %s", component);
}

}  // namespace
}  // namespace mien

using mien::Pipeline;
using mien::Status;

uint32_t mien_abi_version(void) { return MIEN_ABI_VERSION; }

void mien_params_init(mien_params* params) {
  if (params == nullptr) return;
  *params = {};
  params->abi_version = MIEN_ABI_VERSION;
  params->backend = "auto";
  params->psi = 1.0f;
  params->memory = "auto";
}

mien_code mien_create(const mien_params* params, mien_context** out) {
  if (out != nullptr) *out = nullptr;
  const Status status = mien::Guarded([&]() -> Status {
    if (params == nullptr || out == nullptr)
      return Status::Error(mien::Code::kUsage, "create: a pointer is null");
    auto context = std::make_unique<mien_context>();
    MIEN_TRY(mien::Load(*params, context.get()));
    *out = context.release();
    return {};
  });
  mien::create_errors.Set(status);
  return mien::CodeOf(status);
}

void mien_destroy(mien_context* context) { delete context; }

const char* mien_last_error(const mien_context* context) {
  return context == nullptr ? mien::create_errors.Last().message() : context->error.message();
}

int mien_rows(const mien_context* context) { return context == nullptr ? 0 : context->pipeline->rows(); }

int mien_w_dim(const mien_context* context) { return context == nullptr ? 0 : context->pipeline->w_dim(); }

int mien_image_side(const mien_context* context) {
  if (context == nullptr || !context->pipeline->config().generator) return 0;
  return context->pipeline->image_side();
}

int mien_attribute_count(const mien_context* context) {
  const mien::FlowConfig* flow = mien::FlowOf(context);
  return flow == nullptr ? 0 : static_cast<int>(flow->attributes.size());
}

const char* mien_attribute_name(const mien_context* context, int index) {
  if (index < 0 || index >= mien_attribute_count(context)) return nullptr;
  return mien::FlowOf(context)->attributes[static_cast<size_t>(index)].c_str();
}

mien_code mien_encode(mien_context* context, const uint8_t* rgb, int width, int height, float* w_plus) {
  return mien::Call(context, "encode", rgb != nullptr && w_plus != nullptr,
                    [&](Pipeline& pipeline) -> Status {
                      if (!pipeline.config().encoder) return mien::Missing("encoder");
                      MIEN_ASSIGN(mien::Image photo, mien::Image::Create(width, height));
                      std::memcpy(photo.pixels.data(), rgb, photo.bytes().size());
                      return pipeline.Encode(photo, mien::Codes(pipeline, w_plus));
                    });
}

mien_code mien_from_seed(mien_context* context, uint32_t seed, float* w_plus) {
  return mien::Call(context, "map", w_plus != nullptr, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().generator || pipeline.config().generator->label_dim > 0) {
      return mien::Missing("generator without labels");
    }
    return pipeline.FromSeed(seed, mien::Codes(pipeline, w_plus));
  });
}

mien_code mien_apply_edits(mien_context* context, const mien_edit* edits, size_t count, const char* layers,
                           float keep_identity, const float* w_plus, float* edited) {
  const bool arguments = (edits != nullptr || count == 0) && w_plus != nullptr && edited != nullptr;
  return mien::Call(context, "edit", arguments, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().flow) return mien::Missing("flow");
    std::vector<mien::Edit> wanted;
    for (size_t i = 0; i < count; ++i) {
      MIEN_ASSIGN(const bool adds, mien::IsSecond(edits[i].mode, "mode"));
      MIEN_ASSIGN(const bool natural, mien::IsSecond(edits[i].unit, "unit"));
      MIEN_ASSIGN(
          mien::Edit edit,
          mien::MakeEdit(*pipeline.config().flow, edits[i].attribute == nullptr ? "" : edits[i].attribute,
                         adds ? mien::Edit::Mode::kAdd : mien::Edit::Mode::kSet, edits[i].value, natural));
      wanted.push_back(edit);
    }
    for (const mien::FarValue& far : mien::FarValues(*pipeline.config().flow, {&wanted, 1})) {
      mien::Log(context->params, far.what + (far.meant.empty() ? "" : "; " + far.meant + " would be MIEN_NATURAL"));
    }
    MIEN_ASSIGN(const auto rows, mien::ParseRows(layers == nullptr ? "" : layers, pipeline.rows()));
    return pipeline.ApplyEdit(wanted, rows, keep_identity, mien::Codes(pipeline, w_plus),
                              mien::Codes(pipeline, edited));
  });
}

mien_code mien_synthesize(mien_context* context, const float* w_plus, uint8_t* rgb) {
  return mien::Call(context, "synthesize", w_plus != nullptr && rgb != nullptr,
                    [&](Pipeline& pipeline) -> Status {
                      if (!pipeline.config().generator) return mien::Missing("generator");
                      MIEN_ASSIGN(mien::Image image, pipeline.Synthesize(mien::Codes(pipeline, w_plus), 0));
                      std::memcpy(rgb, image.pixels.data(), image.bytes().size());
                      return {};
                    });
}

void mien_cancel(mien_context* context) {
  if (context != nullptr) context->stop = true;
}
