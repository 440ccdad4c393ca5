#include "tools/profile_file.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "base/file.h"
#include "kernels/cpu/simd.h"
#include "tools/version.h"

namespace mien {
namespace {

using Json = nlohmann::json;

constexpr size_t kChunk = size_t{1} << 20;

std::string Line(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string TrackName(int track) {
  if (track == Profile::kDevice) return "device";
  return track == Profile::kSteps ? "steps" : "thread " + std::to_string(track - 1);
}

// Tracks are "threads" of the format; the device's comes last.
int TrackNumber(int track) { return track == Profile::kDevice ? 1 << 16 : track; }

Json EventOf(const Profile::Label& label, const Profile::Span& span) {
  const double microseconds = 1e-3 * static_cast<double>(span.end - span.begin);
  Json arguments = {{"program", label.program}, {"op", label.op}};
  if (!label.shapes.empty()) arguments["shapes"] = label.shapes;
  if (span.rows.end > 0) arguments["rows"] = std::to_string(span.rows.begin) + " to " + std::to_string(span.rows.end);
  // Of a range of rows or a thread's share nobody knows how much of the whole it is.
  if (span.rows.end == 0 && (span.track == Profile::kSteps || span.track == Profile::kDevice)) {
    arguments["products"] = label.multiply_adds;
    arguments["bytes"] = label.bytes;
    if (microseconds > 0.0) arguments["GFLOP/s"] = 2e-3 * static_cast<double>(label.multiply_adds) / microseconds;
  }
  return {{"name", label.layer.empty() ? label.op : label.layer},
          {"cat", label.op},
          {"ph", "X"},
          {"pid", 1},
          {"tid", TrackNumber(span.track)},
          {"ts", 1e-3 * static_cast<double>(span.begin)},
          {"dur", microseconds},
          {"args", std::move(arguments)}};
}

}  // namespace

Status WriteProfile(const Profile& profile, const std::string& path) {
  MIEN_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  const Json about = {{"program", "mien"},
                      {"version", kThisProgram.version},
                      {"commit", kThisProgram.commit},
                      {"compiler", kThisProgram.compiler},
                      {"vectors", SimdTarget()},
                      {"spans left out", profile.left_out()}};
  std::string text = "{\"displayTimeUnit\": \"ms\",\n\"otherData\": " + Line(about) + ",\n\"traceEvents\": [";
  const std::vector<Profile::Span> spans = profile.Spans();
  std::set<int> tracks;
  for (const Profile::Span& span : spans) tracks.insert(span.track);
  const char* separator = "\n";
  const auto add = [&](const Json& event) -> Status {
    text += std::exchange(separator, ",\n") + Line(event);
    if (text.size() < kChunk) return {};
    const std::string full = std::exchange(text, "");
    return file.Write(std::as_bytes(std::span(full)));
  };
  for (const int track : tracks) {
    const Json name = {{"name", "thread_name"},
                       {"ph", "M"},
                       {"pid", 1},
                       {"tid", TrackNumber(track)},
                       {"args", {{"name", TrackName(track)}}}};
    MIEN_TRY(add(name));
  }
  for (const Profile::Span& span : spans)
    MIEN_TRY(add(EventOf(profile.labels()[static_cast<size_t>(span.label)], span)));
  text += "\n]}\n";
  MIEN_TRY(file.Write(std::as_bytes(std::span(text))));
  return file.Commit();
}

}  // namespace mien
