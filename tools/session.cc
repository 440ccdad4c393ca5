#include "tools/session.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "base/stream.h"
#include "base/text.h"
#include "runtime/builtin_model.h"

namespace mien {
namespace {

// printf into a string of any length. Whatever names of files and tensors are in it, nothing that could steer a
// terminal comes out.
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
  WriteStderr(prefix + Formatted(format, arguments) + "\n");
}

Status stdout_status;  // of the first write that failed
bool last_line_shown = false;

void Send(std::string_view text) {
  static_cast<void>(WriteStream(STDERR_FILENO, "stderr", std::as_bytes(std::span(text))).ok());
}

}  // namespace

void ShowLastLine(std::string_view line) {
  if (last_line_shown) Send("\r\033[K");
  last_line_shown = !line.empty();
  Send(line);
}

void WriteStderr(std::string_view text) {
  ShowLastLine("");
  Send(text);
}

void ErrorLine(const char* message) {
  char line[Status::kTextBytes + 32];
  const int length = std::snprintf(line, sizeof line, "mien: error: %s", message);
  const size_t kept = SafeForTerminal(line, std::min(sizeof line - 2, static_cast<size_t>(length)));
  line[kept] = '\n';
  WriteStderr(std::string_view(line, kept + 1));
}

Status WriteStdout(std::span<const std::byte> bytes) {
  if (stdout_status.ok()) stdout_status = WriteStream(STDOUT_FILENO, "stdout", bytes);
  return stdout_status;
}

Status StdoutStatus() { return stdout_status; }

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
  static_cast<void>(WriteStdout(std::as_bytes(std::span(text))).ok());
}

Result<std::shared_ptr<const ModelFile>> OpenModel(const Session& session) {
  if (session.model.empty()) return OpenBuiltinModel();
  return ModelFile::Open(session.model);
}

Result<std::shared_ptr<const ModelFile>> OpenFaceModel(const Session& session) {
  if (session.model.empty()) return OpenBuiltinFaces();
  return ModelFile::Open(session.model);
}

}  // namespace mien
