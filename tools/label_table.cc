#include "tools/label_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/stream.h"
#include "tools/tensor_source.h"
#include "weights/header.h"

namespace mien {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr uint64_t kMostBytes = uint64_t{256} << 20;
constexpr size_t kAttributes = std::size(kPaperAttributes);
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

Result<std::string> ReadText(const std::string& path) {
  MIEN_ASSIGN(const auto file, OpenInput(path, kMostBytes, Code::kRefused));
  std::string text(static_cast<size_t>(file->size()), '\0');
  MIEN_TRY(file->ReadAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return text;
}

std::string WithoutEnding(const std::string& path) { return fs::path(path).replace_extension().generic_string(); }

// Where a record has an attribute, as PluGeN4Faces and as the FFHQ features set (Microsoft's Face API) name it.
struct Place {
  const char *group, *key, *camel_group;
};
constexpr Place kPlaces[kAttributes] = {{"", "gender", ""},
                                        {"", "glasses", ""},
                                        {"head_pose", "yaw", "headPose"},
                                        {"head_pose", "pitch", "headPose"},
                                        {"hair", "bald", "hair"},
                                        {"facial_hair", "beard", "facialHair"},
                                        {"", "age", ""},
                                        {"", "smile", ""}};

// The number of a label, or the word for one.
Result<float> LabelOf(const Json& value, size_t attribute) {
  if (value.is_null()) return kUnknown;
  if (value.is_boolean()) return value.get<bool>() ? 1.0f : 0.0f;
  if (value.is_number() && std::isfinite(value.get<float>())) return value.get<float>();
  if (value.is_string()) {
    const std::string word = Lower(value.get<std::string>());
    if (attribute == 0 && (word == "male" || word == "female")) return word == "male" ? 1.0f : 0.0f;
    if (attribute == 1) return word == "noglasses" ? 0.0f : 1.0f;
  }
  return Status::Error(Code::kRefused, "%s: no label: %s", kPaperAttributes[attribute],
                       Printable(value.dump()).c_str());
}

// A record, or a list of faces of which the first counts; an empty list: no face, nothing is known.
Result<std::vector<float>> LabelsOf(const Json& entry) {
  std::vector<float> labels(kAttributes, kUnknown);
  const Json* record = &entry;
  if (record->is_array()) {
    if (record->empty()) return labels;
    record = &(*record)[0];
  }
  const bool camel = record->is_object() && record->contains("faceAttributes");
  if (camel) record = &(*record)["faceAttributes"];
  if (!record->is_object())
    return Status::Error(Code::kRefused, "a record of attributes expected, %s found", Printable(entry.dump()).c_str());
  for (size_t i = 0; i < kAttributes; ++i) {
    const Json* at = record;
    const char* const group = camel ? kPlaces[i].camel_group : kPlaces[i].group;
    if (*group != '\0') {
      if (!at->contains(group) || !(*at)[group].is_object()) continue;
      at = &(*at)[group];
    }
    if (!at->contains(kPlaces[i].key)) continue;
    MIEN_ASSIGN(labels[i], LabelOf((*at)[kPlaces[i].key], i));
  }
  return labels;
}

// Every JSON file of a folder and of those in it, by path below it without the ending.
Result<std::map<std::string, std::string>> JsonFilesIn(const std::string& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (Lower(at->path().extension().string()) != ".json" || at->path().filename() == "consent.json") continue;
    files[WithoutEnding(at->path().lexically_relative(folder).generic_string())] = at->path().string();
  }
  if (error)
    return Status::Error(Code::kFailure, "%s: cannot read the folder: %s", folder.c_str(), error.message().c_str());
  return files;
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else if (c != '\r')
      cells.back() += c;
  }
  return cells;
}

// Lines of cells without quotes; an empty cell is unknown.
Status ReadCsv(const std::string& text, std::map<std::string, std::vector<float>>* pictures) {
  std::vector<size_t> columns;  // of the paper's attributes; kAttributes: another column
  size_t number = 0;
  for (size_t begin = 0; begin < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::vector<std::string> cells = Cells(text.substr(begin, end - begin));
    begin = end + 1;
    if (number == 0) {
      for (const std::string& cell : cells)
        columns.push_back(static_cast<size_t>(std::ranges::find(kPaperAttributes, Lower(cell)) - kPaperAttributes));
      continue;
    }
    if (cells.size() == 1 && cells[0].empty()) continue;
    if (cells.size() != columns.size())
      return Status::Error(Code::kRefused, "line %zu: %zu cells expected, %zu found", number + 1, columns.size(),
                           cells.size());
    std::vector<float> labels(kAttributes, kUnknown);
    for (size_t i = 1; i < cells.size(); ++i) {
      if (columns[i] == kAttributes || cells[i].empty()) continue;
      char* stop = nullptr;
      const float value = std::strtof(cells[i].c_str(), &stop);
      const Json cell = *stop == '\0' ? Json(value) : Json(cells[i]);
      auto label = LabelOf(cell, columns[i]);
      if (!label.ok()) return label.status().Within("line %zu", number + 1);
      labels[columns[i]] = *label;
    }
    (*pictures)[WithoutEnding(cells[0])] = std::move(labels);
  }
  return {};
}

Status ReadArray(const std::string& path, std::vector<std::vector<float>>* rows) {
  MIEN_ASSIGN(const ForeignFile file, OpenTensors(path));
  const bool one = file.tensors.size() == 1;
  const Shape shape = one ? file.tensors[0].shape : Shape{};
  const bool flat = shape.rank == 2 || (shape.rank == 3 && shape[2] == 1);
  if (!flat || shape[1] != static_cast<int64_t>(kAttributes))
    return Status::Error(Code::kRefused, "labels [N,8] or [N,8,1] expected, found %s", ContentInWords(file).c_str());
  MIEN_ASSIGN(const std::vector<double> values, ReadDoubles(file.tensors[0]));
  for (size_t at = 0; at < values.size(); at += kAttributes) {
    std::vector<float> labels(values.begin() + static_cast<ptrdiff_t>(at),
                              values.begin() + static_cast<ptrdiff_t>(at + kAttributes));
    if (std::ranges::any_of(labels, [](float label) { return std::isinf(label); }))
      return Status::Error(Code::kRefused, "row %zu: a label is infinite", at / kAttributes);
    rows->push_back(std::move(labels));
  }
  return {};
}

Status ReadJsonFile(const std::string& path, std::map<std::string, std::vector<float>>* pictures) {
  MIEN_ASSIGN(const std::string text, ReadText(path));
  const Json all = Json::parse(text, nullptr, false);
  if (!all.is_object()) return Status::Error(Code::kRefused, "a JSON object with an entry for each picture expected");
  for (const auto& [name, entry] : all.items()) {
    auto labels = LabelsOf(entry);
    if (!labels.ok()) return labels.status().Within("%s", Printable(name).c_str());
    (*pictures)[WithoutEnding(name)] = std::move(*labels);
  }
  return {};
}

}  // namespace

Result<LabelTable> LabelTable::Read(const std::string& path) {
  LabelTable table;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    MIEN_ASSIGN(const auto files, JsonFilesIn(path));
    for (const auto& [name, file] : files) {
      MIEN_ASSIGN(const std::string text, ReadText(file));
      auto labels = LabelsOf(Json::parse(text, nullptr, false));
      if (!labels.ok()) return labels.status().Within("%s", file.c_str());
      table.pictures_[name] = std::move(*labels);
    }
  } else {
    const std::string ending = Lower(fs::path(path).extension().string());
    Status read = Status::Error(Code::kUsage, "a folder, .json, .csv or .npy expected");
    if (ending == ".json") read = ReadJsonFile(path, &table.pictures_);
    if (ending == ".npy") read = ReadArray(path, &table.rows_);
    if (ending == ".csv") {
      MIEN_ASSIGN(const std::string text, ReadText(path));
      read = ReadCsv(text, &table.pictures_);
    }
    if (!read.ok()) return read.Within("%s", InputName(path).c_str());
  }
  table.Finish();
  if (table.names_.empty()) return Status::Error(Code::kRefused, "%s: no label of any attribute", path.c_str());
  return table;
}

void LabelTable::Finish() {
  for (size_t i = 0; i < kAttributes; ++i) {
    const auto known = [&](const Labels& labels) { return !std::isnan(labels[i]); };
    const bool any = std::ranges::any_of(pictures_, [&](const auto& entry) { return known(entry.second); }) ||
                     std::ranges::any_of(rows_, known);
    if (!any) continue;
    names_.emplace_back(kPaperAttributes[i]);
    columns_.push_back(i);
  }
}

std::vector<float> LabelTable::Known(const Labels* labels) const {
  std::vector<float> known;
  for (const size_t column : columns_) known.push_back(labels == nullptr ? kUnknown : (*labels)[column]);
  return known;
}

std::vector<float> LabelTable::Of(const std::string& person, const std::string& stem) const {
  auto found = pictures_.find(person + "/" + stem);
  if (found == pictures_.end()) found = pictures_.find(stem);
  return Known(found == pictures_.end() ? nullptr : &found->second);
}

std::vector<float> LabelTable::Of(size_t place) const { return Known(place < rows_.size() ? &rows_[place] : nullptr); }

}  // namespace mien
