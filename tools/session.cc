#include "tools/session.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "runtime/base/text.h"
#include "runtime/builtin_model.h"
#include "runtime/base/interrupt.h"
#include "runtime/base/stream.h"

namespace mien {
namespace {

// Whatever names of files and tensors are in it, nothing that could steer a terminal comes out.
std::string Formatted(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  std::string text(length < 0 ? 0 : static_cast<size_t>(length), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, arguments);
  return ForTerminal(text);
}

void PrintLine(const char* prefix, const char* format, va_list arguments) {
  const std::string line = prefix + Formatted(format, arguments) + "\n";
  // Whoever does not read messages misses them; the results are not concerned.
  static_cast<void>(WriteStream(STDERR_FILENO, "stderr", std::as_bytes(std::span(line))).ok());
}

}  // namespace

void ErrorLine(const char* message) {
  char line[Status::kTextBytes + 32];
  const int length = std::snprintf(line, sizeof line, "mien: error: %s\n", message);
  const auto bytes = std::as_bytes(std::span(line)).first(std::min(sizeof line - 1, static_cast<size_t>(length)));
  static_cast<void>(WriteStream(STDERR_FILENO, "stderr", bytes).ok());
}

void Session::Note(const char* format, ...) const {
  if (quiet) return;
  va_list arguments;
  va_start(arguments, format);
  PrintLine("mien: ", format, arguments);
  va_end(arguments);
}

void Session::Detail(const char* format, ...) const {
  if (!verbose) return;
  va_list arguments;
  va_start(arguments, format);
  PrintLine("mien: ", format, arguments);
  va_end(arguments);
}

void Session::Warn(const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  PrintLine("mien: warning: ", format, arguments);
  va_end(arguments);
}

void Session::Print(const char* format, ...) const {
  if (json) return;
  va_list arguments;
  va_start(arguments, format);
  const std::string text = Formatted(format, arguments);
  va_end(arguments);
  static_cast<void>(Write(std::as_bytes(std::span(text))).ok());
}

Status Session::Write(std::span<const std::byte> bytes) const {
  if (output.ok()) output = WriteStream(STDOUT_FILENO, "stdout", bytes);
  return output;
}

Result<std::shared_ptr<const ModelFile>> OpenModel(const Session& session) {
  if (session.model.empty()) return OpenBuiltinModel();
  return ModelFile::Open(session.model);
}

EngineOptions EngineFor(const Session& session) {
  EngineOptions engine;
  engine.backend = session.backend;
  engine.precision = session.precision;
  engine.exact = session.exact;
  engine.memory = session.memory;
  engine.device_graphs = session.graphs;
  engine.threads = session.threads;
  engine.max_memory = session.max_memory;
  engine.stop = &InterruptFlag();
  return engine;
}

}  // namespace mien
