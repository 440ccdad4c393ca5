#include "tools/session.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "runtime/base/text.h"
#include "runtime/builtin_model.h"
#include "runtime/interrupt.h"

namespace mien {
namespace {

// Whatever names of files and tensors are in it, nothing that could steer a terminal comes out.
std::string Formatted(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  std::string text(static_cast<size_t>(std::max(0, std::vsnprintf(nullptr, 0, format, again))) + 1, '\0');
  va_end(again);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  return ForTerminal(text);
}

void PrintLine(const char* prefix, const char* format, va_list arguments) {
  std::fprintf(stderr, "%s%s\n", prefix, Formatted(format, arguments).c_str());
}

}  // namespace

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
  std::fputs(Formatted(format, arguments).c_str(), stdout);
  va_end(arguments);
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
