#include "tools/session.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "runtime/builtin_model.h"
#include "runtime/interrupt.h"

namespace mien {
namespace {

void PrintLine(const char* prefix, const char* format, va_list arguments) {
  std::fputs(prefix, stderr);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
}

int stdout_error = 0;  // errno of the first write that failed

void NoteWritten(bool written) {
  if (!written && stdout_error == 0) stdout_error = errno;
}

}  // namespace

void WriteStdout(const std::string& text) {
  NoteWritten(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

Status FlushStdout() {
  NoteWritten(std::fflush(stdout) == 0);
  if (stdout_error == 0) return {};
  return Status::Error(Code::kFailure, "cannot write to stdout: %s", std::strerror(stdout_error));
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
  NoteWritten(std::vfprintf(stdout, format, arguments) >= 0);
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
