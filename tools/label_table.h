// Labels of pictures as other programs write them (networks.md, "Foreign labels").
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"

namespace mien {

// The paper's attributes in their order.
inline constexpr const char* kPaperAttributes[] = {"gender", "glasses", "yaw", "pitch",
                                                   "bald",   "beard",   "age", "smile"};

class LabelTable {
 public:
  // A folder of JSON files, one for each picture; a JSON file, an object with an entry for each picture; a .csv file
  // whose first line names the columns, the first of them that of the picture; an .npy file [N,8] or [N,8,1] in the
  // paper's order. Which one, the ending says. kRefused: what is none of these, and values that are not labels.
  static Result<LabelTable> Read(const std::string& path);

  // The attributes of which anything is known, in the paper's order.
  const std::vector<std::string>& names() const { return names_; }
  // Of picture `stem` of a person: by "person/stem", else by "stem"; of a code that is no picture by its place among
  // all such. Not a number: unknown.
  std::vector<float> Of(const std::string& person, const std::string& stem) const;
  std::vector<float> Of(size_t place) const;

 private:
  using Labels = std::vector<float>;  // of kPaperAttributes
  void Finish();
  std::vector<float> Known(const Labels* labels) const;

  std::map<std::string, Labels> pictures_;
  std::vector<Labels> rows_;
  std::vector<std::string> names_;
  std::vector<size_t> columns_;  // of names_
};

}  // namespace mien
