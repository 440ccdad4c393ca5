// Every allocation, thread and file call of a context's life fails once, and fails from there on: the call
// that meets it answers a code, nothing leaks, and the same call made again gives the same bits.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "runtime/face/image.h"
#include "runtime/libmien/mien.h"
#include "tests/faults/cases.h"
#include "tests/support/shim.h"
#include "tests/support/tiny_model.h"

#ifdef MIEN_SHIM
namespace mien::testing {
namespace {

// What a life is to do.
struct Wanted {
  std::string model;
  int threads = 1;
  bool encode = false;
  std::vector<std::byte> file = {};  // of a photo to be edited; empty: none
  bool aligned = false;              // it is
};

// What one life met and made. Nothing here takes memory while faults are armed.
struct Life {
  explicit Life(const Wanted& life) : wanted(life) {
    mien_params_init(&params);
    params.model_path = wanted.model.c_str();
    params.threads = wanted.threads;
    params.detector = "tiny";
    for (size_t i = 0; i < photo.size(); ++i) photo[i] = static_cast<uint8_t>(i * 7);
    files.reserve(size_t{2} << 20);
  }

  const Wanted& wanted;
  mien_params params;
  std::vector<uint8_t> photo = std::vector<uint8_t>(size_t{3} * 20 * 20),
                       picture = std::vector<uint8_t>(size_t{3} * 32 * 32);
  std::vector<float> codes = std::vector<float>(size_t{kTinyRows} * kTinyDim), edited = codes;
  std::vector<uint8_t> files;  // of edited photos, one after the other
  mien_code met = MIEN_OK;     // the first failure
  char text[1024] = "";        // of it
  bool came_to_an_end = false;
  long calls = 0, leaked = 0;
};

// Two edits of one photo.
mien_code EditPhoto(Life& life, mien_context* context) {
  const mien_edit edit = {"smile", MIEN_SET, MIEN_NORMALISED, 1.0f};
  const mien_edits edits[] = {{&edit, 1}, {nullptr, 0}};
  mien_photo_options options;
  mien_photo_options_init(&options);
  options.aligned = options.no_likeness = life.wanted.aligned;
  mien_result results[2];
  const mien_code code =
      mien_edit_photo(context, life.wanted.file.data(), life.wanted.file.size(), &options, edits, 2, results);
  life.files.clear();
  for (const mien_result& result : results) {
    if (life.files.size() + result.bytes <= life.files.capacity())
      life.files.insert(life.files.end(), result.file, result.file + result.bytes);
  }
  mien_free_results(results, 2);
  return code;
}

// One call after the other until `done` of them are made or one fails.
mien_code Go(Life& life, mien_context** context, int* done) {
  const mien_edit edit = {"smile", MIEN_ADD, MIEN_NORMALISED, 0.5f};
  for (; *done < 6; ++*done) {
    mien_code code = MIEN_OK;
    if (*done == 0) code = mien_create(&life.params, context);
    if (*done == 1) code = mien_from_seed(*context, 3, life.codes.data());
    if (*done == 2 && life.wanted.encode) code = mien_encode(*context, life.photo.data(), 20, 20, life.codes.data());
    if (*done == 3) code = mien_apply_edits(*context, &edit, 1, "1-3", 0.75f, life.codes.data(), life.edited.data());
    if (*done == 4) code = mien_synthesize(*context, life.edited.data(), life.picture.data());
    if (*done == 5 && !life.wanted.file.empty()) code = EditPhoto(life, *context);
    if (code != MIEN_OK) return code;
  }
  return MIEN_OK;
}

// Call number `at` fails. Once: the call of the API is made again on the same context. From there on: the
// context is destroyed while everything fails, and a new one does it all.
void Live(Life& life, Fault kind, long at, bool all_later) {
  mien_context* context = nullptr;
  int done = 0;
  const long before = LiveAllocations();
  Arm(kind, at, all_later);
  life.met = Go(life, &context, &done);
  if (life.met != MIEN_OK) {
    std::snprintf(life.text, sizeof life.text, "%s", mien_last_error(context));
    if (all_later) {
      mien_destroy(context);
      context = nullptr;
      done = 0;
    }
    Disarm();
    life.came_to_an_end = Go(life, &context, &done) == MIEN_OK;
  } else {
    life.came_to_an_end = true;
  }
  mien_destroy(context);
  life.calls = Disarm();
  life.leaked = LiveAllocations() - before;
}

// Every stride-th call; the code that is expected of a call that does not do without.
void Sweep(const char* what, Fault kind, mien_code code, const Wanted& wanted, long stride) {
  Life whole(wanted);
  for (int warm = 0; warm < 3; ++warm) Live(whole, kind, -1, false);  // what is made once and kept
  REQUIRE_MESSAGE(whole.came_to_an_end, whole.text);
  REQUIRE(whole.leaked == 0);
  REQUIRE(whole.files.empty() == wanted.file.empty());
  long failed = 0, harmless = 0;
  for (const bool all_later : {false, true}) {
    for (long at = 0; at < whole.calls; at += stride, ++failed) {
      Life life(wanted);
      Live(life, kind, at, all_later);
      CAPTURE(at);
      CAPTURE(all_later);
      CAPTURE(std::string(life.text));
      CHECK(life.came_to_an_end);
      CHECK((life.met == code || life.met == MIEN_OK));
      CHECK((life.text[0] != '\0') == (life.met != MIEN_OK));
      CHECK(life.leaked == 0);
      CHECK(life.edited == whole.edited);
      CHECK(life.picture == whole.picture);
      CHECK(life.files == whole.files);
      harmless += life.met == MIEN_OK;
    }
  }
  CHECK(harmless * 10 < failed);
  std::printf(
      "faults, C API, %s: %ld calls, %ld failed (once, and from there on), %ld of these without harm\n", what,
      whole.calls, failed, harmless);
}

std::vector<std::byte> PhotoFile(int side) {
  Image image = std::move(*Image::Create(side, side));
  for (int i = 0; i < 3 * side * side; ++i) image.pixels.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
  return std::move(*EncodePng(image, {}));
}

std::vector<std::byte> Portrait() {
  const File file = std::move(*File::Open(MIEN_SOURCE_DIR "/tests/data/faces/portrait_a_neutral.png"));
  std::vector<std::byte> bytes(file.size());
  REQUIRE(file.ReadAt(0, bytes).ok());
  return bytes;
}

TEST_CASE("C API: memory fails") {
  Sweep("memory, small model", Fault::kMemory, MIEN_MEMORY, {SmallModelPath()}, 1);
  Sweep("memory, whole model", Fault::kMemory, MIEN_MEMORY, {TinyModelPath(), 1, true}, Stride(97));
  Sweep("memory, aligned photo", Fault::kMemory, MIEN_MEMORY, {TinyModelPath(), 1, false, PhotoFile(20), true},
        Stride(211));
  Sweep("memory, whole photo", Fault::kMemory, MIEN_MEMORY, {TinyModelPath(), 1, false, Portrait()}, Stride(1999));
}

TEST_CASE("C API: threads fail") {
  Sweep("threads", Fault::kThread, MIEN_MEMORY, {SmallModelPath(), 7}, 1);
  Sweep("threads, whole photo", Fault::kThread, MIEN_MEMORY, {TinyModelPath(), 3, false, Portrait()}, 1);
}

TEST_CASE("C API: files fail") { Sweep("files", Fault::kFile, MIEN_FAILURE, {SmallModelPath()}, 1); }

// There what belongs to a thread is made when the thread first looks at it. Each in a process of its own, for
// the first time.
TEST_CASE("C API: memory fails in a library that was opened at run time") {
  const std::string copy = ScratchFolder() + "/opened.so", model = SmallModelPath();
  std::filesystem::copy_file(MIEN_LIBRARY, copy);
  void* const library = dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(library != nullptr, dlerror());
  const auto create = reinterpret_cast<decltype(&mien_create)>(dlsym(library, "mien_create"));
  const auto last_error = reinterpret_cast<decltype(&mien_last_error)>(dlsym(library, "mien_last_error"));
  constexpr int kHarmless = 2;  // a standard library that does without; which call that is differs between libraries
  int harmless = 0;
  for (const bool all_later : {false, true}) {
    for (long at = 0; at < 1000; at += 25) {
      const pid_t child = fork();
      if (child == 0) {
        mien_params params;
        mien_params_init(&params);
        params.model_path = model.c_str();
        params.threads = 1;
        mien_context* context = nullptr;
        Arm(Fault::kMemory, at, all_later);
        const mien_code code = create(&params, &context);
        const bool said = std::strstr(last_error(nullptr), "memory") != nullptr;
        Disarm();
        if (code == MIEN_OK) _exit(kHarmless);
        _exit(code == MIEN_MEMORY && said ? 0 : 1);
      }
      int status = -1;
      waitpid(child, &status, 0);
      CAPTURE(at);
      CAPTURE(all_later);
      REQUIRE(WIFEXITED(status));
      CHECK((WEXITSTATUS(status) == 0 || (WEXITSTATUS(status) == kHarmless && !all_later)));
      harmless += WEXITSTATUS(status) == kHarmless;
    }
  }
  CHECK(harmless <= 2);
  dlclose(library);
}

}  // namespace
}  // namespace mien::testing
#else
TEST_CASE("C API: what fails") { MESSAGE("skipped: a sanitizer stands in front of the C library"); }
#endif
