// The tables of `mien bench`: numbers stay numbers until they are printed, so that JSON has them whole and an earlier
// report can be compared with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/check/step_times.h"

namespace mien {

// Rows of equal length under named columns.
class BenchTable {
 public:
  struct Column {
    std::string name;
    int digits = 0;  // after the point, of its numbers in text
  };
  explicit BenchTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void AddColumns(const std::vector<Column>& columns);
  // Numbers, words, or null for what does not apply.
  void AddRow(nlohmann::json::array_t cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // By falling numbers of that column.
  void SortBy(const std::string& column);

  std::string Text(bool markdown) const;  // else CSV
  nlohmann::json Json() const;            // an array with an object for each row

 private:
  std::vector<Column> columns_;
  std::vector<nlohmann::json::array_t> rows_;
};

// "X", "p10 X", "p90 X" of some unit, `per_millisecond` of which are a millisecond.
void AppendSpread(nlohmann::json::array_t& row, const Spread& milliseconds, double per_millisecond);

// What `report` says of the programs and steps that `old` has too: times, their ratio, and whether they differ by more
// than the noise of both, which is so where a tenth of the runs of the one took longer than nine tenths of those of
// the other.
BenchTable CompareReports(const nlohmann::json& old, const nlohmann::json& report);
// kRefused: no report of `mien bench`.
Result<nlohmann::json> ReadBenchReport(const std::string& path);

}  // namespace mien
