#include "tools/bench_report.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/file.h"

namespace mien {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostBytes = uint64_t{64} << 20;

std::string InText(const Json& cell, int digits) {
  if (cell.is_null()) return "-";
  if (cell.is_string()) return cell.get<std::string>();
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, cell.get<double>());
  return text;
}

// Where the rows of a report stand, what names one, and the unit of its times.
struct Part {
  const char* name;
  std::vector<const char*> keys;
  const char* unit;
};
const Part kParts[] = {{"programs", {"program", "precision", "batch"}, "ms"},
                       {"steps", {"program", "layer", "op"}, "us"}};

// The same layer may be there more than once: `count` tells them apart.
using Key = std::vector<std::string>;
Key KeyOf(const Part& part, const Json& row, std::map<Key, int>* seen) {
  Key key;
  for (const char* column : part.keys) key.push_back(row.contains(column) ? InText(row[column], 0) : "");
  key.push_back(std::to_string((*seen)[key]++));
  return key;
}

bool HasSpread(const Json& row, const std::string& unit) {
  if (!row.is_object()) return false;
  for (const std::string& column : {unit, "p10 " + unit, "p90 " + unit})
    if (!row.contains(column) || !row[column].is_number()) return false;
  return true;
}

std::map<Key, Json> RowsByKey(const Part& part, const Json& report) {
  std::map<Key, Json> rows;
  std::map<Key, int> seen;
  if (report.contains(part.name)) {
    for (const Json& row : report[part.name])
      if (HasSpread(row, part.unit)) rows.emplace(KeyOf(part, row, &seen), row);
  }
  return rows;
}

const char* Verdict(const Json& old, const Json& now, const std::string& unit) {
  if (now["p10 " + unit] > old["p90 " + unit]) return "slower";
  if (now["p90 " + unit] < old["p10 " + unit]) return "faster";
  return "within noise";
}

}  // namespace

void BenchTable::AddColumns(const std::vector<Column>& columns) {
  columns_.insert(columns_.end(), columns.begin(), columns.end());
}

void BenchTable::SortBy(const std::string& column) {
  const auto at = static_cast<size_t>(std::ranges::find(columns_, column, &Column::name) - columns_.begin());
  std::ranges::stable_sort(rows_, [at](const auto& a, const auto& b) { return b[at] < a[at]; });
}

std::string BenchTable::Text(bool markdown) const {
  std::string text;
  const auto line = [&](const auto& cell) {
    text += markdown ? "|" : "";
    for (size_t i = 0; i < columns_.size(); ++i)
      text += markdown ? " " + cell(i) + " |" : (i == 0 ? "" : ",") + cell(i);
    text += "\n";
  };
  line([&](size_t i) { return columns_[i].name; });
  if (markdown) line([](size_t) { return std::string("---"); });
  for (const auto& row : rows_) line([&](size_t i) { return InText(row[i], columns_[i].digits); });
  return text;
}

Json BenchTable::Json() const {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& row : rows_) {
    nlohmann::json one = nlohmann::json::object();
    for (size_t i = 0; i < row.size(); ++i) one[columns_[i].name] = row[i];
    all.push_back(std::move(one));
  }
  return all;
}

void AppendSpread(Json::array_t& row, const Spread& milliseconds, double per_millisecond) {
  for (const double time : {milliseconds.median, milliseconds.low, milliseconds.high})
    row.push_back(time * per_millisecond);
}

BenchTable CompareReports(const Json& old, const Json& report) {
  BenchTable table({{"program"}, {"what"}, {"before us", 1}, {"now us", 1}, {"ratio", 3}, {"verdict"}});
  for (const Part& part : kParts) {
    const std::map<Key, Json> before = RowsByKey(part, old);
    std::map<Key, int> seen;
    for (const Json& row : report.contains(part.name) ? report[part.name] : Json::array()) {
      const auto found = before.find(KeyOf(part, row, &seen));
      if (found == before.end()) continue;
      const double scale = std::string(part.unit) == "ms" ? 1e3 : 1.0;
      const double was = scale * found->second[part.unit].get<double>(), is = scale * row[part.unit].get<double>();
      table.AddRow({row["program"], row.contains("layer") ? row["layer"] : Json("all"), was, is,
                    was > 0.0 ? Json(is / was) : Json(), Verdict(found->second, row, part.unit)});
    }
  }
  return table;
}

Result<Json> ReadBenchReport(const std::string& path) {
  MIEN_ASSIGN(const std::string text, ReadTextFile(path, kMostBytes));
  Json report = Json::parse(text, nullptr, false);
  bool complete = report.is_object() && report.contains("programs") && report["programs"].is_array();
  for (const Part& part : kParts) {
    if (complete && report.contains(part.name)) {
      for (const Json& row : report[part.name]) complete = complete && HasSpread(row, part.unit);
    }
  }
  if (!complete)
    return Status::Error(Code::kRefused,
                         "%s: a report of `mien bench -o json` is expected: programs and steps with "
                         "their times as numbers",
                         path.c_str());
  return report;
}

}  // namespace mien
