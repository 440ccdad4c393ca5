// The C API (mien.h) over Pipeline: turns Status into codes and texts and lets no exception out.
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/builtin_model.h"
#include "runtime/libmien/context.h"

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

std::span<const float> Codes(const Pipeline& pipeline, const float* w_plus) {
  return {w_plus, static_cast<size_t>(pipeline.rows()) * pipeline.w_dim()};
}
std::span<float> Codes(const Pipeline& pipeline, float* w_plus) {
  return {w_plus, static_cast<size_t>(pipeline.rows()) * pipeline.w_dim()};
}

Result<DetectorChoice> DetectorOf(const char* name) {
  if (name == nullptr) return DetectorChoice::kAuto;
  const auto* const found =
      std::ranges::find_if(kDetectorNames, [&](const char* one) { return std::strcmp(one, name) == 0; });
  if (found != std::end(kDetectorNames)) return static_cast<DetectorChoice>(found - std::begin(kDetectorNames));
  return Status::Error(Code::kUsage, "detector %s: auto, tiny or ssd expected", name);
}

Status Load(const mien_params& params, mien_context* context) {
  if (params.abi_version != MIEN_ABI_VERSION) {
    return Status::Error(Code::kUsage, "parameters of ABI %u, this library has %d: call mien_params_init",
                         params.abi_version, MIEN_ABI_VERSION);
  }
  context->params = params;
  MIEN_ASSIGN(context->detector, DetectorOf(params.detector));
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
  context->run = options;
  options.no_noise = config.generator && !config.generator->has_noise_maps;
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

}  // namespace

Result<std::vector<Edit>> EditsOf(const mien_context& context, const mien_edit* edits, size_t count,
                                  std::vector<std::string>* set, std::vector<std::string>* add) {
  const FlowConfig& flow = *context.pipeline->config().flow;
  std::vector<Edit> wanted;
  for (size_t i = 0; i < count; ++i) {
    MIEN_ASSIGN(const bool adds, IsSecond(edits[i].mode, "mode"));
    MIEN_ASSIGN(const bool natural, IsSecond(edits[i].unit, "unit"));
    const std::string attribute = edits[i].attribute == nullptr ? "" : edits[i].attribute;
    MIEN_ASSIGN(const Edit edit,
                MakeEdit(flow, attribute, adds ? Edit::Mode::kAdd : Edit::Mode::kSet, edits[i].value, natural));
    wanted.push_back(edit);
    std::vector<std::string>* const texts = adds ? add : set;
    if (texts != nullptr) texts->push_back(EditText(attribute, edits[i].value, natural));
  }
  for (const FarValue& far : FarValues(flow, {&wanted, 1}))
    Log(context.params, far.what + (far.meant.empty() ? "" : "; " + far.meant + " would be MIEN_NATURAL"));
  return wanted;
}

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
  params->detector = "auto";
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
  return mien::Call(context, "encode", rgb != nullptr && w_plus != nullptr, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().encoder) return mien::MissingComponent("encoder");
    MIEN_ASSIGN(mien::Image photo, mien::Image::Create(width, height));
    std::memcpy(photo.pixels.data(), rgb, photo.bytes().size());
    return pipeline.Encode(photo, mien::Codes(pipeline, w_plus));
  });
}

mien_code mien_from_seed(mien_context* context, uint32_t seed, float* w_plus) {
  return mien::Call(context, "map", w_plus != nullptr, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().generator || pipeline.config().generator->label_dim > 0) {
      return mien::MissingComponent("generator without labels");
    }
    return pipeline.FromSeed(seed, mien::Codes(pipeline, w_plus));
  });
}

mien_code mien_apply_edits(mien_context* context, const mien_edit* edits, size_t count, const char* layers,
                           float strength, const float* w_plus, float* edited) {
  const bool arguments = (edits != nullptr || count == 0) && w_plus != nullptr && edited != nullptr;
  return mien::Call(context, "edit", arguments, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().flow) return mien::MissingComponent("flow");
    MIEN_ASSIGN(const auto wanted, mien::EditsOf(*context, edits, count, nullptr, nullptr));
    MIEN_ASSIGN(const auto rows, mien::ParseRows(layers == nullptr ? "" : layers, pipeline.rows()));
    MIEN_TRY(mien::CheckStrength(strength));
    return pipeline.ApplyEdit(wanted, rows, strength, mien::Codes(pipeline, w_plus), mien::Codes(pipeline, edited));
  });
}

mien_code mien_synthesize(mien_context* context, const float* w_plus, uint8_t* rgb) {
  return mien::Call(context, "synthesize", w_plus != nullptr && rgb != nullptr, [&](Pipeline& pipeline) -> Status {
    if (!pipeline.config().generator) return mien::MissingComponent("generator");
    MIEN_ASSIGN(mien::Image image, pipeline.Synthesize(mien::Codes(pipeline, w_plus), 0));
    std::memcpy(rgb, image.pixels.data(), image.bytes().size());
    return {};
  });
}

void mien_cancel(mien_context* context) {
  if (context != nullptr) context->stop = true;
}
