#include "runtime/face/provenance.h"

#include <charconv>
#include <cmath>
#include <map>

#include "weights/json.h"

namespace mien {
namespace {

// The fewest digits that name the number.
template <class Number>
std::string Digits(Number number) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

std::string Thousandths(double distance) { return Digits(std::round(distance * 1000) / 1000); }

// Values and members are JSON already.
std::string Joined(char open, const std::vector<std::string>& parts, char close) {
  std::string text(1, open);
  for (const std::string& part : parts) {
    if (&part != &parts[0]) text += ',';
    text += part;
  }
  text += close;
  return text;
}

std::string Object(const std::map<std::string, std::string>& values) {
  std::vector<std::string> members;
  for (const auto& [name, value] : values) members.push_back(JsonQuoted(name).append(":").append(value));
  return Joined('{', members, '}');
}

std::string Quoted(const std::vector<std::string>& texts) {
  std::vector<std::string> values;
  for (const std::string& text : texts) values.push_back(JsonQuoted(text));
  return Joined('[', values, ']');
}

}  // namespace

std::string ToJson(const EditRecord& record) {
  std::map<std::string, std::string> values = {
      {"verb", JsonQuoted("edit")}, {"set", Quoted(record.set)}, {"add", Quoted(record.add)}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) values[name] = JsonQuoted(value);
  };
  text("layers", record.layers);
  text("noise", record.noise);
  text("face", record.face);
  text("detector", record.detector);
  text("paste", record.paste);
  text("model", record.model);
  if (record.strength < 1.0f) values["strength"] = Digits(record.strength);
  if (!record.until.empty()) values["until"] = Quoted(record.until);
  if (record.identity_below > 0.0) values["identity_below"] = Digits(record.identity_below);
  if (record.preview > 0) values["preview"] = Digits(record.preview);
  if (record.quality > 0) values["quality"] = Digits(record.quality);
  if (record.aligned) values["aligned"] = "true";
  if (record.crop) values["crop"] = "true";
  std::vector<std::string> likeness;
  for (const EditLikeness& one : record.likeness) {
    likeness.push_back(Object({{"photo_reconstruction", Thousandths(one.photo_reconstruction)},
                               {"photo_edit", Thousandths(one.photo_edit)},
                               {"reconstruction_edit", Thousandths(one.reconstruction_edit)}}));
  }
  if (!likeness.empty()) values["likeness"] = Joined('[', likeness, ']');
  return Object(values);
}

std::vector<PictureText> ProvenanceTexts(std::string parameters, bool edited) {
  return {{kSoftware, "mien " MIEN_VERSION},
          {kParameters, std::move(parameters)},
          {kDigitalSourceType, edited ? kEditedSourceType : kMadeSourceType}};
}

}  // namespace mien
